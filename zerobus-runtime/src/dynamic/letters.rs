//! Dead letters into rows: each row as its letter means it, whatever has changed since.

use serde_json::Value;

use super::{Options, RowPlan, RowProblem, TimeUnit, json};
use crate::letter::{DeadLetter, Dialect, Original, Times, Variants, json_of};
use crate::message::Encoder;
use crate::record_kind::RecordKind;

/// The form in which a letter's row is read.
enum Form<'a> {
    Json(&'a [u8], Dialect),
    /// A message of the plan's own schema.
    Message,
}

/// Writes the row of a letter.
pub(super) fn write(plan: &RowPlan, letter: &DeadLetter, out: &mut Encoder) -> Result<(), RowProblem> {
    if letter.is_partial {
        return Err(RowProblem::new("a part of a row", "a whole row, since the values that it lacks are not kept"));
    }
    let other = letter.columns.as_ref().and_then(|columns| columns.difference(&plan.columns));
    if let Some((path, found, expected)) = other {
        let mut problem = RowProblem::new(format!("{found}, as the column was when the row was written"), expected);
        problem.leave(path);
        return Err(problem);
    }
    match form(plan, letter)? {
        Form::Json(text, dialect) => json::write_row(plan, text, plan.options.with(dialect), out),
        Form::Message => {
            out.raw(&letter.row);
            Ok(())
        }
    }
}

/// The row of a letter, for the next letter.
pub(super) fn original(plan: &RowPlan, letter: &DeadLetter) -> Original {
    let is_whole = !letter.is_partial;
    match form(plan, letter) {
        Ok(Form::Json(text, dialect)) => {
            Original { dialect, ..Original::new(RecordKind::Json, text.to_vec(), is_whole) }
        }
        Ok(Form::Message) => Original::new(RecordKind::Proto, letter.row.clone(), is_whole),
        Err(_) => Original::new(letter.kind, letter.row.clone(), false),
    }
}

/// `row` is read where it can be, since it is exact. The field numbers of another schema may be those of other columns,
/// so a message of it is read from its JSON, by the names of its columns. Who edits a letter edits one of the two, so
/// they must not differ.
fn form<'a>(plan: &RowPlan, letter: &'a DeadLetter) -> Result<Form<'a>, RowProblem> {
    let json = letter.json().map(str::as_bytes);
    let stream = Dialect::default();
    match (letter.kind, json) {
        (RecordKind::Json, Some(json)) if letter.row.is_empty() => Ok(Form::Json(json, letter.dialect)),
        (RecordKind::Json, Some(json)) if !is_same(json, &letter.row) => Err(two_rows()),
        (RecordKind::Json, _) => Ok(Form::Json(&letter.row, letter.dialect)),
        (RecordKind::Proto, Some(json)) if letter.row.is_empty() => Ok(Form::Json(json, stream)),
        (RecordKind::Proto, None) if letter.row.is_empty() => Err(RowProblem::new("neither `row` nor `json`", "a row")),
        (RecordKind::Proto, json) => match plan.message.as_ref().filter(|own| letter.schema == Some(own.fingerprint()))
        {
            Some(own) => match json.zip(json_of(own, &letter.row)) {
                Some((json, row)) if !is_same(json, row.get().as_bytes()) => Err(two_rows()),
                _ => Ok(Form::Message),
            },
            None => json.map(|json| Form::Json(json, stream)).ok_or_else(|| {
                RowProblem::new("a message with another descriptor, and no `json`", "the table's descriptor, or `json`")
            }),
        },
    }
}

/// Whether two texts are the same JSON, however it is laid out.
fn is_same(json: &[u8], row: &[u8]) -> bool {
    json == row
        || match (serde_json::from_slice::<Value>(json), serde_json::from_slice::<Value>(row)) {
            (Ok(json), Ok(row)) => json == row,
            _ => false,
        }
}

#[cold]
fn two_rows() -> RowProblem {
    RowProblem::new("a `json` that differs from `row`", "one row; remove the key that is not meant")
}

impl Options {
    /// The options for a row in this dialect.
    fn with(self, dialect: Dialect) -> Self {
        let integer_times = match dialect.times {
            Times::Micros => Some(TimeUnit::Micros),
            Times::Millis => Some(TimeUnit::Millis),
            Times::Nanos => Some(TimeUnit::Nanos),
            Times::Secs => Some(TimeUnit::Secs),
            // A plan that names a unit now names it for this row too.
            Times::Unnamed => self.integer_times,
        };
        Self { integer_times, is_of_json_stream: dialect.variants == Variants::Text, ..self }
    }

    /// The dialect of rows with these options.
    pub(super) const fn dialect(self) -> Dialect {
        let times = match self.integer_times {
            None => Times::Unnamed,
            Some(TimeUnit::Micros) => Times::Micros,
            Some(TimeUnit::Millis) => Times::Millis,
            Some(TimeUnit::Nanos) => Times::Nanos,
            Some(TimeUnit::Secs) => Times::Secs,
        };
        Dialect { times, variants: Variants::Values }
    }
}

//! Dead letters into rows: each row as its letter means it, whatever has changed since.

use super::{Options, RowPlan, RowProblem, TimeUnit, json};
use crate::letter::{DeadLetter, Dialect, Original, Times, Variants};
use crate::message::Encoder;
use crate::record_kind::RecordKind;

/// The form in which a letter's row can be read.
enum Form<'a> {
    Json(&'a [u8], Dialect),
    /// A message of the plan's own schema.
    Message,
    /// A message of another schema, whose field numbers may be those of other columns.
    Strange,
}

/// Writes the row of a letter.
pub(super) fn write(plan: &RowPlan, letter: &DeadLetter, out: &mut Encoder) -> Result<(), RowProblem> {
    if letter.is_partial {
        return Err(RowProblem::new("a part of a row", "a whole row, since the values that it lacks are not kept"));
    }
    match form(plan, letter) {
        Form::Json(text, dialect) => json::write_row(plan, text, plan.options.with(dialect), out),
        Form::Message => {
            out.raw(&letter.row);
            Ok(())
        }
        Form::Strange => Err(RowProblem::new(
            "a message with another descriptor, and no `json`",
            "the table's descriptor, or `json`",
        )),
    }
}

/// The row of a letter, for the next letter.
pub(super) fn original(plan: &RowPlan, letter: &DeadLetter) -> Original {
    let is_whole = !letter.is_partial;
    match form(plan, letter) {
        Form::Json(text, dialect) => Original { dialect, ..Original::new(RecordKind::Json, text.to_vec(), is_whole) },
        Form::Message => Original::new(RecordKind::Proto, letter.row.clone(), is_whole),
        Form::Strange => Original::new(RecordKind::Proto, letter.row.clone(), false),
    }
}

fn form<'a>(plan: &RowPlan, letter: &'a DeadLetter) -> Form<'a> {
    match letter.kind {
        RecordKind::Json => Form::Json(&letter.row, letter.dialect),
        RecordKind::Proto if letter.schema.is_some() && letter.schema == plan.fingerprint => Form::Message,
        RecordKind::Proto => {
            letter.json().map_or(Form::Strange, |json| Form::Json(json.as_bytes(), Dialect::default()))
        }
    }
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
        Self { integer_times, has_variant_texts: dialect.variants == Variants::Text, ..self }
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

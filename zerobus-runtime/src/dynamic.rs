//! Rows whose schema is known at run time: JSON text, JSON values, text cells and, with the feature `arrow`, record
//! batches. The schema is a snapshot, a fetched table or DDL.
//!
//! A [`RowPlan`] is compiled once from the checked table. A row is then written in one pass as the message that the
//! table's descriptor describes, and checked against the whole schema: types, ranges, lengths, NOT NULL.
//!
//! | column | accepts | and from text (a JSON string, a cell) |
//! |---|---|---|
//! | BOOLEAN | `true`, `false` | `true`, `false` in any case |
//! | TINYINT, SMALLINT, INT, BIGINT | whole numbers in its range | the same |
//! | FLOAT, DOUBLE | numbers in its range | numbers, `NaN`, `Infinity`, `-Infinity` |
//! | DECIMAL(p, s) | numbers, read from their digits and therefore exact | the same |
//! | STRING, VARCHAR(n), CHAR(n) | | any text, of at most n characters |
//! | BINARY | | base64 |
//! | DATE | days since 1970, if [a unit is set](RowPlan::integer_times) | `2026-01-31` |
//! | TIMESTAMP | an integer, if [its unit is set](RowPlan::integer_times) | RFC 3339, `2026-01-31 12:00:00.5+01:00`; without a zone it is UTC |
//! | TIMESTAMP_NTZ | as TIMESTAMP | `2026-01-31 12:00:00.5`, with `T` or a space, and no zone |
//! | VARIANT | any JSON | a JSON string as a string; a cell as JSON text |
//! | ARRAY, MAP, STRUCT | an array, an object, an object | a cell as JSON text |
//!
//! Digits in a text are an integer: a column of times takes them if the unit is set.
//!
//! Column names are compared without regard to case, as in Unity Catalog. `null` is NULL, and refused if the
//! column is NOT NULL, in an array and as a map's value. A column that occurs twice, or is not in the table, is
//! refused; [`RowPlan::unknown_columns`] can leave unknown ones out.
//!
//! ```no_run
//! # async fn f(client: zerobus_runtime::Client, snapshot: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use zerobus_runtime::dynamic::{RowPlan, Table, TableInfo};
//!
//! let info: TableInfo = serde_json::from_str(snapshot)?;
//! let plan = RowPlan::new(&Table::try_from(&info)?);
//! let stream = client.dynamic_stream(&plan).open().await?;
//! stream.send(&plan.json(r#"{"id": "us7000n0bq", "time": "2026-01-31T12:00:00Z"}"#)).await?;
//! stream.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! | file | what it owns |
//! |---|---|
//! | `plan` | a table compiled for writing rows |
//! | `direct` | JSON text into a row, without a parser if it is JSON and fits |
//! | `lexer` | the tokens of that text |
//! | `literal` | an expected name in that text |
//! | `json` | JSON text into a row, or the reason of its refusal |
//! | `kept` | a row as JSON text, for its dead letter |
//! | `cells` | cells of text into a row |
//! | `arrow` | rows of Arrow's record batches, with the feature `arrow` |
//! | `letters` | dead letters into rows |
//! | `scalar` | one value into its column |
//! | `time` | times and dates from text |
//! | `decimal` | decimals from digits |
//! | `digits` | digits as an integer |
//! | `problem` | why a row was refused |

#[cfg(feature = "arrow")]
mod arrow;
mod cells;
mod decimal;
mod digits;
mod direct;
mod json;
mod kept;
mod letters;
mod lexer;
mod literal;
mod plan;
mod problem;
mod scalar;
mod time;

use std::sync::Arc;

use prost_types::DescriptorProto;
use serde_json::Value;
pub use zerobus_codegen::{Table, TableInfo};

#[cfg(feature = "arrow")]
pub use arrow::ArrowRows;
pub use cells::CellColumns;
use kept::Kept;
use plan::StructPlan;
pub(crate) use problem::RowProblem;

use crate::error::{Error, Fault};
use crate::letter::{DeadLetter, Original};
use crate::message::Encoder;
use crate::record_kind::RecordKind;
use crate::schemas::{Columns, MessageSchema};
use crate::stream::{Accepts, sealed};

/// How rows of one table are written: compiled once, and used for every row.
#[derive(Debug, Clone)]
pub struct RowPlan {
    table: String,
    descriptor: DescriptorProto,
    message: Option<Arc<MessageSchema>>,
    columns: Columns,
    row: StructPlan,
    /// The columns that the table computes itself.
    computed: Vec<String>,
    options: Options,
}

/// The options of a plan.
#[derive(Debug, Clone, Copy, Default)]
struct Options {
    integer_times: Option<TimeUnit>,
    unknown: UnknownColumns,
    mark: DecimalMark,
    /// Whether the row is as JSON streams have it: a VARIANT is a text that holds JSON, and an empty ARRAY or MAP may be
    /// absent, since a message does not tell the two apart.
    is_of_json_stream: bool,
}

/// The unit of an integer time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    /// Microseconds.
    Micros,
    /// Milliseconds.
    Millis,
    /// Nanoseconds, floored to the microsecond.
    Nanos,
    /// Seconds.
    Secs,
}

/// What happens to a value whose name is not a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UnknownColumns {
    /// It is left out.
    Ignore,
    /// The row is refused.
    #[default]
    Refuse,
}

/// The mark between the whole part and the fraction of a number in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DecimalMark {
    /// `1,5`.
    Comma,
    /// `1.5`.
    #[default]
    Point,
}

impl RowPlan {
    /// The plan of a table.
    #[must_use]
    pub fn new(table: &Table) -> Self {
        let descriptor = table.descriptor();
        Self {
            table: table.name.to_string(),
            message: MessageSchema::new(descriptor.clone()).map(Arc::new),
            columns: Columns::of(&table.row),
            descriptor,
            row: StructPlan::new(&table.row),
            computed: table.omitted_columns.clone(),
            options: Options::default(),
        }
    }

    /// Accepts integers as times of this unit; without it they are refused, since a unit is never guessed.
    ///
    /// An integer in a DATE column then counts days.
    #[must_use]
    pub const fn integer_times(mut self, unit: TimeUnit) -> Self {
        self.options.integer_times = Some(unit);
        self
    }

    /// What happens to values whose names are not columns; they are refused by default.
    #[must_use]
    pub const fn unknown_columns(mut self, unknown: UnknownColumns) -> Self {
        self.options.unknown = unknown;
        self
    }

    /// The mark between the whole part and the fraction of a number in a cell; a point by default.
    #[must_use]
    pub const fn decimal_mark(mut self, mark: DecimalMark) -> Self {
        self.options.mark = mark;
        self
    }

    /// The table's full name.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The descriptor that a stream of these rows is opened with.
    #[must_use]
    pub const fn descriptor(&self) -> &DescriptorProto {
        &self.descriptor
    }

    /// The kinds of the table's columns.
    pub(crate) const fn columns(&self) -> &Columns {
        &self.columns
    }

    /// A row that is JSON text.
    pub fn json<'a>(&'a self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> DynamicRow<'a> {
        DynamicRow { plan: self, source: Source::Json(text.as_ref()) }
    }

    /// A row that is a JSON value.
    #[must_use]
    pub const fn value<'a>(&'a self, value: &'a Value) -> DynamicRow<'a> {
        DynamicRow { plan: self, source: Source::Value(value) }
    }

    /// The row of a dead letter or of an undelivered row: the row that it was, also if the table's columns have moved, or
    /// if times and VARIANT values were written differently than this plan's are.
    ///
    /// It is refused if only [a part](DeadLetter::is_partial) of it was kept.
    #[must_use]
    pub const fn letter<'a>(&'a self, letter: &'a DeadLetter) -> DynamicRow<'a> {
        DynamicRow { plan: self, source: Source::Letter(letter) }
    }

    /// The columns of text cells, by the names in a header.
    ///
    /// # Errors
    /// If a name is not a column's or occurs twice, or if a NOT NULL column is missing.
    pub fn cells<S: AsRef<str>>(&self, header: impl IntoIterator<Item = S>) -> Result<CellColumns<'_>, Error> {
        CellColumns::new(self, header).map_err(refused)
    }

    /// Appends a row to the encoder: for an [`EncodedStream`](crate::EncodedStream), and for tests.
    ///
    /// # Errors
    /// If the row is not JSON or does not fit the table; of the kind [`Rejected`](crate::ErrorKind::Rejected).
    pub fn encode(&self, row: &DynamicRow<'_>, out: &mut Encoder) -> Result<(), Error> {
        <Dynamic as Accepts<DynamicRow<'_>>>::write(row, out)
    }
}

/// A row and the plan that writes it.
#[derive(Debug, Clone, Copy)]
pub struct DynamicRow<'a> {
    plan: &'a RowPlan,
    source: Source<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    #[cfg(feature = "arrow")]
    Arrow(&'a ArrowRows<'a>, usize),
    Cells(&'a CellColumns<'a>, &'a [Option<&'a str>]),
    Json(&'a [u8]),
    Letter(&'a DeadLetter),
    Value(&'a Value),
}

/// Marker of streams of rows whose schema is known at run time: see
/// [`Client::dynamic_stream`](crate::Client::dynamic_stream).
#[derive(Debug)]
pub enum Dynamic {}

impl sealed::Sealed for Dynamic {}

impl Accepts<DynamicRow<'_>> for Dynamic {
    // Parsers and Arrow's arrays run no user code.
    const IS_PLAIN: bool = true;

    fn write(row: &DynamicRow<'_>, out: &mut Encoder) -> Result<(), Error> {
        let written = match row.source {
            #[cfg(feature = "arrow")]
            Source::Arrow(rows, number) => rows.write(number, out),
            Source::Cells(columns, cells) => columns.write(cells, out),
            Source::Json(text) => json::write_row(row.plan, text, row.plan.options, out),
            Source::Letter(letter) => letters::write(row.plan, letter, out),
            // A number is written with the digits that round-trip, so that a DECIMAL is what was meant.
            Source::Value(value) => json::write_row(row.plan, value.to_string().as_bytes(), row.plan.options, out),
        };
        written.map_err(refused)
    }

    fn original(row: &DynamicRow<'_>) -> Original {
        let kept = match row.source {
            #[cfg(feature = "arrow")]
            Source::Arrow(rows, number) => rows.json(number),
            Source::Cells(columns, cells) => columns.json(cells),
            Source::Letter(letter) => return letters::original(row.plan, letter),
            Source::Json(text) => Kept { text: text.to_vec(), is_whole: true },
            Source::Value(value) => Kept { text: value.to_string().into_bytes(), is_whole: true },
        };
        let dialect = row.plan.options.dialect();
        Original { dialect, ..Original::new(RecordKind::Json, kept.text, kept.is_whole) }
    }
}

impl DynamicRow<'_> {
    /// The row as JSON text, as its dead letter holds it.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        Dynamic::original(self).row.into()
    }

    /// The dead letter of this row, which was refused with this error before it was sent.
    ///
    /// It is [partial](DeadLetter::is_partial) if JSON does not hold the whole row: too many or too few cells, bytes
    /// that are not UTF-8, a number with the other decimal mark, nested values that are not JSON.
    #[must_use]
    pub fn dead_letter(&self, reason: &Error) -> DeadLetter {
        match self.source {
            Source::Letter(letter) => letter.clone().with_reason(reason),
            _ => DeadLetter::unaccepted(self.plan.table().to_owned(), Dynamic::original(self), reason),
        }
    }
}

#[cold]
fn refused(problem: RowProblem) -> Error {
    Fault::Row(problem).into()
}

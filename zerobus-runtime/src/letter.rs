//! A refused or undelivered row, and its line of JSON: the format of dead letters, undelivered rows and
//! `zerobus replay`.
//!
//! | key | value |
//! |---|---|
//! | `table` | its table |
//! | `encoding` | `proto` or `json`: the encoding of `row` |
//! | `offset`, `lane` | where it was accepted; absent if it was refused before that, `lane` also without lanes |
//! | `persisted` | `no` or `possibly`: whether the table may contain it |
//! | `kind`, `reason`, `code`, `state` | why: the error's kind and text, and the service's codes if it sent any |
//! | `column` | the path of the column it was refused for, if known |
//! | `attempts` | how often it was sent; absent if never |
//! | `time` | when it was refused |
//! | `source` | where it was read: a file and a line |
//! | `partial` | `true` if `row` is only the part that could be written |
//! | `schema` | the fingerprint of the descriptor that a protobuf row has |
//! | `columns` | the kind of each column of a protobuf row, by its path; absent if the stream does not know them |
//! | `times` | the unit of integer times in JSON: `secs`, `millis`, `nanos` or `unnamed`; `micros` if it is absent |
//! | `variants` | `values` if a VARIANT in JSON is its value; if it is absent, a text that holds JSON |
//! | `row` | the row in base64 |
//! | `json` | the row as JSON, if it decodes: for readers, for a table whose field numbers have changed, and if `row` is absent |
//!
//! Keys that are absent have no value; unknown keys are ignored.
//!
//! | file | what it owns |
//! |---|---|
//! | `origin` | where rows come from: their table, encoding and schemas |
//! | `dialect` | how a row of JSON writes times and VARIANT values |
//! | `decoded` | a protobuf message as JSON |

mod decoded;
mod dialect;
mod origin;

use std::borrow::Cow;
use std::io;
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(crate) use decoded::json_of;
pub(crate) use dialect::{Dialect, Times, Variants};
pub(crate) use origin::Origin;

use crate::core::ReturnedBatch;
use crate::error::{Error, ErrorKind, Fault, ServerCode};
use crate::offset::Offset;
use crate::persisted::Persisted;
use crate::record_kind::RecordKind;
use crate::schemas::{Columns, Fingerprint};
use crate::values::Timestamp;

/// A row that was refused or not delivered, with the reason: the input of a [sink](crate::DeadLetters).
#[derive(Debug, Clone)]
pub struct DeadLetter {
    pub(crate) table: String,
    pub(crate) kind: RecordKind,
    pub(crate) offset: Option<Offset>,
    pub(crate) lane: Option<usize>,
    pub(crate) persisted: Persisted,
    pub(crate) reason: Error,
    pub(crate) column: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) time: Option<Timestamp>,
    pub(crate) source: Option<String>,
    pub(crate) is_partial: bool,
    /// Of a protobuf row.
    pub(crate) schema: Option<Fingerprint>,
    /// Of a protobuf row, if they are known.
    pub(crate) columns: Option<Columns>,
    /// Of a row of JSON.
    pub(crate) dialect: Dialect,
    pub(crate) row: Bytes,
    /// One line of JSON.
    pub(crate) json: Option<Box<RawValue>>,
}

/// A row as the program passed it, if it could not be sent.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Original {
    pub(crate) kind: RecordKind,
    pub(crate) row: Bytes,
    /// Whether no part of the row is missing.
    pub(crate) is_whole: bool,
    /// Of a row of JSON.
    pub(crate) dialect: Dialect,
}

/// A refused row on its way to the sink.
#[derive(Debug, Clone)]
pub(crate) enum Letter {
    /// The server refused it: a batch of one row.
    Returned(ReturnedBatch),
    /// `send` refused it.
    Unaccepted { original: Original, reason: Error },
}

/// One line.
#[derive(Debug, Serialize, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    table: Cow<'a, str>,
    encoding: RecordKind,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    lane: Option<usize>,
    persisted: Persisted,
    kind: ErrorKind,
    #[serde(borrow)]
    reason: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    state: Option<u32>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    column: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "is_default", default)]
    attempts: u32,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    source: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "is_default", default)]
    partial: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    schema: Option<Fingerprint>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    columns: Option<Columns>,
    #[serde(skip_serializing_if = "is_default", default)]
    times: Times,
    #[serde(skip_serializing_if = "is_default", default)]
    variants: Variants,
    #[serde(borrow, default)]
    row: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    json: Option<&'a RawValue>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Original {
    /// A message, or a row of JSON in the dialect of JSON streams.
    pub(crate) fn new(kind: RecordKind, row: impl Into<Bytes>, is_whole: bool) -> Self {
        Self { kind, row: row.into(), is_whole, dialect: Dialect::default() }
    }
}

impl DeadLetter {
    /// The readable part of something that is not a row: `zerobus replay` keeps it and never sends it.
    #[must_use]
    pub fn unreadable(table: impl Into<String>, bytes: &[u8], reason: impl Into<String>) -> Self {
        let original = Original::new(RecordKind::Json, Bytes::copy_from_slice(bytes), false);
        let reason = Fault::Recorded { kind: ErrorKind::Rejected, text: reason.into(), code: None };
        Self::unaccepted(table.into(), original, &reason.into())
    }

    pub(crate) fn unaccepted(table: String, original: Original, reason: &Error) -> Self {
        let json = match original.kind {
            RecordKind::Json => json_on_one_line(&original.row),
            RecordKind::Proto => None,
        };
        Self {
            table,
            kind: original.kind,
            offset: None,
            lane: None,
            persisted: Persisted::No,
            reason: reason.clone(),
            column: reason.column(),
            attempts: 0,
            time: Timestamp::try_from(SystemTime::now()).ok(),
            source: None,
            is_partial: !original.is_whole,
            schema: None,
            columns: None,
            dialect: original.dialect,
            row: original.row,
            json,
        }
    }

    /// Records where the row was read, such as a file and a line.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same row, refused for another reason.
    #[must_use]
    pub fn with_reason(mut self, reason: &Error) -> Self {
        self.reason = reason.clone();
        self.column = reason.column();
        self.time = Timestamp::try_from(SystemTime::now()).ok();
        self
    }

    /// The same row after it was sent again and returned: its attempts add up, and the table may contain it if one of
    /// its streams says so.
    #[must_use]
    pub fn returned_again(mut self, attempts: u32, persisted: Persisted, reason: &Error) -> Self {
        self.attempts = self.attempts.saturating_add(attempts);
        if persisted == Persisted::Possibly {
            self.persisted = Persisted::Possibly;
        }
        self.with_reason(reason)
    }

    /// The row's table, as `catalog.schema.table`.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Its offset on the stream that accepted it; `None` if `send` refused it.
    #[must_use]
    pub const fn offset(&self) -> Option<Offset> {
        self.offset
    }

    /// The lane that accepted it, if there are several.
    #[must_use]
    pub const fn lane(&self) -> Option<usize> {
        self.lane
    }

    /// Whether the table may contain it anyway.
    #[must_use]
    pub const fn persisted(&self) -> Persisted {
        self.persisted
    }

    /// Why it was refused; the service's code is [`Error::code`].
    #[must_use]
    pub const fn reason(&self) -> &Error {
        &self.reason
    }

    /// The path of the column that it was refused for, if known: `lines.element.price`.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        self.column.as_deref()
    }

    /// How often it was sent; 0 if `send` refused it.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// When it was refused.
    #[must_use]
    pub const fn time(&self) -> Option<Timestamp> {
        self.time
    }

    /// Where it was read, if the program recorded it.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Whether [`bytes`](Self::bytes) are JSON text; otherwise they are a protobuf message.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.kind == RecordKind::Json
    }

    /// Whether a part of the row is missing because it could not be written: such a row must not be sent again.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// The row: its wire encoding, or JSON text if `send` refused a row whose schema is known at run time.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.row
    }

    /// The row as one line of JSON, as a JSON stream accepts it: times are integers, decimals text, BINARY is base64. A row
    /// whose schema is known at run time and that `send` refused is as the program passed it; `RowPlan::letter` reads both.
    ///
    /// `None` if the row does not decode.
    #[must_use]
    pub fn json(&self) -> Option<&str> {
        self.json.as_deref().map(RawValue::get)
    }

    /// Writes the row as a line of JSON, in one call.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write_to(&self, mut out: impl io::Write) -> io::Result<()> {
        out.write_all(&self.line()?)
    }

    /// Reads what [`write_to`](Self::write_to), a sink, or [`Undelivered::write_to`](crate::Undelivered::write_to)
    /// wrote.
    ///
    /// An error names the line; it is of the kind [`Configuration`](ErrorKind::Configuration). Behind a line that is no
    /// dead letter the next ones are read; if the input itself fails, the iterator ends.
    ///
    /// ```no_run
    /// # fn f() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::fs::File;
    /// use std::io::BufReader;
    ///
    /// use zerobus_runtime::DeadLetter;
    ///
    /// for letter in DeadLetter::read_from(BufReader::new(File::open("refused.ndjson")?)) {
    ///     let letter = letter?;
    ///     println!("{}: {}", letter.reason(), letter.json().unwrap_or("?"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_from(input: impl io::BufRead) -> impl Iterator<Item = Result<Self, Error>> {
        read_lines(input).map(|(_, letter)| letter)
    }

    /// The line, with its line break.
    pub(crate) fn line(&self) -> io::Result<Vec<u8>> {
        let line = Line {
            table: self.table.as_str().into(),
            encoding: self.kind,
            offset: self.offset.map(|offset| offset.0),
            lane: self.lane,
            persisted: self.persisted,
            kind: self.reason.kind(),
            reason: self.reason.to_string().into(),
            code: self.reason.code().map(ServerCode::code),
            state: self.reason.code().and_then(ServerCode::state),
            column: self.column.as_deref().map(Into::into),
            attempts: self.attempts,
            time: self.time.map(|time| time.to_string().into()),
            source: self.source.as_deref().map(Into::into),
            partial: self.is_partial,
            schema: self.schema,
            columns: self.columns.clone(),
            times: self.dialect.times,
            variants: self.dialect.variants,
            row: BASE64_STANDARD.encode(&self.row).into(),
            json: self.json.as_deref(),
        };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        Ok(text)
    }

    fn parse(line: &str) -> Result<Self, String> {
        let line: Line<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let row =
            BASE64_STANDARD.decode(line.row.as_bytes()).map_err(|error| format!("`row` is no base64: {error}"))?;
        let time = line.time.map(|time| time.parse().map_err(|error| format!("`time` is no time: {error}")));
        let code = line.code.map(|code| ServerCode::recorded(code, line.state));
        let reason = Fault::Recorded { kind: line.kind, text: line.reason.into_owned(), code };
        Ok(Self {
            table: line.table.into_owned(),
            kind: line.encoding,
            offset: line.offset.map(Offset),
            lane: line.lane,
            persisted: line.persisted,
            reason: reason.into(),
            column: line.column.map(Cow::into_owned),
            attempts: line.attempts,
            time: time.transpose()?,
            source: line.source.map(Cow::into_owned),
            is_partial: line.partial,
            schema: line.schema,
            columns: line.columns,
            dialect: Dialect { times: line.times, variants: line.variants },
            row: row.into(),
            json: line.json.map(ToOwned::to_owned),
        })
    }
}

/// The dead letter of each line that is not blank, with the line's number. It ends at an error of the input, which may
/// last.
pub(crate) fn read_lines(input: impl io::BufRead) -> impl Iterator<Item = (u64, Result<DeadLetter, Error>)> {
    let mut lines = (1..).zip(input.split(b'\n'));
    let mut has_failed = false;
    let to_the_first_failure = std::iter::from_fn(move || {
        let (number, line) = if has_failed { None } else { lines.next() }?;
        has_failed = line.is_err();
        Some((number, line))
    });
    to_the_first_failure.filter_map(|(number, line)| {
        let letter = match line.map(String::from_utf8) {
            Ok(Ok(line)) if line.trim().is_empty() => return None,
            Ok(Ok(line)) => DeadLetter::parse(&line),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        Some((number, letter.map_err(|problem| Fault::Undelivered { line: number, problem }.into())))
    })
}

/// JSON text on one line; line breaks can only occur between its tokens. `None` if it is not JSON.
pub(crate) fn json_on_one_line(text: &[u8]) -> Option<Box<RawValue>> {
    let text = std::str::from_utf8(text).ok()?;
    let line = if text.contains(['\n', '\r']) { text.replace(['\n', '\r'], " ").into() } else { Cow::Borrowed(text) };
    serde_json::from_str(&line).ok()
}

//! Rows that a stream accepted and could not deliver: to inspect, keep, and send again.

use std::collections::VecDeque;
use std::io;

use crate::core::ReturnedBatch;
use crate::error::{Error, Fault};
use crate::letter::{DeadLetter, Origin, read_lines};
use crate::offset::Offset;
use crate::persisted::Persisted;
use crate::record_kind::RecordKind;
use crate::schemas::{Fingerprint, Schemas};
use bytes::Bytes;

/// Rows that were accepted and are not known to be durable, with the reason of each.
///
/// They can be inspected, sent on another stream of the same table with [`IngestStream::send_undelivered`], and written
/// to a file for another process.
///
/// ```
/// # fn f(rows: zerobus_runtime::Undelivered) -> Result<(), Box<dyn std::error::Error>> {
/// use std::fs::File;
/// use std::io::{BufReader, Write};
///
/// use zerobus_runtime::Undelivered;
///
/// let mut file = File::create("undelivered.ndjson")?;
/// rows.write_to(&mut file)?;
/// file.sync_all()?;
///
/// let rows = Undelivered::read_from(BufReader::new(File::open("undelivered.ndjson")?))?;
/// # Ok(())
/// # }
/// ```
///
/// [`IngestStream::send_undelivered`]: crate::IngestStream::send_undelivered
#[derive(Debug, Clone)]
pub struct Undelivered {
    origin: Origin,
    parts: VecDeque<Part>,
}

/// Rows, by where they came from.
#[derive(Debug, Clone)]
enum Part {
    /// From a stream of this process.
    Batch(ReturnedBatch),
    /// From a line: a row and its offset.
    Letter(Offset, Box<DeadLetter>),
}

/// One returned row.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UndeliveredRow {
    /// Its offset on the stream that accepted it.
    pub offset: Offset,
    /// The row in its wire encoding: a protobuf message, or JSON text on a JSON stream.
    pub bytes: Bytes,
    /// Whether the table may contain it anyway.
    pub persisted: Persisted,
    /// Why it was not delivered.
    pub reason: Error,
}

impl Undelivered {
    /// The returned rows, if there are any.
    pub(crate) fn new(origin: Origin, parts: Vec<ReturnedBatch>) -> Option<Self> {
        let parts: VecDeque<_> = parts.into_iter().map(Part::Batch).collect();
        (!parts.is_empty()).then_some(Self { origin, parts })
    }

    /// The table of these rows, as `catalog.schema.table`.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.origin.table
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.parts.iter().map(Part::len).sum()
    }

    /// Whether no rows are left because all were sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The rows, in the order of their offsets.
    pub fn rows(&self) -> impl Iterator<Item = UndeliveredRow> + '_ {
        self.parts.iter().flat_map(Part::rows)
    }

    /// Writes every row as a line of JSON, with its reason: the format of [dead letters](crate::DeadLetter).
    ///
    /// A line holds `table`, `encoding` (`proto` or `json`), `offset`, `persisted` (`no` or `possibly`), `reason`,
    /// `kind`, `column` if it is known, `code` and `state` if the service sent them, the fingerprint of the `schema` of a
    /// message, and the row itself: `row` in base64 and, where it decodes, `json`.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write_to(&self, mut out: impl io::Write) -> io::Result<()> {
        self.letters().try_for_each(|letter| letter.write_to(&mut out))?;
        out.flush()
    }

    /// The rows as [dead letters](crate::DeadLetter), in the order of their offsets.
    pub fn letters(&self) -> impl Iterator<Item = DeadLetter> + '_ {
        self.parts.iter().flat_map(|part| -> Box<dyn Iterator<Item = DeadLetter>> {
            match part {
                Part::Batch(batch) => {
                    Box::new(rows_of(batch).map(|row| self.origin.returned(row.offset, row.bytes, batch)))
                }
                Part::Letter(_, letter) => Box::new(std::iter::once(DeadLetter::clone(letter))),
            }
        })
    }

    /// Reads what [`write_to`](Self::write_to) or a sink for [dead letters](crate::DeadLetters) wrote: all rows, or an
    /// error.
    ///
    /// # Errors
    /// If the input fails, a line does not have this format or is a row that `send` refused, or the rows are for
    /// several tables or encodings; the error names the line. Also if there is no row.
    /// [`DeadLetter::read_from`](crate::DeadLetter::read_from) reads any of them.
    pub fn read_from(input: impl io::BufRead) -> Result<Self, Error> {
        let mut found: Option<Self> = None;
        for (line, letter) in read_lines(input) {
            take_letter(&mut found, letter?).map_err(|problem| Fault::Undelivered { line, problem })?;
        }
        found.ok_or_else(|| Fault::Undelivered { line: 1, problem: "there is no row".to_owned() }.into())
    }

    pub(crate) const fn kind(&self) -> RecordKind {
        self.origin.kind
    }

    /// The schemas of the rows, some more than once; none for JSON, and for rows whose letter does not say.
    pub(crate) fn schemas(&self) -> impl Iterator<Item = Option<Fingerprint>> {
        self.parts.iter().map(|part| match part {
            Part::Batch(part) => self.origin.schemas.fingerprint(part.batch.schema),
            Part::Letter(_, letter) => letter.schema,
        })
    }

    /// The first row. [`drop_first`](Self::drop_first) removes it.
    pub(crate) fn first(&self) -> Option<UndeliveredRow> {
        self.parts.front().and_then(|part| part.rows().next())
    }

    /// Removes the first row after another stream accepted it.
    pub(crate) fn drop_first(&mut self) {
        let has_more = match self.parts.front_mut() {
            Some(Part::Batch(part)) => part.batch.drop_first(),
            Some(Part::Letter(..)) | None => false,
        };
        if !has_more {
            self.parts.pop_front();
        }
    }

    /// Why the last row was not delivered; if the stream gave up, the reason for that.
    pub(crate) fn last_reason(&self) -> Option<&Error> {
        self.parts.back().map(|part| match part {
            Part::Batch(part) => &part.reason,
            Part::Letter(_, letter) => letter.reason(),
        })
    }
}

impl Part {
    fn len(&self) -> u64 {
        match self {
            Self::Batch(part) => part.batch.rows.into(),
            Self::Letter(..) => 1,
        }
    }

    fn rows(&self) -> Box<dyn Iterator<Item = UndeliveredRow> + '_> {
        match self {
            Self::Batch(part) => Box::new(rows_of(part)),
            Self::Letter(offset, letter) => Box::new(std::iter::once(UndeliveredRow {
                offset: *offset,
                bytes: letter.bytes().clone(),
                persisted: letter.persisted(),
                reason: letter.reason().clone(),
            })),
        }
    }
}

fn rows_of(part: &ReturnedBatch) -> impl Iterator<Item = UndeliveredRow> + '_ {
    let ReturnedBatch { batch, reason } = part;
    let persisted = batch.persisted();
    (batch.first..).zip(batch.records()).map(move |(offset, bytes)| UndeliveredRow {
        offset: Offset(offset),
        bytes,
        persisted,
        reason: reason.clone(),
    })
}

/// Adds the row of one line.
fn take_letter(found: &mut Option<Undelivered>, letter: DeadLetter) -> Result<(), String> {
    let Some(offset) = letter.offset() else {
        return Err("`send` refused the row, so no stream has accepted it; `zerobus replay` sends it".to_owned());
    };
    let rows = found.get_or_insert_with(|| Undelivered {
        origin: Origin { table: letter.table.clone(), kind: letter.kind, schemas: Schemas::none() },
        parts: VecDeque::new(),
    });
    if rows.table() != letter.table || rows.kind() != letter.kind {
        let (encoding, table) = (rows.kind().name(), rows.table());
        return Err(format!("a {} row for {}, after rows in {encoding} for {table}", letter.kind.name(), letter.table));
    }
    rows.parts.push_back(Part::Letter(offset, Box::new(letter)));
    Ok(())
}

//! Rows that a stream accepted and could not deliver: to inspect, keep, and send again.
//!
//! | file | what it owns |
//! |---|---|
//! | `envelope` | an undelivered row as a line of JSON |

mod envelope;

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;

use crate::core::{Batch, ReturnedBatch};
use crate::error::Error;
use crate::offset::Offset;
use crate::persisted::Persisted;
use crate::record_kind::RecordKind;

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
    table: String,
    kind: RecordKind,
    parts: VecDeque<ReturnedBatch>,
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
    pub(crate) fn new(table: String, kind: RecordKind, parts: Vec<ReturnedBatch>) -> Option<Self> {
        let parts: VecDeque<_> = parts.into();
        (!parts.is_empty()).then_some(Self { table, kind, parts })
    }

    /// The table of these rows, as `catalog.schema.table`.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.batch.rows)).sum()
    }

    /// Whether no rows are left because all were sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The rows, in the order of their offsets.
    pub fn rows(&self) -> impl Iterator<Item = UndeliveredRow> + '_ {
        self.parts.iter().flat_map(rows_of)
    }

    /// Writes every row as a line of JSON, with its reason.
    ///
    /// A line holds `table`, `encoding` (`proto` or `json`), `offset`, `persisted` (`no` or `possibly`), `reason`,
    /// `kind`, `code` and `state` if the service sent them, and the row itself: `row` in base64 and, for a JSON row,
    /// `json` on one line.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write_to(&self, out: impl io::Write) -> io::Result<()> {
        envelope::write(self, out)
    }

    /// Reads what [`write_to`](Self::write_to) wrote: all rows, or an error.
    ///
    /// # Errors
    /// If the input fails, a line does not have this format, or the rows are for several tables or encodings; the error
    /// names the line. Also if there is no row.
    pub fn read_from(input: impl io::BufRead) -> Result<Self, Error> {
        envelope::read(input)
    }

    pub(crate) const fn kind(&self) -> RecordKind {
        self.kind
    }

    /// The first row. [`drop_first`](Self::drop_first) removes it.
    pub(crate) fn first(&self) -> Option<UndeliveredRow> {
        self.parts.front().and_then(|part| rows_of(part).next())
    }

    /// Removes the first row after another stream accepted it.
    pub(crate) fn drop_first(&mut self) {
        if let Some(part) = self.parts.front_mut()
            && !part.batch.drop_first()
        {
            self.parts.pop_front();
        }
    }

    /// Why the last row was not delivered; if the stream gave up, the reason for that.
    pub(crate) fn last_reason(&self) -> Option<&Error> {
        self.parts.back().map(|part| &part.reason)
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

/// A row as a separate part.
fn part_of(row: UndeliveredRow) -> ReturnedBatch {
    let UndeliveredRow { offset, bytes, persisted, reason } = row;
    ReturnedBatch { batch: Batch::of_row(offset.0, &bytes, persisted), reason }
}

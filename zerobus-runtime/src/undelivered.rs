//! Rows that a stream accepted and could not deliver: to be looked at, kept, and sent again.
//!
//! | file | what it owns |
//! |---|---|
//! | `envelope` | such a row as a line of JSON |

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
/// They can be looked at, sent on another stream of the same table with [`IngestStream::send_undelivered`], and written
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

/// One row that is returned.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UndeliveredRow {
    /// Its offset on the stream that accepted it.
    pub offset: Offset,
    /// The row as it was to go on the wire: a protobuf message, or JSON text on a JSON stream.
    pub bytes: Bytes,
    /// Whether the table may hold it all the same.
    pub persisted: Persisted,
    /// Why it was not delivered.
    pub reason: Error,
}

impl Undelivered {
    /// What is returned, if anything is.
    pub(crate) fn new(table: String, kind: RecordKind, parts: Vec<ReturnedBatch>) -> Option<Self> {
        let parts: VecDeque<_> = parts.into();
        (!parts.is_empty()).then_some(Self { table, kind, parts })
    }

    /// The table that they are for, as `catalog.schema.table`.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.batch.rows)).sum()
    }

    /// Whether none is left: all were sent.
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
    /// A line holds `table`, `encoding` (`proto` or `json`), `offset`, `persisted` (`no` or `possibly`), `reason`, `kind`,
    /// `code` and `state` where the service gave them, and the row itself: `row` in base64 and, where it is JSON, `json` as
    /// it is, on one line.
    ///
    /// # Errors
    /// If `out` fails.
    pub fn write_to(&self, out: impl io::Write) -> io::Result<()> {
        envelope::write(self, out)
    }

    /// Reads what [`write_to`](Self::write_to) wrote, whole or not at all.
    ///
    /// # Errors
    /// If the input fails, a line is not one of these, or the rows are of several tables or encodings; the error names the
    /// line. If there is no row.
    pub fn read_from(input: impl io::BufRead) -> Result<Self, Error> {
        envelope::read(input)
    }

    pub(crate) const fn kind(&self) -> RecordKind {
        self.kind
    }

    /// The first row, which stays until [`let_go`](Self::let_go).
    pub(crate) fn first(&self) -> Option<UndeliveredRow> {
        self.parts.front().and_then(|part| rows_of(part).next())
    }

    /// Lets the first row go: it is another stream's now.
    pub(crate) fn let_go(&mut self) {
        if let Some(part) = self.parts.front_mut()
            && !part.batch.drop_first()
        {
            self.parts.pop_front();
        }
    }

    /// Why the last of them was not delivered: where a stream gave up, that is why.
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

/// A row as a part of its own.
fn part_of(row: UndeliveredRow) -> ReturnedBatch {
    let UndeliveredRow { offset, bytes, persisted, reason } = row;
    ReturnedBatch { batch: Batch::of_row(offset.0, &bytes, persisted), reason }
}

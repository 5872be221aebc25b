//! Rows that a stream accepted and could not deliver, handed back.

use bytes::Bytes;

use crate::core::Batch;
use crate::error::Error;
use crate::offset::Offset;

/// Rows that were accepted and are not known to be durable, with the reason.
///
/// They can be looked at, kept, and sent on a new stream with [`IngestStream::send_undelivered`].
///
/// [`IngestStream::send_undelivered`]: crate::IngestStream::send_undelivered
#[derive(Debug, Clone)]
pub struct Undelivered {
    batches: Vec<Batch>,
    reason: Error,
}

/// One row that was handed back.
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

/// Whether a row that was handed back may be in the table all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Persisted {
    /// It never left this process.
    No,
    /// It was sent and not acknowledged: sending it again may give it twice.
    Possibly,
}

impl Undelivered {
    pub(crate) const fn new(batches: Vec<Batch>, reason: Error) -> Self {
        Self { batches, reason }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.batches.iter().map(|batch| u64::from(batch.rows)).sum()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Why they were not delivered.
    #[must_use]
    pub const fn reason(&self) -> &Error {
        &self.reason
    }

    /// The rows, in the order in which they were accepted.
    pub fn rows(&self) -> impl Iterator<Item = UndeliveredRow> + '_ {
        self.batches.iter().flat_map(move |batch| {
            let persisted = if batch.attempts == 0 { Persisted::No } else { Persisted::Possibly };
            (batch.first..).zip(batch.records()).map(move |(offset, bytes)| UndeliveredRow {
                offset: Offset(offset),
                bytes,
                persisted,
                reason: self.reason.clone(),
            })
        })
    }
}

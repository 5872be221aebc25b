//! Rows that a stream accepted and could not deliver, handed back.

use bytes::Bytes;

use crate::core::ReturnedBatch;
use crate::error::Error;
use crate::offset::Offset;

/// Rows that were accepted and are not known to be durable, with the reason.
///
/// They can be looked at, kept, and sent on a new stream with [`IngestStream::send_undelivered`].
///
/// [`IngestStream::send_undelivered`]: crate::IngestStream::send_undelivered
#[derive(Debug, Clone)]
pub struct Undelivered {
    parts: Vec<ReturnedBatch>,
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
    /// What was handed back, if anything was.
    pub(crate) fn new(parts: Vec<ReturnedBatch>) -> Option<Self> {
        (!parts.is_empty()).then_some(Self { parts })
    }

    /// How many rows there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    #[must_use]
    pub fn len(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.batch.rows)).sum()
    }

    /// The rows, in the order in which they were handed back: that of their offsets.
    pub fn rows(&self) -> impl Iterator<Item = UndeliveredRow> + '_ {
        self.parts.iter().flat_map(|ReturnedBatch { batch, reason }| {
            let persisted = if batch.attempts == 0 { Persisted::No } else { Persisted::Possibly };
            (batch.first..).zip(batch.records()).map(move |(offset, bytes)| UndeliveredRow {
                offset: Offset(offset),
                bytes,
                persisted,
                reason: reason.clone(),
            })
        })
    }

    pub(crate) fn into_parts(self) -> Vec<ReturnedBatch> {
        self.parts
    }

    /// Why the last of them was not delivered: where a stream gave up, that is why.
    pub(crate) fn last_reason(&self) -> Option<&Error> {
        self.parts.last().map(|part| &part.reason)
    }
}

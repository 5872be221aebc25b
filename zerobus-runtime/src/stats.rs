//! A stream's figures, and the report when it is closed.

use std::sync::Arc;
use std::time::Duration;

use crate::core::Session;

/// A stream's figures so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Accepted rows, including those recovered from the spool.
    pub rows_accepted: u64,
    /// Rows that the server made durable.
    pub rows_durable: u64,
    /// Rows that were returned, or are waiting to be taken.
    pub rows_returned: u64,
    /// Refused rows that the sink for [dead letters](crate::DeadLetters) took, including those that `send` refused.
    pub dead_letters: u64,
    /// Rows that are neither durable nor returned.
    pub rows_in_flight: u64,
    /// Rows that were sent again on a new connection.
    pub rows_replayed: u64,
    /// Bytes of the accepted rows in their wire encoding.
    pub bytes_accepted: u64,
    /// Bytes of the rows that are durable.
    pub bytes_durable: u64,
    /// Bytes of the rows that are in flight; the byte budget bounds them.
    pub bytes_in_flight: usize,
    /// Requests that were sent, including those sent again.
    pub batches_sent: u64,
    /// Acknowledgements that were received, including duplicates.
    pub acks: u64,
    /// Server streams that were opened.
    pub opened: u64,
    /// The time from sending a request to its acknowledgement, smoothed; `None` before the first.
    pub ack_latency: Option<Duration>,
    /// The longest of these times.
    pub longest_ack_latency: Duration,
    /// The age of the oldest row in flight, counted from its acceptance; `None` if no row is in flight.
    pub oldest_in_flight: Option<Duration>,
    /// The server's id of the current or last stream.
    pub stream_id: Option<Arc<str>>,
    /// Rows that are only on disk, not in memory; 0 without a spool.
    pub rows_on_disk: u64,
    /// Rows that a full spool dropped, as `spool_overflow` says; those of `DropOldest` are among the returned ones.
    pub rows_dropped: u64,
    /// Rows that the spool held when the stream was opened.
    pub rows_recovered: u64,
}

/// The figures of a stream that is closed, with every row durable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The durable rows: all accepted rows except those taken as rejected.
    pub rows: u64,
    /// The figures of the whole stream.
    pub stats: Stats,
}

impl Stats {
    pub(crate) fn of(session: &Session, now: Duration) -> Self {
        let ledger = session.ledger();
        Self {
            rows_accepted: ledger.accepted - ledger.before,
            rows_durable: ledger.durable - ledger.before,
            rows_returned: ledger.returned,
            dead_letters: 0,
            rows_in_flight: ledger.in_flight(),
            rows_replayed: ledger.rows_replayed,
            bytes_accepted: ledger.accepted_bytes,
            bytes_durable: ledger.durable_bytes,
            bytes_in_flight: session.unacked_bytes(),
            batches_sent: ledger.batches_sent,
            acks: ledger.acks,
            opened: ledger.opened,
            ack_latency: ledger.ack_latency,
            longest_ack_latency: ledger.longest_ack_latency,
            oldest_in_flight: session.oldest().map(|since| now.saturating_sub(since)),
            stream_id: session.stream_id().cloned(),
            rows_on_disk: session.rows_on_disk(),
            rows_dropped: ledger.dropped,
            rows_recovered: session.rows_recovered(),
        }
    }
}

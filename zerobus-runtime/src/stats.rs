//! Figures of a stream, and the report at its end.

use std::sync::Arc;
use std::time::Duration;

use crate::core::Session;

/// What a stream has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Rows that were accepted, those that the spool held included.
    pub rows_accepted: u64,
    /// Rows that the server has made durable.
    pub rows_durable: u64,
    /// Rows that were returned, or wait to be.
    pub rows_returned: u64,
    /// Rows that are neither durable nor returned.
    pub rows_in_flight: u64,
    /// Rows that were sent again on a new connection.
    pub rows_replayed: u64,
    /// Bytes of the accepted rows as they go on the wire.
    pub bytes_accepted: u64,
    /// Bytes of the rows that are durable.
    pub bytes_durable: u64,
    /// Bytes of the rows that are in flight; the byte budget bounds them.
    pub bytes_in_flight: usize,
    /// Requests that were sent, those that were sent again included.
    pub batches_sent: u64,
    /// Acknowledgements that came, those that repeated another included.
    pub acks: u64,
    /// Server streams that were opened.
    pub opened: u64,
    /// The time from sending a request to its acknowledgement, smoothed; none before the first.
    pub ack_latency: Option<Duration>,
    /// The longest of these times.
    pub longest_ack_latency: Duration,
    /// How long ago the oldest row was accepted that is in flight; none where nothing is.
    pub oldest_in_flight: Option<Duration>,
    /// The server's id of the stream that is open, or was last.
    pub stream_id: Option<Arc<str>>,
    /// Rows that wait on disk and not in memory; 0 without a spool.
    pub rows_on_disk: u64,
    /// Rows that the spool held when the stream was opened.
    pub rows_recovered: u64,
}

/// What a stream has done when it is closed and every row is durable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The rows that are durable: all that were accepted, but those that were taken as rejected.
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
            rows_recovered: session.rows_recovered(),
        }
    }
}

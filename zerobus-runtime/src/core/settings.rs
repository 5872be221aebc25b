//! The limits and times that a stream is made with.

use std::time::Duration;

/// What a stream is made with; the defaults are those of the documentation of `StreamBuilder`.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) table: String,
    pub(crate) max_batch_bytes: usize,
    pub(crate) max_batch_rows: u32,
    pub(crate) max_row_bytes: usize,
    pub(crate) max_unacked_bytes: usize,
    pub(crate) linger: Duration,
    /// Rows come fast where so many bytes come within `fast_wait`.
    pub(crate) fast_bytes: usize,
    /// How long a batch waits for more rows where they come fast.
    pub(crate) fast_wait: Duration,
    pub(crate) ack_timeout: Duration,
    pub(crate) open_timeout: Duration,
    pub(crate) delivery_timeout: Duration,
    /// How long the server may take to end its side once ours is closed.
    pub(crate) end_timeout: Duration,
    pub(crate) backoff_min: Duration,
    pub(crate) backoff_max: Duration,
    /// The pause that the service asks for with code 6006.
    pub(crate) blocked_pause: Duration,
    /// How many attempts may follow each other without an acknowledgement.
    pub(crate) max_attempts: u32,
    /// How many single rows the server may refuse before the stream gives up.
    pub(crate) max_rejected_rows: usize,
    /// How many attempts the first opening has: a wrong address should be told soon.
    pub(crate) max_first_attempts: u32,
}

impl Settings {
    /// What the service takes in one request, with room for the envelope.
    pub(crate) const REQUEST_LIMIT: usize = 10_420_224;

    pub(crate) fn new(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            max_batch_bytes: 256 * 1024,
            max_batch_rows: 100_000,
            max_row_bytes: Self::REQUEST_LIMIT,
            max_unacked_bytes: 64 * 1024 * 1024,
            linger: Duration::ZERO,
            fast_bytes: 64 * 1024,
            fast_wait: Duration::from_millis(1),
            ack_timeout: Duration::from_secs(60),
            open_timeout: Duration::from_secs(30),
            delivery_timeout: Duration::from_secs(300),
            end_timeout: Duration::from_secs(10),
            backoff_min: Duration::from_millis(250),
            backoff_max: Duration::from_secs(30),
            blocked_pause: Duration::from_secs(60),
            max_attempts: 20,
            max_rejected_rows: 100,
            max_first_attempts: 4,
        }
    }
}

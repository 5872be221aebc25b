//! The limits and timeouts of a stream.

use std::time::Duration;

#[cfg(feature = "spool")]
use super::Stamper;
use super::{ExactlyOnce, Found};
use crate::record_kind::RecordKind;

/// What a stream does when its spool is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(not(feature = "spool"), expect(unreachable_pub, reason = "the spool is a feature"))]
pub enum SpoolOverflow {
    /// Drops the row that is being sent: `send` fails at once, and the row has no offset.
    DropNewest,
    /// Drops the rows that have waited longest, one file of the spool at a time.
    ///
    /// Rows in flight are among them, so a dropped row may be in the table.
    DropOldest,
    /// Drops nothing: `send` waits until there is room.
    #[default]
    Wait,
}

/// The settings of a stream; the documentation of `StreamBuilder` lists the defaults.
///
/// `None` means no limit.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) table: String,
    pub(crate) kind: RecordKind,
    pub(crate) max_batch_bytes: usize,
    pub(crate) max_batch_rows: u32,
    pub(crate) max_row_bytes: usize,
    pub(crate) max_unacked_bytes: usize,
    pub(crate) linger: Duration,
    /// The rate is high if this many bytes arrive within `fast_wait`.
    pub(crate) fast_bytes: usize,
    /// How long a batch waits for more rows at a high rate.
    pub(crate) fast_wait: Duration,
    pub(crate) ack_timeout: Option<Duration>,
    pub(crate) open_timeout: Option<Duration>,
    pub(crate) delivery_timeout: Option<Duration>,
    /// How long the server may take to end its side once ours is closed.
    pub(crate) end_timeout: Duration,
    pub(crate) backoff_min: Duration,
    pub(crate) backoff_max: Duration,
    /// The pause that the service asks for with code 6006.
    pub(crate) blocked_pause: Duration,
    /// How many consecutive attempts may fail without an acknowledgement.
    pub(crate) max_attempts: Option<u32>,
    /// How many attempts the first opening has: a wrong address should be reported soon.
    pub(crate) max_first_attempts: Option<u32>,
    /// How many rows the server may refuse individually within `rejected_within`.
    pub(crate) max_rejected_rows: usize,
    /// Whether a row that the server refuses resets the budget of attempts.
    pub(crate) refusal_is_progress: bool,
    pub(crate) rejected_within: Duration,
    /// The most bytes of refused rows waiting to be taken; they do not count toward `max_unacked_bytes`.
    pub(crate) max_rejected_bytes: usize,
    /// The rows and the bytes that may be sent within a second.
    pub(crate) max_rows_per_second: Option<u32>,
    pub(crate) max_bytes_per_second: Option<u64>,
    /// The rows found on disk, if rows are spooled before they are sent.
    pub(crate) spool: Option<Found>,
    /// What happens when the spool is full.
    pub(crate) overflow: super::SpoolOverflow,
    /// Whether each request must be in the table once, and how.
    pub(crate) exactly_once: Option<ExactlyOnce>,
    /// The columns written into each row.
    #[cfg(feature = "spool")]
    pub(crate) stamper: Option<Stamper>,
}

impl Settings {
    /// The service's limit for one request, minus the envelope.
    pub(crate) const REQUEST_LIMIT: usize = 10_420_224;

    pub(crate) fn new(table: impl Into<String>, kind: RecordKind) -> Self {
        Self {
            table: table.into(),
            kind,
            max_batch_bytes: 256 * 1024,
            max_batch_rows: 100_000,
            max_row_bytes: Self::REQUEST_LIMIT,
            max_unacked_bytes: 64 * 1024 * 1024,
            linger: Duration::ZERO,
            fast_bytes: 64 * 1024,
            fast_wait: Duration::from_millis(1),
            ack_timeout: Some(Duration::from_secs(60)),
            open_timeout: Some(Duration::from_secs(30)),
            delivery_timeout: Some(Duration::from_secs(300)),
            end_timeout: Duration::from_secs(10),
            backoff_min: Duration::from_millis(250),
            backoff_max: Duration::from_secs(30),
            blocked_pause: Duration::from_secs(60),
            max_attempts: Some(20),
            max_first_attempts: Some(4),
            max_rejected_rows: 100,
            refusal_is_progress: false,
            rejected_within: Duration::from_secs(60),
            max_rejected_bytes: 16 * 1024 * 1024,
            max_rows_per_second: None,
            max_bytes_per_second: None,
            spool: None,
            overflow: super::SpoolOverflow::Wait,
            exactly_once: None,
            #[cfg(feature = "spool")]
            stamper: None,
        }
    }
}

/// The deadline of a wait that starts now; `None` if it has no limit or overflows.
pub(super) fn end_of(now: Duration, wait: impl Into<Option<Duration>>) -> Option<Duration> {
    wait.into().and_then(|wait| now.checked_add(wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_are_those_of_the_documentation() {
        let settings = Settings::new("t", RecordKind::Proto);
        assert_eq!((settings.max_batch_bytes, settings.max_unacked_bytes), (262_144, 67_108_864));
        assert_eq!((settings.max_rejected_bytes, settings.fast_bytes), (16_777_216, 65_536));
    }
}

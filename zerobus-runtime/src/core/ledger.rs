//! Counts of accepted rows by state, and their invariant.

use std::time::Duration;

use super::Found;

/// Counts of rows; `accepted == durable + returned + in flight` at every moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// Rows before the first of this session.
    pub(crate) before: u64,
    pub(crate) accepted: u64,
    pub(crate) accepted_bytes: u64,
    pub(crate) durable: u64,
    pub(crate) durable_bytes: u64,
    pub(crate) returned: u64,
    /// Rows that a full spool dropped, whether they had been accepted or not.
    pub(crate) dropped: u64,
    pub(crate) batches_sent: u64,
    pub(crate) rows_replayed: u64,
    pub(crate) acks: u64,
    pub(crate) opened: u64,
    /// From sending to acknowledgement, smoothed over the last acknowledgements; `None` before the first.
    pub(crate) ack_latency: Option<Duration>,
    pub(crate) longest_ack_latency: Duration,
    /// The latency of the last acknowledgement that made rows durable, and how many of these there were.
    pub(crate) last_ack_latency: Duration,
    pub(crate) latencies: u64,
}

impl Ledger {
    /// The ledger of a session that finds rows on disk; earlier rows are settled.
    pub(super) fn beginning_at(found: Found) -> Self {
        Self { before: found.first, accepted: found.end, durable: found.first, ..Self::default() }
    }

    /// Rows that are neither durable nor returned.
    pub(crate) const fn in_flight(&self) -> u64 {
        self.accepted - self.durable - self.returned
    }

    /// Records how long an acknowledgement took, with a weight of one eighth.
    pub(super) fn ack_took(&mut self, latency: Duration) {
        let smoothed = self.ack_latency.map_or(latency, |before| (before * 7 + latency) / 8);
        self.ack_latency = Some(smoothed);
        self.longest_ack_latency = self.longest_ack_latency.max(latency);
        self.last_ack_latency = latency;
        self.latencies += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_latency_of_acknowledgements_is_smoothed_and_its_extremes_are_kept() {
        let mut ledger = Ledger::default();
        ledger.ack_took(16 * MS);
        assert_eq!((ledger.ack_latency, ledger.longest_ack_latency), (Some(16 * MS), 16 * MS));
        ledger.ack_took(8 * MS);
        assert_eq!((ledger.ack_latency, ledger.longest_ack_latency), (Some(15 * MS), 16 * MS));
        assert_eq!((ledger.last_ack_latency, ledger.latencies), (8 * MS, 2));
    }
}

//! The rate at which rows arrive: a request is worth a short wait only at a high rate.
//!
//! Without a linger, a batch is sent as soon as the connection can take it. A client that is faster than its producer
//! would then send requests of a few rows each, and a request costs as much as fifty rows.

use std::time::Duration;

/// The measuring window: it spans whole bursts, not the gaps between them.
const WINDOW: Duration = Duration::from_millis(5);

/// The bytes that arrived within the last window.
#[derive(Debug, Default)]
pub(super) struct Pace {
    since: Duration,
    /// The bytes that had arrived by then.
    before: u64,
    /// The bytes per second of the last whole window.
    rate: u128,
}

impl Pace {
    /// Samples the clock and the bytes received when a batch starts.
    pub(super) const fn observe(&mut self, now: Duration, bytes: u64) {
        let elapsed = now.saturating_sub(self.since);
        if elapsed.as_nanos() >= WINDOW.as_nanos() {
            self.rate = (bytes - self.before) as u128 * 1_000_000_000 / elapsed.as_nanos();
            self.since = now;
            self.before = bytes;
        }
    }

    /// Whether this many bytes arrive within this time.
    pub(super) const fn brings(&self, bytes: usize, within: Duration) -> bool {
        self.rate * within.as_nanos() >= bytes as u128 * 1_000_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_pace_is_that_of_the_last_whole_window() {
        let mut pace = Pace::default();
        pace.observe(4 * MS, 1_000_000);
        assert!(!pace.brings(1, MS), "nothing is known before a window has passed");
        pace.observe(10 * MS, 1_000_000);
        assert!(pace.brings(100_000, MS));
        assert!(!pace.brings(100_001, MS));
        pace.observe(14 * MS, 1_000_000);
        assert!(pace.brings(100_000, MS), "a pause within a window is none");
        pace.observe(1010 * MS, 1_001_000);
        assert!(pace.brings(1, MS));
        assert!(!pace.brings(2, MS), "a row after a pause");
    }
}

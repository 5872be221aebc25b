//! The last two minutes, second by second, for the charts of the page.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

/// How many seconds are kept.
const SECONDS: u64 = 120;

#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Second>);

#[derive(Debug, Default, Clone)]
struct Second {
    /// Seconds since the start.
    at: u64,
    rows: u64,
    bytes: u64,
    /// The longest that a request waited for its ack.
    ack: Duration,
}

impl History {
    pub(super) fn received(&mut self, now: Duration, rows: u64, bytes: u64) {
        let second = self.second(now);
        second.rows += rows;
        second.bytes += bytes;
    }

    pub(super) fn acked(&mut self, now: Duration, waited: Duration) {
        let second = self.second(now);
        second.ack = second.ack.max(waited);
    }

    /// Every second up to now, idle ones included.
    pub(super) fn json(&self, now: Duration) -> Value {
        let now = now.as_secs();
        let first = (now + 1).saturating_sub(SECONDS);
        let mut known = self.0.iter().skip_while(|second| second.at < first).peekable();
        let seconds = (first..=now).map(|at| {
            let second = known.next_if(|second| second.at == at).cloned().unwrap_or_default();
            let ack = u64::try_from(second.ack.as_micros()).unwrap_or(u64::MAX);
            json!({ "rows": second.rows, "bytes": second.bytes, "ack_us_max": ack })
        });
        seconds.collect()
    }

    fn second(&mut self, now: Duration) -> &mut Second {
        let at = now.as_secs();
        if self.0.back().is_none_or(|last| last.at < at) {
            if self.0.len() as u64 == SECONDS {
                self.0.pop_front();
            }
            self.0.push_back(Second { at, ..Second::default() });
        }
        // Two threads may read the clock in another order than they get here: the last second counts both.
        let last = self.0.len() - 1;
        &mut self.0[last]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_seconds_are_listed_and_old_ones_are_dropped() {
        let mut history = History::default();
        for second in [0, 1, 1, 5, 500, 502] {
            history.received(Duration::from_secs(second), 10, 100);
        }
        history.acked(Duration::from_secs(502), Duration::from_millis(7));
        history.acked(Duration::from_secs(502), Duration::from_millis(3));
        let json = history.json(Duration::from_secs(503));
        let rows: Vec<u64> = json.as_array().unwrap().iter().map(|second| second["rows"].as_u64().unwrap()).collect();
        assert_eq!(rows.len(), 120);
        assert_eq!(rows[115..], [0, 10, 0, 10, 0][..]);
        assert_eq!(rows.iter().sum::<u64>(), 20);
        assert_eq!(json[118]["ack_us_max"], 7_000);
        assert_eq!(History::default().json(Duration::ZERO).as_array().unwrap().len(), 1);
    }
}

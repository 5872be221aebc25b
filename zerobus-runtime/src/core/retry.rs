//! Backoff with jitter, and the budget of attempts between two acknowledgements.
//!
//! Progress is what the server makes durable, and the rows that it refuses if the settings say so. A connection that opens
//! and makes no progress is a failed attempt like one that does not open, so a server that accepts and drops connections
//! is not retried forever.

use std::time::Duration;

use crate::error::{Error, ServerCode};

use super::Settings;

/// The longest pause that a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(600);

/// The number of failed attempts since the last progress, and the pause before the next.
#[derive(Debug)]
pub(super) struct Retry {
    failures: u32,
    random: fastrand::Rng,
}

impl Retry {
    pub(super) const fn new(random: fastrand::Rng) -> Self {
        Self { failures: 0, random }
    }

    /// There was progress: resets the budget.
    pub(super) const fn progress(&mut self) {
        self.failures = 0;
    }

    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Counts a failed attempt. Returns the pause before the next, or `None` if the budget is exhausted.
    pub(super) fn failed(&mut self, error: &Error, attempts: Option<u32>, settings: &Settings) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        if attempts.is_some_and(|attempts| self.failures >= attempts) {
            return None;
        }
        let pause = match error.code().map(ServerCode::code) {
            Some(ServerCode::STREAM_TIMEOUT) if self.failures == 1 => Duration::ZERO,
            Some(ServerCode::TEMPORARILY_BLOCKED) => {
                settings.blocked_pause.saturating_add(self.jittered(settings.blocked_pause / 2))
            }
            _ => self.backoff(settings),
        };
        Some(error.retry_after().map_or(pause, |asked| pause.max(asked.min(LONGEST_ASKED))))
    }

    /// Doubles with each failure up to the maximum, randomized between half of that and all of it.
    fn backoff(&mut self, settings: &Settings) -> Duration {
        let doublings = (self.failures - 1).min(30);
        let full = settings.backoff_min.saturating_mul(1 << doublings).min(settings.backoff_max);
        full / 2 + self.jittered(full / 2)
    }

    fn jittered(&mut self, at_most: Duration) -> Duration {
        let nanos = u64::try_from(at_most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.random.u64(0..=nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::status;
    use super::*;
    use crate::record_kind::RecordKind;

    fn settings() -> Settings {
        Settings::new("t", RecordKind::Proto)
    }

    fn retry(seed: u64) -> Retry {
        Retry::new(fastrand::Rng::with_seed(seed))
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_lie_between_half_and_whole() {
        let error = status(13, "oh");
        let mut pauses = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let mut retry = retry(seed);
            for full in [250_u64, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
                let pause = retry.failed(&error, None, &settings()).unwrap();
                let full = Duration::from_millis(full);
                assert!(full / 2 <= pause && pause <= full, "{pause:?} of {full:?}");
                pauses.insert(pause);
            }
        }
        assert!(pauses.len() > 400, "clients do not come back at the same time");
    }

    #[test]
    fn failures_are_counted_until_there_is_progress() {
        let mut retry = retry(7);
        for expected in 1..=2 {
            assert!(retry.failed(&status(13, "oh"), Some(3), &settings()).is_some());
            assert_eq!(retry.failures(), expected);
        }
        assert_eq!(retry.failed(&status(13, "oh"), Some(3), &settings()), None);
        retry.progress();
        assert_eq!(retry.failures(), 0);
    }

    #[test]
    fn code_6002_does_not_wait_once_and_code_6006_waits_a_minute_to_a_minute_and_a_half() {
        let old = status(14, "age. Error Code: 6002, Error State: 1.");
        let mut first = retry(7);
        assert_eq!(first.failed(&old, None, &settings()), Some(Duration::ZERO));
        assert!(first.failed(&old, None, &settings()) >= Some(Duration::from_millis(250)), "again without progress");
        let busy = status(8, "slow down. Error Code: 6006, Error State: 1.");
        let (minute, longest) = (Duration::from_secs(60), Duration::from_secs(90));
        for seed in 0..50 {
            let pause = retry(seed).failed(&busy, None, &settings()).unwrap();
            assert!(minute <= pause && pause <= longest, "{pause:?}");
        }
    }
}

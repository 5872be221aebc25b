//! Backoff with jitter, and the budget of attempts between two acknowledgements.
//!
//! Progress is what the server makes durable. A connection that opens and makes nothing durable is a failed attempt
//! like one that does not open, so a server that accepts and drops is not tried for ever.

use std::time::Duration;

use crate::error::{Error, ServerCode};

use super::Settings;

/// The longest pause that a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(600);

/// How many attempts failed since the last progress, and how long to wait before the next.
#[derive(Debug)]
pub(super) struct Retry {
    failures: u32,
    random: fastrand::Rng,
}

impl Retry {
    pub(super) const fn new(random: fastrand::Rng) -> Self {
        Self { failures: 0, random }
    }

    /// The server made rows durable: the budget is whole again.
    pub(super) const fn progress(&mut self) {
        self.failures = 0;
    }

    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Counts a failed attempt; how long to wait before the next, or nothing if the budget is used up.
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

    /// Doubles from failure to failure up to the maximum, and lies between half of that and the whole.
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

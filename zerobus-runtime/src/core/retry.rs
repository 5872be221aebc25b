//! Backoff with jitter, and the budget of attempts between two acknowledgements.
//!
//! Progress is what the server makes durable. A connection that opens and makes nothing durable is a failed attempt
//! like one that does not open, so a server that accepts and drops is not tried for ever.

use std::time::Duration;

use crate::error::{Error, ServerCode};

use super::Settings;

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

    /// Counts a failed attempt; how long to wait before the next, or nothing if the budget is used up.
    pub(super) fn failed(&mut self, error: &Error, attempts: u32, settings: &Settings) -> Option<Duration> {
        self.failures += 1;
        if self.failures >= attempts {
            return None;
        }
        Some(match error.code().map(ServerCode::code) {
            Some(ServerCode::STREAM_TIMEOUT) if self.failures == 1 => Duration::ZERO,
            Some(ServerCode::TEMPORARILY_BLOCKED) => settings.blocked_pause + self.jittered(settings.blocked_pause / 2),
            _ => self.backoff(settings),
        })
    }

    /// Doubles from failure to failure up to the maximum, and lies between half of that and the whole.
    fn backoff(&mut self, settings: &Settings) -> Duration {
        let doublings = (self.failures - 1).min(30);
        let full = settings.backoff_min.saturating_mul(1 << doublings).min(settings.backoff_max);
        full / 2 + self.jittered(full / 2)
    }

    fn jittered(&mut self, at_most: Duration) -> Duration {
        at_most.mul_f64(self.random.f64())
    }
}

//! A stream's figures for the crate `metrics`, behind the feature of that name.
//!
//! Counters grow by what has happened since the last event of the stream, so that a row costs nothing here.
//!
//! | metric | type | unit |
//! |---|---|---|
//! | `zerobus_rows_accepted_total` | counter | rows |
//! | `zerobus_rows_durable_total` | counter | rows |
//! | `zerobus_rows_returned_total` | counter | rows |
//! | `zerobus_rows_replayed_total` | counter | rows |
//! | `zerobus_bytes_durable_total` | counter | bytes |
//! | `zerobus_batches_sent_total` | counter | requests |
//! | `zerobus_streams_opened_total` | counter | connections |
//! | `zerobus_bytes_in_flight` | gauge | bytes |
//! | `zerobus_ack_latency_seconds` | gauge | seconds, smoothed |
//!
//! Each has the label `table`.

use crate::shared::Shared;

/// Without the feature, nothing.
#[cfg(not(feature = "metrics"))]
#[derive(Debug, Default)]
pub(crate) struct Meter;

#[cfg(not(feature = "metrics"))]
impl Meter {
    pub(crate) const fn new(_table: &str) -> Self {
        Self
    }

    #[expect(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "the shape of the real one")]
    pub(crate) const fn record(&mut self, _shared: &Shared) {}
}

#[cfg(feature = "metrics")]
pub(crate) use recording::Meter;

#[cfg(feature = "metrics")]
mod recording {
    use std::time::Duration;

    use metrics::{Counter, Gauge, counter, gauge};

    use super::Shared;
    use crate::stats::Stats;

    /// One figure of a stream.
    type Figure = fn(&Stats) -> u64;

    /// The metrics of one stream, and what they were fed before.
    pub(crate) struct Meter {
        before: Stats,
        counters: [(Counter, Figure); 7],
        bytes_in_flight: Gauge,
        ack_latency: Gauge,
    }

    impl Meter {
        pub(crate) fn new(table: &str) -> Self {
            let count = |name: &'static str| counter!(name, "table" => table.to_owned());
            Self {
                before: Stats::default(),
                counters: [
                    (count("zerobus_rows_accepted_total"), |stats| stats.rows_accepted),
                    (count("zerobus_rows_durable_total"), |stats| stats.rows_durable),
                    (count("zerobus_rows_returned_total"), |stats| stats.rows_returned),
                    (count("zerobus_rows_replayed_total"), |stats| stats.rows_replayed),
                    (count("zerobus_bytes_durable_total"), |stats| stats.bytes_durable),
                    (count("zerobus_batches_sent_total"), |stats| stats.batches_sent),
                    (count("zerobus_streams_opened_total"), |stats| stats.opened),
                ],
                bytes_in_flight: gauge!("zerobus_bytes_in_flight", "table" => table.to_owned()),
                ack_latency: gauge!("zerobus_ack_latency_seconds", "table" => table.to_owned()),
            }
        }

        pub(crate) fn record(&mut self, shared: &Shared) {
            let now = Stats::of(&shared.lock().session);
            for (counter, figure) in &self.counters {
                counter.increment(figure(&now) - figure(&self.before));
            }
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            self.bytes_in_flight.set(now.bytes_in_flight as f64);
            self.ack_latency.set(now.ack_latency.map_or(0.0, |latency: Duration| latency.as_secs_f64()));
            self.before = now;
        }
    }
}

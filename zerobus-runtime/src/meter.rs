//! A stream's figures for the crate `metrics`, behind the feature `metrics`.
//!
//! Counters are updated on stream events, so they cost nothing per row. The crate's documentation lists the names.

use std::time::Duration;

#[cfg(not(feature = "metrics"))]
use crate::error::Error;
use crate::shared::Shared;

/// How often the figures are updated while rows are in flight and no event occurs.
const REFRESH: Duration = Duration::from_secs(5);

/// No-op without the feature.
#[cfg(not(feature = "metrics"))]
#[derive(Debug)]
pub(crate) struct Meter;

#[cfg(not(feature = "metrics"))]
#[expect(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "the shape of the real one")]
impl Meter {
    pub(crate) const fn new(_table: &str, _lane: Option<usize>) -> Self {
        Self
    }

    pub(crate) const fn record(&mut self, _shared: &Shared) {}

    pub(crate) const fn reconnecting(&self, _reason: &Error) {}

    pub(crate) const fn refresh(&self) -> Option<Duration> {
        let _ = REFRESH;
        None
    }
}

#[cfg(feature = "metrics")]
pub(crate) use recording::Meter;

#[cfg(feature = "metrics")]
mod recording {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;

    use metrics::{Counter, Gauge, Histogram, Label, counter, gauge, histogram};

    use super::{REFRESH, Shared};
    use crate::core::Ledger;
    use crate::error::{Error, ErrorKind};
    use crate::stats::Stats;

    /// One figure of a stream.
    type Figure = fn(&Ledger) -> u64;

    /// The metrics of one stream, and the values last recorded.
    pub(crate) struct Meter {
        before: Ledger,
        name: Name,
        counters: [(Counter, Figure); 7],
        bytes_in_flight: Gauge,
        rows_in_flight: Gauge,
        oldest: Gauge,
        latency: Histogram,
        has_rows: bool,
    }

    impl Meter {
        pub(crate) fn new(table: &str, lane: Option<usize>) -> Self {
            let name = Name::take(table, lane);
            let count = |metric: &'static str| counter!(metric, name.labels());
            let counters: [(Counter, Figure); 7] = [
                (count("messaging.client.sent.messages"), |ledger| ledger.durable - ledger.before),
                (count("zerobus.rows.accepted"), |ledger| ledger.accepted - ledger.before),
                (count("zerobus.rows.replayed"), |ledger| ledger.rows_replayed),
                (count("zerobus.rows.dropped"), |ledger| ledger.dropped),
                (count("zerobus.bytes.durable"), |ledger| ledger.durable_bytes),
                (count("zerobus.requests.sent"), |ledger| ledger.batches_sent),
                (count("zerobus.streams.opened"), |ledger| ledger.opened),
            ];
            Self {
                before: Ledger::default(),
                counters,
                bytes_in_flight: gauge!("zerobus.bytes.in_flight", name.labels()),
                rows_in_flight: gauge!("zerobus.rows.in_flight", name.labels()),
                oldest: gauge!("zerobus.oldest_row.age", name.labels()),
                latency: histogram!("messaging.client.operation.duration", name.labels()),
                has_rows: false,
                name,
            }
        }

        pub(crate) fn record(&mut self, shared: &Shared) {
            let (stats, ledger, kind) = {
                let inner = shared.lock();
                let kind = inner.session.error().map_or(ErrorKind::Rejected, Error::kind);
                (Stats::of(&inner.session, shared.now()), *inner.session.ledger(), kind)
            };
            for (counter, figure) in &self.counters {
                counter.increment(figure(&ledger) - figure(&self.before));
            }
            let returned = ledger.returned - self.before.returned;
            if returned > 0 {
                self.name.failures("messaging.client.sent.messages", kind).increment(returned);
            }
            if ledger.latencies > self.before.latencies {
                self.latency.record(ledger.last_ack_latency);
            }
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            {
                self.bytes_in_flight.set(stats.bytes_in_flight as f64);
                self.rows_in_flight.set(stats.rows_in_flight as f64);
            }
            self.oldest.set(stats.oldest_in_flight.unwrap_or_default().as_secs_f64());
            self.has_rows = stats.rows_in_flight > 0;
            self.before = ledger;
        }

        /// The connection was lost, or refused.
        pub(crate) fn reconnecting(&self, reason: &Error) {
            self.name.failures("zerobus.reconnects", reason.kind()).increment(1);
        }

        /// How long until the figures are recorded, if no event occurs first.
        pub(crate) fn refresh(&self) -> Option<Duration> {
            self.has_rows.then_some(REFRESH)
        }
    }

    impl Drop for Meter {
        fn drop(&mut self) {
            for gauge in [&self.bytes_in_flight, &self.rows_in_flight, &self.oldest] {
                gauge.set(0.0);
            }
        }
    }

    /// The ids in use, by table. Two open streams of a table never share a series, and a stream opened after another
    /// has ended continues its series.
    static TAKEN: Mutex<BTreeMap<String, BTreeSet<usize>>> = Mutex::new(BTreeMap::new());

    /// The labels that distinguish the streams of a process.
    struct Name {
        table: String,
        place: usize,
        lane: Option<usize>,
    }

    impl Name {
        fn take(table: &str, lane: Option<usize>) -> Self {
            let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
            let places = taken.entry(table.to_owned()).or_default();
            let place = (0..=places.len()).find(|place| !places.contains(place)).unwrap_or_default();
            places.insert(place);
            Self { table: table.to_owned(), place, lane }
        }

        fn labels(&self) -> Vec<Label> {
            let mut labels = vec![
                Label::from_static_parts("messaging.system", "zerobus"),
                Label::from_static_parts("messaging.operation.name", "send"),
                Label::new("messaging.destination.name", self.table.clone()),
                Label::new("messaging.client.id", self.place.to_string()),
            ];
            labels.extend(self.lane.map(|lane| Label::new("zerobus.lane", lane.to_string())));
            labels
        }

        /// A counter of failures, by their kind.
        fn failures(&self, metric: &'static str, kind: ErrorKind) -> Counter {
            let mut labels = self.labels();
            labels.push(Label::from_static_parts("error.type", kind.as_str()));
            counter!(metric, labels)
        }
    }

    impl Drop for Name {
        fn drop(&mut self) {
            let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(places) = taken.get_mut(&self.table) {
                places.remove(&self.place);
            }
        }
    }
}

//! What the feature `metrics` feeds to the crate of that name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use scripted::{Call, Row, Scripted};

/// Keeps every metric by its name and its labels.
#[derive(Debug, Default)]
struct Recorded(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Recorded {
    fn slot(&self, key: &Key) -> Arc<AtomicU64> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::clone(self.0.lock().unwrap().entry(name).or_default())
    }

    fn value(&self, name: &str) -> u64 {
        self.0.lock().unwrap()[&format!("{name}{{table=main.test.rows}}")].load(Ordering::SeqCst)
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, _key: KeyName, _unit: Option<Unit>, _text: SharedString) {}

    fn describe_gauge(&self, _key: KeyName, _unit: Option<Unit>, _text: SharedString) {}

    fn describe_histogram(&self, _key: KeyName, _unit: Option<Unit>, _text: SharedString) {}

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.slot(key))
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.slot(key))
    }

    fn register_histogram(&self, _key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test]
async fn a_stream_feeds_its_figures() {
    let recorded = Arc::new(Recorded::default());
    metrics::set_global_recorder(Arc::clone(&recorded)).unwrap();
    let server = Scripted::new(Call::serve).start().await;
    let stream = server.client().stream::<Row>().open().await.unwrap();
    stream.send_all((0..100).map(Row::new)).await.unwrap();
    let report = stream.close().await.unwrap();
    // The task of the stream feeds the last figures after the stream is closed.
    while recorded.value("zerobus_rows_durable_total") < 100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(recorded.value("zerobus_rows_accepted_total"), 100);
    assert_eq!(recorded.value("zerobus_rows_returned_total"), 0);
    assert_eq!(recorded.value("zerobus_bytes_durable_total"), report.stats.bytes_durable);
    assert_eq!(recorded.value("zerobus_streams_opened_total"), 1);
    assert_eq!(f64::from_bits(recorded.value("zerobus_bytes_in_flight")).to_bits(), 0.0_f64.to_bits());
}

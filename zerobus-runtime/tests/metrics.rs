//! What the feature `metrics` records with the crate of that name.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit, with_local_recorder,
};
use scripted::{Call, Row, Scripted};
use tonic::Status;

/// Keeps every metric by its name and its labels; a histogram by the number of its samples.
#[derive(Debug, Default)]
struct Recorded(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

/// Counts the samples of a histogram.
struct Samples(Arc<AtomicU64>);

impl HistogramFn for Samples {
    fn record(&self, value: f64) {
        assert!((0.0..60.0).contains(&value), "a latency in seconds: {value}");
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Recorded {
    fn slot(&self, key: &Key) -> Arc<AtomicU64> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::clone(self.0.lock().unwrap().entry(name).or_default())
    }

    /// The value of a metric of a stream to the test's table, by what comes after the labels that all have.
    fn value(&self, name: &str, labels: &str) -> u64 {
        let common = "messaging.system=zerobus,messaging.operation.name=send,messaging.destination.name=main.test.rows";
        let recorded = self.0.lock().unwrap();
        let key = format!("{name}{{{common},messaging.client.id={labels}}}");
        recorded.get(&key).unwrap_or_else(|| panic!("{key} is not among {recorded:#?}")).load(Ordering::SeqCst)
    }

    /// The value of a gauge.
    fn gauge(&self, name: &str, labels: &str) -> f64 {
        f64::from_bits(self.value(name, labels))
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

    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Samples(self.slot(key))))
    }
}

/// Runs a program with a recorder of its own, alone: the numbers of the streams of a table are the process's.
fn recorded<F: Future<Output = ()>>(program: impl FnOnce() -> F) -> Recorded {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let recorded = Recorded::default();
    with_local_recorder(&recorded, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            program().await;
            // The task of a stream records its last figures after the stream is closed.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        });
    });
    recorded
}

#[test]
fn a_stream_records_rows_bytes_and_latency() {
    let recorded = recorded(|| async {
        let server = Scripted::new(Call::serve).start().await;
        let stream = server.client().stream::<Row>().open().await.unwrap();
        stream.send_all((0..100).map(Row::new)).await.unwrap();
        stream.close().await.unwrap();
    });
    assert_eq!(recorded.value("zerobus.rows.accepted", "0"), 100);
    assert_eq!(recorded.value("messaging.client.sent.messages", "0"), 100);
    assert_eq!(recorded.value("zerobus.streams.opened", "0"), 1);
    assert!(recorded.value("zerobus.bytes.durable", "0") >= 200);
    assert!(recorded.value("messaging.client.operation.duration", "0") >= 1);
    for gauge in ["zerobus.bytes.in_flight", "zerobus.rows.in_flight", "zerobus.oldest_row.age"] {
        assert!(recorded.gauge(gauge, "0").abs() < f64::EPSILON, "{gauge}");
    }
}

#[test]
fn streams_and_lanes_of_one_table_have_series_of_their_own() {
    let recorded = recorded(|| async {
        let server = Scripted::new(Call::serve).start().await;
        let first = server.client().stream::<Row>().open().await.unwrap();
        let second = server.client().stream::<Row>().lanes(NonZeroUsize::new(2).unwrap()).open().await.unwrap();
        first.send(&Row::new(0)).await.unwrap();
        for n in 0..100 {
            second.send(&n, &Row::new(n)).await.unwrap();
        }
        first.close().await.unwrap();
        second.close().await.unwrap();
        // One that is opened later goes on with the series of one that has ended.
        let third = server.client().stream::<Row>().open().await.unwrap();
        third.send(&Row::new(0)).await.unwrap();
        third.close().await.unwrap();
    });
    let lanes: u64 =
        (0..2).map(|lane| recorded.value("zerobus.rows.accepted", &format!("{},zerobus.lane={lane}", lane + 1))).sum();
    assert_eq!(lanes, 100);
    assert_eq!(recorded.value("zerobus.rows.accepted", "0"), 2);
}

#[test]
fn gauges_fall_to_zero_when_a_stream_fails_and_returned_rows_are_counted_by_reason() {
    let recorded = recorded(|| async {
        let server = Scripted::new(|mut call: Call| async move {
            call.create().await;
            call.batch().await;
            call.fail(Status::invalid_argument("no. Error Code: 4003, Error State: 1.")).await;
        });
        let server = server.start().await;
        let stream = server.client().stream::<Row>().open().await.unwrap();
        stream.send_all((0..3).map(Row::new)).await.unwrap();
        stream.close().await.unwrap_err();
    });
    assert_eq!(recorded.value("zerobus.rows.accepted", "0"), 3);
    let returned: u64 = recorded
        .0
        .lock()
        .unwrap()
        .iter()
        .filter(|(key, _)| key.starts_with("messaging.client.sent.messages") && key.contains("error.type="))
        .map(|(_, value)| value.load(Ordering::SeqCst))
        .sum();
    assert_eq!(returned, 3);
    for gauge in ["zerobus.bytes.in_flight", "zerobus.rows.in_flight", "zerobus.oldest_row.age"] {
        assert!(recorded.gauge(gauge, "0").abs() < f64::EPSILON, "{gauge}");
    }
}

#[test]
fn reconnects_are_counted_by_reason() {
    let recorded = recorded(|| async {
        let server = Scripted::new(|mut call: Call| async move {
            if call.n == 0 {
                call.create().await;
                call.batch().await;
                call.fail(Status::unavailable("going down")).await;
            } else {
                call.serve().await;
            }
        });
        let server = server.start().await;
        let stream = server.client().stream::<Row>().open().await.unwrap();
        stream.send(&Row::new(0)).await.unwrap();
        stream.close().await.unwrap();
    });
    assert_eq!(recorded.value("zerobus.reconnects", "0,error.type=transport"), 1);
}

//! The client against the emulator's faults, over real sockets: every accepted row reaches the table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::collections::BTreeSet;
use std::path::Path;

use zerobus_emulator::Emulator;
use zerobus_runtime::{Client, Date, Timestamp, ZerobusMessage};

const ROWS: usize = 300;
const TABLE: &str = "main.geo.earthquakes";

#[derive(ZerobusMessage)]
#[zerobus(table = "main.geo.earthquakes", unchecked)]
struct Quake {
    id: String,
    time: Timestamp,
    event_date: Date,
    r#type: &'static str,
    status: &'static str,
    tsunami: bool,
    sig: i16,
    location: Location,
    ids: Vec<String>,
}

#[derive(ZerobusMessage)]
struct Location {
    longitude: f64,
    latitude: f64,
}

fn quake(n: usize) -> Quake {
    Quake {
        id: format!("q{n:04}"),
        time: Timestamp::EPOCH,
        event_date: Date::EPOCH,
        r#type: "earthquake",
        status: "automatic",
        tsunami: false,
        sig: 0,
        location: Location { longitude: 0.0, latitude: 0.0 },
        ids: vec![],
    }
}

/// Sends the rows while the faults strike, and returns the ids in the table, in its order.
async fn send_through(faults: &[&str]) -> Vec<String> {
    let mut builder = Emulator::builder().schemas(Path::new(env!("OUT_DIR")).join("schemas")).seed(7);
    for fault in faults {
        builder = builder.fault(fault.parse().unwrap());
    }
    let emulator = builder.start().await.unwrap();
    let client = Client::builder()
        .endpoint(emulator.url())
        .workspace_url(emulator.url())
        .credentials(emulator.client_id(), emulator.client_secret())
        .build()
        .unwrap();
    let stream = client.stream::<Quake>().max_batch_rows(10).open().await.unwrap();
    stream.send_all((0..ROWS).map(quake)).await.unwrap();
    let report = stream.close().await.unwrap();
    assert_eq!(report.rows, ROWS as u64, "{faults:?}");
    assert!(!emulator.struck_faults().is_empty(), "{faults:?} did not strike");
    let rows = emulator.rows(TABLE).await.unwrap();
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn every_id() -> BTreeSet<String> {
    (0..ROWS).map(|n| quake(n).id).collect()
}

/// Checks that every row is in the table; with at-least-once delivery, some may be there twice.
async fn loses_nothing(faults: &[&str]) {
    let ids = send_through(faults).await;
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), every_id(), "{faults:?}");
}

/// Checks that every row is in the table once, in order.
async fn disturbs_nothing(faults: &[&str]) {
    let ids = send_through(faults).await;
    assert!(ids.iter().eq(every_id().iter()), "{faults:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_replaced() {
    loses_nothing(&["reset after=3 times=2"]).await;
    loses_nothing(&["end after=3 times=2"]).await;
    loses_nothing(&["status=INTERNAL after=5 times=2"]).await;
    loses_nothing(&["status=UNAVAILABLE/6002 after=5 times=2"]).await;
}

#[tokio::test]
async fn a_close_signal_hands_over_without_a_repetition() {
    disturbs_nothing(&["close-signal=2s after=3 times=2"]).await;
}

#[tokio::test]
async fn slow_and_repeated_acknowledgements_disturb_nothing() {
    disturbs_nothing(&["ack-delay=20ms times=5"]).await;
    disturbs_nothing(&["ack-repeat"]).await;
    disturbs_nothing(&["latency=5ms times=10"]).await;
}

#[tokio::test]
async fn acknowledgements_that_lie_are_not_believed() {
    loses_nothing(&["ack-beyond=1000 after=2 times=1"]).await;
    loses_nothing(&["ack-back after=2 times=1"]).await;
    loses_nothing(&["ack-empty after=2 times=1"]).await;
}

#[tokio::test]
async fn a_stream_and_a_token_that_are_refused_once_are_asked_for_again() {
    disturbs_nothing(&["open-status=UNAVAILABLE times=2"]).await;
    disturbs_nothing(&["token-rejected times=1"]).await;
    disturbs_nothing(&["token-status=503 times=1"]).await;
}

#[tokio::test]
async fn faults_by_seed_lose_nothing() {
    loses_nothing(&[
        "reset chance=0.05",
        "ack-delay=5ms chance=0.2",
        "status=INTERNAL chance=0.03",
        "ack-repeat chance=0.3",
    ])
    .await;
}

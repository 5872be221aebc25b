//! Many streams into one table.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use scripted::{Call, Row, Scripted, Server, number};
use tonic::Status;
use zerobus_runtime::{Lanes, StreamBuilder};

const KEYS: u64 = 20;
const ROWS: u64 = 2000;

/// The first times that a row of this key comes, the connection is lost.
async fn lose(key: u64, times: i32) -> Server {
    let left = Arc::new(AtomicI32::new(times));
    let script = move |mut call: Call| {
        let left = Arc::clone(&left);
        async move {
            call.create().await;
            while let Some(received) = call.batch().await {
                let is_struck = received.rows.iter().any(|row| number(row) % KEYS == key);
                if is_struck && left.fetch_sub(1, Ordering::SeqCst) > 0 {
                    return call.fail(Status::unavailable("gone")).await;
                }
                call.keep(&received);
                call.ack(received.offset).await;
            }
        }
    };
    Scripted::new(script).start().await
}

fn builder(server: &Server) -> StreamBuilder<Row> {
    server
        .client()
        .stream::<Row>()
        .backoff(Duration::from_millis(1), Duration::from_millis(2))
        .max_unacked_bytes(500)
        .max_attempts(2)
}

async fn send(lanes: &Lanes<Row>) {
    for n in 0..ROWS {
        lanes.send(&(n % KEYS), &Row::new(n)).await.unwrap();
    }
}

/// The rows of each key, each where it became durable first.
fn by_key(durable: &[u64]) -> BTreeMap<u64, Vec<u64>> {
    let mut keys = BTreeMap::<u64, Vec<u64>>::new();
    for row in durable {
        let rows = keys.entry(row % KEYS).or_default();
        if !rows.contains(row) {
            rows.push(*row);
        }
    }
    keys
}

fn assert_all_in_order(server: &Server) {
    for (key, rows) in by_key(&server.records.durable()) {
        assert_eq!(rows, (0..ROWS).filter(|n| n % KEYS == key).collect::<Vec<_>>(), "key {key}");
    }
}

#[tokio::test]
async fn rows_of_a_key_keep_their_order() {
    let server = lose(0, 0).await;
    let lanes = builder(&server).lanes(4.try_into().unwrap()).open().await.unwrap();
    send(&lanes).await;
    lanes.flush().await.unwrap();
    let used = lanes.stats().iter().filter(|stats| stats.rows_accepted > 0).count();
    assert!(used > 1, "keys are spread over the lanes");
    let reports = lanes.close().await.unwrap();
    assert_eq!(reports.iter().map(|report| report.rows).sum::<u64>(), ROWS);
    assert_all_in_order(&server);
}

#[tokio::test]
async fn a_lane_that_gives_up_hands_its_rows_to_another_in_order() {
    // Two losses end a lane, two more the lane that its rows moved to.
    for losses in [2, 4] {
        let server = lose(3, losses).await;
        let lanes = builder(&server).lanes(4.try_into().unwrap()).open().await.unwrap();
        send(&lanes).await;
        lanes.close().await.unwrap();
        assert_all_in_order(&server);
    }
}

#[tokio::test]
async fn rows_come_back_when_no_lane_is_left() {
    let server = lose(3, i32::MAX).await;
    let lanes = builder(&server).lanes(3.try_into().unwrap()).open().await.unwrap();
    let mut accepted = Vec::new();
    for n in 0..ROWS {
        if lanes.send(&(n % KEYS), &Row::new(n)).await.is_err() {
            break;
        }
        accepted.push(n);
    }
    let undelivered = lanes.close().await.unwrap_err().into_undelivered().unwrap();
    let durable = server.records.durable();
    let mut settled: Vec<u64> = undelivered.rows().map(|row| number(&row.bytes)).chain(durable).collect();
    settled.sort_unstable();
    settled.dedup();
    assert_eq!(settled, accepted);
}

#[tokio::test]
async fn callers_that_go_away_while_rows_move_lose_none() {
    let server = lose(3, 4).await;
    let lanes = builder(&server).lanes(4.try_into().unwrap()).open().await.unwrap();
    let mut accepted = Vec::new();
    for n in 0..ROWS {
        let row = Row::new(n);
        let sent = tokio::time::timeout(Duration::from_micros(n % 50), lanes.send(&(n % KEYS), &row)).await;
        if let Ok(sent) = sent {
            sent.unwrap();
            accepted.push(n);
        }
    }
    lanes.close().await.unwrap();
    let mut durable = server.records.durable();
    durable.sort_unstable();
    durable.dedup();
    assert_eq!(durable, accepted);
}

//! Many streams into one table.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scripted::gate::Gate;
use scripted::{Call, Row, Scripted, Server, number};
use tonic::Status;
use zerobus_runtime::{ErrorKind, LaneOffset, LaneReceipt, Lanes, Persisted, Stats, StreamBuilder};

const KEYS: u64 = 20;
const ROWS: u64 = 2000;
const SOON: Duration = Duration::from_millis(50);
/// Nothing that these tests wait for takes this long, unless it takes for ever.
const LONG: Duration = Duration::from_secs(20);

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

/// How many rows all lanes have accepted, and how many of these are settled.
fn settled(lanes: &Lanes<Row>) -> (u64, u64) {
    let stats = lanes.stats();
    let sum = |of: fn(&Stats) -> u64| stats.iter().map(of).sum::<u64>();
    (sum(|stats| stats.rows_accepted), sum(|stats| stats.rows_durable + stats.rows_returned))
}

#[tokio::test]
async fn lanes_are_shared_by_clones_and_any_of_them_closes_them() {
    let server = lose(0, 0).await;
    let lanes = builder(&server).lanes(3.try_into().unwrap()).open().await.unwrap();
    let tasks: Vec<_> = (0..4u64)
        .map(|task| {
            let lanes = lanes.clone();
            tokio::spawn(async move {
                let rows = (0..50).map(|n| (task, Row::new(task * 50 + n)));
                lanes.send_all(rows).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    lanes.clone().close().await.unwrap();
    assert!(lanes.is_closed() && lanes.error().is_none());
    assert_eq!(lanes.send(&1, &Row::new(1)).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(lanes.try_send(&1, &Row::new(1)).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(lanes.send_unkeyed(&Row::new(1)).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(settled(&lanes), (200, 200));
    lanes.close().await.unwrap();
}

#[tokio::test]
async fn a_flush_of_lanes_ends_when_every_row_is_durable_wherever_it_went() {
    let (failing, keeping) = (Gate::closed(), Gate::closed());
    let script = {
        let (failing, keeping) = (failing.clone(), keeping.clone());
        move |mut call: Call| {
            let (failing, keeping) = (failing.clone(), keeping.clone());
            async move {
                call.create().await;
                let mut batches = 0;
                while let Some(received) = call.batch().await {
                    batches += 1;
                    if number(&received.rows[0]) == 2 && batches == 1 {
                        failing.passed().await;
                        return call.fail(Status::unavailable("going down")).await;
                    }
                    if batches > 1 {
                        keeping.passed().await;
                    }
                    call.keep(&received);
                    call.ack(received.offset).await;
                }
            }
        }
    };
    let server = Scripted::new(script).start().await;
    let lanes = builder(&server).max_attempts(1).lanes(3.try_into().unwrap()).open().await.unwrap();
    for n in 0..3 {
        let row = lanes.send_unkeyed(&Row::new(n)).await.unwrap();
        if n < 2 {
            lanes.wait(row).await.unwrap();
        }
    }
    let mut flushing = {
        let lanes = lanes.clone();
        tokio::spawn(async move { lanes.flush().await })
    };
    tokio::task::yield_now().await;
    // The row moves to a lane that has nothing to flush.
    failing.open();
    while lanes.stats()[2].rows_returned == 0 {
        tokio::task::yield_now().await;
    }
    assert!(tokio::time::timeout(SOON, &mut flushing).await.is_err(), "the row is not durable yet");
    keeping.open();
    flushing.await.unwrap().unwrap();
    assert_eq!(server.records.durable(), [0, 1, 2]);
}

#[tokio::test]
async fn receipts_follow_rows_to_another_lane() {
    let server = lose(3, 2).await;
    let lanes = builder(&server).lanes(4.try_into().unwrap()).open().await.unwrap();
    let mut receipts = Vec::new();
    for n in 0..200 {
        receipts.push(lanes.receipt(lanes.send(&(n % KEYS), &Row::new(n)).await.unwrap()));
    }
    let first: Vec<_> = receipts.iter().map(LaneReceipt::offset).collect();
    let mut moved = 0;
    for (receipt, first) in receipts.into_iter().zip(first) {
        moved += usize::from(tokio::spawn(receipt).await.unwrap().unwrap() != first);
    }
    assert!(moved > 0, "a lane gave up");
    let mut durable = server.records.durable();
    durable.sort_unstable();
    durable.dedup();
    assert_eq!(durable, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn lanes_that_gave_up_say_so_and_not_that_the_row_is_bad() {
    let script = |mut call: Call| async move {
        call.create().await;
        call.batch().await;
        call.fail(Status::invalid_argument("no such column")).await;
    };
    let server = Scripted::new(script).start().await;
    let lanes = builder(&server).max_rejected_rows(0).lanes(2.try_into().unwrap()).open().await.unwrap();
    let mut refused = None;
    for n in 0..10_000 {
        match tokio::time::timeout(LONG, lanes.send(&n, &Row::new(n))).await.expect("no wait without an end") {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let refused = refused.expect("all lanes gave up");
    assert_eq!(refused.kind(), ErrorKind::GaveUp);
    assert_eq!(refused.cause().unwrap().kind(), ErrorKind::Rejected);
    assert_eq!(lanes.try_send(&1, &Row::new(1)).unwrap_err().kind(), ErrorKind::GaveUp);
    assert_eq!(lanes.send_unkeyed(&Row::new(1)).await.unwrap_err().kind(), ErrorKind::GaveUp);
    assert!(lanes.is_closed() && lanes.error().is_some());
}

#[tokio::test]
async fn rows_without_a_key_go_where_there_is_room_though_a_lane_stalls() {
    let script = |mut call: Call| async move {
        call.create().await;
        if call.n == 0 {
            while call.batch().await.is_some() {}
        }
        call.serve_created().await;
    };
    let server = Scripted::new(script).start().await;
    let builder = builder(&server).max_unacked_bytes(100);
    let lanes = builder.lanes(2.try_into().unwrap()).open().await.unwrap();
    for n in 0..100 {
        let row = Row::padded(n, 50);
        tokio::time::timeout(LONG, lanes.send_unkeyed(&row)).await.expect("one lane is enough").unwrap();
    }
    let waiting: Vec<_> = (100..200)
        .map(|n| {
            let lanes = lanes.clone();
            tokio::spawn(async move { lanes.send_unkeyed(&Row::padded(n, 50)).await.unwrap() })
        })
        .collect();
    for task in waiting {
        tokio::time::timeout(LONG, task).await.expect("no row waits for the lane that stalls").unwrap();
    }
    let returned = lanes.close_within(SOON).await.unwrap_err().into_undelivered().unwrap().len();
    let (accepted, _) = settled(&lanes);
    assert_eq!((accepted, returned), (200, 1), "one row is on the lane that stalls");
}

#[tokio::test]
async fn a_full_lane_is_an_error_at_once_or_after_the_timeout() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let lanes = builder(&server).max_unacked_bytes(100).lanes(2.try_into().unwrap()).open().await.unwrap();
    lanes.try_send(&1, &Row::padded(1, 80)).unwrap();
    assert_eq!(lanes.try_send(&1, &Row::padded(2, 80)).unwrap_err().kind(), ErrorKind::Full);
    let late = lanes.send_timeout(&1, &Row::padded(2, 80), SOON).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout);
    let too_large = lanes.send_unkeyed(&Row::padded(2, 200)).await.unwrap_err();
    assert_eq!(too_large.kind(), ErrorKind::Rejected);
    gate.open();
    lanes.send_timeout(&1, &Row::padded(2, 80), LONG).await.unwrap();
    lanes.close().await.unwrap();
    assert_eq!(server.records.durable(), [1, 2]);
}

#[tokio::test]
async fn refused_rows_of_lanes_are_taken_and_returned_once() {
    let script = |mut call: Call| async move {
        call.create().await;
        while let Some(received) = call.batch().await {
            if received.rows.iter().any(|row| number(row) % 10 == 7) {
                return call.fail(Status::invalid_argument("no such column")).await;
            }
            call.keep(&received);
            call.ack(received.offset).await;
        }
    };
    let server = Scripted::new(script).start().await;
    let builder = builder(&server).max_attempts(None).max_unacked_bytes(1 << 20);
    let lanes = builder.lanes(2.try_into().unwrap()).open().await.unwrap();
    for n in 0..40 {
        lanes.send(&n, &Row::new(n)).await.unwrap();
    }
    assert_eq!(lanes.flush().await.unwrap_err().kind(), ErrorKind::Rejected);
    let taken = lanes.take_rejected().unwrap();
    let mut numbers: Vec<_> = taken.rows().map(|row| number(&row.bytes)).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [7, 17, 27, 37]);
    lanes.send(&1, &Row::new(47)).await.unwrap();
    let error = lanes.close().await.unwrap_err();
    assert_eq!(error.into_undelivered().unwrap().rows().map(|row| number(&row.bytes)).collect::<Vec<_>>(), [47]);
    assert_eq!(settled(&lanes), (41, 41));
    lanes.close().await.unwrap();
}

#[tokio::test]
async fn close_within_returns_what_no_lane_made_durable() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let lanes = builder(&server).lanes(3.try_into().unwrap()).open().await.unwrap();
    for n in 0..30 {
        lanes.send(&n, &Row::new(n)).await.unwrap();
    }
    // A close that was cancelled has returned nothing.
    assert!(tokio::time::timeout(SOON, lanes.close()).await.is_err());
    let error = lanes.close_within(SOON).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let mut returned: Vec<_> = error.into_undelivered().unwrap().rows().map(|row| number(&row.bytes)).collect();
    returned.sort_unstable();
    assert_eq!(returned, (0..30).collect::<Vec<_>>());
    assert!(lanes.close().await.unwrap_err().into_undelivered().is_none(), "rows are returned once");
}

#[tokio::test]
async fn a_cancelled_close_of_lanes_leaves_their_rows_within_reach() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let lanes = builder(&server).lanes(3.try_into().unwrap()).open().await.unwrap();
    for n in 0..30 {
        lanes.send(&n, &Row::new(n)).await.unwrap();
    }
    assert!(tokio::time::timeout(SOON, lanes.close()).await.is_err());
    gate.open();
    let reports = lanes.close().await.unwrap();
    assert_eq!(reports.iter().map(|report| report.rows).sum::<u64>(), 30);
}

#[tokio::test]
async fn reopened_lanes_send_what_was_left() {
    let script = |mut call: Call| async move {
        call.create().await;
        if call.n >= 4 {
            return call.serve_created().await;
        }
        call.batch().await;
        call.fail(Status::unavailable("going down")).await;
    };
    let server = Scripted::new(script).start().await;
    let lanes = builder(&server).max_attempts(1).lanes(2.try_into().unwrap()).open().await.unwrap();
    let mut accepted = 0;
    while lanes.send(&KEYS, &Row::new(accepted)).await.is_ok() {
        accepted += 1;
        tokio::task::yield_now().await;
    }
    let mut next = lanes.reopen().await.unwrap();
    while next.flush().await.is_err() {
        next = next.reopen().await.unwrap();
    }
    next.send(&KEYS, &Row::new(accepted)).await.unwrap();
    next.close().await.unwrap();
    let durable = server.records.durable();
    assert_eq!(durable, (0..=accepted).collect::<Vec<_>>(), "in order, once each");
    assert!(lanes.close().await.unwrap_err().into_undelivered().is_none(), "the rows are the next lanes'");
}

#[tokio::test]
async fn a_row_that_may_be_in_the_table_stays_so_from_lane_to_lane() {
    let script = |mut call: Call| async move {
        match call.n {
            0 | 1 => {
                call.create().await;
                call.batch().await;
            }
            // The next stream of the first lane is never created.
            2 => return std::future::pending().await,
            _ => {}
        }
        call.fail(Status::unavailable("going down")).await;
    };
    let server = Scripted::new(script).start().await;
    let lanes = builder(&server).lanes(2.try_into().unwrap()).open().await.unwrap();
    let calls = async |calls| {
        while server.records.calls() < calls {
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(lanes.send_unkeyed(&Row::new(0)).await.unwrap().lane(), 0);
    calls(3).await;
    let second = lanes.send_unkeyed(&Row::new(1)).await.unwrap();
    assert_eq!(second.lane(), 1);
    calls(4).await;
    while lanes.stats()[1].rows_returned == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(lanes.send_unkeyed(&Row::new(2)).await.unwrap().lane(), 0);
    let undelivered = lanes.close_within(SOON).await.unwrap_err().into_undelivered().unwrap();
    let persisted: Vec<_> = undelivered.rows().map(|row| (number(&row.bytes), row.persisted)).collect();
    assert_eq!(persisted, [(0, Persisted::Possibly), (1, Persisted::Possibly), (2, Persisted::No)]);
}

#[tokio::test]
async fn the_ack_hook_of_lanes_learns_the_lane() {
    let server = Scripted::new(Call::serve).start().await;
    let acked = Arc::new(Mutex::new(BTreeMap::new()));
    let hook = {
        let acked = Arc::clone(&acked);
        move |row: LaneOffset| _ = acked.lock().unwrap().insert(row.lane(), row.offset())
    };
    let lanes = builder(&server).lanes(3.try_into().unwrap()).on_ack(hook).open().await.unwrap();
    let mut last = BTreeMap::new();
    for n in 0..100 {
        let row = lanes.send(&n, &Row::new(n)).await.unwrap();
        last.insert(row.lane(), row.offset());
    }
    lanes.close().await.unwrap();
    assert_eq!(last.len(), 3, "every lane has rows");
    assert_eq!(*acked.lock().unwrap(), last);
}

#[tokio::test]
async fn undelivered_rows_go_on_lanes_and_keep_their_order() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let stream = builder(&server).max_unacked_bytes(1 << 20).open().await.unwrap();
    stream.send_all((0..100).map(|n| Row::padded(n, 20))).await.unwrap();
    let mut rows = stream.close_within(SOON).await.unwrap_err().into_undelivered().unwrap();
    let lanes = builder(&server).lanes(3.try_into().unwrap()).open().await.unwrap();
    // The budget is small: what does not fit stays.
    assert!(tokio::time::timeout(SOON, lanes.send_undelivered(&mut rows)).await.is_err());
    assert!(!rows.is_empty());
    gate.open();
    lanes.flush().await.unwrap();
    let last = lanes.send_undelivered(&mut rows).await.unwrap().unwrap();
    assert!(rows.is_empty());
    lanes.wait(last).await.unwrap();
    lanes.close().await.unwrap();
    assert_eq!(settled(&lanes), (100, 100));
    // The gate let through what the first stream had sent, too.
    let durable = server.records.durable();
    let last: Vec<_> = durable[durable.len() - 50..].to_vec();
    assert_eq!(last, (50..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_row_of_a_lane_that_these_lanes_do_not_have_is_unknown() {
    let server = Scripted::new(Call::serve).start().await;
    let lanes = |lanes: usize| builder(&server).lanes(lanes.try_into().unwrap()).open();
    let (two, three) = (lanes(2).await.unwrap(), lanes(3).await.unwrap());
    let mut others = Vec::new();
    for n in 0..3 {
        others.push(three.send_unkeyed(&Row::new(n)).await.unwrap());
    }
    assert!(others.iter().any(|row| row.lane() == 2), "{others:?}");
    for row in others {
        two.wait(row).await.unwrap_err();
    }
    two.close().await.unwrap();
    three.close().await.unwrap();
}

#[tokio::test]
async fn send_all_of_lanes_says_how_many_rows_were_accepted_before_the_one_that_failed() {
    let server = Scripted::new(Call::serve).start().await;
    let lanes = builder(&server).max_row_bytes(100).lanes(2.try_into().unwrap()).open().await.unwrap();
    let rows = [Row::new(0), Row::new(1), Row::padded(2, 200), Row::new(3)].map(|row| (row.n, row));
    let unsent = lanes.send_all(rows).await.unwrap_err();
    assert_eq!((unsent.accepted(), unsent.size_hint()), (2, (2, Some(2))));
    lanes.close().await.unwrap();
}

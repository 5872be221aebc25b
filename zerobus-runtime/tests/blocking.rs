//! The handle for programs without async.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scripted::gate::Gate;
use scripted::{Call, Row, Scripted, Server, number};
use serde_json::json;
use tokio::runtime::Runtime;
use tonic::Status;
use zerobus_runtime::ErrorKind;

const SOON: Duration = Duration::from_millis(50);
/// Nothing that these tests wait for takes this long, unless it takes for ever.
const LONG: Duration = Duration::from_secs(20);

fn served(script: Scripted) -> (Runtime, Server) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(script.start());
    (runtime, server)
}

#[test]
fn rows_arrive_and_waits_end() {
    let (_runtime, server) = served(Scripted::new(Call::serve));
    let stream = server.client().stream::<Row>().max_unacked_bytes(200).open_blocking().unwrap();
    let offset = stream.send(&Row::new(0)).unwrap();
    stream.wait(offset).unwrap();
    stream.send_all((1..1000).map(Row::new)).unwrap();
    stream.flush().unwrap();
    assert_eq!(stream.acked().unwrap().value(), 999);
    assert_eq!(stream.close().unwrap().rows, 1000);
    assert_eq!(server.records.durable(), (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_drop_waits_for_the_rows() {
    let (_runtime, server) = served(Scripted::new(Call::serve));
    let stream = server.client().stream::<Row>().open_blocking().unwrap();
    stream.send_all((0..1000).map(Row::new)).unwrap();
    drop(stream);
    assert_eq!(server.records.durable().len(), 1000);
}

#[test]
fn a_full_budget_times_out_and_undelivered_rows_are_returned() {
    let (_runtime, server) = served(Scripted::new(|mut call: Call| async move {
        call.create().await;
        while call.batch().await.is_some() {}
    }));
    let stream = server
        .client()
        .stream::<Row>()
        .max_unacked_bytes(1000)
        .delivery_timeout(Duration::from_millis(200))
        .open_blocking()
        .unwrap();
    stream.send(&Row::padded(0, 900)).unwrap();
    assert_eq!(stream.try_send(&Row::padded(1, 900)).unwrap_err().kind(), ErrorKind::Full);
    let late = stream.send_timeout(&Row::padded(1, 900), Duration::from_millis(1)).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout);
    let error = stream.close().unwrap_err();
    assert_eq!(error.into_undelivered().unwrap().len(), 1);
}

/// A server behind a gate.
fn gated() -> (Runtime, Server, Gate) {
    let gate = Gate::closed();
    let (runtime, server) = served(gate.server());
    (runtime, server, gate)
}

#[test]
fn threads_share_a_stream_by_its_clones() {
    let (_runtime, server) = served(Scripted::new(Call::serve));
    let stream = server.client().stream::<Row>().max_unacked_bytes(100).open_blocking().unwrap();
    let threads: Vec<_> = (0..4u64)
        .map(|thread| {
            let stream = stream.clone();
            std::thread::spawn(move || {
                let last = stream.send_all((0..100).map(|n| Row::new(thread * 100 + n))).unwrap().unwrap();
                stream.wait_timeout(last, LONG).unwrap();
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(stream.clone().close().unwrap().rows, 400);
    assert!(stream.is_closed() && stream.error().is_none());
    assert_eq!(stream.send(&Row::new(1)).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(stream.close().unwrap().rows, 400);
}

#[test]
fn close_within_returns_what_is_not_durable_and_a_wait_says_that_it_is_late() {
    let (_runtime, server, _gate) = gated();
    let stream = server.client().stream::<Row>().open_blocking().unwrap();
    let last = stream.send_all((0..3).map(Row::new)).unwrap().unwrap();
    assert_eq!(stream.wait_timeout(last, SOON).unwrap_err().kind(), ErrorKind::Timeout);
    let error = stream.close_within(SOON).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.into_undelivered().unwrap().len(), 3);
    let stats = stream.stats();
    assert_eq!(stats.rows_accepted, stats.rows_durable + stats.rows_returned);
}

#[test]
fn a_thread_that_waits_for_room_goes_on_when_another_closes() {
    let (_runtime, server, gate) = gated();
    let stream = server.client().stream::<Row>().max_unacked_bytes(100).open_blocking().unwrap();
    stream.send(&Row::padded(0, 80)).unwrap();
    let waiting = {
        let stream = stream.clone();
        std::thread::spawn(move || stream.send(&Row::padded(1, 80)))
    };
    let closing = {
        let stream = stream.clone();
        std::thread::spawn(move || stream.close())
    };
    assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::Closed);
    gate.open();
    assert_eq!(closing.join().unwrap().unwrap().rows, 1);
}

#[test]
fn a_receipt_is_a_future_of_any_runtime() {
    let (runtime, server) = served(Scripted::new(Call::serve));
    let stream = server.client().stream::<Row>().open_blocking().unwrap();
    let offset = stream.send(&Row::new(0)).unwrap();
    assert_eq!(runtime.block_on(stream.receipt(offset).unwrap()).unwrap(), offset);
}

#[test]
fn a_blocking_stream_that_gave_up_is_reopened_with_its_rows() {
    let all_sent = Gate::closed();
    let failing = all_sent.clone();
    let (_runtime, server) = served(Scripted::new(move |mut call: Call| {
        let all_sent = failing.clone();
        async move {
            call.create().await;
            if call.n > 0 {
                return call.serve_created().await;
            }
            all_sent.passed().await;
            call.fail(Status::unavailable("going down")).await;
        }
    }));
    let stream = server.client().stream::<Row>().max_attempts(1).open_blocking().unwrap();
    let last = stream.send_all((0..3).map(Row::new)).unwrap().unwrap();
    all_sent.open();
    stream.wait(last).unwrap_err();
    assert_eq!(stream.send(&Row::new(3)).unwrap_err().kind(), ErrorKind::GaveUp);
    assert!(stream.error().is_some(), "why it gave up");
    let next = stream.reopen().unwrap();
    next.send(&Row::new(3)).unwrap();
    assert_eq!(next.close().unwrap().rows, 4);
    assert_eq!(server.records.durable(), [0, 1, 2, 3]);
}

#[test]
fn a_blocking_stream_that_is_open_is_reopened_as_itself() {
    let (_runtime, server) = served(Scripted::new(Call::serve));
    let stream = server.client().stream::<Row>().open_blocking().unwrap();
    stream.reopen().unwrap().send(&Row::new(0)).unwrap();
    assert_eq!(stream.stats().rows_accepted, 1);
    assert!(!stream.is_closed());
    stream.close().unwrap();
}

/// Refuses the row of this number once.
fn refusing_once(n: u64) -> (Runtime, Server) {
    let is_refused = Arc::new(AtomicBool::new(false));
    served(Scripted::new(move |mut call: Call| {
        let is_refused = Arc::clone(&is_refused);
        async move {
            call.create().await;
            while let Some(received) = call.batch().await {
                let is_here = received.rows.iter().any(|row| number(row) == n);
                if is_here && !is_refused.swap(true, Ordering::SeqCst) {
                    return call.fail(Status::invalid_argument("no such column")).await;
                }
                call.keep(&received);
                call.ack(received.offset).await;
            }
        }
    }))
}

#[test]
fn rows_that_the_server_refused_are_taken_and_sent_by_a_blocking_stream() {
    let (_runtime, server) = refusing_once(1);
    let stream = server.client().stream::<Row>().open_blocking().unwrap();
    stream.send(&Row::new(1)).unwrap();
    assert_eq!(stream.flush().unwrap_err().kind(), ErrorKind::Rejected);
    let mut rows = stream.take_rejected().expect("the row that the server refused");
    let next = server.client().stream::<Row>().open_blocking().unwrap();
    let last = next.send_undelivered(&mut rows).unwrap();
    assert!(rows.is_empty());
    next.wait(last.expect("a row was sent")).unwrap();
    assert_eq!(server.records.durable(), [1]);
    stream.close().unwrap();
    next.close().unwrap();
}

#[test]
fn rows_that_the_server_refused_are_taken_from_blocking_lanes() {
    let (_runtime, server) = refusing_once(1);
    let lanes = server.client().stream::<Row>().lanes(1.try_into().unwrap()).open_blocking().unwrap();
    lanes.send(&1, &Row::new(1)).unwrap();
    assert_eq!(lanes.flush().unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(lanes.take_rejected().expect("the row that the server refused").len(), 1);
    lanes.close().unwrap();
}

#[test]
fn blocking_lanes_that_gave_up_say_why() {
    let (_runtime, server) = served(Scripted::new(|mut call: Call| async move {
        call.create().await;
        call.batch().await;
        call.fail(Status::unavailable("going down")).await;
    }));
    let stream = server.client().stream::<Row>().max_attempts(1);
    let lanes = stream.lanes(1.try_into().unwrap()).open_blocking().unwrap();
    let row = lanes.send(&1, &Row::new(0)).unwrap();
    lanes.wait(row).unwrap_err();
    assert!(lanes.error().expect("why they gave up").to_string().contains("going down"));
    lanes.close().unwrap_err();
}

#[test]
fn send_all_says_how_many_rows_were_accepted_before_the_one_that_failed() {
    let (_runtime, server) = served(Scripted::new(Call::serve));
    let rows = || [json!({"n": 1}), json!({"n": 2}), json!([3])];
    let stream = server.client().json_stream("main.test.rows").open_blocking().unwrap();
    assert_eq!(stream.send_all(rows()).unwrap_err().accepted(), 2);
    let lanes = server.client().json_stream("main.test.rows").lanes(2.try_into().unwrap()).open_blocking().unwrap();
    assert_eq!(lanes.send_all(rows().map(|row| (1, row))).unwrap_err().accepted(), 2);
}

#[test]
fn lanes_have_what_a_stream_has() {
    let (runtime, server, gate) = gated();
    let lanes = server.client().stream::<Row>().max_unacked_bytes(100).lanes(2.try_into().unwrap());
    let lanes = lanes.open_blocking().unwrap();
    let first = lanes.send(&1, &Row::padded(0, 80)).unwrap();
    assert_eq!(lanes.try_send(&1, &Row::padded(1, 80)).unwrap_err().kind(), ErrorKind::Full);
    let late = lanes.send_timeout(&1, &Row::padded(1, 80), SOON).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout);
    assert_eq!(lanes.wait_timeout(first, SOON).unwrap_err().kind(), ErrorKind::Timeout);
    let second = lanes.send_unkeyed(&Row::padded(1, 80)).unwrap();
    assert_ne!(first.lane(), second.lane(), "the lane that has room");
    gate.open();
    lanes.wait(second).unwrap();
    assert!(server.records.durable().contains(&1));
    runtime.block_on(lanes.receipt(first).unwrap()).unwrap();
    lanes.send_all((2..50).map(|n| (n, Row::new(n)))).unwrap();
    lanes.flush().unwrap();
    assert_eq!(server.records.durable().len(), 50);
    assert!(lanes.take_rejected().is_none() && lanes.error().is_none() && !lanes.is_closed());
    assert_eq!(lanes.stats().iter().map(|lane| lane.rows_durable).sum::<u64>(), 50);
    let same = lanes.reopen().unwrap();
    same.send(&1, &Row::new(49)).unwrap();
    assert_eq!(lanes.stats().iter().map(|lane| lane.rows_accepted).sum::<u64>(), 51, "open lanes are these lanes");
    let reports = lanes.clone().close().unwrap();
    assert_eq!(reports.iter().map(|report| report.rows).sum::<u64>(), 51);
    assert!(lanes.is_closed());

    gate.close();
    let lanes = lanes.reopen().unwrap();
    lanes.send(&1, &Row::new(50)).unwrap();
    let mut rows = lanes.close_within(SOON).unwrap_err().into_undelivered().unwrap();
    assert_eq!(rows.len(), 1);
    gate.open();
    let lanes = lanes.reopen().unwrap();
    lanes.send_undelivered(&mut rows).unwrap();
    assert!(rows.is_empty());
    lanes.close().unwrap();
    assert!(server.records.durable().contains(&50));
}

#[test]
fn dropping_lanes_waits_for_their_rows() {
    let (_runtime, server) = served(Scripted::new(Call::serve));
    let lanes = server.client().stream::<Row>().lanes(3.try_into().unwrap()).open_blocking().unwrap();
    lanes.send_all((0..1000).map(|n| (n, Row::new(n)))).unwrap();
    drop(lanes);
    assert_eq!(server.records.durable().len(), 1000);
}

#[test]
fn a_token_function_that_blocks_does_not_block_the_end() {
    let (_runtime, server) = served(Scripted::new(Call::serve));
    let (never, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = std::sync::Mutex::new(blocked);
    let client = zerobus_runtime::Client::builder()
        .endpoint(&server.url)
        .workspace_url("http://127.0.0.1:1")
        .federation(move || {
            let _ = blocked.lock().unwrap().recv();
            Err::<zerobus_runtime::Secret, _>("no token")
        })
        .build()
        .unwrap();
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let stream = client.stream::<Row>().open_timeout(SOON).max_first_attempts(1).open_blocking();
        done.send(stream.unwrap_err().kind()).unwrap();
    });
    assert_eq!(is_done.recv_timeout(LONG).expect("`open_blocking` ends"), ErrorKind::Timeout);
    drop(never);
}

//! The handle for programs without async.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::time::Duration;

use scripted::{Call, Row, Scripted, Server};
use tokio::runtime::Runtime;
use zerobus_runtime::ErrorKind;

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
fn a_full_budget_is_told_in_time_and_undelivered_rows_are_handed_back() {
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

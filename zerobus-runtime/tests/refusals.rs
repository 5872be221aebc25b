//! Rows that the server refuses, and streams that gave up: what it costs, and what is said of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use scripted::{Call, Row, Scripted, Server, number};
use tonic::Status;
use zerobus_runtime::{ErrorKind, StreamBuilder, StreamEvent};

const REFUSAL: &str = "a record does not decode. Error Code: 4044, Error State: 1.";

/// Refuses requests that hold such a row.
async fn refusing(is_bad: impl Fn(u64) -> bool + Send + Sync + 'static) -> Server {
    let is_bad = Arc::new(is_bad);
    let server = Scripted::new(move |mut call: Call| {
        let is_bad = Arc::clone(&is_bad);
        async move {
            call.create().await;
            while let Some(received) = call.batch().await {
                if received.rows.iter().any(|row| is_bad(number(row))) {
                    return call.fail(Status::invalid_argument(REFUSAL)).await;
                }
                call.keep(&received);
                call.ack(received.offset).await;
            }
        }
    });
    server.start().await
}

fn hasty(server: &Server) -> StreamBuilder<Row> {
    server.client().stream::<Row>().backoff(Duration::from_millis(1), Duration::from_millis(2))
}

fn sorted(mut rows: Vec<u64>) -> Vec<u64> {
    rows.sort_unstable();
    rows.dedup();
    rows
}

#[tokio::test]
async fn one_bad_row_of_20000_costs_at_most_three_connections_more() {
    for bad in [0, 12_345, 19_999] {
        let server = refusing(move |n| n == bad).await;
        let stream = hasty(&server).open().await.unwrap();
        stream.send_all((0..20_000).map(Row::new)).await.unwrap();
        let error = stream.flush().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        let rejected = stream.take_rejected().unwrap();
        assert_eq!(rejected.rows().map(|row| number(&row.bytes)).collect::<Vec<_>>(), [bad]);
        assert_eq!(stream.close().await.unwrap().rows, 19_999);
        assert_eq!(sorted(server.records.durable()), (0..20_000).filter(|n| *n != bad).collect::<Vec<_>>());
        // Two where the server answers fast.
        let more = server.records.calls() - 1;
        assert!(more <= 3, "{more} connections more");
    }
}

#[tokio::test]
async fn a_server_that_refuses_all_rows_is_not_hammered() {
    let pauses = Arc::<Mutex<Vec<Duration>>>::default();
    let hook = Arc::clone(&pauses);
    let server = refusing(|_| true).await;
    let stream = server.client().stream::<Row>().backoff(Duration::from_millis(8), Duration::from_millis(16));
    let stream = stream.on_event(move |event| {
        if let StreamEvent::Reconnecting { pause, .. } = event {
            hook.lock().unwrap().push(*pause);
        }
    });
    let stream = stream.open().await.unwrap();
    stream.send_all((0..1_000).map(Row::new)).await.unwrap();
    let error = stream.close().await.unwrap_err();
    assert_eq!(error.reason().code().map(zerobus_runtime::ServerCode::code), Some(4044), "{error}");
    assert_eq!(error.into_undelivered().unwrap().len(), 1_000);
    assert!(server.records.calls() <= 20, "{} connections", server.records.calls());
    let pauses = pauses.lock().unwrap();
    assert!(pauses.iter().all(|pause| *pause >= Duration::from_millis(4)), "{pauses:?}");
}

#[tokio::test]
async fn refused_rows_that_nobody_takes_do_not_hold_up_send() {
    let server = refusing(|n| n % 2 == 1).await;
    let stream = hasty(&server).max_unacked_bytes(400).max_rejected_rows(1_000).open().await.unwrap();
    // Ten times as many bytes of refused rows as the budget has for rows in flight.
    for n in 0..80 {
        let sent = tokio::time::timeout(Duration::from_secs(10), stream.send(&Row::padded(n, 100))).await;
        sent.unwrap_or_else(|_| panic!("row {n} waits on a healthy stream")).unwrap();
    }
    let error = stream.close().await.unwrap_err();
    let rejected = error.into_undelivered().unwrap();
    let expected: Vec<u64> = (0..80).filter(|n| n % 2 == 1).collect();
    assert_eq!(rejected.rows().map(|row| number(&row.bytes)).collect::<Vec<_>>(), expected);
    assert_eq!(sorted(server.records.durable()), (0..80).filter(|n| n % 2 == 0).collect::<Vec<_>>());
}

#[tokio::test]
async fn refused_rows_are_bounded_in_bytes_and_end_the_stream_with_none_lost() {
    let server = refusing(|n| n % 2 == 1).await;
    let stream = hasty(&server).max_rejected_rows(1_000).max_rejected_bytes(1_000).open().await.unwrap();
    let mut accepted = 0;
    while stream.send(&Row::padded(accepted, 100)).await.is_ok() {
        accepted += 1;
        // The stream may give up meanwhile.
        let _ = stream.flush().await;
    }
    assert!((10..40).contains(&accepted), "{accepted}");
    let undelivered = stream.close().await.unwrap_err().into_undelivered().unwrap();
    let mut all = server.records.durable();
    all.extend(undelivered.rows().map(|row| number(&row.bytes)));
    assert_eq!(sorted(all), (0..accepted).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_that_gave_up_says_so_and_does_not_blame_the_next_row() {
    let server = refusing(|n| n < 3).await;
    let stream = hasty(&server).max_rejected_rows(0).open().await.unwrap();
    stream.send(&Row::new(0)).await.unwrap();
    stream.flush().await.unwrap_err();
    for error in [
        stream.send(&Row::new(10)).await.unwrap_err(),
        stream.try_send(&Row::new(10)).unwrap_err(),
        stream.send_timeout(&Row::new(10), Duration::from_secs(1)).await.unwrap_err(),
        stream.send_all([Row::new(10)]).await.unwrap_err().into(),
    ] {
        assert_eq!(error.kind(), ErrorKind::GaveUp);
        assert_eq!(error.cause().unwrap().kind(), ErrorKind::Rejected);
        let text = error.to_string();
        assert!(text.contains("gave up") && text.contains("4044") && text.contains(error.remedy().unwrap()), "{text}");
    }
    let error = stream.close().await.unwrap_err();
    assert_eq!(error.into_undelivered().unwrap().len(), 1);
    let closed = stream.reopen().await.unwrap();
    closed.send(&Row::new(10)).await.unwrap();
    assert_eq!(closed.close().await.unwrap().rows, 1);
    let error = closed.send(&Row::new(10)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Closed), "{error}");
}

#[tokio::test]
async fn refused_rows_are_limited_in_a_time_and_not_for_ever() {
    let server = refusing(|n| n % 10 == 5).await;
    let stream = hasty(&server).max_rejected_rows(2).rejected_within(Duration::from_millis(50)).open().await.unwrap();
    for round in 0..6 {
        stream.send_all((round * 10..round * 10 + 10).map(Row::new)).await.unwrap();
        stream.flush().await.unwrap_err();
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let rejected = stream.take_rejected().unwrap();
    assert_eq!(rejected.len(), 6);
    assert_eq!(stream.close().await.unwrap().rows, 54);
}

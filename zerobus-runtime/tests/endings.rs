//! What a stream says when it ends without a `close`: at its drop, and at the end of the runtime.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::time::Duration;

use scripted::{Call, Log, Row, Scripted};
use tonic::Status;
use tracing::Level;
use zerobus_runtime::{ErrorKind, IngestStream, Lanes};

async fn swallow(mut call: Call) {
    call.create().await;
    while call.batch().await.is_some() {}
}

async fn stream_with_three_rows(timeout: Duration) -> IngestStream<Row> {
    let server = Scripted::new(swallow).start().await;
    let stream = server.client().stream::<Row>().delivery_timeout(timeout).open().await.unwrap();
    stream.send_all([Row::new(0), Row::new(1), Row::new(2)]).await.unwrap();
    stream
}

#[tokio::test]
async fn a_dropped_stream_says_at_error_what_it_could_not_deliver() {
    let log = Log::default();
    let _guard = log.listen(Level::ERROR);
    drop(stream_with_three_rows(Duration::from_millis(50)).await);
    while !log.text().contains("dropped, not closed") {
        tokio::task::yield_now().await;
    }
    let text = log.text();
    assert!(text.contains("rows=3") && text.contains("main.test.rows"), "{text}");
}

#[test]
fn a_runtime_that_shuts_down_says_at_error_what_it_takes_along() {
    let log = Log::default();
    let _guard = log.listen(Level::ERROR);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(stream_with_three_rows(Duration::from_secs(300)));
    drop(stream);
    drop(runtime);
    let text = log.text();
    assert!(text.contains("rows=3") && text.contains("runtime shut down"), "{text}");
}

#[test]
fn a_runtime_that_shuts_down_leaves_nobody_waiting_and_hands_the_rows_back() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(stream_with_three_rows(Duration::from_secs(300)));
    drop(runtime);
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = other.block_on(stream.flush()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    let error = other.block_on(stream.close()).unwrap_err();
    assert_eq!(error.into_undelivered().unwrap().len(), 3);
}

async fn lanes_with_three_rows(timeout: Duration) -> Lanes<Row> {
    let server = Scripted::new(swallow).start().await;
    let builder = server.client().stream::<Row>().delivery_timeout(timeout);
    let lanes = builder.lanes(2.try_into().unwrap()).open().await.unwrap();
    for n in 0..3 {
        lanes.send(&n, &Row::new(n)).await.unwrap();
    }
    lanes
}

/// How many rows were reported as lost, once there are as many.
async fn lost(log: &Log, rows: u64) -> u64 {
    let lost = || -> u64 {
        let text = log.text();
        let counts = text.split("rows=").skip(1).filter_map(|rest| rest.split(' ').next()?.trim().parse::<u64>().ok());
        counts.sum()
    };
    let all = async {
        while lost() < rows {
            tokio::task::yield_now().await;
        }
    };
    // Where some are missing, the sum says so.
    let _ = tokio::time::timeout(Duration::from_secs(10), all).await;
    lost()
}

#[tokio::test]
async fn dropped_lanes_say_at_error_what_they_could_not_deliver() {
    let log = Log::default();
    let _guard = log.listen(Level::ERROR);
    drop(lanes_with_three_rows(Duration::from_millis(50)).await);
    assert_eq!(lost(&log, 3).await, 3, "{}", log.text());
}

#[tokio::test]
async fn lanes_that_gave_up_and_are_dropped_say_at_error_what_is_stranded() {
    let log = Log::default();
    let _guard = log.listen(Level::ERROR);
    let lanes = lanes_with_three_rows(Duration::from_millis(50)).await;
    lanes.flush().await.unwrap_err();
    assert!(!log.text().contains("dropped"), "they are within reach yet");
    drop(lanes);
    assert_eq!(lost(&log, 3).await, 3, "{}", log.text());
}

#[tokio::test]
async fn lanes_whose_close_is_cancelled_and_which_are_dropped_say_at_error_what_is_lost() {
    let log = Log::default();
    let _guard = log.listen(Level::ERROR);
    let lanes = lanes_with_three_rows(Duration::from_millis(100)).await;
    assert!(tokio::time::timeout(Duration::from_millis(10), lanes.close()).await.is_err());
    drop(lanes);
    assert_eq!(lost(&log, 3).await, 3, "{}", log.text());
}

#[tokio::test]
async fn refused_rows_that_nobody_took_are_logged_as_errors_when_the_stream_is_dropped() {
    let log = Log::default();
    let _guard = log.listen(Level::ERROR);
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        call.batch().await;
        call.fail(Status::invalid_argument("no such column")).await;
    });
    let server = server.start().await;
    let stream = server.client().stream::<Row>().open().await.unwrap();
    let offset = stream.send(&Row::new(0)).await.unwrap();
    stream.wait(offset).await.unwrap_err();
    drop(stream);
    assert_eq!(lost(&log, 1).await, 1, "{}", log.text());
}

#[tokio::test]
async fn a_stream_that_gave_up_says_at_its_close_what_made_it_so() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        call.batch().await;
        call.fail(Status::unavailable("going down")).await;
    });
    let server = server.start().await;
    let stream = server.client().stream::<Row>().max_attempts(1).open().await.unwrap();
    let row = stream.send(&Row::new(0)).await.unwrap();
    stream.wait(row).await.unwrap_err();
    let reason = stream.error().expect("it gave up");
    let text = stream.close().await.unwrap_err().to_string();
    assert!(text.starts_with(&reason.to_string()), "{text}");
}

#[tokio::test]
async fn a_stream_is_printed_with_its_table() {
    let stream = stream_with_three_rows(Duration::from_secs(300)).await;
    assert!(format!("{stream:?}").contains("main.test.rows"), "{stream:?}");
    stream.close_within(Duration::ZERO).await.unwrap_err();
}

#[tokio::test]
async fn a_task_that_sends_row_after_row_lets_others_run() {
    let server = Scripted::new(swallow).start().await;
    let stream = server.client().stream::<Row>().max_unacked_bytes(1 << 26).open().await.unwrap();
    let other = tokio::spawn(async {});
    let mut rows = 0..100_000;
    while let Some(n) = rows.next().filter(|_| !other.is_finished()) {
        stream.send(&Row::new(n)).await.unwrap();
    }
    assert!(!rows.is_empty(), "no task ran beside this one");
    stream.close_within(Duration::ZERO).await.unwrap_err();
}

//! What a stream says when it ends without a `close`: at its drop, and at the end of the runtime.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::time::Duration;

use scripted::{Call, Log, Row, Scripted};
use tracing::Level;
use zerobus_runtime::{ErrorKind, IngestStream};

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

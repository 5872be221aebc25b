//! What a stream says when it ends without a `close`: at its drop, and at the end of the runtime.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scripted::{Call, Row, Scripted};
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;
use zerobus_runtime::{ErrorKind, IngestStream};

/// What was logged at ERROR.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Listens on this thread until the guard is dropped.
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber =
            tracing_subscriber::fmt().with_max_level(Level::ERROR).with_ansi(false).with_writer(self.clone()).finish();
        tracing::subscriber::set_default(subscriber)
    }
}

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

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
    let _guard = log.listen();
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
    let _guard = log.listen();
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

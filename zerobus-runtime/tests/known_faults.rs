//! One test for each fault that users of today's clients suffer from, named after it.
//!
//! Those that are not the client's have their tests elsewhere: drift found in production in
//! `zerobus-codegen/tests/drift.rs`, schema tools that disagree in `tests/peer/tests/descriptors.rs`, the missing
//! emulator in `tests/tests/faults.rs`. Duplicates stay: delivery is at least once, and a returned row says whether it
//! may be in the table already.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use scripted::{Call, Row, Scripted, Server, client, number};
use tokio::sync::Notify;
use tonic::Status;
use zerobus_runtime::{
    CloseError, Date, Error, ErrorKind, IngestStream, Persisted, StreamBuilder, StreamEvent, Timestamp,
};

fn rows(range: std::ops::Range<u64>) -> Vec<Row> {
    range.map(Row::new).collect()
}

fn hasty(server: &Server) -> StreamBuilder<Row> {
    server.client().stream::<Row>().backoff(Duration::from_millis(1), Duration::from_millis(20))
}

fn returned(error: CloseError) -> Vec<(u64, Persisted)> {
    let undelivered = error.into_undelivered().expect("an error of close holds the rows");
    undelivered.rows().map(|row| (number(&row.bytes), row.persisted)).collect()
}

/// Acknowledges nothing.
async fn swallow(mut call: Call) {
    call.create().await;
    while call.batch().await.is_some() {}
}

#[tokio::test]
async fn rows_lost_without_a_word_at_flush() {
    let server = Scripted::new(swallow).start().await;
    let stream = hasty(&server).delivery_timeout(Duration::from_millis(200)).open().await.unwrap();
    stream.send_all(rows(0..10)).await.unwrap();
    let error = stream.flush().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(returned(stream.close().await.unwrap_err()).len(), 10);
}

#[tokio::test]
async fn rows_lost_without_a_word_at_close() {
    let server = Scripted::new(swallow).start().await;
    let stream = hasty(&server).delivery_timeout(Duration::from_millis(200)).open().await.unwrap();
    stream.send_all(rows(0..10)).await.unwrap();
    let error = stream.close().await.unwrap_err();
    assert!(error.to_string().contains("10 rows were not delivered"), "{error}");
    let expected: Vec<_> = (0..10).map(|n| (n, Persisted::Possibly)).collect();
    assert_eq!(returned(error), expected);
}

#[tokio::test]
async fn rows_lost_without_a_word_at_drop() {
    let timeouts = Arc::new((Mutex::new(Vec::new()), Notify::new()));
    let hook = Arc::clone(&timeouts);
    let server = Scripted::new(swallow).start().await;
    let stream = hasty(&server)
        .delivery_timeout(Duration::from_millis(200))
        .on_event(move |event| {
            if let StreamEvent::Failed { error, .. } = event {
                hook.0.lock().unwrap().push(error.kind());
                hook.1.notify_one();
            }
        })
        .open()
        .await
        .unwrap();
    stream.send_all(rows(0..10)).await.unwrap();
    drop(stream);
    timeouts.1.notified().await;
    assert_eq!(*timeouts.0.lock().unwrap(), [ErrorKind::Timeout]);
}

#[tokio::test]
async fn rows_lost_when_a_future_is_cancelled() {
    let server = Scripted::new(Call::serve).start().await;
    let stream = server.client().stream::<Row>().max_unacked_bytes(100).open().await.unwrap();
    let mut accepted = Vec::new();
    for n in 0..2000 {
        let row = Row::new(n);
        // Ready at once or dropped.
        let sent = tokio::time::timeout(Duration::ZERO, stream.send(&row)).await;
        if let Ok(sent) = sent {
            assert_eq!(sent.unwrap().value(), accepted.len() as u64, "a dropped send leaves no gap");
            accepted.push(n);
        }
        if n % 10 == 0 {
            let _ = tokio::time::timeout(Duration::ZERO, stream.flush()).await;
        }
    }
    let report = stream.close().await.unwrap();
    assert_eq!(report.rows, accepted.len() as u64);
    assert_eq!(server.records.durable(), accepted);
}

#[tokio::test]
async fn a_fixed_pause_without_jitter_between_attempts() {
    let pauses = Arc::new(Mutex::new(Vec::new()));
    let hook = Arc::clone(&pauses);
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        call.batch().await;
        call.fail(Status::unavailable("no")).await;
    });
    let server = server.start().await;
    let stream = server
        .client()
        .stream::<Row>()
        .backoff(Duration::from_millis(4), Duration::from_millis(64))
        .max_attempts(12)
        .on_event(move |event| {
            if let StreamEvent::Reconnecting { pause, .. } = event {
                hook.lock().unwrap().push(*pause);
            }
        })
        .open()
        .await
        .unwrap();
    stream.send(&Row::new(0)).await.unwrap();
    stream.close().await.unwrap_err();
    let pauses = pauses.lock().unwrap();
    assert_eq!(pauses.len(), 11);
    for (n, pause) in pauses.iter().enumerate() {
        let full = Duration::from_millis((4 << n.min(4)).min(64));
        assert!((full / 2..=full).contains(pause), "pause {n} is {pause:?}");
    }
    let late: std::collections::BTreeSet<_> = pauses[4..].iter().collect();
    assert!(late.len() > 1, "no two clients come back at the same time: {pauses:?}");
}

#[tokio::test]
async fn a_server_that_accepts_and_drops_is_retried_for_ever() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        call.batch().await;
    });
    let server = server.start().await;
    let stream = hasty(&server).max_attempts(5).open().await.unwrap();
    stream.send(&Row::new(0)).await.unwrap();
    let error = stream.close().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(error.to_string().contains("5 attempts"), "{error}");
    assert_eq!(server.records.calls(), 5);
}

#[tokio::test]
async fn a_server_that_asks_for_new_streams_without_end_is_obeyed_for_ever() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        call.batch().await;
        call.close_signal(Duration::ZERO).await;
        while call.batch().await.is_some() {}
    });
    let server = server.start().await;
    let stream = hasty(&server).max_attempts(5).open().await.unwrap();
    stream.send(&Row::new(0)).await.unwrap();
    assert_eq!(stream.close().await.unwrap_err().kind(), ErrorKind::Transport);
    assert_eq!(server.records.calls(), 5);
}

#[tokio::test]
async fn repeated_acks_put_off_the_ack_timeout() {
    let server = Scripted::new(|mut call: Call| async move {
        if call.n > 0 {
            return call.serve().await;
        }
        call.create().await;
        let first = call.batch().await.unwrap();
        call.keep(&first);
        loop {
            call.ack(first.offset).await;
            if call.responses.is_closed() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let server = server.start().await;
    let stream = hasty(&server).ack_timeout(Duration::from_millis(100)).open().await.unwrap();
    let first = stream.send(&Row::new(0)).await.unwrap();
    stream.wait(first).await.unwrap();
    stream.send(&Row::new(1)).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!((server.records.durable(), server.records.calls()), (vec![0, 1], 2));
}

#[tokio::test]
async fn acks_beyond_what_was_sent_are_believed() {
    let server = Scripted::new(|mut call: Call| async move {
        if call.n > 0 {
            return call.serve().await;
        }
        call.create().await;
        let first = call.batch().await.unwrap();
        call.ack(first.offset + 1000).await;
        while call.batch().await.is_some() {}
    });
    let server = server.start().await;
    let stream = hasty(&server).open().await.unwrap();
    stream.send_all(rows(0..50)).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(server.records.durable(), (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_bad_row_takes_the_batch_and_the_stream() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        while let Some(received) = call.batch().await {
            if received.rows.iter().any(|row| number(row) == 77) {
                let refusal = "a record does not decode. Error Code: 4044, Error State: 1.";
                return call.fail(Status::invalid_argument(refusal)).await;
            }
            call.keep(&received);
            call.ack(received.offset).await;
        }
    });
    let server = server.start().await;
    let stream = hasty(&server).open().await.unwrap();
    stream.send_all(rows(0..200)).await.unwrap();
    let refused = stream.flush().await.unwrap_err();
    assert_eq!(refused.code().map(zerobus_runtime::ServerCode::code), Some(4044));
    stream.flush().await.expect("a rejection is reported once");
    let rejected = stream.take_rejected().unwrap();
    assert_eq!(rejected.rows().map(|row| number(&row.bytes)).collect::<Vec<_>>(), [77]);
    stream.send(&Row::new(200)).await.unwrap();
    let report = stream.close().await.unwrap();
    assert_eq!((report.rows, report.stats.rows_returned), (200, 1));
    let expected: Vec<u64> = (0..=200).filter(|n| *n != 77).collect();
    assert_eq!(server.records.durable(), expected);
}

#[tokio::test]
async fn a_row_that_cannot_be_written_takes_its_batch() {
    struct Bad(bool);
    impl serde::Serialize for Bad {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::{Error, SerializeMap};
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry("n", &1)?;
            if self.0 {
                return Err(S::Error::custom("half a row"));
            }
            map.end()
        }
    }

    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let server = Scripted::new(move |mut call: Call| {
        let sender = sender.clone();
        async move {
            call.create().await;
            while let Some(received) = call.batch().await {
                for row in received.rows {
                    sender.send(String::from_utf8(row).unwrap()).unwrap();
                }
                call.ack(received.offset).await;
            }
        }
    });
    let server = server.start().await;
    let stream = server.client().json_stream("main.test.rows").linger(Duration::from_secs(60)).open().await.unwrap();
    stream.send(&Bad(false)).await.unwrap();
    assert_eq!(stream.send(&Bad(true)).await.unwrap_err().kind(), ErrorKind::Rejected);
    stream.send(&Bad(false)).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(receiver.recv().await.unwrap(), r#"{"n":1}"#);
    assert_eq!(receiver.recv().await.unwrap(), r#"{"n":1}"#);
}

#[tokio::test]
async fn memory_is_bounded_by_a_count_and_there_is_no_try_send() {
    let server = Scripted::new(swallow).start().await;
    let stream =
        hasty(&server).max_unacked_bytes(1 << 20).delivery_timeout(Duration::from_millis(300)).open().await.unwrap();
    let refused = (0..).find_map(|n| stream.try_send(&Row::padded(n, 100_000)).err()).unwrap();
    assert_eq!(refused.kind(), ErrorKind::Full);
    let bytes = stream.stats().bytes_in_flight;
    assert!((900_000..=1 << 20).contains(&bytes), "{bytes}");
    assert_eq!(returned(stream.close().await.unwrap_err()).len(), 10);
}

#[tokio::test]
async fn everyone_writes_batching_again() {
    let requests = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    let server = Scripted::new(move |mut call: Call| {
        let counter = Arc::clone(&counter);
        async move {
            call.create().await;
            while let Some(received) = call.batch().await {
                counter.fetch_add(1, Ordering::Relaxed);
                call.ack(received.offset).await;
            }
        }
    });
    let server = server.start().await;
    let stream = hasty(&server).open().await.unwrap();
    for row in rows(0..100_000) {
        stream.send(&row).await.unwrap();
    }
    stream.close().await.unwrap();
    let requests = requests.load(Ordering::Relaxed);
    assert!(requests < 5000, "{requests} requests for 100,000 rows that were sent one by one");
}

#[tokio::test]
async fn errors_are_strings_without_a_remedy() {
    for (status, kind, hint) in [
        (Status::permission_denied("no. Error Code: 3, Error State: 1."), ErrorKind::Credentials, "MODIFY"),
        (Status::internal("no. Error Code: 1022, Error State: 1."), ErrorKind::Schema, "generated columns"),
        (Status::invalid_argument("no. Error Code: 4024, Error State: 1."), ErrorKind::Schema, "grant"),
        (Status::invalid_argument("no. Error Code: 8001, Error State: 1."), ErrorKind::Schema, "schema"),
        (Status::not_found("no such table"), ErrorKind::Schema, "table's name"),
        (Status::unimplemented("what"), ErrorKind::Configuration, "ZEROBUS_SERVER_ENDPOINT"),
    ] {
        let message = status.message().to_owned();
        let server = Scripted::new(move |call: Call| {
            let status = status.clone();
            async move { call.fail(status).await }
        });
        let server = server.start().await;
        let error = hasty(&server).open().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.remedy().unwrap().contains(hint), "{error}");
        let text = full_text(&error);
        assert!(text.contains("main.test.rows") && text.contains(&message), "{text}");
    }
}

fn full_text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

#[test]
fn timestamps_are_converted_by_hand() {
    let millis = 1_517_966_773_840;
    assert_eq!(Timestamp::from_millis(millis).unwrap().as_micros(), millis * 1_000);
    // A number of another unit is out of range, or says so in its name.
    assert!(Timestamp::from_secs(millis).is_err());
    // Before 1970 the fraction is floored and not cut off; beyond 2038 nothing overflows.
    let before = std::time::SystemTime::UNIX_EPOCH - Duration::from_nanos(1);
    assert_eq!(Timestamp::try_from(before).unwrap().as_micros(), -1);
    assert_eq!(Timestamp::from_micros(-1).unwrap().date(), Date::from_ymd(1969, 12, 31).unwrap());
    assert_eq!(Timestamp::from_secs(1 << 32).unwrap().to_string(), "2106-02-07T06:28:16Z");
}

#[tokio::test]
async fn a_token_in_a_log() {
    let secret = "a-secret-that-nobody-may-see";
    let builder = zerobus_runtime::Client::builder()
        .endpoint("https://1.zerobus.example.com")
        .workspace_url("https://example.com")
        .credentials("id", secret);
    assert!(!format!("{builder:?}").contains(secret));
    assert!(!format!("{:?}", builder.build().unwrap()).contains(secret));
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_hangs_the_program() {
    // It takes connections, and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let start = Instant::now();
    let opened: Result<IngestStream<Row>, Error> = client(&url)
        .build()
        .unwrap()
        .stream::<Row>()
        .open_timeout(Duration::from_millis(50))
        .backoff(Duration::from_millis(1), Duration::from_millis(2))
        .open()
        .await;
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(start.elapsed() < Duration::from_secs(5));
}

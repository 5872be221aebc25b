//! The whole client over real sockets against a scripted server: rows, acknowledgements, reconnections, ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::time::Duration;

use scripted::{Call, Row, Scripted, client, number, recording};
use tonic::Status;
use zerobus_runtime::{ErrorKind, Persisted};

fn rows(range: std::ops::Range<u64>) -> Vec<Row> {
    range.map(Row::new).collect()
}

#[tokio::test]
async fn every_row_arrives_once_and_in_order() {
    let server = Scripted::new(Call::serve).start().await;
    let stream = server.client().stream::<Row>().open().await.unwrap();
    let last = stream.send_all(rows(0..10_000)).await.unwrap().unwrap();
    stream.wait(last).await.unwrap();
    assert_eq!(stream.acked(), Some(last));
    let report = stream.close().await.unwrap();
    assert_eq!((report.rows, report.stats.rows_durable, report.stats.rows_replayed), (10_000, 10_000, 0));
    assert_eq!(server.records.durable(), (0..10_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_stream_is_created_with_table_and_descriptor() {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let server = Scripted::new(move |mut call: Call| {
        let sender = sender.clone();
        async move {
            sender.send(call.create().await).await.unwrap();
            call.serve_created().await;
        }
    });
    let server = server.start().await;
    let stream = server.client().stream::<Row>().open().await.unwrap();
    let create = receiver.recv().await.unwrap();
    assert_eq!(create.table_name(), "main.test.rows");
    let descriptor: prost_types::DescriptorProto = prost::Message::decode(create.descriptor_proto()).unwrap();
    assert_eq!(descriptor, <Row as zerobus_runtime::ZerobusMessage>::descriptor());
    assert_eq!(server.records.authorizations.lock().unwrap()[0], "Bearer token-1");
    stream.close().await.unwrap();
}

#[tokio::test]
async fn rows_of_json_arrive_as_text() {
    let (server, records) = recording().await;
    let stream = server.client().json_stream("main.test.rows").open().await.unwrap();
    stream.send(&serde_json::json!({"n": 1, "pad": "ä".repeat(100)})).await.unwrap();
    stream.close().await.unwrap();
    let records = records.lock().unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&records[0]).unwrap(),
        serde_json::json!({"n": 1, "pad": "ä".repeat(100)})
    );
}

#[tokio::test]
async fn a_lost_connection_is_replaced_and_unacked_rows_are_sent_again() {
    let server = Scripted::new(|mut call: Call| async move {
        if call.n > 0 {
            return call.serve().await;
        }
        call.create().await;
        let first = call.batch().await.unwrap();
        call.keep(&first);
        call.ack(first.offset).await;
        // The second batch is received and forgotten.
        call.batch().await.unwrap();
        call.fail(Status::unavailable("going down")).await;
    });
    let server = server.start().await;
    let stream = server.client().stream::<Row>().open().await.unwrap();
    let first = stream.send(&Row::new(0)).await.unwrap();
    stream.wait(first).await.unwrap();
    stream.send_all(rows(1..100)).await.unwrap();
    let report = stream.close().await.unwrap();
    assert_eq!(server.records.durable(), (0..100).collect::<Vec<_>>());
    assert_eq!(report.stats.opened, 2);
    assert!(report.stats.rows_replayed > 0);
}

#[tokio::test]
async fn a_close_signal_drains_and_reopens() {
    let server = Scripted::new(|mut call: Call| async move {
        if call.n > 0 {
            return call.serve().await;
        }
        call.create().await;
        let first = call.batch().await.unwrap();
        call.close_signal(Duration::from_secs(60)).await;
        call.keep(&first);
        call.ack(first.offset).await;
        if call.batch().await.is_some() {
            call.records.violations.lock().unwrap().push("the client sent more instead of closing its side".to_owned());
        }
    });
    let server = server.start().await;
    let stream = server.client().stream::<Row>().open().await.unwrap();
    let first = stream.send(&Row::new(0)).await.unwrap();
    stream.wait(first).await.unwrap();
    stream.send_all(rows(1..100)).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(server.records.durable(), (0..100).collect::<Vec<_>>());
    assert_eq!(server.records.calls(), 2);
    assert_eq!(*server.records.violations.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn rows_that_are_refused_are_handed_back() {
    let server = Scripted::new(|mut call: Call| async move {
        // A new token is tried once.
        if call.n == 0 {
            call.create().await;
            let first = call.batch().await.unwrap();
            call.keep(&first);
            call.ack(first.offset).await;
            call.batch().await.unwrap();
        }
        call.fail(Status::permission_denied("MODIFY is missing. Error Code: 3, Error State: 1.")).await;
    });
    let server = server.start().await;
    let stream = server.client().stream::<Row>().open().await.unwrap();
    let first = stream.send(&Row::new(0)).await.unwrap();
    stream.wait(first).await.unwrap();
    let second = stream.send(&Row::new(1)).await.unwrap();
    let waited = stream.wait(second).await.unwrap_err();
    assert_eq!(waited.kind(), ErrorKind::Credentials);
    let refused = stream.send(&Row::new(2)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::GaveUp, "that says nothing of this row");
    assert_eq!(refused.cause().unwrap().kind(), ErrorKind::Credentials);
    let error = stream.close().await.unwrap_err();
    assert_eq!(error.reason().code().map(zerobus_runtime::ServerCode::code), Some(3));
    assert!(error.to_string().contains("main.test.rows") && error.to_string().contains("grant"), "{error}");
    let mut undelivered = error.into_undelivered().unwrap();
    let returned: Vec<_> = undelivered.rows().map(|row| (row.offset, number(&row.bytes), row.persisted)).collect();
    assert_eq!(returned, [(second, 1, Persisted::Possibly)]);
    assert_eq!(*server.records.authorizations.lock().unwrap(), ["Bearer token-1", "Bearer token-2"]);

    let next = Scripted::new(Call::serve).start().await;
    let stream = next.client().stream::<Row>().open().await.unwrap();
    stream.send_undelivered(&mut undelivered).await.unwrap();
    assert!(undelivered.is_empty());
    stream.close().await.unwrap();
    assert_eq!(next.records.durable(), [1]);
}

#[tokio::test]
async fn a_dropped_stream_goes_on_delivering() {
    let server = Scripted::new(Call::serve).start().await;
    let stream = server.client().stream::<Row>().open().await.unwrap();
    stream.send_all(rows(0..1000)).await.unwrap();
    drop(stream);
    while server.records.durable().len() < 1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.records.durable(), (0..1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn memory_is_bounded_in_bytes() {
    let (permit, mut go) = tokio::sync::mpsc::channel::<()>(1);
    let go = std::sync::Arc::new(tokio::sync::Mutex::new(go_once(&mut go)));
    let server = Scripted::new(move |mut call: Call| {
        let go = std::sync::Arc::clone(&go);
        async move {
            call.create().await;
            go.lock().await.recv().await;
            call.serve_created().await;
        }
    });
    let server = server.start().await;
    let stream = server.client().stream::<Row>().max_unacked_bytes(10_000).open().await.unwrap();
    let mut accepted = 0;
    let error = loop {
        match stream.try_send(&Row::padded(accepted, 500)) {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(stream.stats().bytes_in_flight <= 10_000);
    let late = stream.send_timeout(&Row::padded(accepted, 500), Duration::from_millis(1)).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout);
    drop(permit);
    stream.send(&Row::padded(accepted, 500)).await.unwrap();
    let too_large = stream.send(&Row::padded(0, 20_000)).await.unwrap_err();
    assert_eq!(too_large.kind(), ErrorKind::Rejected);
    stream.close().await.unwrap();
    assert_eq!(server.records.durable(), (0..=accepted).collect::<Vec<_>>());
}

fn go_once(receiver: &mut tokio::sync::mpsc::Receiver<()>) -> tokio::sync::mpsc::Receiver<()> {
    std::mem::replace(receiver, tokio::sync::mpsc::channel(1).1)
}

#[tokio::test]
async fn a_rejected_token_is_minted_anew_once() {
    let server = Scripted::new(|call: Call| async move {
        if call.n == 0 {
            return call.fail(Status::unauthenticated("the token is expired")).await;
        }
        call.serve().await;
    });
    let server = server.start().await;
    let stream = server.client().stream::<Row>().open().await.unwrap();
    stream.send(&Row::new(0)).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(*server.records.authorizations.lock().unwrap(), ["Bearer token-1", "Bearer token-2"]);

    let server = Scripted::new(|call: Call| async move {
        call.fail(Status::unauthenticated("who are you")).await;
    });
    let server = server.start().await;
    let error = server.client().stream::<Row>().open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials);
    assert_eq!(server.records.calls(), 2);
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_named() {
    // The port was free a moment ago, and nobody listens there.
    let url = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let stream = client(&url)
        .build()
        .unwrap()
        .stream::<Row>()
        .backoff(Duration::from_millis(1), Duration::from_millis(2))
        .open()
        .await;
    let error = stream.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    let text = format!("{error}: {}", std::error::Error::source(&error).unwrap());
    assert!(text.contains(&url) && text.contains("ZEROBUS_SERVER_ENDPOINT"), "{text}");
}

#[tokio::test]
async fn tls_trusts_an_authority_of_ones_own_and_nobody_unknown() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
    let identity = tonic::transport::Identity::from_pem(&certificate, key);
    let server = Scripted::new(Call::serve).start_tls(identity).await;

    let trusting = client(&server.url).certificate_authority(certificate).build().unwrap();
    let stream = trusting.stream::<Row>().open().await.unwrap();
    stream.send(&Row::new(0)).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(server.records.durable(), [0]);

    let wary = client(&server.url).build().unwrap().stream::<Row>();
    let error = wary.backoff(Duration::from_millis(1), Duration::from_millis(2)).open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    let text = format!("{error}: {}", std::error::Error::source(&error).unwrap());
    assert!(text.contains(&server.url), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_share_a_stream_whose_connection_is_lost_again_and_again() {
    const TASKS: u64 = 4;
    const ROWS: u64 = 3000;
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        let mut batches = 0;
        while let Some(received) = call.batch().await {
            batches += 1;
            if batches > 5 + call.n {
                return call.fail(Status::unavailable("going down")).await;
            }
            call.keep(&received);
            call.ack(received.offset).await;
        }
    });
    let server = server.start().await;
    let stream = server
        .client()
        .stream::<Row>()
        .max_unacked_bytes(2000)
        .backoff(Duration::from_millis(1), Duration::from_millis(2))
        .open()
        .await
        .unwrap();
    let stream = std::sync::Arc::new(stream);
    let tasks = (0..TASKS).map(|task| {
        let stream = std::sync::Arc::clone(&stream);
        tokio::spawn(async move {
            for n in 0..ROWS {
                let offset = stream.send(&Row::new(task * ROWS + n)).await.unwrap();
                if n % 500 == 0 {
                    stream.wait(offset).await.unwrap();
                }
            }
            stream.flush().await.unwrap();
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let stream = std::sync::Arc::into_inner(stream).unwrap();
    let report = stream.close().await.unwrap();
    assert_eq!(report.rows, TASKS * ROWS);
    assert!(report.stats.opened > 1, "the connection was lost");
    let mut durable = server.records.durable();
    durable.sort_unstable();
    durable.dedup();
    assert_eq!(durable, (0..TASKS * ROWS).collect::<Vec<_>>());
}

//! Connections: each ends on both sides, the next takes over without a pause, and silence alone ends one early.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use scripted::{Call, Connections, Row, Scripted, Server, client, number, tap};
use tonic::Status;
use zerobus_runtime::{IngestStream, StreamBuilder};

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(20);

fn hasty(url: &str) -> StreamBuilder<Row> {
    client(url).build().unwrap().stream::<Row>().backoff(Duration::from_millis(1), Duration::from_millis(2))
}

/// Waits until this is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LONG, "{what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A server that ends calls with this status while it has rows to refuse, and reads every call to its end.
async fn reading_on(status: Status, times: usize) -> Server {
    let server = Scripted::new(move |mut call: Call| {
        let status = status.clone();
        async move {
            call.create().await;
            if call.n < times {
                call.batch().await;
                call.fail(status).await;
            } else {
                call.serve_created().await;
            }
            call.read_to_end().await;
        }
    });
    server.start().await
}

#[tokio::test]
async fn a_server_that_reads_to_the_end_sees_every_request_body_end() {
    let refused = "a record does not decode. Error Code: 4044, Error State: 1.";
    for status in [
        Status::invalid_argument(refused),
        Status::unauthenticated("expired"),
        Status::internal("the stream timed out. Error Code: 6002, Error State: 1."),
        Status::unavailable("going down"),
    ] {
        let server = reading_on(status.clone(), 1).await;
        let stream = hasty(&server.url).open().await.unwrap();
        stream.send(&Row::new(0)).await.unwrap();
        // The row itself may be the one that is refused.
        let _ = stream.flush().await;
        until(&format!("the refused call ends before the stream: {status}"), || {
            server.records.reading.load(Ordering::SeqCst) == 0
        })
        .await;
        stream.send(&Row::new(1)).await.unwrap();
        let _ = stream.close().await;
        until(&format!("the last call ends with the stream: {status}"), || {
            server.records.reading.load(Ordering::SeqCst) == 0
        })
        .await;
        assert!(server.records.durable().contains(&1));
    }
}

#[tokio::test]
async fn a_stream_that_is_closed_or_fails_leaves_no_connection() {
    let server = Scripted::new(Call::serve).start().await;
    let (url, connections) = tap(&server.url, usize::MAX).await;
    hasty(&url).open().await.unwrap().close().await.unwrap();
    until("closed", || (connections.made(), connections.open()) == (1, 0)).await;

    let server = reading_on(Status::permission_denied("no"), 10).await;
    let (url, connections) = tap(&server.url, usize::MAX).await;
    let stream = hasty(&url).open().await.unwrap();
    stream.send(&Row::new(0)).await.unwrap();
    stream.close().await.unwrap_err();
    until("failed", || connections.made() > 0 && connections.open() == 0).await;
    assert_eq!(server.records.reading.load(Ordering::SeqCst), 0);
}

/// Takes calls and creates no stream.
async fn silent() -> (Server, String, Arc<Connections>) {
    let server = Scripted::new(|mut call: Call| async move { call.read_to_end().await }).start().await;
    let (url, connections) = tap(&server.url, usize::MAX).await;
    (server, url, connections)
}

#[tokio::test]
async fn an_open_that_is_dropped_leaves_no_connection_and_makes_no_other() {
    let (server, url, connections) = silent().await;
    let opening = tokio::spawn(hasty(&url).open_timeout(Duration::from_millis(300)).open());
    until("the call is there", || server.records.calls() == 1).await;
    opening.abort();
    until("the connection ends", || connections.open() == 0).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!((connections.made(), server.records.calls()), (1, 1));
}

#[tokio::test]
async fn lanes_that_fail_to_open_leave_none_that_are_still_opening() {
    let server = Scripted::new(|mut call: Call| async move {
        if call.n < 2 {
            return call.fail(Status::not_found("no such table")).await;
        }
        call.read_to_end().await;
    });
    let server = server.start().await;
    let (url, connections) = tap(&server.url, usize::MAX).await;
    let lanes = hasty(&url).lanes(NonZeroUsize::new(4).unwrap());
    lanes.open().await.unwrap_err();
    until("every lane's connection ends", || connections.open() == 0).await;
    let made = connections.made();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(connections.made(), made);
}

#[tokio::test]
async fn a_row_after_a_close_signal_does_not_wait_for_the_servers_end() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        if call.n == 0 {
            let first = call.batch().await.unwrap();
            call.keep(&first);
            call.ack(first.offset).await;
            call.close_signal(Duration::from_secs(60)).await;
            call.read_to_end().await;
            // It never ends its own side.
            std::future::pending::<()>().await;
        }
        call.serve_created().await;
    });
    let server = server.start().await;
    let stream = hasty(&server.url).open().await.unwrap();
    stream.send(&Row::new(0)).await.unwrap();
    stream.flush().await.unwrap();
    until("the client obeys", || server.records.calls() == 2).await;
    let start = Instant::now();
    stream.send(&Row::new(1)).await.unwrap();
    stream.flush().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(server.records.durable(), [0, 1]);
}

/// A separate runtime for a server, which keeps running while the test's thread is blocked.
fn elsewhere() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn acknowledgements_that_came_while_the_process_stood_still_count() {
    let servers = elsewhere();
    let (received, has_received) = mpsc::channel();
    let (go, may_go) = tokio::sync::mpsc::channel::<()>(1);
    let (said, has_said) = mpsc::channel();
    let may_go = Arc::new(tokio::sync::Mutex::new(may_go));
    let server = Scripted::new(move |mut call: Call| {
        let (received, may_go, said) = (received.clone(), Arc::clone(&may_go), said.clone());
        async move {
            call.create().await;
            let batch = call.batch().await.unwrap();
            received.send(()).unwrap();
            may_go.lock().await.recv().await;
            call.keep(&batch);
            call.ack(batch.offset).await;
            said.send(()).unwrap();
            call.serve_created().await;
        }
    });
    let server = servers.block_on(server.start());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = hasty(&server.url).ack_timeout(Duration::from_millis(500));
        let stream = stream.delivery_timeout(Duration::from_millis(700)).open().await.unwrap();
        stream.send_all((0..10).map(Row::new)).await.unwrap();
        while has_received.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        // Now the thread of stream and transport is blocked, and the acknowledgement arrives meanwhile.
        go.send(()).await.unwrap();
        has_said.recv().unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        stream.flush().await.unwrap();
        let report = stream.close().await.unwrap();
        assert_eq!((report.rows, report.stats.opened, report.stats.rows_replayed), (10, 1, 0));
    });
    drop(servers);
}

#[tokio::test]
async fn a_server_that_acknowledges_slowly_and_steadily_is_not_reset() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        while let Some(received) = call.batch().await {
            tokio::time::sleep(Duration::from_millis(60)).await;
            call.keep(&received);
            call.ack(received.offset).await;
        }
    });
    let server = server.start().await;
    let stream = hasty(&server.url).max_batch_rows(1).ack_timeout(Duration::from_millis(400)).open().await.unwrap();
    // The last one waits for more than twice the timeout.
    stream.send_all((0..16).map(Row::new)).await.unwrap();
    let report = stream.close().await.unwrap();
    assert_eq!((report.rows, report.stats.opened), (16, 1));
}

async fn sent(stream: &IngestStream<Row>, rows: u64) {
    stream.send_all((0..rows).map(|n| Row::padded(n, 100))).await.unwrap();
}

#[tokio::test]
async fn whatever_lets_some_bytes_through_lets_all_rows_through() {
    // From what begins a connection and one request to nearly everything.
    for most in [1_200, 3_000, 20_000, 100_000] {
        let server = Scripted::new(Call::serve).start().await;
        let (url, connections) = tap(&server.url, most).await;
        let stream = hasty(&url).max_batch_bytes(1_000).open().await.unwrap();
        let rows = if most < 10_000 { 100 } else { 2_000 };
        sent(&stream, rows).await;
        let closed = tokio::time::timeout(LONG, stream.close()).await;
        let report = closed.unwrap_or_else(|_| panic!("no end with {most} bytes a connection")).unwrap();
        assert_eq!(report.rows, rows);
        let mut durable = server.records.durable();
        durable.sort_unstable();
        durable.dedup();
        assert_eq!(durable, (0..rows).collect::<Vec<_>>());
        assert!(connections.made() > 1, "{most} bytes were enough");
    }
}

#[test]
fn a_server_that_acknowledges_every_request_in_a_frame_of_its_own_may_run_ahead_of_a_slow_hook() {
    const ROWS: u64 = 20_000;
    let servers = elsewhere();
    let (all, has_all) = mpsc::channel();
    let server = Scripted::new(move |mut call: Call| {
        let all = all.clone();
        async move {
            call.create().await;
            while let Some(received) = call.batch().await {
                let last = received.rows.iter().any(|row| number(row) == ROWS - 1);
                call.keep(&received);
                call.ack(received.offset).await;
                if last {
                    let _ = all.send(());
                }
            }
        }
    });
    let server = servers.block_on(server.start());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let has_all = Mutex::new(Some(has_all));
        let stream = hasty(&server.url).max_batch_rows(1).on_ack(move |_| {
            // The first one waits until every acknowledgement is on its way.
            if let Some(has_all) = has_all.lock().unwrap().take() {
                tokio::task::block_in_place(|| has_all.recv_timeout(LONG)).unwrap();
            }
        });
        let stream = stream.open().await.unwrap();
        stream.send_all((0..ROWS).map(Row::new)).await.unwrap();
        let report = stream.close().await.unwrap();
        assert_eq!((report.rows, report.stats.opened), (ROWS, 1));
    });
    drop(servers);
}

#[tokio::test]
async fn a_row_over_tls_goes_out_without_another_behind_it() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
    let server = Scripted::new(Call::serve).start_tls(tonic::transport::Identity::from_pem(&certificate, key)).await;
    let client = client(&server.url).certificate_authority(certificate).build().unwrap();
    let stream = client.stream::<Row>().open().await.unwrap();
    // Around whole frames of HTTP/2 and whole records of TLS.
    for (n, bytes) in (0..).zip([1, 16_000, 16_300, 16_350, 16_384, 16_400, 32_700, 32_768, 65_536, 200_000]) {
        let offset = stream.send(&Row::padded(n, bytes)).await.unwrap();
        let durable = tokio::time::timeout(Duration::from_secs(5), stream.wait(offset)).await;
        durable.unwrap_or_else(|_| panic!("a row of {bytes} bytes lies in a buffer")).unwrap();
    }
    stream.close().await.unwrap();
}

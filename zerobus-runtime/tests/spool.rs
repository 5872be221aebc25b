//! Streams with a spool over real sockets: what is left on disk is sent by the next stream, however the first one
//! ended.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scripted::gate::Gate;
use scripted::{Call, Row, Scripted, Server, client, number, recording, silent};
use tokio::sync::{Semaphore, watch};
use tonic::Status;
use zerobus_runtime::{
    ErrorKind, IngestStream, SpoolFolder, SpoolLevel, SpoolOverflow, StreamBuilder, StreamEvent, Undelivered,
    ZerobusMessage,
};

const LEVELS: [SpoolLevel; 3] =
    [SpoolLevel::Process, SpoolLevel::Interval(Duration::from_millis(20)), SpoolLevel::Power];

fn rows(range: std::ops::Range<u64>) -> Vec<Row> {
    range.map(Row::new).collect()
}

/// Events of a stream.
#[derive(Debug, Clone, Default)]
struct Events(Arc<Mutex<Vec<StreamEvent>>>);

impl Events {
    fn watch<T>(&self, stream: StreamBuilder<T>) -> StreamBuilder<T> {
        let events = Arc::clone(&self.0);
        stream.on_event(move |event| events.lock().unwrap().push(event.clone()))
    }

    fn recovered(&self) -> Option<u64> {
        self.0.lock().unwrap().iter().find_map(|event| match event {
            StreamEvent::Recovered { rows, .. } => Some(*rows),
            _ => None,
        })
    }
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn leave_rows(folder: &Path, level: SpoolLevel, range: std::ops::Range<u64>) {
    let server = silent().await;
    let stream = server.client().stream::<Row>().spool(folder).spool_level(level).open().await.unwrap();
    let last = stream.send_all(rows(range)).await.unwrap().unwrap();
    stream.spooled(last).await.unwrap();
    let error = stream.close_within(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("rows stay in the spool"), "{error}");
    assert!(error.undelivered().is_none(), "{error}");
}

#[tokio::test]
async fn a_spooled_stream_delivers_every_row_once_and_leaves_nothing_on_disk() {
    for level in LEVELS {
        let folder = tempfile::tempdir().unwrap();
        let server = Scripted::new(Call::serve).start().await;
        let stream = server.client().stream::<Row>().spool(folder.path()).spool_level(level).open().await.unwrap();
        let last = stream.send_all(rows(0..20_000)).await.unwrap().unwrap();
        stream.spooled(last).await.unwrap();
        stream.wait(last).await.unwrap();
        let report = stream.close().await.unwrap();
        assert_eq!((report.rows, report.stats.rows_replayed, report.stats.rows_on_disk), (20_000, 0, 0));
        assert_eq!(server.records.durable(), (0..20_000).collect::<Vec<_>>());
        assert_eq!(files(folder.path()), ["lock", "position", "spool.json"]);
    }
}

#[tokio::test]
async fn rows_that_a_stream_leaves_are_sent_first_by_the_next_one() {
    for level in LEVELS {
        let folder = tempfile::tempdir().unwrap();
        leave_rows(folder.path(), level, 0..1000).await;
        leave_rows(folder.path(), level, 1000..1500).await;
        let server = Scripted::new(Call::serve).start().await;
        let events = Events::default();
        let stream = server.client().stream::<Row>().spool(folder.path()).spool_level(level);
        let stream = events.watch(stream).open().await.unwrap();
        let last = stream.send_all(rows(1500..1600)).await.unwrap().unwrap();
        assert_eq!(last.value(), 1599, "offsets go on where the stream before ended");
        let report = stream.close().await.unwrap();
        assert_eq!(events.recovered(), Some(1500));
        assert_eq!((report.rows, report.stats.rows_recovered), (1600, 1500));
        assert_eq!(server.records.durable(), (0..1600).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_stream_opens_and_takes_rows_while_the_service_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let away = client(&url).build().unwrap();
    let stream = away.stream::<Row>().spool(folder.path()).open().await.unwrap();
    let last = stream.send_all(rows(0..100)).await.unwrap().unwrap();
    stream.spooled(last).await.unwrap();
    drop(stream.close_within(Duration::ZERO).await.unwrap_err());
    let server = Scripted::new(Call::serve).start().await;
    let stream = server.client().stream::<Row>().spool(folder.path()).open().await.unwrap();
    assert_eq!(stream.close().await.unwrap().rows, 100);
    assert_eq!(server.records.durable(), (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_outage_fills_the_disk_and_not_the_memory() {
    let (end, outage) = watch::channel(());
    let server = Scripted::new(move |mut call: Call| {
        let mut outage = outage.clone();
        async move {
            call.create().await;
            let _ = outage.changed().await;
            call.serve_created().await;
        }
    });
    let server = server.start().await;
    let folder = tempfile::tempdir().unwrap();
    let budget = 256 * 1024;
    let stream = server.client().stream::<Row>().spool(folder.path()).max_unacked_bytes(budget);
    let stream = stream.spool_segment_bytes(1024 * 1024).open().await.unwrap();
    for n in 0..10_000 {
        stream.send(&Row::padded(n, 1000)).await.unwrap();
        assert!(stream.stats().bytes_in_flight <= budget, "{:?}", stream.stats());
    }
    assert!(stream.stats().rows_on_disk > 9000, "{:?}", stream.stats());
    end.send(()).unwrap();
    let most = AtomicUsize::new(0);
    let watch = async {
        loop {
            most.fetch_max(stream.stats().bytes_in_flight, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    };
    let report = tokio::select! {
        report = stream.close() => report.unwrap(),
        _ = watch => unreachable!(),
    };
    assert_eq!(report.rows, 10_000);
    let most = most.into_inner();
    assert!(most <= budget, "{most} bytes were in memory");
    assert_eq!(server.records.durable(), (0..10_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_spool_holds_rows_back_and_goes_on_by_itself() {
    let permits = Arc::new(Semaphore::new(0));
    let for_server = Arc::clone(&permits);
    let server = Scripted::new(move |mut call: Call| {
        let permits = Arc::clone(&for_server);
        async move {
            call.create().await;
            permits.acquire().await.unwrap().forget();
            call.serve_created().await;
        }
    });
    let server = server.start().await;
    let folder = tempfile::tempdir().unwrap();
    let events = Events::default();
    let stream = server.client().stream::<Row>().spool(folder.path()).max_unacked_bytes(256 * 1024);
    let stream = events.watch(stream.max_spool_bytes(1024 * 1024)).open().await.unwrap();
    let mut sent = 0;
    while stream.send_timeout(&Row::padded(sent, 1000), Duration::from_millis(300)).await.is_ok() {
        sent += 1;
    }
    assert!((1000..1400).contains(&sent), "{sent} rows found room");
    assert!(events.0.lock().unwrap().iter().any(|event| matches!(event, StreamEvent::SpoolFailing { .. })));
    permits.add_permits(1);
    for n in sent..3000 {
        stream.send(&Row::padded(n, 1000)).await.unwrap();
    }
    assert_eq!(stream.close().await.unwrap().rows, 3000);
    assert_eq!(server.records.durable(), (0..3000).collect::<Vec<_>>());
    assert!(events.0.lock().unwrap().iter().any(|event| matches!(event, StreamEvent::SpoolRecovered)));
}

/// The dropped rows that events reported.
fn reported_as_dropped(events: &Events) -> u64 {
    let events = events.0.lock().unwrap();
    events.iter().map(|event| if let StreamEvent::SpoolDropped { rows, .. } = event { *rows } else { 0 }).sum()
}

/// A stream with a spool of a megabyte, and a server that takes nothing before it is let.
async fn overflowing(overflow: SpoolOverflow, folder: &Path, events: &Events) -> (IngestStream<Row>, Server, Gate) {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let stream = server.client().stream::<Row>().spool(folder).max_spool_bytes(1024 * 1024).spool_overflow(overflow);
    let stream = stream.max_unacked_bytes(256 * 1024).max_batch_bytes(4096);
    (events.watch(stream).open().await.unwrap(), server, gate)
}

#[tokio::test]
async fn a_full_spool_drops_the_newest_rows_where_that_is_asked_for() {
    let (folder, events) = (tempfile::tempdir().unwrap(), Events::default());
    let (stream, server, gate) = overflowing(SpoolOverflow::DropNewest, folder.path(), &events).await;
    let (mut accepted, mut dropped) = (Vec::new(), 0);
    for n in 0..4000 {
        match stream.send(&Row::padded(n, 1000)).await {
            Ok(_) => accepted.push(n),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Storage);
                let text = error.to_string();
                assert!(text.contains("the row was dropped") && text.contains("is full"), "{text}");
                dropped += 1;
            }
        }
    }
    assert!(dropped > 1000 && accepted.len() > 500, "{dropped} rows are dropped");
    gate.open();
    let report = stream.close().await.unwrap();
    assert_eq!(report.stats.rows_dropped, dropped);
    assert_eq!(reported_as_dropped(&events), dropped);
    assert_eq!(server.records.durable(), accepted, "every row that was accepted is delivered, in order");
}

#[tokio::test]
async fn a_full_spool_drops_the_oldest_rows_where_that_is_asked_for() {
    let (folder, events) = (tempfile::tempdir().unwrap(), Events::default());
    let (stream, server, gate) = overflowing(SpoolOverflow::DropOldest, folder.path(), &events).await;
    let first = stream.send(&Row::padded(0, 1000)).await.unwrap();
    for n in 1..4000 {
        // It never waits for the service.
        stream.send(&Row::padded(n, 1000)).await.unwrap();
    }
    let error = stream.wait(first).await.unwrap_err();
    assert_eq!(error.to_string(), "row 0 was dropped, since the spool was full");
    gate.open();
    let error = stream.close().await.err();
    let stats = stream.stats();
    let durable: std::collections::BTreeSet<u64> = server.records.durable().into_iter().collect();
    assert!(stats.rows_dropped > 2000 && durable.len() > 500, "{stats:?}");
    assert_eq!(stats.rows_durable + stats.rows_returned, 4000, "{error:?}");
    assert_eq!((stats.rows_returned, reported_as_dropped(&events)), (stats.rows_dropped, stats.rows_dropped));
    assert!((stats.rows_dropped..4000).all(|row| durable.contains(&row)), "the newest rows are all there");
}

#[tokio::test]
async fn exactly_once_drops_no_row_that_has_an_offset() {
    let folder = tempfile::tempdir().unwrap();
    let server = silent().await;
    let stream = server.client().stream::<Row>().spool(folder.path()).exactly_once();
    let text = refused(stream.spool_overflow(SpoolOverflow::DropOldest).open().await);
    assert!(text.contains("`DropOldest` is not a value that spool_overflow can have"), "{text}");
    assert!(text.contains("with `exactly_once`, whose streams have no gaps"), "{text}");
}

#[tokio::test]
async fn a_lost_connection_costs_no_row() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        let mut left = 3;
        while let Some(received) = call.batch().await {
            call.keep(&received);
            left -= 1;
            if left == 0 && call.n < 20 {
                return call.fail(Status::unavailable("gone")).await;
            }
            call.ack(received.offset).await;
        }
    });
    let server = server.start().await;
    let folder = tempfile::tempdir().unwrap();
    let stream = server.client().stream::<Row>().spool(folder.path()).max_batch_rows(10);
    let stream = stream.backoff(Duration::from_millis(1), Duration::from_millis(2)).open().await.unwrap();
    stream.send_all(rows(0..2000)).await.unwrap();
    assert_eq!(stream.close().await.unwrap().rows, 2000);
    let mut durable = server.records.durable();
    durable.sort_unstable();
    durable.dedup();
    assert_eq!(durable, (0..2000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_row_that_the_server_refuses_leaves_the_spool_and_keeps_no_other_back() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        while let Some(received) = call.batch().await {
            if received.rows.iter().any(|row| number(row) == 57) {
                return call.fail(Status::invalid_argument("no such row. Error Code: 4044, Error State: 1.")).await;
            }
            call.keep(&received);
            call.ack(received.offset).await;
        }
    });
    let server = server.start().await;
    let folder = tempfile::tempdir().unwrap();
    leave_rows(folder.path(), SpoolLevel::Process, 0..100).await;
    let stream = server.client().stream::<Row>().spool(folder.path());
    let stream = stream.backoff(Duration::from_millis(1), Duration::from_millis(2)).open().await.unwrap();
    stream.send_all(rows(100..200)).await.unwrap();
    let error = stream.close().await.unwrap_err();
    let rejected: Vec<_> = error.undelivered().unwrap().rows().map(|row| number(&row.bytes)).collect();
    assert_eq!(rejected, [57]);
    let mut durable = server.records.durable();
    durable.sort_unstable();
    durable.dedup();
    assert_eq!(durable, (0..200).filter(|n| *n != 57).collect::<Vec<_>>());
    assert_eq!(files(folder.path()), ["lock", "position", "spool.json"]);
}

#[tokio::test]
async fn rows_of_an_older_program_are_sent_for_the_schema_that_they_were_written_for() {
    let folder = tempfile::tempdir().unwrap();
    let quiet = silent().await;
    let mut older = Row::descriptor();
    older.name = Some("Older".to_owned());
    for descriptor in [&older, &Row::descriptor()] {
        let stream = quiet.client().encoded_stream("main.test.rows", descriptor).spool(folder.path());
        let stream = stream.open().await.unwrap();
        for n in 0..10_u8 {
            stream.send(&[8, n]).await.unwrap();
        }
        drop(stream.close_within(Duration::ZERO).await.unwrap_err());
    }
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let server = Scripted::new(move |mut call: Call| {
        let sender = sender.clone();
        async move {
            let create = call.create().await;
            let descriptor: prost_types::DescriptorProto = prost::Message::decode(create.descriptor_proto()).unwrap();
            while let Some(received) = call.batch().await {
                for row in &received.rows {
                    sender.send((descriptor.name().to_owned(), number(row))).unwrap();
                }
                call.ack(received.offset).await;
            }
        }
    });
    let server = server.start().await;
    let stream = server.client().encoded_stream("main.test.rows", &older).spool(folder.path()).open().await.unwrap();
    stream.send(&[8, 99]).await.unwrap();
    assert_eq!(stream.close().await.unwrap().rows, 21);
    let mut came = Vec::new();
    while let Ok(row) = receiver.try_recv() {
        came.push(row);
    }
    let of = |name: &str, rows: std::ops::Range<u64>| rows.map(|n| (name.to_owned(), n)).collect::<Vec<_>>();
    assert_eq!(came, [of("Older", 0..10), of("Rows", 0..10), of("Older", 99..100)].concat());
}

#[tokio::test]
async fn rows_of_json_and_of_a_blocking_stream_are_spooled_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let quiet = silent().await;
    let url = quiet.url.clone();
    let path = folder.path().to_owned();
    let left = tokio::task::spawn_blocking(move || {
        let stream = client(&url).build().unwrap().json_stream("main.test.rows").spool(path).open_blocking().unwrap();
        stream.send(&serde_json::json!({"n": 1})).unwrap();
        stream.close_within(Duration::ZERO).unwrap_err()
    });
    assert!(left.await.unwrap().to_string().contains("1 row stays in the spool"));
    let (server, records) = recording().await;
    let stream = server.client().json_stream("main.test.rows").spool(folder.path()).open().await.unwrap();
    assert_eq!(stream.close().await.unwrap().rows, 1);
    assert_eq!(*records.lock().unwrap(), [b"{\"n\":1}"]);
}

#[tokio::test]
async fn lanes_without_async_wait_for_their_spools() {
    let folder = tempfile::tempdir().unwrap();
    let quiet = silent().await;
    let (url, path) = (quiet.url.clone(), folder.path().to_owned());
    let sent = tokio::task::spawn_blocking(move || {
        let lanes =
            client(&url).build().unwrap().json_stream("main.test.rows").spool(path).lanes(2.try_into().unwrap());
        let lanes = lanes.open_blocking().unwrap();
        for n in 0..10 {
            lanes.send_spooled(&n, &serde_json::json!({ "n": n })).unwrap();
        }
        let last = lanes.send("key", &serde_json::json!({ "n": 10 })).unwrap();
        lanes.spooled(last).unwrap();
        lanes.close_within(Duration::ZERO).unwrap_err().to_string()
    });
    let error = sent.await.unwrap();
    assert!(error.contains("11 rows stay in the spool"), "{error}");
    drop(quiet);
    let (server, records) = recording().await;
    let lanes = server.client().json_stream("main.test.rows").spool(folder.path()).lanes(2.try_into().unwrap());
    lanes.open().await.unwrap().close().await.unwrap();
    assert_eq!(records.lock().unwrap().len(), 11);
}

fn refused<T>(stream: Result<IngestStream<T>, zerobus_runtime::Error>) -> String {
    let error = stream.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let server = Scripted::new(Call::serve).start().await;
    let client = server.client();
    let stream = client.stream::<Row>().spool(folder.path()).open().await.unwrap();
    let text = refused(client.stream::<Row>().spool(folder.path()).open().await);
    assert!(text.ends_with("is in use by another stream or process; give each stream a folder of its own"), "{text}");
    stream.close().await.unwrap();

    let text = refused(client.stream::<Row>().table("main.test.others").spool(folder.path()).open().await);
    assert!(text.contains("holds rows of the table main.test.rows, and the stream is for main.test.others"), "{text}");
    let text = refused(client.json_stream("main.test.rows").spool(folder.path()).open().await);
    assert!(text.contains("holds protobuf rows, and the stream sends JSON"), "{text}");

    std::fs::write(folder.path().join("spool.json"), r#"{"format":2,"shape":"other"}"#).unwrap();
    let text = refused(client.stream::<Row>().spool(folder.path()).open().await);
    assert!(text.contains("has format 2, and this version reads format 1"), "{text}");

    std::fs::write(folder.path().join("file"), "").unwrap();
    let text = refused(client.stream::<Row>().spool(folder.path().join("file")).open().await);
    assert!(text.contains("cannot be used"), "{text}");
    let text = refused(client.stream::<Row>().spool_level(SpoolLevel::Power).open().await);
    assert!(text.contains("the folder of the spool is not set"), "{text}");
}

#[tokio::test]
async fn a_row_of_a_spooled_stream_takes_half_of_its_memory_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let server = Scripted::new(Call::serve).start().await;
    let stream = server.client().stream::<Row>().spool(folder.path()).max_unacked_bytes(1000).open().await.unwrap();
    assert_eq!(stream.try_send(&Row::padded(0, 600)).unwrap_err().kind(), ErrorKind::Rejected);
    stream.try_send(&Row::padded(1, 450)).unwrap();
    stream.close().await.unwrap();
    assert_eq!(server.records.durable(), [1]);
}

#[tokio::test]
async fn a_blocking_stream_waits_for_its_spool_and_says_where_it_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let server = Scripted::new(Call::serve).start().await;
    let (client, path) = (server.client(), folder.path().to_owned());
    let waits = tokio::task::spawn_blocking(move || {
        let stream = client.stream::<Row>().spool(path).open_blocking().unwrap();
        let offset = stream.send(&Row::new(0)).unwrap();
        stream.spooled(offset).unwrap();
        let without = client.stream::<Row>().open_blocking().unwrap();
        assert_eq!(without.spooled(offset).unwrap_err().kind(), ErrorKind::Configuration);
        let lanes = client.stream::<Row>().lanes(2.try_into().unwrap()).open_blocking().unwrap();
        let row = lanes.send(&0, &Row::new(1)).unwrap();
        assert_eq!(lanes.spooled(row).unwrap_err().kind(), ErrorKind::Configuration);
        stream.close().unwrap();
    });
    waits.await.unwrap();
}

#[tokio::test]
async fn options_of_a_spool_that_no_spool_can_keep_are_refused_with_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = Scripted::new(Call::serve).start().await;
    let client = server.client();
    let spooled = || client.stream::<Row>().spool(folder.path());
    let text = refused(spooled().max_spool_bytes((1 << 20) - 1).open().await);
    assert!(text.contains("max_spool_bytes"), "{text}");
    let text = refused(spooled().spool_segment_bytes(0).open().await);
    assert!(text.contains("spool_segment_bytes"), "{text}");
    let text = refused(spooled().spool_level(SpoolLevel::Interval(Duration::ZERO)).open().await);
    assert!(text.contains("spool_level"), "{text}");
    spooled().max_spool_bytes(1 << 20).open().await.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn a_stream_that_gave_up_is_opened_again_with_what_its_spool_holds() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        if call.n == 0 {
            call.batch().await;
            return call.fail(Status::permission_denied("no")).await;
        }
        if call.n < 3 {
            return call.fail(Status::permission_denied("no")).await;
        }
        call.serve_created().await;
    });
    let server = server.start().await;
    let folder = tempfile::tempdir().unwrap();
    let stream = server.client().stream::<Row>().spool(folder.path()).open().await.unwrap();
    stream.send_all(rows(0..10)).await.unwrap();
    let error = stream.flush().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
    let again = stream.reopen().await.unwrap();
    assert_eq!(again.close().await.unwrap().rows, 10);
    assert_eq!(server.records.durable(), (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_service_without_persistent_streams_is_an_error_or_gets_rows_at_least_once() {
    let server = Scripted::new(Call::serve).start().await;
    let folder = tempfile::tempdir().unwrap();
    let error = server.client().stream::<Row>().spool(folder.path()).exactly_once().open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    let text = error.to_string();
    assert!(text.contains("cannot be delivered to main.test.rows exactly once"), "{text}");
    assert!(text.contains("`exactly_once_if_available`"), "{text}");
    let events = Events::default();
    let stream = server.client().stream::<Row>().spool(folder.path()).exactly_once_if_available();
    let stream = events.watch(stream).open().await.unwrap();
    stream.send_all(rows(0..100)).await.unwrap();
    assert_eq!(stream.close().await.unwrap().rows, 100);
    assert_eq!(server.records.durable(), (0..100).collect::<Vec<_>>());
    assert!(events.0.lock().unwrap().iter().any(|event| matches!(event, StreamEvent::AtLeastOnce { .. })));
}

#[tokio::test]
async fn lanes_have_a_spool_each_and_a_key_its_lane_in_every_process() {
    let folder = tempfile::tempdir().unwrap();
    let three = std::num::NonZeroUsize::new(3).unwrap();
    let quiet = silent().await;
    let keys = || (0..300_u64).map(|n| (n % 7, Row::new(n)));
    let lanes = quiet.client().stream::<Row>().spool(folder.path()).lanes(three).open().await.unwrap();
    let mut homes = Vec::new();
    for (key, row) in keys() {
        let sent = lanes.send(&key, &row).await.unwrap();
        lanes.spooled(sent).await.unwrap();
        homes.push((key, sent.lane()));
    }
    let error = lanes.close_within(Duration::ZERO).await.unwrap_err();
    assert!(error.to_string().contains("300 rows stay in the spool"), "{error}");
    let server = Scripted::new(Call::serve).start().await;
    let two = std::num::NonZeroUsize::new(2).unwrap();
    let refused = server.client().stream::<Row>().spool(folder.path()).lanes(two).open().await.err().unwrap();
    assert!(refused.to_string().contains("has the rows of 3 lanes, and 2 are opened"), "{refused}");
    let lanes = server.client().stream::<Row>().spool(folder.path()).lanes(three).open().await.unwrap();
    for ((key, row), home) in keys().zip(homes) {
        let sent = lanes.send(&key, &Row::new(row.n + 300)).await.unwrap();
        assert_eq!((key, sent.lane()), home);
    }
    let reports = lanes.close().await.unwrap();
    assert_eq!(reports.iter().map(|report| report.rows).sum::<u64>(), 600);
    let durable = server.records.durable();
    for key in 0..7 {
        let of_key: Vec<_> = durable.iter().map(|n| n % 300).filter(|n| n % 7 == key).collect();
        let (first, second) = of_key.split_at(of_key.len() / 2);
        assert!(first.is_sorted() && first == second, "rows of a key keep their order over processes");
    }
}

#[tokio::test]
async fn a_stopped_folder_is_listed_verified_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    leave_rows(folder.path(), SpoolLevel::Process, 0..1000).await;
    let spool = SpoolFolder::open(folder.path()).unwrap();
    assert_eq!(spool.table(), "main.test.rows");
    let client = silent().await.client();
    let text = refused(client.stream::<Row>().spool(folder.path()).open().await);
    assert!(text.contains("is in use"), "{text}");
    let found = spool.files().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].first.map(zerobus_runtime::Offset::value), Some(0));
    let check = &spool.verify().unwrap()[0];
    assert_eq!((check.rows, check.waiting, check.is_damaged), (1000, 1000, false));
    let mut text = Vec::new();
    assert_eq!(spool.export(&mut text).unwrap(), 1000);
    drop(spool);
    let first = zerobus_runtime::DeadLetter::read_from(&text[..]).next().unwrap().unwrap();
    assert!(first.json().unwrap().starts_with("{\"n\":0"), "{first:?}");

    let mut rows = Undelivered::read_from(&text[..]).unwrap();
    let server = Scripted::new(Call::serve).start().await;
    let stream = server.client().stream::<Row>().open().await.unwrap();
    stream.send_undelivered(&mut rows).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(server.records.durable(), (0..1000).collect::<Vec<_>>());

    let path = folder.path().join(&found[0].name);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let spool = SpoolFolder::open(folder.path()).unwrap();
    let check = &spool.verify().unwrap()[0];
    assert!(check.is_damaged && check.rows < 1000, "{check:?}");
    let text = SpoolFolder::open(folder.path().join("elsewhere")).unwrap_err().to_string();
    assert!(text.contains("is no spool: it has no file spool.json"), "{text}");
}

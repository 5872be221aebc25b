//! One stream in the hands of many: clones, who closes it, what is left, and how a program goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use scripted::gate::Gate;
use scripted::{Call, Row, Scripted, Server, number};
use tonic::Status;
use zerobus_runtime::{Error, ErrorKind, IngestStream, Offset, Persisted, StreamBuilder, Undelivered};

const SOON: Duration = Duration::from_millis(30);
/// Nothing that these tests wait for takes this long, unless it takes for ever.
const LONG: Duration = Duration::from_secs(20);

fn builder(server: &Server) -> StreamBuilder<Row> {
    server.client().stream::<Row>().backoff(Duration::from_millis(1), Duration::from_millis(2))
}

fn numbers(rows: &Undelivered) -> Vec<u64> {
    rows.rows().map(|row| number(&row.bytes)).collect()
}

fn rows(range: std::ops::Range<u64>) -> impl Iterator<Item = Row> {
    range.map(Row::new)
}

/// What is accepted is durable or returned.
fn assert_settled(stream: &IngestStream<Row>) {
    let stats = stream.stats();
    assert_eq!(stats.rows_accepted, stats.rows_durable + stats.rows_returned, "{stats:?}");
    assert_eq!((stats.rows_in_flight, stats.bytes_in_flight), (0, 0));
}

/// A server whose first calls fail when the first rows come, after it was opened.
async fn failing(calls: usize) -> Server {
    let script = move |mut call: Call| async move {
        call.create().await;
        if call.n >= calls {
            return call.serve_created().await;
        }
        call.batch().await;
        call.fail(Status::unavailable("going down")).await;
    };
    Scripted::new(script).start().await
}

#[tokio::test]
async fn clones_are_one_stream_and_any_of_them_closes_it() {
    let server = Scripted::new(Call::serve).start().await;
    let stream = builder(&server).open().await.unwrap();
    let tasks = (0..4u64).map(|task| {
        let stream = stream.clone();
        tokio::spawn(async move { stream.send_all(rows(task * 100..task * 100 + 100)).await.unwrap() })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let other = stream.clone();
    let report = other.close().await.unwrap();
    assert_eq!(report.rows, 400);
    assert!(stream.is_closed() && stream.error().is_none());
    assert_eq!(stream.try_send(&Row::new(0)).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(stream.close().await.unwrap(), report, "a second close says the same");
    assert_settled(&stream);
}

#[tokio::test]
async fn dropping_a_clone_leaves_the_stream_open() {
    let server = Scripted::new(Call::serve).start().await;
    let stream = builder(&server).open().await.unwrap();
    drop(stream.clone());
    stream.send(&Row::new(0)).await.unwrap();
    assert!(!stream.is_closed());
    assert_eq!(stream.close().await.unwrap().rows, 1);
}

#[tokio::test]
async fn a_send_that_waits_for_room_ends_when_another_clone_closes() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let stream = builder(&server).max_unacked_bytes(1000).open().await.unwrap();
    stream.send(&Row::padded(0, 900)).await.unwrap();
    let waiting = tokio::spawn({
        let stream = stream.clone();
        async move { stream.send(&Row::padded(1, 900)).await }
    });
    tokio::task::yield_now().await;
    let closing = tokio::spawn({
        let stream = stream.clone();
        async move { stream.close().await }
    });
    let refused = tokio::time::timeout(LONG, waiting).await.expect("it does not wait for ever").unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Closed);
    gate.open();
    assert_eq!(closing.await.unwrap().unwrap().rows, 1);
    assert_eq!(server.records.durable(), [0]);
}

#[tokio::test]
async fn close_within_returns_what_is_not_durable_by_then() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let stream = builder(&server).open().await.unwrap();
    stream.send_all(rows(0..3)).await.unwrap();
    let error = stream.close_within(SOON).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let undelivered = error.into_undelivered().unwrap();
    assert_eq!(numbers(&undelivered), [0, 1, 2]);
    assert_eq!(stream.error().unwrap().kind(), ErrorKind::Timeout);
    assert!(stream.is_closed());
    assert_settled(&stream);
    assert!(stream.close().await.unwrap_err().into_undelivered().is_none(), "rows are returned once");
}

#[tokio::test]
async fn close_within_succeeds_where_only_the_end_of_the_servers_side_is_missing() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        call.serve_created().await;
        // The client has closed its side, and waits.
        std::future::pending::<()>().await;
    });
    let server = server.start().await;
    let stream = builder(&server).open().await.unwrap();
    stream.send_all(rows(0..3)).await.unwrap();
    let report = stream.close_within(Duration::from_millis(300)).await.unwrap();
    assert_eq!(report.rows, 3);
    assert!(stream.error().is_none());
}

#[tokio::test]
async fn a_cancelled_close_leaves_the_rows_within_reach() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let stream = builder(&server).open().await.unwrap();
    stream.send_all(rows(0..3)).await.unwrap();
    assert!(tokio::time::timeout(SOON, stream.close()).await.is_err());
    assert!(stream.is_closed());
    gate.open();
    assert_eq!(stream.close().await.unwrap().rows, 3);
    assert_eq!(server.records.durable(), [0, 1, 2]);

    gate.close();
    let stream = builder(&server).open().await.unwrap();
    stream.send_all(rows(3..5)).await.unwrap();
    assert!(tokio::time::timeout(SOON, stream.close()).await.is_err());
    let error = stream.close_within(SOON).await.unwrap_err();
    assert_eq!(numbers(&error.into_undelivered().unwrap()), [3, 4]);
}

#[tokio::test]
async fn an_outage_ends_no_stream_that_has_no_deadline() {
    // More failures in a row than an ordinary stream makes attempts.
    let server = failing(40).await;
    let stream = builder(&server).delivery_timeout(None).max_attempts(None).open().await.unwrap();
    stream.send_all(rows(0..3)).await.unwrap();
    let report = stream.close().await.unwrap();
    assert_eq!((report.rows, server.records.durable()), (3, vec![0, 1, 2]));
    assert!(server.records.calls() > 40);
}

/// A stream that gave up with rows 0 to 2.
async fn gave_up(server: &Server) -> IngestStream<Row> {
    let stream = builder(server).max_attempts(1).open().await.unwrap();
    let last = stream.send_all(rows(0..3)).await.unwrap().unwrap();
    stream.wait(last).await.unwrap_err();
    assert_eq!(stream.try_send(&Row::new(9)).unwrap_err().kind(), ErrorKind::GaveUp);
    stream
}

#[tokio::test]
async fn reopening_sends_what_was_left_before_anything_else() {
    let server = failing(1).await;
    let stream = gave_up(&server).await;
    let next = stream.reopen().await.unwrap();
    next.send_all(rows(3..6)).await.unwrap();
    let report = next.close().await.unwrap();
    assert_eq!((report.rows, server.records.durable()), (6, (0..6).collect::<Vec<_>>()));
    assert!(stream.close().await.unwrap_err().into_undelivered().is_none(), "its rows are the next stream's");
}

#[tokio::test]
async fn a_reopening_that_fails_leaves_the_rows_with_the_stream() {
    let is_up = Arc::new(AtomicUsize::new(1));
    let script = {
        let is_up = Arc::clone(&is_up);
        move |mut call: Call| {
            let is_up = Arc::clone(&is_up);
            async move {
                match is_up.load(Ordering::SeqCst) {
                    0 => call.fail(Status::unavailable("down")).await,
                    1 => {
                        call.create().await;
                        call.batch().await;
                        is_up.store(0, Ordering::SeqCst);
                        call.fail(Status::unavailable("going down")).await;
                    }
                    _ => call.serve().await,
                }
            }
        }
    };
    let server = Scripted::new(script).start().await;
    let stream = gave_up(&server).await;
    assert!(stream.reopen().await.is_err());
    is_up.store(2, Ordering::SeqCst);
    stream.reopen().await.unwrap().close().await.unwrap();
    assert_eq!(server.records.durable(), [0, 1, 2]);
}

#[tokio::test]
async fn two_who_reopen_send_no_row_twice() {
    let server = failing(1).await;
    let stream = gave_up(&server).await;
    let (one, two) = tokio::join!(stream.reopen(), stream.reopen());
    let (one, two) = (one.unwrap().close().await.unwrap(), two.unwrap().close().await.unwrap());
    assert_eq!(one.rows + two.rows, 3);
    assert_eq!(server.records.durable(), [0, 1, 2]);
}

#[tokio::test]
async fn reopening_a_stream_that_closes_waits_for_its_rows() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let stream = builder(&server).open().await.unwrap();
    assert_eq!(server.records.calls(), 1);
    stream.reopen().await.unwrap();
    assert_eq!(server.records.calls(), 1, "an open stream is given back");
    stream.send_all(rows(0..3)).await.unwrap();
    assert!(tokio::time::timeout(SOON, stream.close()).await.is_err());
    assert!(tokio::time::timeout(10 * SOON, stream.reopen()).await.is_err());
    assert_eq!(server.records.calls(), 1);
    gate.open();
    let next = stream.reopen().await.unwrap();
    next.send(&Row::new(3)).await.unwrap();
    next.close().await.unwrap();
    assert_eq!(server.records.durable(), [0, 1, 2, 3]);
}

#[tokio::test]
async fn receipts_are_owned_and_end_however_the_stream_ends() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let stream = builder(&server).open().await.unwrap();
    let first = stream.send(&Row::new(0)).await.unwrap();
    let receipt = tokio::spawn(stream.receipt(first));
    drop(stream.receipt(first));
    gate.open();
    assert_eq!(receipt.await.unwrap().unwrap(), first);
    assert_eq!(stream.receipt(first).await.unwrap(), first, "it may be asked late");

    gate.close();
    let second = stream.send(&Row::new(1)).await.unwrap();
    let receipt = stream.receipt(second);
    assert_eq!(receipt.offset(), second);
    let waiting = tokio::spawn(receipt);
    stream.close_within(SOON).await.unwrap_err();
    assert_eq!(waiting.await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_receipt_does_not_keep_the_stream_open() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let stream = builder(&server).open().await.unwrap();
    let offset = stream.send(&Row::new(0)).await.unwrap();
    let receipt = stream.receipt(offset);
    drop(stream);
    gate.open();
    tokio::time::timeout(LONG, receipt).await.expect("the rows of a dropped stream are delivered").unwrap();
}

#[tokio::test]
async fn a_receipt_of_a_row_that_was_never_accepted_is_an_error() {
    let server = Scripted::new(Call::serve).start().await;
    let (one, two) = (builder(&server).open().await.unwrap(), builder(&server).open().await.unwrap());
    let offset = one.send_all(rows(0..3)).await.unwrap().unwrap();
    let waited = tokio::time::timeout(LONG, two.wait(offset)).await.expect("it does not wait for ever");
    assert_eq!(waited.unwrap_err().kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn the_ack_hook_is_called_in_order_up_to_the_last_row() {
    let acked = Arc::<Mutex<Vec<Offset>>>::default();
    let server = Scripted::new(Call::serve).start().await;
    let hook = {
        let acked = Arc::clone(&acked);
        move |offset| acked.lock().unwrap().push(offset)
    };
    let stream = builder(&server).max_batch_rows(7).on_ack(hook).open().await.unwrap();
    let last = stream.send_all(rows(0..100)).await.unwrap().unwrap();
    stream.close().await.unwrap();
    let acked = acked.lock().unwrap();
    assert!(acked.is_sorted());
    assert_eq!(acked.last(), Some(&last));
}

#[tokio::test]
async fn a_hook_may_use_its_stream_and_one_that_panics_is_not_called_again() {
    let server = Scripted::new(Call::serve).start().await;
    let (calls, own) = (Arc::new(AtomicUsize::new(0)), Arc::new(OnceLock::<IngestStream<Row>>::new()));
    let hook = {
        let (calls, own) = (Arc::clone(&calls), Arc::clone(&own));
        move |_| {
            let stream = own.get().unwrap();
            stream.try_send(&Row::new(100)).unwrap();
            assert!(stream.stats().rows_accepted > 1);
            calls.fetch_add(1, Ordering::SeqCst);
            panic!("a hook of the test");
        }
    };
    let stream = builder(&server).on_ack(hook).open().await.unwrap();
    own.set(stream.clone()).unwrap();
    let offset = stream.send(&Row::new(0)).await.unwrap();
    stream.wait(offset).await.unwrap();
    let offset = stream.send(&Row::new(1)).await.unwrap();
    stream.wait(offset).await.unwrap();
    assert_eq!(stream.close().await.unwrap().rows, 3);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn send_all_says_how_far_it_came_and_goes_on() {
    let server = Scripted::new(Call::serve).start().await;
    let stream = builder(&server).max_row_bytes(100).open().await.unwrap();
    let mut all: Vec<Row> = rows(0..10).collect();
    all[4] = Row::padded(4, 200);
    let mut unsent = stream.send_all(&all).await.unwrap_err();
    assert_eq!((unsent.accepted(), unsent.error().kind()), (4, ErrorKind::Rejected));
    assert_eq!(unsent.next(), Some(&all[4]), "the failing row is the first");
    let last = stream.send_all(unsent).await.unwrap().unwrap();
    assert_eq!(last.value(), 8);
    stream.close().await.unwrap();
    assert_eq!(server.records.durable(), [0, 1, 2, 3, 5, 6, 7, 8, 9]);
}

#[tokio::test]
async fn send_all_goes_on_over_a_stream_that_gave_up() {
    let server = failing(1).await;
    let stream = builder(&server).max_unacked_bytes(10).max_attempts(1).open().await.unwrap();
    let unsent = stream.send_all(rows(0..100)).await.unwrap_err();
    assert_eq!(unsent.error().kind(), ErrorKind::GaveUp);
    assert!(unsent.accepted() > 0);
    let next = stream.reopen().await.unwrap();
    next.send_all(unsent).await.map_err(Error::from).unwrap();
    next.close().await.unwrap();
    assert_eq!(server.records.durable(), (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn rows_that_wait_for_room_do_not_wait_for_the_linger() {
    let server = Scripted::new(Call::serve).start().await;
    let stream = builder(&server).max_unacked_bytes(1000).linger(Duration::from_secs(3600)).open().await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let stream = stream.clone();
            tokio::spawn(async move { stream.send(&Row::padded(n, 400)).await.unwrap() })
        })
        .collect();
    for task in tasks {
        tokio::time::timeout(LONG, task).await.expect("room comes without the end of a linger").unwrap();
    }
    assert_eq!(stream.close().await.unwrap().rows, 20);
}

#[tokio::test]
async fn a_row_above_the_limit_is_refused_at_once_and_stops_nobody() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let stream = builder(&server).max_unacked_bytes(1000).open().await.unwrap();
    stream.send(&Row::padded(0, 900)).await.unwrap();
    for is_queued in [false, true] {
        let too_large = Row::padded(9, 2000);
        let refused = tokio::time::timeout(LONG, stream.send(&too_large)).await.expect("no wait for room").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Rejected, "with a queue: {is_queued}");
        let stream = stream.clone();
        tokio::spawn(async move { stream.send(&Row::padded(1, 900)).await.unwrap() });
        tokio::task::yield_now().await;
    }
    gate.open();
    tokio::time::timeout(LONG, stream.send(&Row::new(2))).await.expect("nothing blocks the row").unwrap();
    stream.close().await.unwrap();
    assert_settled(&stream);
}

#[tokio::test]
async fn a_send_that_is_dropped_while_it_waits_has_accepted_nothing_and_leaves_its_room() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let stream = builder(&server).max_unacked_bytes(1000).open().await.unwrap();
    stream.send(&Row::padded(0, 900)).await.unwrap();
    let large = Row::padded(1, 900);
    assert!(tokio::time::timeout(SOON, stream.send(&large)).await.is_err());
    let waiting = {
        let stream = stream.clone();
        tokio::spawn(async move { stream.send(&Row::padded(2, 900)).await })
    };
    gate.open();
    tokio::time::timeout(LONG, waiting).await.expect("the room is not lost").unwrap().unwrap();
    stream.close().await.unwrap();
    assert_eq!(server.records.durable(), [0, 2]);
}

#[tokio::test]
async fn rows_that_were_never_sent_are_returned_as_such() {
    let server = Scripted::new(|mut call: Call| async move {
        if call.n > 0 {
            // The next stream is never created.
            return std::future::pending().await;
        }
        call.create().await;
        call.batch().await;
        call.fail(Status::unavailable("going down")).await;
    });
    let server = server.start().await;
    let stream = builder(&server).open().await.unwrap();
    stream.send(&Row::new(0)).await.unwrap();
    while server.records.calls() < 2 {
        tokio::task::yield_now().await;
    }
    stream.send(&Row::new(1)).await.unwrap();
    let undelivered = stream.close_within(SOON).await.unwrap_err().into_undelivered().unwrap();
    let persisted: Vec<_> = undelivered.rows().map(|row| (number(&row.bytes), row.persisted)).collect();
    assert_eq!(persisted, [(0, Persisted::Possibly), (1, Persisted::No)]);
}

//! The byte budget that the streams of a client share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scripted::gate::Gate;
use scripted::{Call, Row, Scripted, Server, client};
use tonic::Status;
use zerobus_runtime::message::MessageSchema;
use zerobus_runtime::{Client, Encoder, ErrorKind, IngestStream, StreamBuilder, ZerobusMessage};

const BUDGET: usize = 1000;
const SOON: Duration = Duration::from_millis(30);
/// Nothing that these tests wait for takes this long, unless it takes for ever.
const LONG: Duration = Duration::from_secs(20);

fn sharing(server: &Server) -> Client {
    client(&server.url).max_unacked_bytes(BUDGET).build().unwrap()
}

fn builder(client: &Client) -> StreamBuilder<Row> {
    client.stream::<Row>().backoff(Duration::from_millis(1), Duration::from_millis(2))
}

/// A row that takes nearly all of the budget.
fn whole(n: u64) -> Row {
    Row::padded(n, BUDGET - 20)
}

/// Whether the whole budget is free again.
async fn assert_free(client: &Client, gate: &Gate) {
    gate.open();
    let probe = builder(client).open().await.unwrap();
    probe.try_send(&whole(99)).expect("the budget is free");
    probe.close().await.unwrap();
}

async fn drain(stream: &IngestStream<Row>) {
    tokio::time::timeout(LONG, stream.close()).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn streams_together_stay_within_the_budget_and_all_go_on() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let client = sharing(&server);
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(builder(&client).open().await.unwrap());
    }
    let mut accepted = 0;
    let mut is_full = [false; 4];
    while is_full.contains(&false) {
        for (stream, is_full) in streams.iter().zip(&mut is_full) {
            match stream.try_send(&Row::padded(accepted, 60)) {
                Ok(_) => accepted += 1,
                Err(error) => *is_full = error.kind() == ErrorKind::Full,
            }
        }
    }
    let in_flight: usize = streams.iter().map(|stream| stream.stats().bytes_in_flight).sum();
    assert!((BUDGET - 80..=BUDGET).contains(&in_flight), "{in_flight}");
    let senders: Vec<_> = (0..100)
        .map(|n| {
            let stream = streams[n % 4].clone();
            tokio::spawn(async move { stream.send(&Row::padded(1000 + n as u64, 60)).await.unwrap() })
        })
        .collect();
    gate.open();
    for sender in senders {
        tokio::time::timeout(LONG, sender).await.expect("everybody gets room").unwrap();
    }
    for stream in &streams {
        drain(stream).await;
    }
    assert_eq!(server.records.durable().len() as u64, accepted + 100);
    assert_free(&client, &gate).await;
}

#[tokio::test]
async fn room_is_given_in_the_order_of_asking_over_all_streams() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let client = sharing(&server);
    let (one, two) = (builder(&client).open().await.unwrap(), builder(&client).open().await.unwrap());
    let filler = builder(&client).open().await.unwrap();
    filler.send(&whole(0)).await.unwrap();
    let order = Arc::<Mutex<Vec<u64>>>::default();
    let mut waiting = Vec::new();
    // A large row on the one stream, and small ones on the other, which would fit before.
    for (n, row) in [(1, whole(1)), (2, Row::new(2)), (3, Row::new(3))] {
        let (stream, order) = (if n == 1 { one.clone() } else { two.clone() }, Arc::clone(&order));
        waiting.push(tokio::spawn(async move {
            stream.send(&row).await.unwrap();
            order.lock().unwrap().push(n);
        }));
        tokio::task::yield_now().await;
    }
    gate.open();
    for task in waiting {
        tokio::time::timeout(LONG, task).await.expect("everybody gets room").unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn a_stream_that_stalls_within_its_own_budget_stops_no_other() {
    let gate = Gate::closed();
    // The stream of the first call stalls.
    let server = {
        let gate = gate.clone();
        Scripted::new(move |mut call: Call| {
            let gate = gate.clone();
            async move {
                call.create().await;
                if call.n == 0 { gate.serve(&mut call).await } else { call.serve_created().await }
            }
        })
    };
    let server = server.start().await;
    let client = sharing(&server);
    let stalled = builder(&client).max_unacked_bytes(BUDGET / 2).open().await.unwrap();
    let healthy = builder(&client).open().await.unwrap();
    let waiting: Vec<_> = (0..10)
        .map(|n| {
            let stalled = stalled.clone();
            tokio::spawn(async move { stalled.send(&Row::padded(n, 300)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    for n in 0..50 {
        let row = Row::padded(100 + n, 400);
        tokio::time::timeout(LONG, healthy.send(&row)).await.expect("the other stream goes on").unwrap();
    }
    drain(&healthy).await;
    gate.open();
    for task in waiting {
        task.await.unwrap().unwrap();
    }
    drain(&stalled).await;
}

#[tokio::test]
async fn room_that_another_stream_wants_does_not_linger() {
    let server = Scripted::new(Call::serve).start().await;
    let client = sharing(&server);
    let lingering = || builder(&client).linger(Duration::from_secs(3600));
    let (one, two) = (lingering().open().await.unwrap(), lingering().open().await.unwrap());
    for n in 0..5 {
        one.send(&Row::padded(n, 600)).await.unwrap();
        let row = Row::padded(10 + n, 600);
        tokio::time::timeout(LONG, two.send(&row)).await.expect("room comes without the end of a linger").unwrap();
        let row = Row::padded(20 + n, 600);
        tokio::time::timeout(LONG, async {
            while one.try_send(&row).is_err() {
                tokio::task::yield_now().await;
            }
            while two.try_send(&row).is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("`try_send` asks for room as well");
        let row = Row::padded(30 + n, 600);
        tokio::time::timeout(LONG, one.send(&row)).await.expect("room comes").unwrap();
        two.flush().await.unwrap();
        one.flush().await.unwrap();
    }
    drain(&one).await;
    drain(&two).await;
}

#[tokio::test]
async fn a_row_above_the_limit_holds_nothing() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let client = sharing(&server);
    let stream = builder(&client).max_row_bytes(100).open().await.unwrap();
    assert_eq!(stream.try_send(&Row::padded(0, 500)).unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(stream.send(&Row::padded(0, 5000)).await.unwrap_err().kind(), ErrorKind::Rejected);
    assert_free(&client, &gate).await;
}

#[tokio::test]
async fn room_is_given_back_however_a_stream_ends() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let client = sharing(&server);

    let stream = builder(&client).open().await.unwrap();
    stream.send(&whole(0)).await.unwrap();
    stream.close_within(SOON).await.unwrap_err();
    assert_free(&client, &gate).await;

    gate.close();
    let stream = builder(&client).delivery_timeout(SOON).open().await.unwrap();
    let offset = stream.send(&whole(1)).await.unwrap();
    stream.wait(offset).await.unwrap_err();
    assert_free(&client, &gate).await;

    gate.close();
    let stream = builder(&client).delivery_timeout(SOON).open().await.unwrap();
    let offset = stream.send(&whole(2)).await.unwrap();
    let receipt = stream.receipt(offset);
    drop(stream);
    receipt.await.unwrap_err();
    assert_free(&client, &gate).await;

    gate.close();
    let stream = builder(&client).open().await.unwrap();
    stream.send(&whole(3)).await.unwrap();
    let row = whole(4);
    assert!(tokio::time::timeout(SOON, stream.send(&row)).await.is_err(), "a send that waits and is dropped");
    gate.open();
    drain(&stream).await;
    assert_free(&client, &gate).await;
}

#[test]
fn room_is_given_back_when_a_runtime_shuts_down() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (servers, streams) = (runtime(), runtime());
    let gate = Gate::closed();
    let server = servers.block_on(gate.server().start());
    let client = sharing(&server);
    let stream = streams.block_on(async { builder(&client).open().await.unwrap() });
    stream.try_send(&whole(0)).unwrap();
    drop(streams);
    assert!(stream.is_closed());
    servers.block_on(assert_free(&client, &gate));
}

#[tokio::test]
async fn refused_rows_hold_none_of_the_room() {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        while let Some(received) = call.batch().await {
            if received.rows.iter().any(|row| scripted::number(row) == 0) {
                return call.fail(Status::invalid_argument("no such column")).await;
            }
            call.keep(&received);
            call.ack(received.offset).await;
        }
    });
    let server = server.start().await;
    let client = sharing(&server);
    let stream = builder(&client).open().await.unwrap();
    let offset = stream.send(&whole(0)).await.unwrap();
    assert_eq!(stream.wait(offset).await.unwrap_err().kind(), ErrorKind::Rejected);
    tokio::time::timeout(LONG, stream.send(&whole(1))).await.expect("refused rows take no room").unwrap();
    stream.flush().await.unwrap_err();
    assert_eq!(stream.take_rejected().unwrap().len(), 1);
    drain(&stream).await;
}

#[tokio::test]
async fn rows_that_move_to_another_stream_hold_their_room_until_they_are_durable() {
    let gate = Gate::closed();
    let server = {
        let gate = gate.clone();
        Scripted::new(move |mut call: Call| {
            let gate = gate.clone();
            async move {
                call.create().await;
                if call.n > 0 {
                    return gate.serve(&mut call).await;
                }
                call.batch().await;
                call.fail(Status::unavailable("going down")).await;
            }
        })
    };
    let server = server.start().await;
    let client = sharing(&server);
    let stream = builder(&client).max_attempts(1).open().await.unwrap();
    let offset = stream.send(&whole(0)).await.unwrap();
    stream.wait(offset).await.unwrap_err();
    let next = stream.reopen().await.unwrap();
    assert_eq!(next.try_send(&whole(1)).unwrap_err().kind(), ErrorKind::Full);
    gate.open();
    drain(&next).await;
    assert_free(&client, &gate).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_streams_under_a_small_budget_lose_nothing_and_end() {
    const STREAMS: u64 = 8;
    const ROWS: u64 = 200;
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        let mut batches = 0;
        while let Some(received) = call.batch().await {
            batches += 1;
            if batches > 10 + call.n {
                return call.fail(Status::unavailable("going down")).await;
            }
            call.keep(&received);
            call.ack(received.offset).await;
        }
    });
    let server = server.start().await;
    let client = sharing(&server);
    let tasks: Vec<_> = (0..STREAMS)
        .map(|task| {
            let client = client.clone();
            tokio::spawn(async move {
                let stream = builder(&client).linger(Duration::from_secs(3600)).open().await.unwrap();
                for n in 0..ROWS {
                    let row = Row::padded(task * ROWS + n, [0, 100, 300, 600][usize::try_from(n % 4).unwrap()]);
                    // Every third row is tried for too short a time first.
                    let tries = if n % 3 == 0 { 3 } else { 0 };
                    let mut is_sent = false;
                    for _ in 0..tries {
                        is_sent =
                            is_sent || tokio::time::timeout(Duration::from_micros(50), stream.send(&row)).await.is_ok();
                    }
                    if !is_sent {
                        stream.send(&row).await.unwrap();
                    }
                }
                stream.close().await.unwrap().rows
            })
        })
        .collect();
    let mut total = 0;
    for task in tasks {
        total += tokio::time::timeout(2 * LONG, task).await.expect("no deadlock").unwrap();
    }
    assert_eq!(total, STREAMS * ROWS);
    let mut durable = server.records.durable();
    durable.sort_unstable();
    durable.dedup();
    assert_eq!(durable, (0..STREAMS * ROWS).collect::<Vec<_>>());
    let probe = builder(&client).open().await.unwrap();
    probe.try_send(&whole(9999)).expect("the budget is free");
}

#[tokio::test]
async fn a_row_waits_until_another_stream_gives_back_what_they_share() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let client = sharing(&server);
    let (first, second) = (builder(&client).open().await.unwrap(), builder(&client).open().await.unwrap());
    first.try_send(&whole(0)).unwrap();
    let row = whole(1);
    let mut waiting = Box::pin(second.send(&row));
    for _ in 0..100 {
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
        tokio::task::yield_now().await;
    }
    gate.open();
    tokio::time::timeout(LONG, waiting).await.expect("it has its turn").unwrap();
    drain(&first).await;
    drain(&second).await;
}

/// A row as the derive makes it: its encoding runs no code of the program, so that it goes straight into the batch.
#[derive(Debug)]
struct Plain(Row);

impl ZerobusMessage for Plain {
    const TABLE: Option<&'static str> = Row::TABLE;
    const SCHEMA: &'static MessageSchema = Row::SCHEMA;
    const IS_PLAIN: bool = true;

    fn encode_to(&self, out: &mut Encoder) {
        self.0.encode_to(out);
    }
}

#[tokio::test]
async fn rows_that_go_straight_into_the_batch_stay_within_the_budget() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let client = sharing(&server);
    let first = client.stream::<Plain>().open().await.unwrap();
    let second = client.stream::<Plain>().open().await.unwrap();
    first.try_send(&Plain(whole(0))).unwrap();
    assert_eq!(second.try_send(&Plain(whole(1))).unwrap_err().kind(), ErrorKind::Full);
    first.close_within(Duration::ZERO).await.unwrap_err();
    second.try_send(&Plain(whole(1))).unwrap();
    second.close_within(Duration::ZERO).await.unwrap_err();
    assert_free(&client, &gate).await;
}

#[tokio::test]
async fn rows_that_go_straight_into_the_batch_wait_behind_those_that_asked_before() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let stream = server.client().stream::<Plain>().max_unacked_bytes(BUDGET).open().await.unwrap();
    stream.try_send(&Plain(Row::padded(0, BUDGET / 2))).unwrap();
    let long = Plain(whole(1));
    let mut asked = Box::pin(stream.send(&long));
    assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(asked.as_mut().poll(cx).is_pending())).await);
    assert_eq!(stream.try_send(&Plain(Row::new(2))).unwrap_err().kind(), ErrorKind::Full);
    gate.open();
    tokio::time::timeout(LONG, asked).await.expect("it has its turn").unwrap();
    stream.close().await.unwrap();
    assert_eq!(server.records.durable(), [0, 1]);
}

#[tokio::test]
async fn a_row_that_goes_straight_into_the_batch_is_sent_without_a_wait_for_it() {
    let (sender, mut received) = tokio::sync::mpsc::channel(4);
    let server = Scripted::new(move |mut call: Call| {
        let sender = sender.clone();
        async move {
            call.create().await;
            while let Some(batch) = call.batch().await {
                sender.send(batch.rows.len()).await.unwrap();
                call.ack(batch.offset).await;
            }
        }
    });
    let server = server.start().await;
    let stream = server.client().stream::<Plain>().open().await.unwrap();
    for n in 0..3 {
        stream.try_send(&Plain(Row::new(n))).unwrap();
        let rows = tokio::time::timeout(LONG, received.recv()).await.expect("it is sent");
        assert_eq!(rows, Some(1));
    }
    stream.close().await.unwrap();
}

/// Sends rows until one is not accepted: the offsets of the calls, and why.
fn send_some(stream: &IngestStream<Plain>, mut rows: &[Plain]) -> (Vec<u64>, Option<ErrorKind>) {
    let mut offsets = Vec::new();
    loop {
        match stream.try_send_many(rows) {
            Ok(None) => return (offsets, None),
            Ok(Some(accepted)) => {
                offsets.extend(accepted.first().value()..=accepted.last().value());
                rows = &rows[accepted.rows()..];
            }
            Err(error) => return (offsets, Some(error.kind())),
        }
    }
}

#[tokio::test]
async fn rows_that_are_sent_together_are_accepted_in_order_while_there_is_room() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let builder = server.client().stream::<Plain>().max_batch_rows(7).max_unacked_bytes(BUDGET).max_row_bytes(100);
    let stream = builder.open().await.unwrap();
    let rows: Vec<_> = (0..50).map(|n| Plain(Row::padded(n, 40))).collect();
    let (offsets, reason) = send_some(&stream, &rows);
    assert_eq!(reason, Some(ErrorKind::Full));
    let accepted = offsets.len() as u64;
    assert!((15..=25).contains(&accepted), "{accepted}");
    assert_eq!(offsets, (0..accepted).collect::<Vec<_>>());
    gate.open();
    stream.flush().await.unwrap();
    // A row that is refused ends a call, and is the error of the next.
    let too_long = [Row::padded(100, 40), Row::padded(101, 40), Row::padded(102, 200), Row::padded(103, 40)].map(Plain);
    assert_eq!(send_some(&stream, &too_long), (vec![accepted, accepted + 1], Some(ErrorKind::Rejected)));
    assert_eq!(send_some(&stream, &too_long[3..]), (vec![accepted + 2], None));
    stream.close().await.unwrap();
    let sent: Vec<u64> = (0..accepted).chain([100, 101, 103]).collect();
    assert_eq!(server.records.durable(), sent);
}

#[tokio::test]
async fn rows_that_are_sent_together_share_the_budget_of_the_client() {
    let gate = Gate::closed();
    let server = gate.server().start().await;
    let client = sharing(&server);
    let (first, second) =
        (client.stream::<Plain>().open().await.unwrap(), client.stream::<Plain>().open().await.unwrap());
    let rows: Vec<_> = (0..50).map(|n| Plain(Row::padded(n, 40))).collect();
    let (offsets, reason) = send_some(&first, &rows);
    assert!(!offsets.is_empty() && reason == Some(ErrorKind::Full));
    assert_eq!(send_some(&second, &rows), (vec![], Some(ErrorKind::Full)));
    for stream in [first, second] {
        stream.close_within(Duration::ZERO).await.ok();
    }
    assert_free(&client, &gate).await;
}

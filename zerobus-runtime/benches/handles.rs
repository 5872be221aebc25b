//! What waiting, refused rows, a rotation and slow rows cost: the figures of `BENCHMARKS.md`, "Handles".
//!
//! `cargo bench -p zerobus-runtime --bench handles`. The server is the scripted one of the tests, in this process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark that fails says so by a panic")]

#[path = "../tests/scripted/mod.rs"]
mod scripted;

use std::hint::black_box;
use std::time::{Duration, Instant};

use scripted::{Call, Row, Scripted, number};
use serde::{Serialize, Serializer};
use tokio::sync::mpsc;
use tonic::Status;
use zerobus_runtime::wire::ephemeral_stream_response::Payload;
use zerobus_runtime::wire::{EphemeralStreamResponse, IngestRecordResponse};
use zerobus_runtime::{ErrorKind, StreamEvent};

const RUNS: usize = 5;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("| tasks that wait for room, one row each | ms | us a task |\n|--:|--:|--:|");
    for tasks in [1000, 4000, 16_000] {
        let took = median(|| runtime.block_on(wait_for_room(tasks)));
        let each = took.as_secs_f64() * 1e6 / f64::from(tasks);
        println!("| {tasks} | {:.1} | {each:.1} |", took.as_secs_f64() * 1e3);
    }
    println!("\n| one refused row of 20,000, by round trip | connections | s |\n|--:|--:|--:|");
    for millis in [0, 20, 150] {
        let (calls, took) = runtime.block_on(find_refused_row(Duration::from_millis(millis)));
        println!("| {millis} ms | {calls} | {:.2} |", took.as_secs_f64());
    }
    println!(
        "\n| a row sent after a CloseStreamSignal, by round trip | ms until durable | round trips |\n|--:|--:|--:|"
    );
    for millis in [20, 150] {
        let took = median(|| runtime.block_on(rotate(Duration::from_millis(millis))));
        let (took, trip) = (took.as_secs_f64() * 1e3, f64::from(u32::try_from(millis).unwrap()));
        println!("| {millis} ms | {took:.0} | {:.2} |", took / trip);
    }
    println!("\n| tasks on one stream, 20 us to serialize a row | rows/s |\n|--:|--:|");
    for tasks in [1, 8] {
        let took = median(|| runtime.block_on(serialize_slowly(tasks)));
        println!("| {tasks} | {:.0} |", f64::from(SLOW_ROWS) / took.as_secs_f64());
    }
}

fn median(mut run: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<_> = (0..RUNS).map(|_| run()).collect();
    times.sort();
    times[RUNS / 2]
}

/// Every task finds the budget full, and gets room one after the other.
async fn wait_for_room(tasks: u32) -> Duration {
    let server = Scripted::new(Call::serve).start().await;
    let stream = server.client().stream::<Row>().max_unacked_bytes(2000).open().await.unwrap();
    let begun = Instant::now();
    let sends: Vec<_> = (0..tasks)
        .map(|n| {
            let stream = stream.clone();
            tokio::spawn(async move { stream.send(&Row::padded(n.into(), 50)).await.map(drop) })
        })
        .collect();
    for send in sends {
        send.await.unwrap().unwrap();
    }
    stream.close().await.unwrap();
    begun.elapsed()
}

/// A server at this distance that takes no request with the row 12,345 in it, and answers requests in their order.
async fn find_refused_row(trip: Duration) -> (usize, Duration) {
    let server = Scripted::new(move |mut call: Call| async move {
        tokio::time::sleep(trip).await;
        call.create().await;
        let (answers, queue) = mpsc::unbounded_channel();
        tokio::spawn(answer_later(queue, call.responses.clone(), trip));
        while let Some(received) = call.batch().await {
            let is_refused = received.rows.iter().any(|row| number(row) == 12_345);
            let answer = if is_refused { Err(refusal()) } else { Ok(acknowledgement(received.offset)) };
            // The next request is read meanwhile.
            let _ = answers.send((Instant::now(), answer));
            if is_refused {
                return;
            }
            call.keep(&received);
        }
    });
    let server = server.start().await;
    let stream = server.client().stream::<Row>().open().await.unwrap();
    let begun = Instant::now();
    stream.send_all((0..20_000).map(|n| Row::padded(n, 100))).await.unwrap();
    let error = stream.close().await.unwrap_err();
    assert_eq!((error.kind(), error.into_undelivered().unwrap().len()), (ErrorKind::Rejected, 1));
    (server.records.calls(), begun.elapsed())
}

type Answer = Result<EphemeralStreamResponse, Status>;

/// Sends each answer a round trip after its request came.
async fn answer_later(
    mut queue: mpsc::UnboundedReceiver<(Instant, Answer)>,
    responses: mpsc::Sender<Answer>,
    trip: Duration,
) {
    while let Some((since, answer)) = queue.recv().await {
        tokio::time::sleep_until((since + trip).into()).await;
        let _ = responses.send(answer).await;
    }
}

fn refusal() -> Status {
    Status::invalid_argument("a value. Error Code: 4044, Error State: 1.")
}

fn acknowledgement(offset: i64) -> EphemeralStreamResponse {
    let ack = IngestRecordResponse { durability_ack_up_to_offset: Some(offset) };
    EphemeralStreamResponse { payload: Some(Payload::IngestRecordResponse(ack)) }
}

/// The time from the signal until a row that is sent after it is durable; the server ends its call seconds later.
async fn rotate(trip: Duration) -> Duration {
    let server = Scripted::new(move |mut call: Call| async move {
        tokio::time::sleep(trip).await;
        call.create().await;
        while let Some(received) = call.batch().await {
            call.keep(&received);
            tokio::time::sleep(trip).await;
            call.ack(received.offset).await;
            if call.n == 0 {
                call.close_signal(Duration::from_secs(10)).await;
                return tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
    });
    let server = server.start().await;
    let (signal, mut signals) = mpsc::unbounded_channel();
    let stream = server.client().stream::<Row>().on_event(move |event| {
        if matches!(event, StreamEvent::Closing { .. }) {
            let _ = signal.send(());
        }
    });
    let stream = stream.open().await.unwrap();
    stream.send(&Row::new(0)).await.unwrap();
    signals.recv().await.unwrap();
    let begun = Instant::now();
    let offset = stream.send(&Row::new(1)).await.unwrap();
    stream.wait(offset).await.unwrap();
    begun.elapsed()
}

const SLOW_ROWS: u32 = 16_000;

/// A row whose serialization takes its time.
struct Slow(u32);

impl Serialize for Slow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_micros(20) {
            black_box(self.0);
        }
        serializer.collect_map([("n", self.0)])
    }
}

async fn serialize_slowly(tasks: u32) -> Duration {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        while let Some(received) = call.batch().await {
            call.ack(received.offset).await;
        }
    });
    let server = server.start().await;
    let stream = server.client().json_stream("main.test.rows").open().await.unwrap();
    let begun = Instant::now();
    let sends: Vec<_> = (0..tasks)
        .map(|_| {
            let stream = stream.clone();
            tokio::spawn(async move {
                for n in 0..SLOW_ROWS / tasks {
                    stream.send(&Slow(n)).await.unwrap();
                }
            })
        })
        .collect();
    for send in sends {
        send.await.unwrap();
    }
    stream.close().await.unwrap();
    begun.elapsed()
}

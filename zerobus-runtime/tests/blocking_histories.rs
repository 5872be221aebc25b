//! Histories by seed of the handles for programs without async: threads that share one, a server that fails, and every
//! kind of end. Each row that was accepted is durable or returned.
//!
//! Threads are in no order that a seed fixes, so this is beside the simulation and not in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use scripted::{Call, Row, Scripted, Server, number};
use tonic::Status;
use zerobus_runtime::{
    BlockingLanes, BlockingStream, CloseError, Error, ErrorKind, Persisted, StreamBuilder, Undelivered,
};

/// `ZEROBUS_BLOCKING_SEEDS` runs more.
const SEEDS: u64 = 25;
const THREADS: u64 = 3;
const ROWS: u64 = 200;
/// The server refuses one row of this many.
const POISON: u64 = 150;

fn is_poison(n: u64) -> bool {
    n % POISON == 7
}

/// A server whose calls end in every way; from the fortieth on it behaves well, so that every history ends.
fn failing(seed: u64) -> Scripted {
    Scripted::new(move |mut call: Call| async move {
        let mut random = Rng::with_seed(seed.wrapping_mul(1_000_003) + call.n as u64);
        let is_good = call.n > 40;
        if !is_good && call.n > 0 && random.u8(..10) == 0 {
            return call.fail(Status::unavailable("not now")).await;
        }
        call.create().await;
        while let Some(received) = call.batch().await {
            if received.rows.iter().any(|row| is_poison(number(row))) {
                return call.fail(Status::invalid_argument("a value. Error Code: 4044, Error State: 1.")).await;
            }
            match random.u8(..20) {
                0 if !is_good => return call.fail(Status::unavailable("going down")).await,
                1 if !is_good => {
                    call.keep(&received);
                    return call.fail(Status::internal("after the commit")).await;
                }
                2 if !is_good => {
                    call.keep(&received);
                    call.ack(received.offset).await;
                    call.close_signal(Duration::from_secs(1)).await;
                }
                _ => {
                    call.keep(&received);
                    call.ack(received.offset).await;
                }
            }
        }
    })
}

/// A handle for programs without async.
trait Handle: Clone + Send + 'static {
    type At: Copy;

    fn send(&self, row: &Row) -> Result<Self::At, Error>;
    fn try_send(&self, row: &Row) -> Result<Self::At, Error>;
    fn send_timeout(&self, row: &Row, timeout: Duration) -> Result<Self::At, Error>;
    fn wait(&self, at: Self::At) -> Result<(), Error>;
    fn flush(&self) -> Result<(), Error>;
    fn take_rejected(&self) -> Option<Undelivered>;
    fn is_closed(&self) -> bool;
    fn reopen(&self) -> Result<Self, Error>;
    fn close(&self) -> Result<(), CloseError>;
    fn close_within(&self, timeout: Duration) -> Result<(), CloseError>;
}

macro_rules! handle {
    ($type:ident, $at:ident $(, $key:expr)?) => {
        impl Handle for $type<Row> {
            type At = zerobus_runtime::$at;

            fn send(&self, row: &Row) -> Result<Self::At, Error> {
                self.send($(&$key(row),)? row)
            }
            fn try_send(&self, row: &Row) -> Result<Self::At, Error> {
                self.try_send($(&$key(row),)? row)
            }
            fn send_timeout(&self, row: &Row, timeout: Duration) -> Result<Self::At, Error> {
                self.send_timeout($(&$key(row),)? row, timeout)
            }
            fn wait(&self, at: Self::At) -> Result<(), Error> {
                self.wait(at)
            }
            fn flush(&self) -> Result<(), Error> {
                self.flush()
            }
            fn take_rejected(&self) -> Option<Undelivered> {
                self.take_rejected()
            }
            fn is_closed(&self) -> bool {
                self.is_closed()
            }
            fn reopen(&self) -> Result<Self, Error> {
                self.reopen()
            }
            fn close(&self) -> Result<(), CloseError> {
                self.close().map(drop)
            }
            fn close_within(&self, timeout: Duration) -> Result<(), CloseError> {
                self.close_within(timeout).map(drop)
            }
        }
    };
}

handle!(BlockingStream, Offset);
handle!(BlockingLanes, LaneOffset, |row: &Row| row.n % 5);

/// What a program knows of its rows.
#[derive(Default)]
struct Known {
    accepted: BTreeSet<u64>,
    /// With whether they may be in the table.
    returned: Vec<(u64, Persisted)>,
}

impl Known {
    fn note(&mut self, rows: Option<&Undelivered>) {
        self.returned
            .extend(rows.into_iter().flat_map(Undelivered::rows).map(|row| (number(&row.bytes), row.persisted)));
    }

    /// Holds what the program knows against what the server has.
    fn check(&self, seed: u64, server: &Server) {
        let durable: BTreeSet<u64> = server.records.durable().into_iter().collect();
        let mut returned = BTreeSet::new();
        for (n, persisted) in &self.returned {
            assert!(returned.insert(*n), "seed {seed}: row {n} is returned twice");
            let is_true = *persisted == Persisted::Possibly || !durable.contains(n);
            assert!(is_true, "seed {seed}: row {n} is said not to have left, and is in the table");
        }
        let there: BTreeSet<u64> = durable.union(&returned).copied().collect();
        assert_eq!(there, self.accepted, "seed {seed}: what was accepted is durable or returned, and nothing else is");
    }
}

/// One thread of the program.
fn produce<H: Handle>(handle: &H, seed: u64, first: u64) -> Known {
    let mut random = Rng::with_seed(seed.wrapping_mul(31) + first);
    let mut known = Known::default();
    for n in first..first + ROWS {
        let row = Row::padded(n, random.usize(..60));
        let sent = match random.u8(..10) {
            0 => handle.try_send(&row),
            1 => handle.send_timeout(&row, Duration::from_micros(random.u64(..500))),
            _ => handle.send(&row),
        };
        match sent {
            Ok(at) => {
                known.accepted.insert(n);
                if random.u8(..40) == 0 {
                    // It fails for a refused row, and when another thread has closed the handle.
                    let _ = handle.wait(at);
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::Full | ErrorKind::Timeout) => {}
            Err(error) if matches!(error.kind(), ErrorKind::GaveUp | ErrorKind::Closed) => break,
            Err(error) => panic!("seed {seed}: row {n}: {error}"),
        }
        match random.u16(..300) {
            0 => _ = handle.flush(),
            1 => known.note(handle.take_rejected().as_ref()),
            2 if seed.is_multiple_of(4) => {
                known.note(handle.close_within(Duration::ZERO).err().and_then(CloseError::into_undelivered).as_ref());
            }
            _ => {}
        }
    }
    known
}

fn history<H: Handle>(seed: u64, server: &Server, open: impl FnOnce(StreamBuilder<Row>) -> Result<H, Error>) {
    let mut random = Rng::with_seed(seed);
    let stream = server.client().stream::<Row>().max_unacked_bytes(random.usize(200..4000)).max_rejected_rows(1000);
    let stream = stream.backoff(Duration::from_millis(1), Duration::from_millis(2)).max_first_attempts(None);
    let attempts = if random.bool() { None } else { Some(random.u32(1..4)) };
    let handle = open(stream.max_attempts(attempts)).unwrap();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let handle = handle.clone();
            thread::spawn(move || produce(&handle, seed, thread * ROWS))
        })
        .collect();
    let mut known = Known::default();
    for thread in threads {
        let part = thread.join().unwrap();
        known.accepted.extend(part.accepted);
        known.returned.extend(part.returned);
    }
    let ended = match random.u8(..3) {
        0 => handle.close_within(Duration::from_millis(random.u64(..5))),
        1 if handle.is_closed() => {
            let again = handle.reopen().unwrap();
            known.note(handle.take_rejected().as_ref());
            again.close()
        }
        _ => handle.close(),
    };
    known.note(ended.err().and_then(CloseError::into_undelivered).as_ref());
    known.check(seed, server);
}

fn histories<H: Handle>(open: impl Fn(StreamBuilder<Row>) -> Result<H, Error>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let seeds = std::env::var("ZEROBUS_BLOCKING_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let server = runtime.block_on(failing(seed).start());
        history(seed, &server, &open);
    }
}

#[test]
fn rows_that_threads_send_by_a_stream_are_durable_or_returned() {
    histories(StreamBuilder::open_blocking);
}

#[test]
fn rows_that_threads_send_by_lanes_are_durable_or_returned() {
    histories(|stream| stream.lanes(NonZeroUsize::new(3).unwrap()).open_blocking());
}

//! Explores task schedules: in any order of handles, transport and driver, every wait ends and every byte of room is
//! released.
//!
//! Tasks switch at locks and waits. If all tasks wait, shuttle fails and prints the schedule.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread;

use super::lock::explored;
use super::{Budget, Inner, Place, Settled, Shared};
use crate::core::{Action, Batch, Heard, Pull, Refused, Settings};
use crate::offset::Offset;
use crate::persisted::Persisted;
use crate::record_kind::RecordKind;

/// The byte budget; three rows exceed it.
const ROOM: usize = 25;
const ROW: [u8; 8] = [0; 8];
const SCHEDULES: usize = 300;

fn explore(program: impl Fn() + Send + Sync + 'static) {
    explored::set(true);
    shuttle::check_random(program, SCHEDULES);
    explored::set(false);
}

/// A stream with its driver; each of its calls ends after this many requests.
fn stream(budget: Option<Arc<Budget>>, requests: usize) -> (Arc<Shared>, thread::JoinHandle<()>) {
    let mut settings = Settings::new("main.test.rows", RecordKind::Proto);
    settings.max_unacked_bytes = ROOM;
    settings.max_attempts = None;
    (settings.backoff_min, settings.backoff_max) = (Duration::from_nanos(1), Duration::from_nanos(1));
    let shared = Shared::new(settings, budget);
    let driver = {
        let shared = Arc::clone(&shared);
        thread::spawn(move || block_on(drive(shared, requests)))
    };
    (shared, driver)
}

async fn drive(shared: Arc<Shared>, requests: usize) {
    loop {
        match shared.next_action() {
            Ok(Action::Open { generation, .. }) => {
                shared.hear(generation, Heard::Opened("stream".into()));
                let shared = Arc::clone(&shared);
                thread::spawn(move || block_on(carry(shared, generation, requests)));
            }
            Ok(Action::Stop) => return,
            Ok(Action::Reset { .. } | Action::Tell(_)) => {}
            // A pause between attempts; longer waits do not expire in this test.
            Err(Some(at)) if at < shared.now() + Duration::from_secs(1) => {
                thread::sleep(Duration::ZERO);
                shared.tick();
            }
            Err(_) => shared.changed().await,
        }
    }
}

/// The transport of one call, and the server behind it.
async fn carry(shared: Arc<Shared>, generation: u64, requests: usize) {
    for n in 0.. {
        match poll_fn(|cx| shared.poll_pull(cx, generation)).await {
            Pull::Request(_) if n == requests => break,
            Pull::Request(request) => shared.hear(generation, Heard::Acked(Some(request.wire_offset))),
            Pull::End | Pull::Idle => break,
        }
    }
    shared.hear(generation, Heard::Ended(None));
}

async fn send(shared: &Shared) -> Result<Offset, Refused> {
    match shared.push_row(&ROW, Persisted::No) {
        Err(Refused::Full) => {}
        pushed => return pushed,
    }
    let mut place = Place::new(shared, Batch::record_len(ROW.len()));
    place.granted().await;
    shared.push_placed(&mut place, &ROW, Persisted::No)
}

/// As `send`, dropped at the first wait.
async fn send_or_leave(shared: &Shared) -> bool {
    let mut sending = pin!(send(shared));
    poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx).is_ready())).await
}

/// Waits until everything up to this row is durable.
async fn wait(shared: &Shared, row: Offset) {
    let durable = move |inner: &mut Inner| (inner.session.delivered() > row.0).then_some(());
    Settled::new(shared, row.0, durable).await;
}

async fn over(shared: &Shared) {
    Settled::new(shared, u64::MAX, |inner: &mut Inner| inner.session.is_over().then_some(())).await;
}

/// Sends a few rows, waits for them, and drops one now and then.
fn sender(shared: &Arc<Shared>, rows: usize) -> thread::JoinHandle<u64> {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        block_on(async move {
            let mut sent = 0;
            for _ in 0..rows {
                sent += u64::from(send_or_leave(&shared).await);
                let row = send(&shared).await.expect("the stream is open");
                sent += 1;
                wait(&shared, row).await;
            }
            sent
        })
    })
}

/// Closes a stream whose senders are done, and checks that nothing is left in it.
fn settle(shared: &Shared, driver: thread::JoinHandle<()>, sent: u64) {
    shared.close();
    block_on(over(shared));
    driver.join().expect("the driver ends");
    let stats = shared.stats();
    assert_eq!((stats.rows_accepted, stats.rows_durable, stats.rows_in_flight), (sent, sent, 0));
    let inner = shared.lock();
    assert_eq!((inner.held, inner.room.has_queue()), (0, false));
}

#[test]
fn every_send_and_every_wait_of_a_stream_ends() {
    explore(|| {
        let (shared, driver) = stream(None, usize::MAX);
        let senders: Vec<_> = (0..3).map(|_| sender(&shared, 2)).collect();
        let sent = senders.into_iter().map(|sender| sender.join().expect("it ends")).sum();
        settle(&shared, driver, sent);
    });
}

#[test]
fn every_send_and_every_wait_ends_where_calls_end() {
    explore(|| {
        let (shared, driver) = stream(None, 2);
        let senders: Vec<_> = (0..2).map(|_| sender(&shared, 2)).collect();
        let sent = senders.into_iter().map(|sender| sender.join().expect("it ends")).sum();
        settle(&shared, driver, sent);
    });
}

#[test]
fn streams_that_share_a_budget_end_and_give_all_of_it_back() {
    explore(|| {
        let budget = Budget::new(ROOM);
        let streams: Vec<_> = (0..2).map(|_| stream(Some(Arc::clone(&budget)), usize::MAX)).collect();
        let senders: Vec<_> = streams.iter().flat_map(|(shared, _)| [sender(shared, 2), sender(shared, 1)]).collect();
        let sent: Vec<u64> = senders.into_iter().map(|sender| sender.join().expect("it ends")).collect();
        for ((shared, driver), sent) in streams.into_iter().zip(sent.chunks(2)) {
            settle(&shared, driver, sent.iter().sum());
        }
        assert!(budget.try_take(ROOM), "all of it is free");
    });
}

#[test]
fn waiters_for_room_wake_when_the_stream_closes() {
    explore(|| {
        let (shared, driver) = stream(None, usize::MAX);
        let senders: Vec<_> = (0..3)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || block_on(async { u64::from(send(&shared).await.is_ok()) }))
            })
            .collect();
        shared.close();
        let sent = senders.into_iter().map(|sender| sender.join().expect("it ends")).sum();
        settle(&shared, driver, sent);
    });
}

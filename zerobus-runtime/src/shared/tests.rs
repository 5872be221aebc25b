//! Which tasks are woken, and when, on a stream without a driver or a connection.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::{Budget, Inner, Place, Settled, Shared};
#[cfg(feature = "spool")]
use crate::core::Found;
use crate::core::{Action, Batch, Heard, Outgoing, Pull, Refused, Settings};
use crate::error::Fault;
use crate::offset::Offset;
use crate::persisted::Persisted;
use crate::record_kind::RecordKind;

/// Counts how often its task is woken.
#[derive(Debug, Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A task that waits.
struct Task(Arc<Woken>, Waker);

impl Task {
    fn new() -> Self {
        let woken = Arc::new(Woken::default());
        Self(Arc::clone(&woken), woken.into())
    }

    fn times(&self) -> usize {
        self.0.0.load(Ordering::Relaxed)
    }

    fn pull(&self, shared: &Shared, generation: u64) -> Poll<Pull> {
        shared.poll_pull(&mut Context::from_waker(&self.1), generation)
    }
}

fn settings() -> Settings {
    let mut settings = Settings::new("main.test.rows", RecordKind::Proto);
    settings.max_batch_bytes = 100;
    settings.max_row_bytes = 50;
    settings.max_unacked_bytes = 200;
    settings
}

/// The calls that the stream asks for.
fn opened(shared: &Shared) -> Vec<u64> {
    let actions = std::iter::from_fn(|| shared.next_action().ok());
    actions
        .filter_map(|action| if let Action::Open { generation, .. } = action { Some(generation) } else { None })
        .collect()
}

/// A stream and its open call.
fn streaming(budget: Option<&Arc<Budget>>) -> (Arc<Shared>, u64) {
    streaming_with(settings(), budget)
}

/// As `streaming`, with a long linger.
fn lingering(budget: Option<&Arc<Budget>>) -> (Arc<Shared>, u64) {
    let mut settings = settings();
    settings.linger = Duration::from_secs(20);
    streaming_with(settings, budget)
}

fn streaming_with(settings: Settings, budget: Option<&Arc<Budget>>) -> (Arc<Shared>, u64) {
    let shared = Shared::new(settings, budget.cloned());
    let call = opened(&shared)[0];
    shared.hear(call, Heard::Opened("s".into()));
    (shared, call)
}

/// Whether the driver was woken since the last call.
fn is_roused(shared: &Shared) -> bool {
    pin!(shared.changed()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn push(shared: &Shared, bytes: usize) -> bool {
    shared.push_row(&vec![0; bytes], Persisted::No).is_ok()
}

fn request(pulled: Poll<Pull>) -> Outgoing {
    match pulled {
        Poll::Ready(Pull::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_row_as_long_as_the_limit_is_accepted_and_a_longer_one_is_not() {
    let (shared, _) = streaming(None);
    let longest = 50 - 2;
    assert_eq!(Batch::record_len(longest), 50);
    assert!(push(&shared, longest));
    assert!(matches!(shared.push_row(&[0; 49], Persisted::No), Err(Refused::TooLarge { bytes: 51, limit: 50 })));
}

#[test]
fn a_row_wakes_the_transport_that_found_nothing_to_send() {
    let (shared, call) = streaming(None);
    let task = Task::new();
    assert!(task.pull(&shared, call).is_pending());
    assert!(push(&shared, 10));
    assert_eq!(task.times(), 1);
    assert_eq!(request(task.pull(&shared, call)).rows, 1);
    assert!(task.pull(&shared, call).is_pending());
    assert!(task.pull(&shared, call).is_pending());
    assert!(push(&shared, 10));
    assert_eq!(task.times(), 2, "however often it asked");
}

#[test]
fn a_call_that_drains_is_woken_to_end_although_the_next_waits_as_well() {
    let (shared, drained) = streaming(None);
    let (of_drained, of_next) = (Task::new(), Task::new());
    for offset in 0..2 {
        assert!(push(&shared, 10));
        request(of_drained.pull(&shared, drained));
        if offset == 0 {
            shared.hear(drained, Heard::Acked(Some(0)));
        }
    }
    shared.hear(drained, Heard::CloseSignal(Duration::from_secs(60)));
    let next = opened(&shared)[0];
    assert!(of_drained.pull(&shared, drained).is_pending(), "a row is not acknowledged");
    shared.hear(next, Heard::Opened("t".into()));
    assert!(of_next.pull(&shared, next).is_pending());
    assert_eq!(of_drained.times(), 0);
    shared.hear(drained, Heard::Acked(Some(1)));
    assert_eq!(of_drained.times(), 1);
    assert!(matches!(of_drained.pull(&shared, drained), Poll::Ready(Pull::End)));
}

#[test]
fn room_in_a_shared_budget_is_taken_once_and_given_back_when_rows_are_settled() {
    let budget = Budget::new(60);
    let (shared, call) = streaming(Some(&budget));
    let (other, _) = streaming(Some(&budget));
    assert!(push(&shared, 38) && push(&other, 18), "these are 40 and 20 bytes");
    assert!(!push(&other, 1), "the budget is used up");
    let task = Task::new();
    request(task.pull(&shared, call));
    assert!(!push(&other, 1), "and is until the rows are durable");
    shared.hear(call, Heard::Acked(Some(0)));
    assert!(push(&other, 38));
    assert!(!push(&other, 1));
}

#[test]
fn a_row_waits_for_room_in_both_budgets_and_leaves_it_if_it_gives_up() {
    let budget = Budget::new(60);
    let (shared, call) = streaming(Some(&budget));
    let (other, _) = streaming(Some(&budget));
    assert!(push(&shared, 48) && !push(&other, 18));
    let task = Task::new();
    let mut place = Place::new(&other, 20);
    assert!(!place.is_granted(&task.1));
    assert!(!push(&shared, 1), "a row waits already");
    request(task.pull(&shared, call));
    shared.hear(call, Heard::Acked(Some(0)));
    assert_eq!(task.times(), 1);
    assert!(place.is_granted(&task.1));
    assert!(!push(&shared, 39), "20 of 60 bytes are granted");
    drop(place);
    assert!(push(&shared, 48));
}

#[test]
fn a_granted_row_uses_its_room_until_it_is_settled() {
    let budget = Budget::new(60);
    let (shared, call) = streaming(Some(&budget));
    let (other, _) = streaming(Some(&budget));
    let mut place = Place::new(&shared, 50);
    assert!(place.is_granted(Waker::noop()));
    shared.push_placed(&mut place, &[0; 48], Persisted::No).unwrap();
    drop(place);
    assert!(!push(&other, 18), "50 of 60 bytes are in use");
    let task = Task::new();
    request(task.pull(&shared, call));
    shared.hear(call, Heard::Acked(Some(0)));
    assert!(budget.try_take(60), "all of it is free again");
}

#[test]
fn a_row_that_waits_for_a_shared_budget_does_not_wait_for_the_linger_of_others() {
    let budget = Budget::new(60);
    let (shared, call) = lingering(Some(&budget));
    let (other, _) = streaming(Some(&budget));
    assert!(push(&shared, 48));
    let task = Task::new();
    assert!(task.pull(&shared, call).is_pending(), "it waits for other rows");
    let mut place = Place::new(&other, 20);
    assert!(!place.is_granted(Waker::noop()));
    assert_eq!(request(task.pull(&shared, call)).rows, 1);
}

#[test]
fn a_granted_row_lingers_unless_a_row_of_another_stream_waits_for_its_room() {
    for is_wanted in [false, true] {
        let budget = Budget::new(60);
        let (shared, call) = lingering(Some(&budget));
        let (other, _) = streaming(Some(&budget));
        let mut place = Place::new(&shared, 50);
        assert!(place.is_granted(Waker::noop()));
        let mut behind = is_wanted.then(|| Place::new(&other, 20));
        assert!(behind.as_mut().is_none_or(|behind| !behind.is_granted(Waker::noop())));
        shared.push_placed(&mut place, &[0; 48], Persisted::No).unwrap();
        assert_eq!(Task::new().pull(&shared, call).is_ready(), is_wanted);
    }
}

#[test]
fn a_budget_forgets_the_tickets_of_accepted_rows() {
    let budget = Budget::new(1000);
    let (shared, _) = streaming(Some(&budget));
    for n in 0..3 {
        let mut place = Place::new(&shared, 50);
        assert!(place.is_granted(Waker::noop()));
        assert_eq!(budget.tickets(), 1, "of row {n}");
        shared.push_placed(&mut place, &[0; 48], Persisted::No).unwrap();
        assert_eq!(budget.tickets(), 0);
    }
}

#[test]
fn freed_room_wakes_those_who_get_it_alone() {
    let (shared, call) = streaming(None);
    while push(&shared, 48) {}
    let tasks = [Task::new(), Task::new(), Task::new()];
    let mut places = tasks.each_ref().map(|_| Place::new(&shared, 50));
    for (place, task) in places.iter_mut().zip(&tasks) {
        assert!(!place.is_granted(&task.1));
    }
    request(tasks[0].pull(&shared, call));
    shared.hear(call, Heard::Acked(Some(0)));
    assert_eq!(tasks.map(|task| task.times()), [1, 1, 0], "a request of two rows is durable");
}

#[test]
fn the_driver_is_woken_by_what_is_due_sooner_and_by_nothing_else() {
    let (shared, call) = lingering(None);
    assert!(push(&shared, 10));
    shared.flush();
    request(Task::new().pull(&shared, call));
    assert!(opened(&shared).is_empty());
    is_roused(&shared);
    assert!(push(&shared, 10));
    assert!(is_roused(&shared), "the linger ends before the wait for an acknowledgement");
    assert!(opened(&shared).is_empty());
    shared.expect(Offset(0));
    assert!(!is_roused(&shared), "nothing is due sooner");
}

#[cfg(feature = "spool")]
#[test]
fn a_returned_row_may_be_in_the_table_if_a_failed_write_left_something_on_disk() {
    let mut settings = settings();
    settings.spool = Some(Found::default());
    let (shared, _) = streaming_with(settings, None);
    assert!(push(&shared, 10));
    shared.disk_left(Persisted::Possibly);
    shared.fail(Fault::ShutDown.into());
    shared.disk_fails(Fault::ShutDown.into());
    assert_eq!(shared.take_returned()[0].batch.persisted(), Persisted::Possibly);
}

#[test]
fn whoever_waits_for_room_is_woken_when_the_stream_ends() {
    let (shared, _) = streaming(None);
    while push(&shared, 48) {}
    let task = Task::new();
    let mut place = Place::new(&shared, 50);
    assert!(!place.is_granted(&task.1));
    shared.fail(Fault::ShutDown.into());
    assert_eq!(task.times(), 1);
    assert!(place.is_granted(&task.1), "there is nothing left to wait for");
    assert!(matches!(shared.push_placed(&mut place, &[0; 48], Persisted::No), Err(Refused::Failed(_))));
}

#[test]
fn a_budget_forgets_streams_that_are_gone() {
    let budget = Budget::new(60);
    for _ in 0..10 {
        drop(Shared::new(settings(), Some(Arc::clone(&budget))));
    }
    let (_shared, _) = streaming(Some(&budget));
    assert_eq!(budget.streams(), 1);
}

#[test]
fn a_wait_that_is_given_up_is_not_woken() {
    let (shared, _) = streaming(None);
    let task = Task::new();
    let mut wait = Settled::new(&*shared, 0, |_: &mut Inner| None::<()>);
    assert!(Pin::new(&mut wait).poll(&mut Context::from_waker(&task.1)).is_pending());
    drop(wait);
    shared.fail(Fault::ShutDown.into());
    assert_eq!(task.times(), 0);
}

#[test]
fn a_wait_is_woken_by_its_row_and_not_by_those_before_it() {
    let (shared, call) = streaming(None);
    let task = Task::new();
    for _ in 0..2 {
        assert!(push(&shared, 40));
        request(task.pull(&shared, call));
    }
    let mut wait = Settled::new(&*shared, 1, |_: &mut Inner| None::<()>);
    assert!(Pin::new(&mut wait).poll(&mut Context::from_waker(&task.1)).is_pending());
    shared.hear(call, Heard::Acked(Some(0)));
    assert_eq!(task.times(), 0);
    shared.hear(call, Heard::Acked(Some(1)));
    assert_eq!(task.times(), 1);
}

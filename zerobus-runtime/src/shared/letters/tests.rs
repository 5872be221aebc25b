//! Refused rows on a stream whose sink is the test, without a driver or a connection.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use super::super::{Inner, Shared};
use super::queue::LETTER_BYTES;
use super::{LetterThread, inside_sink, is_in_a_sink};
use crate::core::{Action, Heard, Pull, Settings};
use crate::error::{Details, Error, Fault, Status};
use crate::letter::Original;
use crate::persisted::Persisted;
use crate::record_kind::RecordKind;
use crate::schemas::Schemas;

/// The thread of the sink with this number, run by the test.
#[derive(Debug)]
struct Played(u64);

impl LetterThread for Played {
    fn sink(&self) -> u64 {
        self.0
    }

    fn start(self: Arc<Self>, _: &Arc<Shared>) {}
}

/// A stream with a sink, which keeps this many bytes of refused rows, and its open call.
fn with_sink(max_rejected_bytes: usize) -> (Arc<Shared>, u64) {
    with_shared_sink(max_rejected_bytes, 0)
}

fn with_shared_sink(max_rejected_bytes: usize, sink: u64) -> (Arc<Shared>, u64) {
    let mut settings = Settings::new("main.test.rows", RecordKind::Proto);
    settings.max_rejected_bytes = max_rejected_bytes;
    (settings.backoff_min, settings.backoff_max) = (Duration::from_nanos(1), Duration::from_nanos(1));
    let shared = Shared::with_desk(settings, None, Schemas::none(), Some(Arc::new(Played(sink))));
    let call = open(&shared);
    (shared, call)
}

/// Opens the call that the stream asks for.
fn open(shared: &Shared) -> u64 {
    for _ in 0..1_000_000 {
        match shared.next_action() {
            Ok(Action::Open { generation, .. }) => {
                shared.hear(generation, Heard::Opened("s".into()));
                return generation;
            }
            Ok(_) => {}
            Err(_) => shared.tick(),
        }
    }
    panic!("no call is opened: {shared:?}");
}

fn reason() -> Error {
    Fault::ShutDown.into()
}

/// A row of this many bytes that `send` refuses.
fn post(shared: &Arc<Shared>, bytes: usize, is_whole: bool) -> Error {
    let (row, reason) = (Bytes::from(vec![0; bytes]), reason());
    shared.post(Original::new(RecordKind::Proto, row, is_whole), &reason);
    reason
}

/// A row that the server refuses, on this call or on one that the row requests.
fn refuse(shared: &Shared, call: Option<u64>) {
    shared.push_row(&[0; 8], Persisted::No).unwrap();
    let call = call.unwrap_or_else(|| open(shared));
    let pulled = shared.poll_pull(&mut Context::from_waker(Waker::noop()), call);
    assert!(matches!(pulled, Poll::Ready(Pull::Request(_))), "{pulled:?}");
    let (table, message) = ("main.test.rows".to_owned(), "a value. Error Code: 4044, Error State: 1.".to_owned());
    let status = Status { code: 3, name: "status", message, table, details: Details::default(), source: None };
    shared.hear(call, Heard::Ended(Some(Fault::Status(status).into())));
}

/// Whether the sink has the row of this refusal; `None` while that is undecided.
fn has_letter(shared: &Shared, reason: &Error) -> Option<bool> {
    shared.lock().has_letter(reason)
}

fn ask<T>(shared: &Shared, ask: impl FnOnce(&Inner) -> T) -> T {
    ask(&shared.lock())
}

#[test]
fn rows_wait_for_the_sink_up_to_the_limit_and_one_always_may() {
    let (shared, _) = with_sink(2 * LETTER_BYTES + 10);
    let first = post(&shared, 1000, true);
    assert_eq!(has_letter(&shared, &first), None, "the first row may be of any length");
    let second = post(&shared, 1, true);
    assert_eq!(has_letter(&shared, &second), Some(false), "there is no room beside it");
    assert!(shared.next_letter().is_some());
    shared.letter_taken();
    assert_eq!(has_letter(&shared, &first), Some(true));
    let rows = [4, 6, 1].map(|bytes| post(&shared, bytes, true));
    let found = rows.each_ref().map(|reason| has_letter(&shared, reason));
    assert_eq!(found, [None, None, Some(false)], "ten bytes wait, and an eleventh may not");
}

#[test]
fn rows_without_bytes_wait_up_to_the_limit_as_well() {
    let (shared, _) = with_sink(2 * LETTER_BYTES);
    let rows = [0; 3].map(|bytes| post(&shared, bytes, true));
    assert_eq!(rows.map(|reason| has_letter(&shared, &reason)), [None, None, Some(false)]);
}

#[test]
fn a_row_that_the_sink_has_in_part_or_not_is_known_by_its_refusal() {
    let (shared, _) = with_sink(1000);
    let (part, failed, taken) = (post(&shared, 1, false), post(&shared, 1, true), post(&shared, 1, true));
    let outcomes: [fn(&Shared); 3] = [Shared::letter_taken, Shared::letter_failed, Shared::letter_taken];
    for outcome in outcomes {
        assert!(shared.next_letter().is_some());
        outcome(&shared);
    }
    assert!(shared.next_letter().is_none());
    assert_eq!(
        [part, failed, taken].map(|reason| has_letter(&shared, &reason)),
        [Some(false), Some(false), Some(true)]
    );
}

#[test]
fn the_driver_hears_once_that_the_sink_settled_rows() {
    let (shared, _) = with_sink(100);
    post(&shared, 1, true);
    assert!(!shared.take_letter_news());
    assert!(shared.next_letter().is_some());
    shared.letter_taken();
    assert!(shared.take_letter_news());
    assert!(!shared.take_letter_news());
}

#[test]
fn a_row_that_the_server_refused_is_settled_by_the_sink_and_not_those_before_it() {
    let (shared, call) = with_sink(100);
    shared.push_row(&[0; 8], Persisted::No).unwrap();
    assert!(shared.poll_pull(&mut Context::from_waker(Waker::noop()), call).is_ready());
    shared.hear(call, Heard::Acked(Some(0)));
    refuse(&shared, Some(call));
    assert!(ask(&shared, |inner| inner.outcome(0)).is_some_and(|outcome| outcome.is_ok()), "it was durable before");
    assert!(ask(&shared, |inner| inner.outcome(1)).is_none());
    assert_eq!((ask(&shared, Inner::letters_queued), ask(&shared, |inner| inner.has_passed_on(1))), (1, false));
    let mut passed_on = pin!(shared.letters_passed_on());
    let mut poll = || passed_on.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    assert!(shared.next_letter().is_some());
    assert!(ask(&shared, |inner| inner.outcome(1)).is_none(), "the sink has it in hand");
    shared.letter_taken();
    assert!(ask(&shared, |inner| inner.outcome(1)).is_some_and(|outcome| outcome.is_err()));
    assert!(ask(&shared, |inner| inner.has_passed_on(1)) && poll().is_ready());
}

#[test]
fn a_refused_row_behind_a_large_one_that_send_refused_is_settled_by_the_sink() {
    let (shared, call) = with_sink(20);
    post(&shared, 100, true);
    refuse(&shared, Some(call));
    assert!(ask(&shared, |inner| inner.outcome(0)).is_none());
    assert_eq!((ask(&shared, Inner::delivered), ask(&shared, Inner::letters_queued)), (0, 2));
    for _ in 0..2 {
        assert_eq!(ask(&shared, Inner::delivered), 0);
        assert!(shared.next_letter().is_some());
        shared.letter_taken();
    }
    assert_eq!(ask(&shared, Inner::delivered), 1);
    assert!(ask(&shared, |inner| inner.outcome(0)).is_some_and(|outcome| outcome.is_err()));
}

#[test]
fn rows_that_the_sink_does_not_take_count_for_the_limit_until_they_are_taken() {
    let (shared, call) = with_sink(20);
    let failed = |shared: &Shared| {
        assert!(shared.next_letter().is_some());
        shared.letter_failed();
    };
    refuse(&shared, Some(call));
    failed(&shared);
    refuse(&shared, None);
    failed(&shared);
    assert_eq!(shared.take_rejected().len(), 2);
    refuse(&shared, None);
    failed(&shared);
    refuse(&shared, None);
    assert!(shared.next_letter().is_some());
    shared.letter_taken();
    refuse(&shared, None);
    assert!(ask(&shared, |inner| inner.session.error().is_none()), "20 bytes");
    refuse(&shared, None);
    let error = ask(&shared, |inner| inner.session.error().cloned());
    assert!(error.is_some_and(|error| matches!(error.fault(), Fault::TooManyRejected { .. })), "30 bytes");
    let returned: Vec<u64> = shared.take_returned().iter().map(|part| part.batch.first).collect();
    assert_eq!(returned, [2, 5], "the sink gets row 4");
}

#[test]
fn a_stream_that_is_ended_returns_every_refused_row_and_queues_no_other() {
    let (shared, call) = with_sink(60);
    refuse(&shared, Some(call));
    assert!(shared.next_letter().is_some(), "the sink hangs with the first");
    post(&shared, 100, true);
    for _ in 0..5 {
        refuse(&shared, None);
    }
    shared.close();
    shared.end(reason());
    let returned: Vec<u64> = shared.take_returned().iter().map(|part| part.batch.first).collect();
    assert_eq!(returned, [0, 1, 2, 3, 4, 5]);
    let late = post(&shared, 1, true);
    shared.fail(reason());
    assert_eq!(has_letter(&shared, &late), Some(false));
    assert!(shared.next_letter().is_none() && ask(&shared, Inner::is_finished));
}

#[test]
fn a_thread_knows_whether_it_is_in_a_sink() {
    let (shared, _) = with_sink(100);
    assert!(!is_in_a_sink());
    assert!(inside_sink(&shared, is_in_a_sink));
    assert!(!is_in_a_sink());
}

#[test]
fn a_thread_in_a_sink_waits_for_no_stream_that_has_this_sink_and_for_all_others() {
    let [first, second, other] = [0, 0, 1].map(|sink| {
        let (shared, call) = with_shared_sink(100, sink);
        refuse(&shared, Some(call));
        shared
    });
    let waits = |shared: &Shared| ask(shared, |inner| inner.outcome(0).is_none() && !inner.has_passed_on(1));
    assert_eq!(inside_sink(&first, || [&first, &second, &other].map(|shared| waits(shared))), [false, false, true]);
    assert!(waits(&first) && waits(&second));
}

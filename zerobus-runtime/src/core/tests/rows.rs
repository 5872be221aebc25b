//! Rows: which are accepted, which are not and why, and how they end.

use super::refusals::{poisoned, serve};
use super::*;

/// Offers a row that takes this many bytes in a batch.
fn offer(session: &mut Session, bytes: usize, persisted: Persisted) -> Result<u64, Refused> {
    let row = if bytes < 130 { bytes - 2 } else { bytes - 3 };
    let write = |out: &mut crate::message::Encoder| {
        out.raw(&vec![0; row]);
        Ok(())
    };
    session.push(|| Duration::ZERO, persisted, write).map(Offset::value)
}

fn accept(session: &mut Session, bytes: usize) -> u64 {
    offer(session, bytes, Persisted::No).unwrap()
}

fn session(settings: Settings) -> Session {
    Session::new(settings, fastrand::Rng::with_seed(7), Duration::ZERO)
}

/// A session that has given up, with rows of 12 bytes that were never sent and one that was.
fn given_up() -> Session {
    let mut session = session(settings(Duration::ZERO));
    for row in 0..3 {
        assert_eq!(accept(&mut session, 12), row);
    }
    offer(&mut session, 12, Persisted::Possibly).unwrap();
    session.fail(status(13, "oh"));
    session
}

/// The first row, the number of rows and the `persisted` state of each part.
fn parts(rows: &[ReturnedBatch]) -> Vec<(u64, u32, Persisted)> {
    rows.iter().map(|part| (part.batch.first, part.batch.rows, part.batch.persisted())).collect()
}

#[test]
fn a_row_may_take_all_the_room_that_is_neither_used_nor_promised() {
    let mut session = session(settings(Duration::ZERO));
    session.reserve(300);
    assert_eq!(session.room(), 700);
    accept(&mut session, 200);
    assert_eq!(session.room(), 500);
    assert!(matches!(offer(&mut session, 501, Persisted::No), Err(Refused::Full)));
    accept(&mut session, 500);
    assert!(matches!(offer(&mut session, 2, Persisted::No), Err(Refused::Full)));
    session.unreserve(300);
    assert_eq!(session.room(), 300);
    accept(&mut session, 300);
    assert_eq!((session.room(), session.unacked_bytes()), (0, 1000));
}

#[test]
fn a_promise_holds_against_rows_that_would_join_the_open_batch() {
    let mut settings = settings(Duration::ZERO);
    settings.max_batch_bytes = 1000;
    let mut session = session(settings);
    accept(&mut session, 10);
    session.reserve(980);
    accept(&mut session, 10);
    assert!(matches!(offer(&mut session, 10, Persisted::No), Err(Refused::Full)));
}

#[test]
fn a_row_of_the_longest_length_is_taken_and_a_longer_one_is_too_large() {
    let mut settings = settings(Duration::ZERO);
    settings.max_row_bytes = 200;
    let mut session = session(settings);
    assert_eq!(session.longest_row(), 200);
    accept(&mut session, 200);
    match offer(&mut session, 201, Persisted::No) {
        Err(Refused::TooLarge { bytes: 201, limit: 200 }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(session.ledger().accepted, 1);
}

#[test]
fn a_row_for_which_there_is_no_room_now_is_not_too_large() {
    let mut settings = settings(Duration::ZERO);
    settings.max_row_bytes = 600;
    let mut session = session(settings);
    accept(&mut session, 500);
    assert!(matches!(offer(&mut session, 600, Persisted::No), Err(Refused::Full)));
}

#[test]
fn a_row_that_is_longer_than_a_batch_is_a_request_of_its_own() {
    let mut world = streaming(0);
    world.push(300);
    world.pull();
    world.pull();
    assert_eq!(world.received(), [[0]]);
}

#[test]
fn a_session_that_closes_takes_no_row_and_one_that_failed_says_why() {
    let mut closing = session(settings(Duration::ZERO));
    assert!(!closing.is_closing());
    accept(&mut closing, 10);
    closing.close(Duration::ZERO);
    assert!(closing.is_closing());
    assert!(matches!(offer(&mut closing, 10, Persisted::No), Err(Refused::Closed)));
    match offer(&mut given_up(), 10, Persisted::No) {
        Err(Refused::Failed(error)) => assert!(error.to_string().contains("oh"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_may_have_been_persisted_is_returned_as_that() {
    let mut session = session(settings(Duration::ZERO));
    accept(&mut session, 80);
    accept(&mut session, 80);
    offer(&mut session, 10, Persisted::Possibly).unwrap();
    accept(&mut session, 80);
    session.fail(status(13, "oh"));
    let parts = parts(&session.take_given_up());
    assert!(parts.iter().all(|(first, rows, doubt)| {
        let holds_row_2 = (*first..*first + u64::from(*rows)).contains(&2);
        (*doubt == Persisted::Possibly) == holds_row_2
    }));
    assert_eq!(parts.iter().map(|(_, rows, _)| rows).sum::<u32>(), 4);
}

#[test]
fn adopted_rows_go_on_with_new_offsets_and_their_doubts_whatever_the_room() {
    let rows = given_up().take_given_up();
    let before = parts(&rows);
    let mut settings = settings(Duration::ZERO);
    settings.max_unacked_bytes = 20;
    let mut heir = session(settings);
    accept(&mut heir, 10);
    assert_eq!(heir.adopt(Duration::ZERO, rows), Offset(1));
    assert_eq!((heir.ledger().accepted, heir.ledger().accepted_bytes), (5, 58));
    assert!(matches!(offer(&mut heir, 10, Persisted::No), Err(Refused::Full)));
    heir.fail(status(13, "oh"));
    let after = parts(&heir.take_given_up());
    let moved: Vec<_> = before.iter().map(|(first, rows, doubt)| (first + 1, *rows, *doubt)).collect();
    assert_eq!(after[1..], moved);
    assert_eq!(after[0], (0, 1, Persisted::No));
}

#[test]
fn rows_that_an_idle_session_adopts_are_delivered_and_none_open_nothing() {
    let mut world = streaming(0);
    world.end(world.newest(), Ending::Internal);
    world.session.adopt(world.now, Vec::new());
    world.act();
    assert!(world.newest().is_none(), "there is nothing to deliver");
    world.session.adopt(world.now, given_up().take_given_up());
    world.act();
    assert!(world.newest().is_some());
}

#[test]
fn rows_that_a_closing_session_adopts_beside_its_last_call_are_delivered() {
    let mut world = streaming(1);
    world.pull();
    world.close_signal(Duration::from_secs(5));
    world.step(&Step::Close);
    world.keep(world.drained(), 1.0, true);
    assert_eq!(world.newest(), None, "no other call is needed");
    world.step(&Step::Adopt { rows: 2, bytes: 1 });
    assert!(world.newest().is_some());
    world.heal();
    assert!(world.durable.len() == 3 && world.session.error().is_none());
}

#[test]
fn rows_that_a_session_adopts_after_its_end_are_returned() {
    let mut failed = given_up();
    assert_eq!(failed.take_given_up().len(), 1);
    failed.adopt(Duration::ZERO, given_up().take_given_up());
    assert_eq!(parts(&failed.take_given_up()), [(4, 4, Persisted::Possibly)]);
    let mut world = streaming(1);
    world.heal();
    let rows = given_up().take_given_up();
    assert_eq!(world.session.adopt(world.now, rows), Offset(1));
    assert_eq!(world.session.lost_from(), Some(1));
    assert_eq!(world.session.delivered(), 1);
    let returned = world.session.take_given_up();
    assert_eq!(parts(&returned), [(1, 4, Persisted::Possibly)]);
    assert_eq!(returned[0].reason.kind(), crate::ErrorKind::Closed);
}

#[test]
fn the_outcome_of_a_row_is_known_once_it_is_settled_and_not_before() {
    let mut world = streaming(3);
    assert_eq!(world.session.settled(), 0);
    world.pull();
    assert!(world.session.outcome(0).is_none());
    world.keep(world.newest(), 1.0, true);
    assert_eq!((world.session.settled(), world.session.delivered(), world.session.lost_from()), (3, 3, None));
    assert!(world.session.outcome(2).is_some_and(|outcome| outcome.is_ok()));
    assert!(world.session.outcome(3).is_none(), "there is no such row yet");
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.session.fail(status(13, "oh"));
    assert_eq!((world.session.settled(), world.session.delivered(), world.session.lost_from()), (4, 3, Some(3)));
    assert!(world.session.outcome(3).is_some_and(|outcome| outcome.is_err()));
}

#[test]
fn a_refused_row_is_reported_once() {
    let mut world = poisoned();
    assert!(world.session.unreported_rejection().is_none());
    world.keep(world.newest(), 1.0, true);
    serve(&mut world);
    assert!(world.session.unreported_rejection().is_some());
    assert!(world.session.unreported_rejection().is_none());
}

#[test]
fn a_session_that_takes_no_refused_row_ends_with_the_servers_reason() {
    let mut settings = settings(Duration::ZERO);
    settings.max_rejected_rows = 0;
    let mut world = World::new(settings, 7, 1);
    world.open();
    world.push(1);
    world.pull();
    world.keep(world.newest(), 1.0, true);
    let error = world.session.error().unwrap();
    assert!(matches!(error.fault(), Fault::Status(_)), "{error}");
}

#[test]
fn the_row_that_begins_a_batch_differs_from_those_that_join_it() {
    let mut session = session(settings(Duration::ZERO));
    accept(&mut session, 10);
    assert!(session.has_begun_batch());
    accept(&mut session, 10);
    assert!(!session.has_begun_batch());
}

#[test]
fn bytes_requests_and_replays_are_counted() {
    let mut world = streaming(3);
    world.pull();
    world.end(world.newest(), Ending::Internal);
    world.now = world.session.deadline().unwrap();
    world.tick();
    world.open();
    world.pull();
    world.step(&Step::Push { rows: 2, bytes: 10 });
    world.pull();
    world.keep(world.newest(), 1.0, true);
    let ledger = world.session.ledger();
    assert_eq!((ledger.batches_sent, ledger.rows_replayed, ledger.opened, ledger.acks), (3, 3, 2, 1));
    assert_eq!((ledger.accepted_bytes, ledger.durable_bytes), (65, 65));
}

#[test]
fn there_are_actions_until_they_are_taken() {
    let mut session = session(settings(Duration::ZERO));
    assert!(session.has_actions());
    while session.next_action().is_some() {}
    assert!(!session.has_actions());
}

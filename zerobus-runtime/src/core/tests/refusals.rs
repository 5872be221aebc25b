//! Refused rows: how few calls find them, and what happens to the rows beside them.

use super::*;

/// A session with a call on which a hundred rows are in flight, of which every fiftieth is refused.
pub(super) fn poisoned() -> World {
    let mut settings = settings(Duration::ZERO);
    settings.max_unacked_bytes = 1_000_000;
    let mut world = World::new(settings, 7, 50);
    world.open();
    for _ in 0..20 {
        (0..5).for_each(|_| world.push(1));
        world.pull();
    }
    world
}

/// Serves until nothing is left; returns how many calls there were.
pub(super) fn serve(world: &mut World) -> u32 {
    let mut calls = 0;
    for _ in 0..5000 {
        if let Some(at) = world.session.deadline().filter(|_| world.newest().is_none()) {
            world.now = world.now.max(at);
            world.tick();
        }
        calls += u32::from(!world.is_open() && world.newest().is_some());
        world.open();
        (0..200).for_each(|_| world.pull());
        world.now += world.latency;
        world.keep(world.newest(), 1.0, true);
        if world.session.ledger().in_flight() == 0 {
            return calls;
        }
    }
    panic!("rows are left: {:?}", world.session);
}

#[test]
fn a_row_that_is_refused_is_found_by_one_call_where_the_server_answers_fast_and_by_two_else() {
    // Row 49, and row 99, which has nothing in flight after it and is therefore certain at once.
    for (latency, expected) in [(1, 2), (150, 3)] {
        let mut world = poisoned();
        world.latency = Duration::from_millis(latency);
        world.keep(world.newest(), 1.0, true);
        let calls = serve(&mut world);
        let returned: Vec<u64> = world.session.take_returned().iter().map(|part| part.batch.first).collect();
        assert_eq!((returned, world.durable.len()), (vec![49, 99], 98));
        assert_eq!(calls, expected, "with an answer after {latency} ms");
    }
}

#[test]
fn refused_rows_that_are_progress_exhaust_no_attempts() {
    let mut settings = settings(Duration::ZERO);
    (settings.max_attempts, settings.refusal_is_progress) = (Some(5), true);
    let mut world = World::new(settings, 7, 1);
    world.open();
    (0..30).for_each(|_| world.push(1));
    let start = world.now;
    serve(&mut world);
    assert_eq!(world.session.take_returned().iter().map(|part| u64::from(part.batch.rows)).sum::<u64>(), 30);
    assert!(world.session.error().is_none(), "{:?}", world.session);
    let took = world.now.saturating_sub(start);
    assert!(took < Duration::from_secs(30), "the pause does not grow: {took:?}");
}

#[test]
fn a_row_that_is_refused_is_found_where_nothing_is_acknowledged_before_it() {
    for latency in [1, 150] {
        let mut world = poisoned();
        (world.lags, world.latency) = (true, Duration::from_millis(latency));
        world.keep(world.newest(), 1.0, true);
        serve(&mut world);
        let returned: Vec<u64> = world.session.take_returned().iter().map(|part| part.batch.first).collect();
        assert_eq!((returned, world.durable.len()), (vec![49, 99], 98));
    }
}

#[test]
fn every_refusal_is_followed_by_a_pause() {
    let mut world = poisoned();
    world.keep(world.newest(), 1.0, true);
    assert!(world.newest().is_none(), "no call follows at once");
    let at = world.session.deadline().unwrap();
    assert!(at > world.now && at <= world.now + Duration::from_millis(250), "{at:?}");
}

#[test]
fn where_every_row_is_refused_the_stream_gives_up_after_few_calls() {
    let mut world = World::new(settings(Duration::ZERO), 7, 1);
    world.open();
    (0..20).for_each(|_| world.push(1));
    let mut calls = 0;
    while !world.session.is_over() {
        if let Some(at) = world.session.deadline().filter(|_| world.newest().is_none()) {
            world.now = at;
            world.tick();
        }
        calls += 1;
        world.open();
        (0..20).for_each(|_| world.pull());
        world.keep(world.newest(), 1.0, true);
        assert!(calls < 100);
    }
    assert!(calls <= 20, "{calls} calls");
    assert!(world.now > Duration::from_secs(60), "and not within {:?}", world.now);
}

#[test]
fn more_refused_rows_than_a_minute_may_have_end_the_stream_and_a_slow_trickle_does_not() {
    let mut settings = settings(Duration::ZERO);
    settings.max_rejected_rows = 3;
    for (pause, expected) in [(1, true), (30, false)] {
        let mut world = World::new(settings.clone(), 7, 10);
        world.open();
        for _ in 0..8 {
            (0..10).for_each(|_| world.push(1));
            if world.session.is_over() {
                break;
            }
            (0..20).for_each(|_| world.pull());
            world.keep(world.newest(), 1.0, true);
            if !world.session.is_over() && world.session.ledger().in_flight() > 0 {
                serve_or_fail(&mut world);
            }
            advance(&mut world, pause);
        }
        assert_eq!(world.session.is_over(), expected, "one refused row in {pause} seconds");
        if let Some(error) = world.session.error() {
            assert_eq!(error.kind(), crate::ErrorKind::Rejected, "{error}");
        }
    }
}

fn serve_or_fail(world: &mut World) {
    for _ in 0..100 {
        if world.session.is_over() || world.session.ledger().in_flight() == 0 {
            return;
        }
        if let Some(at) = world.session.deadline().filter(|_| world.newest().is_none()) {
            world.now = world.now.max(at);
            world.tick();
        }
        world.open();
        (0..50).for_each(|_| world.pull());
        world.keep(world.newest(), 1.0, true);
    }
}

#[test]
fn refused_rows_that_nobody_takes_leave_the_room_to_others() {
    let mut world = poisoned();
    world.keep(world.newest(), 1.0, true);
    serve(&mut world);
    assert_eq!((world.session.unacked_bytes(), world.session.room()), (0, 1_000_000));
    assert_eq!(world.session.take_rejected().len(), 2);
    assert!(world.session.take_returned().is_empty());
}

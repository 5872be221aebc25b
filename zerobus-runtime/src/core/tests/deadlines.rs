//! Timeouts: which end a session, a call or a wait, and which do not.

use super::*;

#[test]
fn the_delivery_timeout_returns_rows_and_says_why() {
    let mut world = streaming(3);
    world.end(world.newest(), Ending::Internal);
    while !world.session.is_over() {
        world.now = world.session.deadline().unwrap();
        world.tick();
    }
    assert_eq!(world.session.ledger().returned, 3);
    let error = world.session.error().unwrap();
    assert_eq!(error.cause().map(Error::kind), Some(crate::ErrorKind::Timeout), "{error}");
    assert!(world.now <= Duration::from_secs(301));
}

#[test]
fn a_call_whose_timeout_ends_the_session_is_dropped() {
    let mut settings = settings(Duration::ZERO);
    settings.max_first_attempts = Some(1);
    let mut world = World::new(settings, 7, NEVER);
    advance(&mut world, 30);
    assert!(world.session.is_over());
    assert!(world.calls.is_empty(), "the call that never opened");
}

#[test]
fn without_a_delivery_timeout_an_outage_of_a_day_ends_nothing() {
    let mut settings = settings(Duration::ZERO);
    settings.delivery_timeout = None;
    settings.max_attempts = None;
    let mut world = World::new(settings, 7, NEVER);
    world.open();
    world.step(&Step::Push { rows: 3, bytes: 10 });
    world.end(world.newest(), Ending::Internal);
    while world.now < Duration::from_secs(24 * 3600) {
        world.now = world.session.deadline().unwrap();
        world.tick();
        world.end(world.newest(), Ending::Internal);
    }
    assert!(!world.session.is_over());
    world.heal();
    assert_eq!(world.durable.len(), 3);
}

#[test]
fn a_time_without_end_is_no_time_at_all() {
    let mut settings = settings(Duration::MAX);
    settings.delivery_timeout = Some(Duration::MAX);
    settings.ack_timeout = Some(Duration::MAX);
    settings.open_timeout = Some(Duration::MAX);
    settings.end_timeout = Duration::MAX;
    (settings.backoff_min, settings.backoff_max) = (Duration::MAX, Duration::MAX);
    let mut world = World::new(settings, 7, NEVER);
    world.now = Duration::from_secs(1);
    world.open();
    world.step(&Step::Push { rows: 2, bytes: 1 });
    world.step(&Step::Flush);
    world.pull();
    assert_eq!(world.session.deadline(), None);
    world.close_signal(Duration::MAX);
    world.end(world.drained(), Ending::Internal);
    world.end(world.newest(), Ending::Internal);
    advance(&mut world, 1_000_000);
    assert!(!world.session.is_over());
}

#[test]
fn code_6006_waits_a_minute_and_6002_does_not_wait() {
    let mut world = streaming(1);
    world.end(world.newest(), Ending::Blocked);
    assert!(world.session.deadline().unwrap() >= Duration::from_secs(60));
    let mut world = streaming(1);
    world.end(world.newest(), Ending::StreamTimeout);
    world.tick();
    assert!(world.newest().is_some(), "a new call is being opened");
}

#[test]
fn a_server_that_acknowledges_slowly_and_steadily_is_not_given_up() {
    let mut world = streaming(0);
    for _ in 0..30 {
        world.step(&Step::Push { rows: 1, bytes: 1 });
        world.pull();
    }
    let call = world.newest();
    for _ in 0..30 {
        advance(&mut world, 15);
        world.keep(call, 0.03, true);
        let left = i32::try_from(world.session.ledger().in_flight()).unwrap();
        if left == 0 {
            break;
        }
        assert_eq!(world.newest(), call, "the oldest row is old, and the server is not silent");
    }
    assert!(world.session.ledger().durable >= 10);
}

#[test]
fn repeated_acknowledgements_are_silence() {
    let mut world = streaming(1);
    world.pull();
    world.keep(world.newest(), 1.0, true);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.pull();
    let call = world.newest();
    for _ in 0..4 {
        advance(&mut world, 5);
        world.repeat_ack();
    }
    assert_ne!(world.newest(), call, "twenty seconds without a row");
}

#[test]
fn a_process_that_stood_still_listens_before_it_judges() {
    let mut world = streaming(3);
    world.pull();
    // Nothing runs for ten minutes; the server's responses of that time are still in the socket.
    world.now += Duration::from_secs(600);
    world.tick();
    assert!(!world.session.is_over());
    let call = world.newest();
    assert!(call.is_some(), "the call is not given up either");
    world.keep(call, 1.0, true);
    assert_eq!(world.session.ledger().durable, 3);
}

#[test]
fn a_process_that_stood_still_and_hears_nothing_judges_soon() {
    let mut world = streaming(3);
    world.pull();
    world.now += Duration::from_secs(600);
    while !world.session.is_over() {
        world.tick();
        world.now = world.now.max(world.session.deadline().unwrap_or_default());
    }
    assert!(world.now < Duration::from_secs(610), "{:?}", world.now);
}

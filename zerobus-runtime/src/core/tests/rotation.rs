//! The end of a call that the server announces, and the call after it.

use super::*;

#[test]
fn an_idle_stream_needs_no_call_until_a_row_comes() {
    let mut world = streaming(0);
    world.end(world.newest(), Ending::Internal);
    assert_eq!((world.session.deadline(), world.newest()), (None, None));
    world.step(&Step::Push { rows: 1, bytes: 1 });
    assert!(world.newest().is_some());
    world.heal();
    assert_eq!(world.durable.len(), 1);
}

#[test]
fn after_a_close_signal_the_next_call_is_opened_at_once_and_gets_the_next_rows() {
    let mut world = streaming(1);
    world.pull();
    world.keep(world.newest(), 1.0, true);
    world.close_signal(Duration::from_secs(60));
    let (drained, newest) = (world.drained().unwrap(), world.newest().unwrap());
    assert!(newest > drained, "the next call is opened beside the one that drains");
    world.pull();
    assert!(world.call(Some(drained)).unwrap().half_closed, "all of it is acknowledged");
    world.open();
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.pull();
    assert_eq!(world.received(), [[1]], "without waiting for the server's end");
    world.heal();
    assert_eq!(world.durable.len(), 2);
}

#[test]
fn rows_of_a_call_that_drains_are_acknowledged_before_the_next_call_gets_any() {
    let mut world = streaming(2);
    world.pull();
    world.keep(world.newest(), 1.0, true);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.pull();
    world.close_signal(Duration::from_secs(60));
    world.open();
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.pull();
    assert!(world.received().is_empty(), "row 2 is not acknowledged yet");
    world.keep(world.drained(), 1.0, true);
    world.pull();
    assert_eq!(world.received(), [[3]]);
}

#[test]
fn what_a_call_that_drains_leaves_unacknowledged_goes_on_the_next() {
    let mut world = streaming(2);
    world.pull();
    world.keep(world.newest(), 1.0, true);
    world.step(&Step::Push { rows: 2, bytes: 1 });
    world.pull();
    world.close_signal(Duration::from_secs(5));
    world.open();
    advance(&mut world, 5);
    world.pull();
    assert!(world.call(world.drained()).unwrap().half_closed, "the grace is over");
    world.end(world.drained(), Ending::Ok);
    world.pull();
    assert_eq!(world.received(), [[2, 3]]);
}

#[test]
fn a_server_that_asks_for_calls_and_makes_nothing_durable_is_a_failing_one() {
    let mut world = streaming(3);
    let mut calls = 0;
    while !world.session.is_over() {
        world.open();
        world.pull();
        calls += u32::from(world.is_open());
        world.close_signal(Duration::ZERO);
        world.end(world.drained(), Ending::Ok);
        if let Some(at) = world.session.deadline().filter(|_| !world.is_open()) {
            world.now = world.now.max(at);
            world.tick();
        }
        assert!(calls < 50);
    }
    assert!(calls <= 20, "{calls} calls");
    assert!(world.now > Duration::from_secs(10), "with pauses between them");
}

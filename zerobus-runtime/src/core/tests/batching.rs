//! Batches: when one is sent, and which rows it holds.

use super::*;

#[test]
fn a_lone_row_goes_at_once_and_rows_gather_while_the_transport_is_busy() {
    let mut world = streaming(1);
    world.pull();
    assert_eq!(world.received(), [[0]]);
    world.step(&Step::Push { rows: 5, bytes: 1 });
    world.pull();
    assert_eq!(world.received()[1], [1, 2, 3, 4, 5]);
}

#[test]
fn a_row_that_came_while_the_transport_looked_at_the_clock_goes_at_once() {
    let mut world = World::new(settings(Duration::ZERO), 7, NEVER);
    world.open();
    advance(&mut world, 1);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    let generation = world.newest().unwrap();
    assert!(matches!(world.session.pull(Duration::ZERO, generation), Pull::Request(_)));
}

#[test]
fn linger_gathers_until_its_end_or_a_flush() {
    let mut world = World::new(settings(Duration::from_secs(1)), 7, NEVER);
    world.open();
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.pull();
    assert!(world.received().is_empty());
    assert_eq!(world.session.deadline(), Some(Duration::from_secs(1)));
    advance(&mut world, 1);
    world.pull();
    assert_eq!(world.received(), [[0]]);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.step(&Step::Flush);
    world.pull();
    assert_eq!(world.received()[1], [1]);
}

#[test]
fn a_full_batch_goes_whatever_the_linger_and_a_row_that_does_not_fit_begins_the_next() {
    let mut world = World::new(settings(Duration::from_secs(9)), 7, NEVER);
    world.open();
    world.step(&Step::Push { rows: 7, bytes: 1 });
    world.pull();
    assert_eq!(world.received(), [[0, 1, 2, 3, 4, 5, 6]], "by its rows");
    world.step(&Step::Push { rows: 3, bytes: 30 });
    world.pull();
    assert_eq!(world.last_request(), [7, 8, 9], "by its bytes, and the guess for the next row");
    world.step(&Step::Push { rows: 1, bytes: 10 });
    world.step(&Step::Push { rows: 1, bytes: 90 });
    world.pull();
    world.pull();
    assert_eq!(world.received()[2..], [[10], [11]], "the longer row does not fit behind the shorter");
}

/// A session with an open call whose rows came so fast that a batch waits for more; one of them waits.
fn fast() -> World {
    let mut world = streaming(7);
    for rows in [7, 1] {
        world.step(&Step::Advance { millis: 5 });
        world.step(&Step::Push { rows, bytes: 10 });
        world.step(&Step::Pull { requests: 9 });
    }
    assert_eq!(world.received().concat(), (0..14).collect::<Vec<_>>());
    world
}

#[test]
fn where_rows_come_fast_a_batch_waits_until_it_is_full() {
    let mut world = fast();
    world.step(&Step::Push { rows: 5, bytes: 10 });
    world.pull();
    assert_eq!(world.received().concat().len(), 14);
    world.step(&Step::Push { rows: 1, bytes: 10 });
    world.pull();
    assert_eq!(world.last_request(), &[14, 15, 16, 17, 18, 19, 20]);
}

#[test]
fn where_rows_came_fast_and_come_no_more_a_batch_goes_after_a_short_wait() {
    let mut world = fast();
    assert_eq!(world.session.deadline(), Some(world.now + Duration::from_millis(10)));
    world.step(&Step::Advance { millis: 10 });
    world.pull();
    assert_eq!(world.last_request(), &[14]);
    advance(&mut world, 1);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.pull();
    assert_eq!(world.last_request(), &[15], "a row after a pause");
}

#[test]
fn a_row_that_somebody_waits_for_does_not_wait_for_others() {
    let mut world = fast();
    world.session.expect(13);
    world.pull();
    assert_eq!(world.received().concat().len(), 14, "row 13 is on its way");
    world.session.expect(14);
    assert!(world.session.can_pull(world.newest().unwrap()));
    world.pull();
    assert_eq!(world.last_request(), &[14]);
}

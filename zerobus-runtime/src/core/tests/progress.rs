//! Progress where connections end early, or a rate is set.

use super::*;

/// A connection that ends after this many bytes of rows, and acknowledges each request before the next.
fn dies_after(bytes: usize) -> (usize, u64) {
    let mut settings = settings(Duration::ZERO);
    settings.max_batch_bytes = 100_000;
    settings.max_batch_rows = 100_000;
    settings.max_unacked_bytes = 1_000_000;
    settings.max_attempts = Some(60);
    let mut world = World::new(settings, 7, NEVER);
    (0..1000).for_each(|_| world.push(90));
    let mut calls = 0;
    while world.session.ledger().in_flight() > 0 && !world.session.is_over() {
        if world.newest().is_none() {
            world.now = world.session.deadline().unwrap();
            world.tick();
            continue;
        }
        world.open();
        calls += 1;
        let mut left = bytes;
        loop {
            let before = world.received().len();
            world.pull();
            let Some(request) = world.received().get(before..).and_then(<[_]>::first).map(Vec::len) else { break };
            if request * 95 > left {
                world.end(world.newest(), Ending::Internal);
                break;
            }
            left -= request * 95;
            // The other requests in flight arrive or do not; only complete ones are acknowledged.
            world.keep(world.newest(), 1.0, true);
        }
    }
    (calls, world.session.ledger().durable)
}

#[test]
fn whatever_lets_some_bytes_through_lets_all_rows_through() {
    for bytes in [1_000_000, 40_000, 10_000, 1000, 200, 95] {
        let (calls, durable) = dies_after(bytes);
        assert_eq!(durable, 1000, "where a connection dies after {bytes} bytes, in {calls} calls");
    }
}

#[test]
fn a_rate_is_kept_and_everything_goes() {
    let mut settings = settings(Duration::ZERO);
    settings.max_rows_per_second = Some(10);
    settings.max_unacked_bytes = 1_000_000;
    let mut world = World::new(settings, 7, NEVER);
    world.open();
    (0..100).for_each(|_| world.push(1));
    while world.session.ledger().in_flight() > 0 {
        world.pull();
        world.keep(world.newest(), 1.0, true);
        if let Some(at) = world.session.deadline() {
            world.now = world.now.max(at);
            world.tick();
        }
    }
    assert!((Duration::from_secs(8)..Duration::from_secs(11)).contains(&world.now), "{:?}", world.now);
}

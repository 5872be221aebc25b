//! Calls: which of their events count, which are ignored, and when they are polled again.

use super::*;

/// The actions of the session after this event.
fn hear(world: &mut World, generation: u64, heard: Heard) -> Vec<Action> {
    world.session.hear(world.now, generation, heard);
    std::iter::from_fn(|| world.session.next_action()).collect()
}

fn is_reset(actions: &[Action], call: u64) -> bool {
    actions.iter().any(|action| matches!(action, Action::Reset { generation } if *generation == call))
}

/// A draining call whose rows are acknowledged, and the next call, which is being opened.
fn rotating() -> (World, u64, u64) {
    let mut world = streaming(1);
    world.pull();
    world.keep(world.newest(), 1.0, true);
    world.close_signal(Duration::from_secs(60));
    let (drained, newest) = (world.drained().unwrap(), world.newest().unwrap());
    (world, drained, newest)
}

/// Waits until the next call is opened.
fn reopen(world: &mut World) {
    world.now = world.session.deadline().unwrap();
    world.tick();
    world.open();
}

#[test]
fn what_a_call_says_after_its_end_is_void() {
    let mut world = streaming(2);
    world.pull();
    let old = world.newest().unwrap();
    world.end(Some(old), Ending::Internal);
    assert!(hear(&mut world, old, Heard::Acked(Some(0))).is_empty(), "while the session waits");
    reopen(&mut world);
    let new = world.newest().unwrap();
    assert!(new > old);
    assert!(hear(&mut world, old, Heard::Ended(None)).is_empty(), "while the next call is open");
    assert_eq!(world.session.ledger().durable, 0);
    world.pull();
    assert_eq!(world.received(), [[0, 1]]);
}

#[test]
fn nothing_counts_after_the_end_of_the_session() {
    let mut world = streaming(2);
    world.pull();
    let call = world.newest().unwrap();
    world.session.fail(status(13, "oh"));
    world.act();
    for heard in [Heard::Acked(Some(0)), Heard::Ended(None), Heard::CloseSignal(Duration::ZERO)] {
        assert!(hear(&mut world, call, heard).is_empty());
    }
    assert_eq!(world.session.ledger().durable, 0);
}

#[test]
fn an_acknowledgement_before_the_stream_is_created_breaks_the_protocol() {
    let mut world = World::new(settings(Duration::ZERO), 7, NEVER);
    let call = world.newest().unwrap();
    let actions = hear(&mut world, call, Heard::Acked(Some(-1)));
    assert!(is_reset(&actions, call), "{actions:?}");
}

#[test]
fn before_anything_is_sent_only_minus_one_can_be_acknowledged() {
    for (said, is_believed) in [(Some(-1), true), (Some(0), false), (Some(1), false), (None, false)] {
        let mut world = streaming(0);
        let call = world.newest().unwrap();
        let actions = hear(&mut world, call, Heard::Acked(said));
        assert_eq!(is_reset(&actions, call), !is_believed, "{said:?}: {actions:?}");
    }
}

#[test]
fn a_stream_is_created_once_and_only_on_the_call_that_is_being_opened() {
    let (mut world, drained, newest) = rotating();
    assert!(hear(&mut world, drained, Heard::Opened(Arc::from("old"))).is_empty());
    assert_eq!(world.session.stream_id().map(|id| &**id), Some("s"));
    hear(&mut world, newest, Heard::Opened(Arc::from("new")));
    assert_eq!(world.session.stream_id().map(|id| &**id), Some("new"));
    assert!(hear(&mut world, newest, Heard::Opened(Arc::from("again"))).is_empty());
    assert_eq!(world.session.ledger().opened, 2);
}

#[test]
fn a_call_that_drains_may_repeat_itself() {
    let (mut world, drained, _) = rotating();
    assert!(hear(&mut world, drained, Heard::Acked(Some(0))).is_empty());
    assert!(hear(&mut world, drained, Heard::CloseSignal(Duration::ZERO)).is_empty());
}

#[test]
fn a_half_closed_call_that_is_asked_to_close_is_what_is_being_done() {
    let mut world = streaming(0);
    let call = world.newest().unwrap();
    world.session.close(world.now);
    assert!(hear(&mut world, call, Heard::CloseSignal(Duration::from_secs(5))).is_empty());
    let actions = hear(&mut world, call, Heard::Ended(None));
    assert!(matches!(actions.last(), Some(Action::Stop)), "{actions:?}");
    assert!(world.session.error().is_none());
}

#[test]
fn an_idle_stream_that_is_asked_for_calls_gets_one_and_the_next_when_a_row_comes() {
    let mut world = streaming(0);
    world.close_signal(Duration::from_secs(60));
    world.end(world.drained(), Ending::Ok);
    world.open();
    assert!(world.is_open(), "the first is opened at once");
    world.close_signal(Duration::from_secs(60));
    let drained = world.drained().unwrap();
    assert_eq!(world.newest(), None);
    assert!(hear(&mut world, drained, Heard::Acked(Some(-1))).is_empty(), "it may repeat itself");
    world.step(&Step::Push { rows: 1, bytes: 1 });
    assert!(world.newest().unwrap() > drained);
    world.heal();
    assert_eq!(world.durable.len(), 1);
}

#[test]
fn a_call_that_made_nothing_durable_and_is_to_close_is_followed_after_a_pause_and_still_counts() {
    let mut world = streaming(2);
    world.pull();
    world.close_signal(Duration::from_secs(60));
    let drained = world.drained().unwrap();
    assert_eq!(world.newest(), None, "the next call waits");
    world.keep(Some(drained), 1.0, true);
    assert_eq!(world.session.ledger().durable, 2);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    reopen(&mut world);
    assert!(world.newest().unwrap() > drained);
}

#[test]
fn closing_drops_the_call_that_is_not_needed_and_lets_the_other_end() {
    let (mut world, drained, newest) = rotating();
    world.session.close(world.now);
    world.act();
    assert_eq!((world.newest(), world.drained()), (None, Some(drained)));
    assert!(hear(&mut world, newest, Heard::Acked(None)).is_empty(), "what it says is void");
    assert!(hear(&mut world, drained, Heard::Acked(Some(0))).is_empty(), "what the other repeats is not");
    world.end(Some(drained), Ending::Ok);
    assert!(world.session.is_over() && world.session.error().is_none());
}

#[test]
fn a_session_that_closes_ends_with_the_row_that_the_draining_call_refuses() {
    let mut world = World::new(settings(Duration::ZERO), 7, 2);
    world.open();
    world.push(1);
    world.pull();
    world.keep(world.newest(), 1.0, true);
    world.push(1);
    world.pull();
    world.close_signal(Duration::from_secs(60));
    world.session.close(world.now);
    world.end(world.drained(), Ending::Rejected);
    assert!(world.session.is_over(), "row 1 was the last");
    assert_eq!(world.session.take_rejected().len(), 1);
}

#[test]
fn a_token_that_is_rejected_is_renewed_at_once_and_only_once() {
    let mut world = streaming(1);
    world.end(world.newest(), Ending::Unauthenticated);
    assert!(world.newest().is_some(), "no pause");
    world.end(world.newest(), Ending::Unauthenticated);
    assert!(world.newest().is_none() && world.session.deadline() > Some(world.now) || world.session.is_over());
}

#[test]
fn failures_are_reported_until_rows_are_durable() {
    let mut world = streaming(1);
    assert_eq!(world.session.failures(), 0);
    for failures in 1..=2 {
        world.end(world.newest(), Ending::Internal);
        assert_eq!(world.session.failures(), failures);
        reopen(&mut world);
    }
    world.pull();
    world.keep(world.newest(), 1.0, true);
    assert_eq!(world.session.failures(), 0);
}

#[test]
fn a_session_that_closes_and_has_delivered_everything_ends_in_order_at_once() {
    let mut world = streaming(1);
    world.pull();
    world.keep(world.newest(), 1.0, true);
    world.session.close(world.now);
    assert!(!world.session.is_over(), "the server's own end has not come yet");
    world.session.end(status(13, "no time left"));
    world.act();
    assert!(world.session.is_over() && world.session.error().is_none());
}

#[test]
fn a_session_that_ends_before_everything_is_delivered_fails() {
    for closes in [false, true] {
        let mut world = streaming(1);
        if closes {
            world.session.close(world.now);
        }
        world.session.end(status(13, "no time left"));
        world.act();
        assert!(world.session.error().is_some());
        assert_eq!(world.session.take_given_up().len(), 1);
    }
    let mut idle = streaming(0);
    idle.session.end(status(13, "no time left"));
    assert!(idle.session.error().is_some(), "nobody asked it to close");
}

#[test]
fn a_stream_on_which_nothing_waits_has_no_deadline() {
    let mut settings = settings(Duration::from_secs(1));
    settings.max_rows_per_second = Some(1);
    let mut world = World::new(settings, 7, NEVER);
    world.open();
    assert_eq!(world.session.deadline(), None);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    world.step(&Step::Flush);
    world.pull();
    world.keep(world.newest(), 1.0, true);
    assert_eq!((world.session.ledger().durable, world.session.deadline()), (1, None));
}

#[test]
fn a_batch_that_cannot_go_yet_has_no_end_of_its_linger() {
    let mut world = World::new(settings(Duration::from_secs(1)), 7, NEVER);
    world.step(&Step::Push { rows: 1, bytes: 1 });
    assert_eq!(world.session.deadline(), Some(Duration::from_secs(30)), "the call is not open");
}

#[test]
fn a_process_that_stands_still_again_and_again_is_judged_in_the_end() {
    let mut world = streaming(1);
    world.pull();
    let call = world.newest();
    let mut times = 0;
    while world.newest() == call {
        world.now += Duration::from_secs(30);
        world.tick();
        times += 1;
        assert!(times < 10);
    }
    assert_eq!(times, 4, "three times it listens first");
}

#[test]
fn after_a_connection_that_was_lost_only_so_much_is_under_way_as_was_acknowledged_before() {
    let mut settings = settings(Duration::ZERO);
    (settings.max_batch_bytes, settings.max_batch_rows, settings.max_unacked_bytes) = (4000, 1000, 1_000_000);
    let mut world = World::new(settings, 7, NEVER);
    world.open();
    (0..2000).for_each(|_| world.push(90));
    (0..100).for_each(|_| world.pull());
    assert_eq!(world.received().concat().len(), 2000, "all goes at first");
    world.end(world.newest(), Ending::Internal);
    reopen(&mut world);
    for most in [16, 32, 64] {
        (0..100).for_each(|_| world.pull());
        let under_way = world.session.window.sent_bytes();
        assert!(under_way <= most * 1024 && under_way > (most - 5) * 1024, "{under_way} of {most} KiB");
        world.keep(world.newest(), 1.0, true);
    }
}

#[test]
fn a_request_has_no_more_bytes_than_a_burst_of_the_rate() {
    let mut settings = settings(Duration::ZERO);
    settings.max_bytes_per_second = Some(400);
    let mut world = World::new(settings, 7, NEVER);
    world.open();
    world.step(&Step::Push { rows: 6, bytes: 10 });
    world.pull();
    assert_eq!(world.last_request(), [0, 1, 2]);
}

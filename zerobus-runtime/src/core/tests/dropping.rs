//! Rows that a full disk drops.

#![expect(clippy::single_range_in_vec_init, reason = "a list of ranges of rows")]

use super::disk::*;
use super::*;

/// A row of this length fills a request, and five of these fill the window.
const LARGE: usize = 97;

fn dropped(event: &StreamEvent) -> Option<u64> {
    match event {
        StreamEvent::SpoolDropped { rows } => Some(*rows),
        _ => None,
    }
}

fn full() -> Error {
    Fault::SpoolFull { folder: "spool".into(), bytes: 100 }.into()
}

/// A session whose first five requests are in the window, and three more on disk alone.
fn with_rows_on_disk() -> Disk {
    let mut settings = spooling(0..0);
    settings.overflow = SpoolOverflow::DropOldest;
    let mut disk = Disk::streaming(settings);
    disk.push(5, LARGE);
    disk.write();
    disk.push(3, LARGE);
    disk.write();
    assert_eq!(disk.world.session.rows_on_disk(), 3);
    disk
}

impl Disk {
    fn drop_oldest(&mut self, end: u64) -> u64 {
        let settled = self.world.session.drop_oldest(self.world.now, end);
        self.world.act();
        settled
    }
}

#[test]
fn the_newest_rows_are_dropped_by_their_policy_and_a_full_disk_alone() {
    let drops = |overflow, error: Error| {
        let mut settings = spooling(0..0);
        settings.overflow = overflow;
        let mut disk = Disk::streaming(settings);
        assert!(disk.world.session.drop_newest().is_none(), "the disk does not fail");
        disk.world.session.disk_fails(error);
        disk.world.session.drops_newest().is_some()
    };
    assert!(drops(SpoolOverflow::DropNewest, full()));
    assert!(!drops(SpoolOverflow::DropNewest, Fault::ShutDown.into()));
    assert!(!drops(SpoolOverflow::DropOldest, full()));
    assert!(!drops(SpoolOverflow::Wait, full()));
}

#[test]
fn dropped_newest_rows_are_counted_and_reported_together() {
    let mut settings = spooling(0..0);
    settings.overflow = SpoolOverflow::DropNewest;
    let mut disk = Disk::streaming(settings);
    disk.world.session.disk_fails(full());
    for _ in 0..3 {
        assert!(disk.world.session.drop_newest().is_some());
    }
    disk.world.act();
    assert!(disk.reported(dropped).is_empty());
    disk.world.session.disk_fails(full());
    disk.world.act();
    assert_eq!(disk.reported(dropped), [3]);
    assert!(disk.world.session.drop_newest().is_some());
    disk.push(1, 1);
    disk.write();
    assert_eq!(disk.reported(dropped), [3, 1], "when the disk has recovered");
    let ledger = disk.world.session.ledger();
    assert_eq!((ledger.dropped, ledger.accepted, ledger.returned), (4, 1, 0));
}

#[test]
fn the_oldest_rows_are_dropped_up_to_the_end() {
    let mut disk = with_rows_on_disk();
    assert_eq!(disk.drop_oldest(6), 6);
    assert_eq!(disk.reported(dropped), [6]);
    let session = &disk.world.session;
    assert_eq!((session.ledger().returned, session.ledger().dropped, session.settled()), (6, 6, 6));
    assert_eq!((session.rows_on_disk(), session.unacked_bytes()), (2, 0));
    assert!((0..6).all(|row| session.outcome(row).is_some_and(|outcome| outcome.is_err())));
    assert!(session.outcome(6).is_none());
    assert_eq!(session.dropped_rows(), [0..6]);
    let left = disk.requests[6..].to_vec();
    disk.load(left, Vec::new());
    assert_eq!(disk.pull().concat(), [6, 7]);
}

#[test]
fn rows_that_were_dropped_in_two_steps_are_one_range() {
    let mut disk = with_rows_on_disk();
    disk.drop_oldest(2);
    disk.drop_oldest(3);
    assert_eq!(disk.world.session.dropped_rows(), [0..3]);
    disk.pull();
    disk.keep();
    assert_eq!(disk.world.session.settled(), 5);
    disk.drop_oldest(7);
    assert_eq!(disk.world.session.dropped_rows(), [0..3, 5..7]);
    let outcomes: Vec<_> = (0..8).map(|row| disk.world.session.outcome(row).map(|outcome| outcome.is_ok())).collect();
    let (lost, durable) = (Some(false), Some(true));
    assert_eq!(outcomes, [lost, lost, lost, durable, durable, lost, lost, None]);
}

#[test]
fn of_a_request_only_the_rows_below_are_dropped() {
    for first in [0, 2] {
        let mut disk = Disk::streaming(spooling(first..first + 4));
        disk.load(vec![request(first..first + 4, 1)], Vec::new());
        assert_eq!(disk.drop_oldest(first + 3), first + 3);
        assert_eq!(disk.pull(), [[first + 3]]);
        assert_eq!(disk.world.session.ledger().returned, 3);
    }
}

#[test]
fn rows_that_are_not_written_are_not_dropped() {
    let mut disk = with_rows_on_disk();
    disk.push(2, LARGE);
    disk.look();
    assert_eq!((disk.drop_oldest(9), disk.drop_oldest(10)), (0, 0));
    assert_eq!(disk.drop_oldest(8), 8, "the first that is not written is row 8");
    assert_eq!(disk.reported(dropped), [8]);
}

#[test]
fn rows_that_were_never_written_are_not_dropped() {
    let mut disk = with_rows_on_disk();
    assert_eq!(disk.drop_oldest(9), 0);
}

#[test]
fn settled_rows_are_not_dropped() {
    let mut disk = with_rows_on_disk();
    disk.pull();
    disk.keep();
    assert_eq!((disk.drop_oldest(4), disk.drop_oldest(5)), (5, 5));
    assert!(disk.reported(dropped).is_empty());
}

#[test]
fn refused_rows_leave_a_full_disk_before_rows_are_dropped_and_stay_on_it_at_the_end() {
    let mut disk = with_rows_on_disk();
    disk.pull();
    disk.keep();
    disk.world.session.hold_from(Some(1));
    assert_eq!(disk.drop_oldest(2), 2, "row 1 is in memory");
    assert!(disk.reported(dropped).is_empty());
    let session = &disk.world.session;
    assert_eq!([1, 2].map(|row| session.can_stay_on_disk(row)), [false, true]);
    disk.world.session.hold_from(Some(2));
    disk.fail();
    assert_eq!(disk.drop_oldest(8), 2, "the next process needs row 2");
}

#[test]
fn a_stream_that_is_over_drops_nothing() {
    let mut disk = with_rows_on_disk();
    disk.fail();
    assert_eq!(disk.drop_oldest(8), 0);
    assert_eq!((disk.reported(dropped), disk.world.session.kept()), (vec![], 8));
}

#[test]
fn a_call_with_dropped_rows_in_flight_is_followed_by_another() {
    let mut disk = with_rows_on_disk();
    let call = disk.world.newest();
    disk.world.pull();
    disk.world.pull();
    disk.drop_oldest(1);
    assert!(disk.world.newest() > call);
    disk.world.open();
    assert_eq!(disk.pull().concat(), [1, 2, 3, 4]);
    disk.keep();
    assert_eq!(disk.world.session.settled(), 5);
}

#[test]
fn a_call_without_dropped_rows_in_flight_goes_on() {
    let mut disk = with_rows_on_disk();
    let call = disk.world.newest();
    disk.drop_oldest(1);
    assert_eq!(disk.world.newest(), call, "nothing was in flight");
    assert_eq!(disk.pull().concat(), [1, 2, 3, 4]);
}

#[test]
fn dropping_rows_while_a_stream_waits_opens_no_call() {
    let mut disk = with_rows_on_disk();
    disk.pull();
    disk.world.end(disk.world.newest(), Ending::Internal);
    assert_eq!(disk.world.newest(), None);
    disk.drop_oldest(2);
    assert_eq!(disk.world.newest(), None, "the pause goes on");
}

#[test]
fn unreadable_rows_are_dropped_with_those_around_them_and_counted_once() {
    let mut disk = Disk::streaming(spooling(0..8));
    disk.load(vec![request(0..2, 1)], vec![2..6]);
    assert_eq!(disk.drop_oldest(4), 6, "the rest of the unreadable rows is settled as well");
    let session = &disk.world.session;
    assert_eq!((session.ledger().returned, session.ledger().dropped, session.settled()), (6, 4, 6));
    disk.drop_oldest(8);
    assert_eq!((disk.world.session.ledger().returned, disk.world.session.settled()), (8, 8));
}

#[test]
fn a_closing_stream_ends_when_its_last_rows_are_dropped() {
    let mut disk = with_rows_on_disk();
    disk.world.session.close(Duration::ZERO);
    disk.drop_oldest(8);
    assert!(matches!(disk.world.session.pull(Duration::ZERO, disk.world.newest().unwrap()), Pull::End));
}

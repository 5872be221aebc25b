//! Rows on disk: when they are written, which are read back, and how they end.

#![expect(clippy::single_range_in_vec_init, reason = "a list of ranges of rows")]

use super::disk::*;
use super::*;

const MS: Duration = Duration::from_millis(1);

/// A row of this length fills a request of the greatest size, and five of these fill the window.
const LARGE: usize = 97;

fn damaged(event: &StreamEvent) -> Option<u64> {
    match event {
        StreamEvent::SpoolDamaged { rows } => Some(*rows),
        _ => None,
    }
}

#[test]
fn rows_linger_before_they_are_written() {
    let mut settings = spooling(0..0);
    settings.linger = 50 * MS;
    let mut disk = Disk::streaming(settings);
    assert_eq!(disk.job().until, None, "there is nothing to wait for");
    disk.push(1, 10);
    let job = disk.job();
    assert_eq!((job.write.len(), job.until), (0, Some(50 * MS)));
    disk.world.now = 49 * MS;
    disk.push(1, 10);
    assert_eq!(disk.look().write, []);
    disk.world.now = 50 * MS;
    assert_eq!(disk.look().write, [0..2]);
}

#[test]
fn rows_that_come_while_the_disk_is_busy_are_written_together() {
    let mut disk = Disk::streaming(spooling(0..0));
    disk.push(1, 10);
    assert_eq!(disk.look().write, [0..1]);
    disk.push(2, 10);
    assert_eq!(disk.look().write, [0..1], "the disk has not written the first");
    disk.write();
    assert_eq!(disk.look().write, [1..3]);
}

#[test]
fn a_stream_that_closes_waits_for_no_linger() {
    let mut settings = spooling(0..0);
    settings.linger = 50 * MS;
    let mut disk = Disk::streaming(settings);
    disk.push(1, 10);
    disk.world.session.close(MS);
    assert_eq!(disk.look().write, [0..1]);
}

#[test]
fn what_is_written_goes_without_being_read_back_while_the_window_has_room() {
    let mut disk = Disk::streaming(spooling(0..0));
    disk.push(5, LARGE);
    assert_eq!(disk.look().write, [0..1, 1..2, 2..3, 3..4, 4..5]);
    assert_eq!(disk.write(), (5, 5), "half of 1000 bytes are the window's");
    assert_eq!(disk.world.session.rows_on_disk(), 0);
    disk.push(1, LARGE);
    assert_eq!(disk.write(), (0, 0));
    assert_eq!(disk.world.session.rows_on_disk(), 1);
    assert_eq!(disk.pull().concat(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_written_row_leaves_room_for_another() {
    let mut disk = Disk::streaming(spooling(0..0));
    for n in 0..4 {
        disk.push(6, LARGE);
        assert_eq!(disk.world.accepted, 5 * (n + 1), "half of 1000 bytes are for rows to be written");
        assert_eq!(disk.world.session.room(), 0);
        disk.write();
        assert_eq!(disk.world.session.room(), 500);
    }
}

#[test]
fn a_row_that_is_not_written_keeps_its_room() {
    let mut disk = Disk::streaming(spooling(0..0));
    disk.push(2, LARGE);
    assert_eq!(disk.look().write, [0..1, 1..2]);
    disk.world.session.wrote(Duration::ZERO, 1, 0);
    assert_eq!(disk.world.session.room(), 400, "the disk took the first alone");
}

#[test]
fn the_oldest_row_in_flight_may_wait_for_the_disk() {
    let mut disk = Disk::streaming(spooling(0..0));
    disk.world.now = 3 * MS;
    disk.push(1, LARGE);
    disk.world.now = 5 * MS;
    disk.push(1, 1);
    assert_eq!(disk.look().write.len(), 1);
    assert_eq!(disk.world.session.oldest(), Some(3 * MS));
}

#[test]
fn rows_overtake_none_that_waits_on_disk() {
    let mut disk = Disk::streaming(spooling(0..0));
    disk.push(5, LARGE);
    disk.write();
    disk.push(1, LARGE);
    disk.write();
    disk.pull();
    disk.keep();
    disk.push(1, 1);
    assert_eq!(disk.write(), (0, 0), "there is room in the window, and row 5 is on disk alone");
    assert_eq!(disk.look().read, Some((500, true, 7)));
    let requests = disk.requests[5..].to_vec();
    disk.load(requests, Vec::new());
    assert_eq!(disk.look().read, None);
    disk.pull();
    assert_eq!(disk.world.received().concat(), [0, 1, 2, 3, 4, 5, 6]);
    disk.push(1, 1);
    assert_eq!(disk.write(), (1, 8), "nothing waits on disk any more");
}

#[test]
fn a_request_that_is_longer_than_the_window_goes_alone() {
    let mut disk = Disk::streaming(spooling(0..0));
    let error: Error = Fault::ShutDown.into();
    let returned = |bytes| ReturnedBatch { batch: request(0..1, bytes), reason: error.clone() };
    disk.world.session.adopt(Duration::ZERO, vec![returned(600), returned(1)]);
    disk.world.accepted = 2;
    assert_eq!(disk.write(), (1, 1));
    assert_eq!(disk.world.session.rows_on_disk(), 1);
}

#[test]
fn rows_are_read_back_when_half_of_the_window_is_free() {
    let mut disk = Disk::streaming(spooling(0..10));
    assert_eq!(disk.look().read, Some((500, true, 10)));
    // A record takes 4 bytes more than these.
    disk.load(vec![request(0..1, 245)], Vec::new());
    assert_eq!(disk.look().read, Some((251, false, 10)));
    disk.load(vec![request(1..2, 0)], Vec::new());
    assert_eq!(disk.look().read, None, "more than half is in use");
    assert_eq!(disk.world.session.rows_on_disk(), 8);
}

#[test]
fn a_stream_that_is_over_reads_nothing_back() {
    let mut disk = Disk::streaming(spooling(0..10));
    disk.fail();
    assert_eq!(disk.look().read, None);
    disk.load(vec![request(0..5, 1)], vec![5..6]);
    assert_eq!((disk.world.session.rows_on_disk(), disk.world.session.kept()), (10, 10));
    assert!(disk.reported(damaged).is_empty());
}

#[test]
fn what_is_written_after_the_end_of_a_stream_stays_on_disk() {
    let mut disk = Disk::streaming(spooling(0..0));
    disk.push(2, LARGE);
    disk.fail();
    assert!(!disk.job().is_last, "two rows are not written");
    assert_eq!(disk.write(), (0, 0));
    assert_eq!((disk.world.session.rows_on_disk(), disk.world.session.kept()), (2, 2));
    assert!(disk.job().is_last);
    assert!(!disk.world.session.is_finished());
    disk.world.session.disk_closed();
    assert!(disk.world.session.is_finished());
    assert_eq!(disk.world.session.take_returned().len(), 0, "both are on disk");
}

/// Three rows on disk, of which the second was refused and is on its way to the sink.
fn with_a_refused_row() -> Disk {
    let mut disk = Disk::streaming(spooling(0..0));
    disk.push(3, LARGE);
    disk.write();
    disk.pull();
    disk.keep();
    disk.world.session.hold_from(Some(1));
    disk
}

#[test]
fn a_refused_row_stays_on_disk_until_it_is_passed_on() {
    let mut disk = with_a_refused_row();
    disk.world.session.close(Duration::ZERO);
    disk.pull();
    disk.world.end(disk.world.newest(), Ending::Ok);
    let job = disk.job();
    assert_eq!((job.settled, job.is_last), (1, false));
    disk.world.session.hold_from(None);
    let job = disk.job();
    assert_eq!((job.settled, job.is_last), (3, true));
}

#[test]
fn a_refused_row_that_the_sink_will_not_get_stays_on_disk() {
    let mut disk = with_a_refused_row();
    disk.fail();
    assert!(!disk.job().is_last);
    disk.world.session.leave_from(Some(1));
    let job = disk.job();
    assert_eq!((job.settled, job.is_last), (1, true));
}

#[test]
fn what_is_promised_stays_promised() {
    let mut disk = Disk::streaming(spooling(0..4));
    let promised = |disk: &Disk, row| disk.world.session.is_promised(row).map(|result| result.is_ok());
    assert_eq!(disk.world.session.promised_to(), 4, "these were found on disk");
    disk.push(3, 1);
    disk.world.session.promised(6);
    disk.world.session.promised(5);
    assert_eq!(disk.world.session.promised_to(), 6);
    assert_eq!((promised(&disk, 5), promised(&disk, 6)), (Some(true), None));
    disk.fail();
    assert_eq!(promised(&disk, 6), None, "it may still be written");
    disk.world.session.disk_closed();
    assert_eq!((promised(&disk, 5), promised(&disk, 6)), (Some(true), Some(false)));
}

#[test]
fn a_durable_row_needs_no_promise() {
    let mut disk = Disk::streaming(spooling(0..0));
    disk.push(2, LARGE);
    disk.write();
    disk.pull();
    disk.keep();
    assert_eq!(disk.world.session.is_promised(1).map(|result| result.is_ok()), Some(true));
    assert!(disk.world.session.is_promised(2).is_none());
}

#[test]
fn rows_found_on_disk_may_have_been_sent_and_others_have_not() {
    let mut disk = Disk::streaming(spooling(0..2));
    let (unsent, sent) = (request(2..3, 1), request(0..2, 1));
    disk.push(1, 1);
    disk.write();
    disk.load(vec![sent, unsent], Vec::new());
    assert_eq!(disk.pull(), [vec![0, 1], vec![2]]);
    assert_eq!(disk.world.session.ledger().rows_replayed, 2);
    assert_eq!(disk.world.session.rows_recovered(), 2);
}

#[test]
fn rows_of_another_stream_that_may_be_in_the_table_are_replayed_from_disk() {
    let mut disk = Disk::streaming(spooling(0..1));
    let error: Error = Fault::ShutDown.into();
    let returned = |attempts| ReturnedBatch { batch: Batch { attempts, ..request(0..1, 1) }, reason: error.clone() };
    disk.world.session.adopt(Duration::ZERO, vec![returned(1), returned(0)]);
    disk.world.accepted = 3;
    disk.write();
    disk.load(vec![request(0..1, 1), request(1..2, 1), request(2..3, 1)], Vec::new());
    disk.pull();
    assert_eq!(disk.world.session.ledger().rows_replayed, 2, "that of row 2 is its first time");
}

#[test]
fn the_bytes_of_rows_found_on_disk_count_when_they_are_read() {
    let mut disk = Disk::streaming(spooling(0..2));
    disk.push(1, 1);
    disk.write();
    let own = disk.world.session.ledger().accepted_bytes;
    let found = request(0..2, 1);
    let bytes = found.body.len() as u64;
    disk.load(vec![found, request(2..3, 1)], Vec::new());
    assert_eq!(disk.world.session.ledger().accepted_bytes, own + bytes);
}

#[test]
fn a_request_of_which_some_rows_are_settled_is_sent_from_the_next_on() {
    let mut disk = Disk::streaming(spooling(3..6));
    disk.load(vec![request(0..3, 1), request(1..5, 1), request(5..6, 1)], Vec::new());
    assert_eq!(disk.pull(), [vec![3, 4], vec![5]]);
    assert_eq!(disk.world.session.rows_on_disk(), 0);
}

#[test]
fn unreadable_rows_are_returned_when_it_is_their_turn() {
    let mut disk = Disk::streaming(spooling(0..9));
    disk.load(vec![request(0..3, 1), request(5..6, 1)], vec![3..5, 6..9]);
    assert_eq!(disk.reported(damaged), [2, 3]);
    let session = &disk.world.session;
    assert_eq!((session.ledger().returned, session.settled(), session.rows_on_disk()), (0, 0, 0));
    assert!((3..5).chain(6..9).all(|row| session.outcome(row).is_some_and(|outcome| outcome.is_err())));
    assert!([0, 1, 2, 5].iter().all(|row| session.outcome(*row).is_none()));
    let call = disk.world.newest();
    for _ in 0..2 {
        assert!(matches!(disk.world.session.pull(Duration::ZERO, call.unwrap()), Pull::Request(_)));
    }
    disk.world.say(call, Heard::Acked(Some(0)));
    let session = &disk.world.session;
    assert_eq!((session.ledger().returned, session.ledger().durable, session.settled()), (2, 3, 5));
    disk.world.say(call, Heard::Acked(Some(1)));
    let session = &disk.world.session;
    assert_eq!((session.ledger().returned, session.ledger().durable, session.settled()), (5, 4, 9));
}

#[test]
fn unreadable_rows_that_are_settled_are_not_returned() {
    let mut disk = Disk::streaming(spooling(3..6));
    disk.load(Vec::new(), vec![1..5]);
    assert_eq!(disk.reported(damaged), [4]);
    assert_eq!((disk.world.session.ledger().returned, disk.world.session.settled()), (2, 5));
    disk.load(Vec::new(), vec![0..2]);
    assert_eq!((disk.world.session.ledger().returned, disk.world.session.rows_on_disk()), (2, 1));
    disk.load(Vec::new(), vec![5..8]);
    assert_eq!(disk.world.session.rows_on_disk(), 0);
}

#[test]
fn a_stream_whose_rows_are_all_unreadable_closes() {
    let mut disk = Disk::streaming(spooling(0..2));
    disk.world.session.close(Duration::ZERO);
    disk.load(Vec::new(), vec![0..2]);
    assert_eq!(disk.world.session.settled(), 2);
    assert!(matches!(disk.world.session.pull(Duration::ZERO, disk.world.newest().unwrap()), Pull::End));
}

#[test]
fn a_disk_that_fails_is_reported_once_and_so_is_its_recovery() {
    let mut disk = Disk::streaming(spooling(0..0));
    disk.push(1, 1);
    for _ in 0..3 {
        disk.world.session.disk_fails(Fault::ShutDown.into());
    }
    disk.write();
    disk.push(1, 1);
    disk.write();
    disk.world.act();
    let reports: Vec<_> =
        disk.world.reported.iter().filter(|event| !matches!(event, StreamEvent::Opened { .. })).collect();
    assert!(matches!(reports[..], [StreamEvent::SpoolFailing { .. }, StreamEvent::SpoolRecovered]), "{reports:?}");
}

#[test]
fn rows_that_a_failing_disk_did_not_take_are_returned_at_the_end() {
    let mut disk = Disk::streaming(spooling(0..0));
    disk.push(2, LARGE);
    disk.world.session.disk_fails(Fault::ShutDown.into());
    assert!(disk.world.session.take_returned().is_empty(), "it is tried again");
    disk.fail();
    assert!(disk.world.session.take_returned().is_empty(), "and once more");
    disk.world.session.disk_fails(Fault::ShutDown.into());
    assert_eq!(disk.world.session.take_returned().len(), 2);
    assert_eq!((disk.world.session.ledger().returned, disk.world.session.unacked_bytes()), (2, 0));
    assert!(disk.job().is_last);
}

#[test]
fn a_returned_row_may_be_in_the_table_if_a_failed_write_left_something_on_disk() {
    for left in [Persisted::No, Persisted::Possibly] {
        let mut disk = Disk::streaming(spooling(0..0));
        disk.push(1, LARGE);
        disk.world.session.disk_left(left);
        disk.fail();
        disk.world.session.disk_fails(Fault::ShutDown.into());
        let returned = disk.world.session.take_returned();
        assert_eq!(returned.iter().map(|part| part.batch.persisted()).collect::<Vec<_>>(), [left]);
    }
}

#[test]
fn a_writer_that_ends_early_ends_the_stream() {
    let mut disk = Disk::streaming(spooling(0..0));
    disk.push(1, LARGE);
    disk.world.session.disk_closed();
    assert!(disk.world.session.is_finished());
    assert_eq!(disk.world.session.take_returned().len(), 1);
}

#[test]
fn rows_of_another_schema_go_on_a_call_of_their_own() {
    let mut settings = spooling(0..2);
    settings.spool = Some(Found { schema: 1, first: 0, end: 2 });
    let mut disk = Disk::streaming(settings);
    let first = disk.world.newest();
    disk.push(1, 1);
    disk.write();
    disk.load(vec![Batch { schema: 1, ..request(0..2, 1) }, request(2..3, 1)], Vec::new());
    assert_eq!(disk.pull(), [[0, 1]], "row 2 was written for another schema");
    disk.keep();
    assert!(disk.world.newest() > first);
    disk.world.open();
    assert_eq!(disk.pull(), [[2]]);
    disk.keep();
    assert_eq!(disk.world.session.settled(), 3);
}

#[test]
fn an_abandoned_stream_goes_on_for_a_while_and_leaves_the_rest_on_disk() {
    let mut disk = Disk::streaming(spooling(0..0));
    disk.push(1, LARGE);
    disk.write();
    disk.world.now = 1000 * MS;
    disk.world.session.abandon(1000 * MS);
    disk.world.session.close(1000 * MS);
    disk.world.now = 10_999 * MS;
    disk.world.tick();
    assert!(!disk.world.session.is_over());
    assert_eq!(disk.world.session.deadline(), Some(11_000 * MS));
    disk.world.now = 11_000 * MS;
    disk.world.tick();
    assert!(disk.world.session.is_over());
    assert_eq!(disk.world.session.kept(), 1);
}

#[test]
fn a_closed_stream_reports_its_own_rows_and_those_that_it_found() {
    let mut disk = Disk::streaming(spooling(3..5));
    assert_eq!(disk.world.session.rows_recovered(), 2);
    disk.push(1, 1);
    disk.write();
    disk.load(vec![request(3..5, 1), request(5..6, 1)], Vec::new());
    disk.world.session.close(Duration::ZERO);
    let call = disk.world.newest().unwrap();
    while let Pull::Request(_) = disk.world.session.pull(Duration::ZERO, call) {}
    disk.world.say(Some(call), Heard::Acked(Some(1)));
    disk.world.end(Some(call), Ending::Ok);
    let closed = |event: &StreamEvent| match event {
        StreamEvent::Closed { durable, .. } => Some(*durable),
        _ => None,
    };
    assert_eq!(disk.reported(closed), [3]);
}

#[test]
fn only_a_stream_that_failed_leaves_rows_on_disk() {
    let mut disk = Disk::streaming(spooling(0..0));
    disk.push(1, LARGE);
    disk.write();
    assert_eq!((disk.world.session.kept(), disk.world.session.rows_recovered()), (0, 0));
}

//! Persistent streams: which requests the server has, and which are sent on which stream.

#![expect(clippy::single_range_in_vec_init, reason = "a list of ranges of rows")]

use std::ops::Range;

use super::disk::*;
use super::*;
use crate::error::Violation;

/// A row of this length fills a request.
const LARGE: usize = 97;

fn note(base: u64, end: Option<u64>) -> StreamNote {
    StreamNote { stream_id: "one".into(), base, end }
}

fn exactly_once(rows: Range<u64>, found: Option<StreamNote>) -> Settings {
    let mut settings = spooling(rows);
    settings.exactly_once = Some(ExactlyOnce { found, otherwise: Otherwise::Fail });
    settings
}

/// A session that has created its stream, and written this many requests of one row.
fn created(requests: u8) -> Disk {
    let mut disk = Disk::new(exactly_once(0..0, None));
    disk.push(requests, LARGE);
    disk.write();
    disk.hear(Heard::Opened("one".into()));
    disk.note();
    disk
}

/// A session that finds requests 10 to 13 on disk, of rows 20 to 23, and a stream that started with request 10.
fn restarted() -> Disk {
    let mut disk = Disk::new(exactly_once(20..24, Some(note(10, Some(14)))));
    disk.note();
    disk
}

/// A process that cannot read request 12, whose stream has the requests before it.
fn resumed_behind_a_gap() -> Disk {
    let mut disk = restarted();
    let requests = [10, 11, 13].map(|sequence| Batch { sequence, ..request(sequence + 10..sequence + 11, 1) });
    disk.load(requests.to_vec(), vec![22..23]);
    disk.hear(Heard::Resumed(Some(1)));
    disk
}

impl Disk {
    fn hear(&mut self, heard: Heard) {
        self.world.session.hear(self.world.now, self.world.newest().unwrap(), heard);
        self.world.act();
    }

    /// How the newest call starts.
    fn begin(&self) -> Option<Begin> {
        self.world.call(self.world.newest()).and_then(|call| call.begin.clone())
    }

    /// The spool stores the pending note.
    fn note(&mut self) -> Option<StreamNote> {
        let note = self.job().note;
        if let Some(note) = &note {
            self.world.session.noted(self.world.now, note);
            self.world.act();
        }
        note
    }

    /// What is sent on the newest call now: the offsets on the wire, and the rows.
    fn sent(&mut self) -> Vec<(i64, Vec<u64>)> {
        let call = self.world.newest().unwrap();
        std::iter::from_fn(|| match self.world.session.pull(self.world.now, call) {
            Pull::Request(request) => Some((request.wire_offset, rows_of(&request.body))),
            Pull::End | Pull::Idle => None,
        })
        .collect()
    }

    fn read(&mut self, requests: Range<u64>) {
        let requests = requests.map(|sequence| Batch { sequence, ..request(sequence + 10..sequence + 11, 1) });
        self.load(requests.collect(), Vec::new());
    }

    /// The call ends, and the next is opened.
    fn reconnect(&mut self, ending: Ending) {
        self.world.end(self.world.newest(), ending);
        if self.world.newest().is_none() {
            self.world.now = self.world.session.deadline().unwrap();
            self.world.tick();
        }
    }

    fn settled(&self) -> u64 {
        self.world.session.settled()
    }
}

#[test]
fn a_stream_is_noted_before_a_row_goes_on_it() {
    let mut disk = Disk::new(exactly_once(0..0, None));
    assert_eq!(disk.begin(), Some(Begin::Create));
    disk.push(1, LARGE);
    disk.write();
    assert_eq!((disk.world.session.persistent_stream(), disk.job().note), (None, None));
    disk.hear(Heard::Opened("one".into()));
    assert_eq!(disk.world.session.persistent_stream().as_deref(), Some("one"));
    assert_eq!(disk.sent(), []);
    disk.world.session.noted(Duration::ZERO, &note(7, None));
    assert_eq!(disk.sent(), [], "that is not its note");
    assert_eq!(disk.note(), Some(note(0, None)));
    assert_eq!(disk.sent(), [(0, vec![0])]);
    assert_eq!(disk.note(), None, "it is noted once");
}

#[test]
fn a_stream_without_rows_is_not_noted_yet() {
    let mut disk = created(0);
    assert_eq!(disk.job().note, None);
    disk.push(1, LARGE);
    disk.write();
    assert_eq!(disk.note(), Some(note(0, None)));
    assert_eq!(disk.sent(), [(0, vec![0])]);
}

#[test]
fn a_lost_call_goes_on_behind_what_the_server_has() {
    for (watermark, settled) in [(None, 0), (Some(-1), 0), (Some(0), 1), (Some(1), 2), (Some(2), 3)] {
        let mut disk = created(4);
        disk.push(1, 1);
        assert_eq!(disk.sent().len(), 4);
        disk.hear(Heard::Acked(Some(-1)));
        disk.reconnect(Ending::Internal);
        assert_eq!(disk.begin(), Some(Begin::Resume("one".into())));
        disk.hear(Heard::Resumed(watermark));
        assert_eq!((disk.settled(), disk.world.session.ledger().durable), (settled, settled), "{watermark:?}");
        assert_eq!(disk.world.session.ledger().durable_bytes, 100 * settled);
        let next = i64::try_from(settled).unwrap();
        assert_eq!(disk.sent().first(), Some(&(next, vec![settled])), "{watermark:?}");
    }
}

#[test]
fn all_that_was_sent_may_be_durable_and_nothing_else() {
    for (watermark, is_believed) in [(2, true), (3, false), (100, false), (i64::MAX, false)] {
        let mut disk = created(4);
        let call = disk.world.newest().unwrap();
        for _ in 0..3 {
            assert!(matches!(disk.world.session.pull(Duration::ZERO, call), Pull::Request(_)));
        }
        disk.reconnect(Ending::Internal);
        let resumed = disk.world.newest();
        disk.hear(Heard::Resumed(Some(watermark)));
        assert_eq!(disk.world.newest() == resumed, is_believed, "{watermark}");
        assert_eq!(disk.settled(), if is_believed { 3 } else { 0 });
    }
}

#[test]
fn a_stream_that_has_nothing_is_resumed_although_its_first_request_is_a_later_one() {
    let mut disk = Disk::new(exactly_once(20..24, None));
    disk.read(10..14);
    disk.hear(Heard::Opened("one".into()));
    disk.reconnect(Ending::Internal);
    assert_eq!(disk.begin(), Some(Begin::Resume("one".into())));
    let resumed = disk.world.newest();
    disk.hear(Heard::Resumed(None));
    assert_eq!(disk.world.newest(), resumed, "the server has none of it, as it should");
    assert_eq!(disk.note(), Some(note(10, None)));
    assert_eq!(disk.sent().first(), Some(&(0, vec![20])));
}

#[test]
fn what_was_sent_on_a_stream_that_was_left_was_not_sent_on_the_next() {
    let mut disk = created(4);
    disk.sent();
    disk.hear(Heard::Acked(Some(1)));
    disk.reconnect(Ending::Internal);
    disk.hear(Heard::Resumed(None));
    assert_eq!(disk.begin(), Some(Begin::Create), "the server has lost what it had");
    disk.hear(Heard::Opened("two".into()));
    assert_eq!(disk.note(), Some(StreamNote { stream_id: "two".into(), base: 2, end: None }));
    disk.reconnect(Ending::Internal);
    disk.hear(Heard::Resumed(Some(1)));
    assert_eq!(disk.settled(), 2, "nothing was sent on this stream");
}

#[test]
fn what_the_process_before_has_sent_may_become_durable_at_any_time() {
    let mut disk = restarted();
    disk.read(10..14);
    disk.hear(Heard::Resumed(Some(0)));
    disk.reconnect(Ending::Internal);
    disk.hear(Heard::Resumed(Some(3)));
    assert_eq!(disk.settled(), 24);
}

#[test]
fn an_implausible_watermark_is_reported() {
    let mut disk = created(4);
    disk.sent();
    disk.reconnect(Ending::Internal);
    disk.hear(Heard::Resumed(Some(9)));
    let mut reasons = disk.world.reported.iter().filter_map(|event| match event {
        StreamEvent::Reconnecting { reason, .. } => Some(reason.fault()),
        _ => None,
    });
    let is_reported = |fault: &Fault| matches!(fault, Fault::Violation(Violation::AckAboveSent { found: 9, sent: 4 }));
    assert!(reasons.next_back().is_some_and(is_reported), "{:?}", disk.world.reported);
}

#[test]
fn a_stream_is_resumed_on_the_call_that_is_being_opened_alone() {
    let mut disk = created(2);
    disk.sent();
    disk.hear(Heard::Resumed(Some(0)));
    assert_eq!(disk.settled(), 0, "the call is open");
    disk.hear(Heard::Acked(Some(0)));
    disk.hear(Heard::Acked(Some(1)));
    assert_eq!(disk.settled(), 2);
}

#[test]
fn progress_by_resuming_counts_as_progress() {
    let mut disk = created(4);
    disk.sent();
    for resumed in 0..4 {
        disk.reconnect(Ending::Internal);
        disk.reconnect(Ending::Internal);
        assert_eq!(disk.world.session.failures(), 2);
        disk.hear(Heard::Resumed(Some(resumed)));
        assert_eq!(disk.world.session.failures(), 0);
        disk.sent();
    }
}

#[test]
fn a_resumed_stream_without_progress_is_a_failing_one() {
    let mut disk = created(4);
    disk.sent();
    disk.reconnect(Ending::Internal);
    disk.hear(Heard::Resumed(None));
    assert_eq!(disk.world.session.failures(), 1);
}

#[test]
fn a_process_goes_on_with_the_stream_of_the_one_before() {
    let mut disk = Disk::new(exactly_once(20..24, Some(note(10, Some(14)))));
    assert_eq!(disk.begin(), Some(Begin::Resume("one".into())));
    assert_eq!(disk.note(), Some(note(10, Some(14))), "where the log ends, until the server was asked");
    assert_eq!(disk.note(), None);
    disk.hear(Heard::Resumed(Some(1)));
    assert_eq!(disk.settled(), 20, "what the server has is not read yet");
    disk.read(10..13);
    assert_eq!(disk.settled(), 22);
    assert_eq!(disk.sent(), [], "the answer is not noted yet");
    assert_eq!(disk.note(), Some(note(10, None)));
    assert_eq!(disk.sent(), [(2, vec![22])]);
    disk.read(13..14);
    assert_eq!(disk.sent(), [(3, vec![23])]);
}

#[test]
fn rows_that_are_read_before_the_server_answers_are_settled_by_the_answer() {
    let mut disk = restarted();
    disk.read(10..14);
    assert_eq!(disk.settled(), 20);
    disk.hear(Heard::Resumed(Some(3)));
    assert_eq!(disk.settled(), 24, "the log ends there");
    disk.note();
    assert_eq!(disk.begin(), Some(Begin::Resume("one".into())), "nothing was lost");
    assert_eq!(disk.sent(), []);
}

/// A session that finds out that its log has lost requests 14 and later.
fn without_tail(mut disk: Disk) -> Disk {
    let before = disk.world.newest();
    disk.read(10..14);
    disk.hear(Heard::Resumed(Some(4)));
    assert_eq!(disk.settled(), 24, "the server has all that is left");
    assert!(disk.world.newest() > before);
    assert_eq!(disk.begin(), Some(Begin::Create));
    disk.push(1, LARGE);
    disk.requests = vec![request(0..1, 1); 14];
    disk.write();
    disk.hear(Heard::Opened("two".into()));
    assert_eq!(disk.sent(), []);
    disk
}

#[test]
fn a_log_that_lost_its_tail_goes_on_with_another_stream() {
    let mut disk = without_tail(restarted());
    assert_eq!(disk.note(), Some(StreamNote { stream_id: "two".into(), base: 14, end: None }));
    assert_eq!(disk.sent(), [(0, vec![24])]);
}

#[test]
fn where_a_log_ended_is_noted_although_the_server_answered_first() {
    let mut disk = without_tail(Disk::new(exactly_once(20..24, Some(note(10, Some(14))))));
    assert_eq!(disk.note(), Some(note(10, Some(14))), "until the next stream is noted");
    assert_eq!(disk.sent(), []);
    assert_eq!(disk.note(), Some(StreamNote { stream_id: "two".into(), base: 14, end: None }));
    assert_eq!(disk.sent(), [(0, vec![24])]);
}

#[test]
fn a_log_that_ends_before_its_stream_begins_has_nothing_that_is_committed() {
    let mut disk = Disk::new(exactly_once(20..22, Some(note(15, Some(12)))));
    disk.note();
    disk.read(10..12);
    assert_eq!(disk.settled(), 22, "what lies before the stream was settled");
    let mut disk = Disk::new(exactly_once(20..24, Some(note(12, Some(14)))));
    disk.note();
    disk.read(10..14);
    assert_eq!(disk.settled(), 22);
}

#[test]
fn unreadable_rows_are_passed_over_by_an_answer() {
    let disk = resumed_behind_a_gap();
    let ledger = disk.world.session.ledger();
    assert_eq!((ledger.durable, ledger.returned, disk.settled()), (22, 1, 23));
}

#[test]
fn a_stream_whose_next_offset_is_not_the_next_request_is_left() {
    let mut disk = resumed_behind_a_gap();
    assert_eq!(disk.begin(), Some(Begin::Create), "request 12 cannot be read, so 13 cannot have offset 3");
    disk.hear(Heard::Opened("two".into()));
    assert_eq!(disk.note(), Some(StreamNote { stream_id: "two".into(), base: 13, end: None }));
    assert_eq!(disk.sent(), [(0, vec![23])]);
}

#[test]
fn a_stream_is_not_left_while_requests_are_under_way_on_it() {
    let mut disk = restarted();
    disk.read(10..12);
    disk.hear(Heard::Resumed(None));
    disk.note();
    let call = disk.world.newest();
    assert_eq!(disk.sent(), [(0, vec![20]), (1, vec![21])]);
    disk.load(vec![Batch { sequence: 13, ..request(23..24, 1) }], vec![22..23]);
    disk.hear(Heard::Acked(Some(0)));
    assert_eq!(disk.world.newest(), call);
    disk.hear(Heard::Acked(Some(1)));
    assert!(disk.world.newest() > call);
    assert_eq!(disk.begin(), Some(Begin::Create));
    assert_eq!(disk.settled(), 23);
}

#[test]
fn a_stream_is_not_left_before_the_server_has_answered() {
    let mut disk = created(3);
    disk.sent();
    disk.hear(Heard::Acked(Some(1)));
    disk.reconnect(Ending::Internal);
    disk.push(1, LARGE);
    disk.write();
    assert_eq!(disk.begin(), Some(Begin::Resume("one".into())));
    disk.hear(Heard::Resumed(Some(1)));
    assert_eq!(disk.sent(), [(2, vec![2])]);
    disk.hear(Heard::Acked(Some(2)));
    assert_eq!(disk.sent(), [(3, vec![3])]);
}

#[test]
fn a_request_that_the_server_refuses_is_searched_for_and_returned_as_a_whole() {
    let mut disk = Disk::new(exactly_once(0..0, None));
    disk.push(12, 10);
    disk.write_all();
    disk.hear(Heard::Opened("one".into()));
    disk.note();
    let all: Vec<_> = disk.sent().into_iter().map(|(_, rows)| rows).collect();
    assert_eq!(all.len(), 2, "{all:?}");
    disk.reconnect(Ending::Rejected);
    disk.hear(Heard::Resumed(None));
    assert_eq!(disk.sent(), [(0, all[0].clone())], "it may be the first or the second");
    disk.reconnect(Ending::Rejected);
    let returned = disk.world.session.take_returned();
    assert_eq!(returned.iter().map(|part| rows(&part.batch).collect()).collect::<Vec<Vec<u64>>>(), all[..1]);
    let count = all[0].len() as u64;
    assert_eq!((disk.settled(), disk.world.session.ledger().returned), (count, count));
    assert!(
        disk.world
            .reported
            .iter()
            .any(|event| matches!(event, StreamEvent::Rejected { offset, .. } if offset.value() == 0))
    );
    disk.hear(Heard::Resumed(None));
    assert_eq!(disk.begin(), Some(Begin::Create), "the second has no offset on that stream any more");
    disk.hear(Heard::Opened("two".into()));
    disk.note();
    assert_eq!(disk.sent(), [(0, all[1].clone())]);
}

#[test]
fn what_follows_a_search_goes_together_again() {
    let mut disk = created(5);
    assert_eq!(disk.sent().len(), 5);
    disk.reconnect(Ending::Rejected);
    disk.hear(Heard::Resumed(Some(1)));
    assert_eq!(disk.sent(), [(2, vec![2])]);
    disk.hear(Heard::Acked(Some(2)));
    assert_eq!(disk.sent(), [(3, vec![3])]);
    disk.hear(Heard::Acked(Some(3)));
    disk.push(2, LARGE);
    disk.write();
    assert_eq!(disk.sent(), [(4, vec![4]), (5, vec![5]), (6, vec![6])], "the rest was not refused");
}

#[test]
fn no_request_is_blamed_while_others_are_under_way() {
    let mut disk = created(4);
    assert_eq!(disk.sent().len(), 4);
    disk.reconnect(Ending::Rejected);
    disk.hear(Heard::Resumed(Some(2)));
    disk.push(2, LARGE);
    disk.write();
    assert_eq!(disk.sent(), [(3, vec![3]), (4, vec![4]), (5, vec![5])], "the last of those that were refused");
    disk.reconnect(Ending::Rejected);
    assert!(disk.world.session.take_returned().is_empty(), "it may be row 3, 4 or 5");
    disk.hear(Heard::Resumed(Some(2)));
    for row in [3, 4] {
        assert_eq!(disk.sent(), [(i64::try_from(row).unwrap(), vec![row])]);
        disk.hear(Heard::Acked(Some(i64::try_from(row).unwrap())));
    }
    assert_eq!(disk.sent(), [(5, vec![5])]);
    disk.world.end(disk.world.newest(), Ending::Rejected);
    let returned = disk.world.session.take_returned();
    assert_eq!(returned.iter().map(|part| rows(&part.batch)).collect::<Vec<_>>(), [5..6]);
    assert_eq!((disk.settled(), disk.world.session.ledger().durable), (6, 5));
}

#[test]
fn a_request_that_was_refused_alone_is_returned_at_once() {
    let mut disk = created(1);
    assert_eq!(disk.sent(), [(0, vec![0])]);
    disk.world.end(disk.world.newest(), Ending::Rejected);
    assert_eq!(disk.world.session.take_returned().len(), 1);
    assert_eq!(disk.settled(), 1);
}

#[test]
fn a_stream_of_which_too_many_requests_are_refused_gives_up() {
    let mut settings = exactly_once(0..0, None);
    settings.max_rejected_rows = 1;
    let mut disk = Disk::new(settings);
    disk.push(2, LARGE);
    disk.write();
    disk.hear(Heard::Opened("one".into()));
    disk.note();
    disk.sent();
    disk.reconnect(Ending::Rejected);
    disk.hear(Heard::Resumed(None));
    disk.sent();
    disk.reconnect(Ending::Rejected);
    assert_eq!(disk.world.session.ledger().returned, 1, "one may be");
    disk.hear(Heard::Resumed(None));
    disk.hear(Heard::Opened("two".into()));
    disk.note();
    disk.sent();
    disk.world.end(disk.world.newest(), Ending::Rejected);
    let error = disk.world.session.error().unwrap();
    assert!(matches!(error.fault(), Fault::TooManyRejected { rows: 1, .. }), "{error}");
    assert_eq!(disk.world.session.ledger().returned, 1);
}

#[test]
fn a_stream_has_one_call_at_a_time() {
    let mut disk = created(1);
    disk.sent();
    disk.hear(Heard::CloseSignal(Duration::from_secs(5)));
    let call = disk.world.newest().unwrap();
    assert_eq!(disk.world.calls.len(), 1);
    assert_eq!(disk.world.session.pull(Duration::ZERO, call), Pull::End);
    assert_eq!(disk.world.session.deadline(), Some(Duration::from_secs(15)), "its grace, and the time to end");
    disk.hear(Heard::Acked(Some(0)));
    disk.push(1, LARGE);
    disk.write();
    disk.hear(Heard::Ended(None));
    assert_eq!(disk.begin(), Some(Begin::Resume("one".into())));
    disk.hear(Heard::Resumed(Some(0)));
    assert_eq!(disk.sent(), [(1, vec![1])]);
}

#[test]
fn rows_that_another_program_may_have_sent_are_not_dropped() {
    let mut settings = exactly_once(0..4, None);
    settings.overflow = SpoolOverflow::DropOldest;
    let mut disk = Disk::new(settings);
    assert_eq!(disk.world.session.drop_oldest(Duration::ZERO, 2), 0);
}

#[test]
fn a_refused_request_is_not_kept_on_disk() {
    let mut disk = created(2);
    disk.sent();
    disk.hear(Heard::Acked(Some(1)));
    disk.world.session.hold_from(Some(0));
    assert_eq!(disk.job().settled, 2, "it lies below the server's watermark, so it cannot be sent again");
}

#[test]
fn a_service_without_persistent_streams_ends_the_stream_or_gets_rows_at_least_once() {
    let mut disk = Disk::new(exactly_once(0..0, None));
    disk.world.session.hear(Duration::ZERO, disk.world.newest().unwrap(), Heard::Ended(Some(status(12, "no"))));
    let error = disk.world.session.error().unwrap();
    assert!(matches!(error.fault(), Fault::NoExactlyOnce { .. }), "{error}");

    let mut settings = exactly_once(0..0, None);
    settings.exactly_once = Some(ExactlyOnce { found: None, otherwise: Otherwise::AtLeastOnce });
    let mut disk = Disk::new(settings.clone());
    disk.hear(Heard::Ended(Some(status(12, "no"))));
    assert_eq!(disk.begin(), Some(Begin::Ephemeral));
    assert!(disk.world.reported.iter().any(|event| matches!(event, StreamEvent::AtLeastOnce { .. })));

    let mut disk = Disk::new(settings);
    disk.hear(Heard::Ended(Some(status(13, "oh"))));
    assert!(disk.world.session.persistent_stream().is_none());
    assert!(disk.world.reported.iter().all(|event| !matches!(event, StreamEvent::AtLeastOnce { .. })));
}

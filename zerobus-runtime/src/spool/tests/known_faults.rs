//! One test for each known fault of other programs' disk buffers.

use std::io::IoSlice;
use std::time::Duration;

use bytes::Bytes;

use crate::core::{Found, Settings, Wanted};
use crate::error::Fault;
use crate::event::StreamEvent;
use crate::persisted::Persisted;
use crate::record_kind::RecordKind;
use crate::schemas::Schemas;
use crate::shared::Shared;
use crate::spool::format::{RecordHeader, Request, u32_at};
use crate::spool::log::{Durability, Log, Options, Refusal};
use crate::spool::segment::name_of;
use crate::spool::simulated::{Crash, Disk, Faults};
use crate::spool::storage::{File as _, Storage};
use crate::spool::writer::{Next, Writer};
use crate::spool::{SpoolLevel, events_of, now_ms};

const OPTIONS: Options = Options {
    segment_bytes: 2048,
    max_bytes: 16 * 1024,
    durability: Durability::Power,
    schema: Bytes::from_static(b"the schema"),
};

fn request(row: u64, bytes: usize) -> Request {
    Request { body: vec![u8::try_from(row % 251).unwrap(); bytes].into(), row, rows: 1, accepted_at: 7 }
}

/// Appends one request after the other until the log is full; returns how many.
fn fill(log: &mut Log<Disk>, bytes: usize) -> u64 {
    for n in 0.. {
        match log.append(&[request(log.next_row(), bytes)]) {
            Ok(1) => {}
            Err(Refusal::Full) => return n,
            other => panic!("{other:?}"),
        }
    }
    0
}

/// Reads everything; returns the rows.
fn read_all(log: &mut Log<Disk>) -> Vec<u64> {
    let mut rows = Vec::new();
    loop {
        let read = log.read(Wanted { most_bytes: 1024, at_least_one: true, end: u64::MAX }).unwrap();
        if read.requests.is_empty() && read.lost.is_empty() {
            return rows;
        }
        rows.extend(read.requests.iter().map(|request| request.row));
    }
}

#[test]
fn a_new_file_has_a_durable_name_before_its_rows_are_promised() {
    for seed in 0..50 {
        let disk = Disk::new(seed);
        let (mut log, _) = Log::open(disk.clone(), OPTIONS).unwrap();
        log.append(&[request(0, 100)]).unwrap();
        log.sync().unwrap();
        disk.restart(Crash::Power);
        let (mut log, recovery) = Log::open(disk, OPTIONS).unwrap();
        assert_eq!((recovery.rows, recovery.oldest), (1, Some(7)));
        assert_eq!(read_all(&mut log), [0]);
    }
}

#[test]
fn a_row_that_was_taken_back_does_not_return() {
    for (durability, crash) in [(Durability::Power, Crash::Power), (Durability::Process, Crash::Process)] {
        let mut taken_back = 0;
        for seed in 0..4000 {
            let disk = Disk::new(seed);
            let options = Options { durability, ..OPTIONS };
            let (mut log, _) = Log::open(disk.clone(), options.clone()).unwrap();
            let (mut row, mut refused) = (0, 0);
            for n in 0..seed % 3 + 4 {
                let failures = if n < seed % 3 { 0 } else { 300 };
                disk.set_faults(Faults { failures, ..Faults::default() });
                match log.append(&[request(row, 100), request(row + 1, 100)]) {
                    Ok(written) => row += written as u64,
                    Err(_) => refused += 1,
                }
                if durability == Durability::Power {
                    let _ = log.sync();
                }
            }
            refused += log.forget_unsynced();
            if refused == 0 || log.has_leftovers() {
                continue;
            }
            taken_back += 1;
            let kept: Vec<_> = (0..log.next_row()).collect();
            disk.set_faults(Faults::default());
            for _ in 0..3 {
                disk.restart(crash);
                let (mut log, _) = Log::open(disk.clone(), options.clone()).unwrap();
                assert_eq!(read_all(&mut log), kept, "seed {seed} with {durability:?}");
            }
        }
        assert!(taken_back > 100, "rows were taken back {taken_back} times");
    }
}

#[test]
fn a_position_that_one_process_could_not_sync_is_made_durable_by_the_next() {
    let mut failed = 0;
    for seed in 0..200 {
        let disk = Disk::new(seed);
        let (mut log, _) = Log::open(disk.clone(), OPTIONS).unwrap();
        let rows = fill(&mut log, 500);
        log.sync().unwrap();
        log.acked(1).unwrap();
        disk.set_faults(Faults { failures: 300, ..Faults::default() });
        failed += u32::from(log.acked(rows / 2).is_err());
        disk.set_faults(Faults::default());
        disk.restart(Crash::Process);
        let (log, _) = Log::open(disk.clone(), OPTIONS).unwrap();
        assert!(log.position.is_durable());
        let found = log.position.marks();
        disk.restart(Crash::Power);
        let (log, _) = Log::open(disk, OPTIONS).unwrap();
        assert_eq!(log.position.marks(), found, "seed {seed}");
    }
    assert!(failed > 20, "{failed} acknowledgements were not noted");
}

#[test]
fn what_a_failed_write_left_behind_delivered_rows_is_no_damage() {
    for crash_after in 0..6 {
        let disk = Disk::new(crash_after);
        let options = Options { durability: Durability::Process, ..OPTIONS };
        let (mut log, _) = Log::open(disk.clone(), options.clone()).unwrap();
        while log.end_of_oldest().is_none() {
            log.append(&[request(log.next_row(), 500)]).unwrap();
        }
        let (second, rows) = (log.end_of_oldest().unwrap(), log.next_row());
        let mut first = disk.open(&name_of(0)).unwrap();
        let len = first.len().unwrap();
        first.write_at(len, &mut [IoSlice::new(&[7; 100])]).unwrap();
        disk.crash_after(crash_after);
        let _ = log.acked(second);
        disk.restart(Crash::Process);
        let (mut log, _) = Log::open(disk.clone(), options).unwrap();
        assert_eq!(read_all(&mut log).last(), Some(&(rows - 1)));
        log.acked(rows).unwrap();
        log.close().unwrap();
        let left: Vec<_> = disk.lens().into_keys().filter(|name| name != "position").collect();
        assert!(left.is_empty(), "a crash after {crash_after} operations leaves {left:?}");
    }
}

#[test]
fn a_log_that_was_full_at_a_crash_has_room_when_its_rows_are_delivered() {
    for crash in [Crash::Process, Crash::Power] {
        let disk = Disk::new(1);
        let (mut log, _) = Log::open(disk.clone(), OPTIONS).unwrap();
        let rows = fill(&mut log, 500);
        log.sync().unwrap();
        disk.restart(crash);
        let (mut log, recovery) = Log::open(disk.clone(), OPTIONS).unwrap();
        let on_disk: usize = disk.lens().iter().filter(|(name, _)| *name != "position").map(|(_, len)| len).sum();
        assert_eq!((recovery.rows, log.bytes()), (rows, on_disk as u64));
        assert!(matches!(log.append(&[request(rows, 500)]), Err(Refusal::Full)));
        assert_eq!(read_all(&mut log).len() as u64, rows);
        log.acked(rows / 2).unwrap();
        assert_eq!(log.append(&[request(rows, 500)]).unwrap(), 1, "half of the rows are delivered");
    }
}

#[test]
fn nothing_is_read_that_is_not_written() {
    let disk = Disk::new(3);
    let (mut log, _) = Log::open(disk.clone(), OPTIONS).unwrap();
    log.append(&[request(0, 100)]).unwrap();
    disk.set_faults(Faults { failures: 1000, ..Faults::default() });
    assert!(log.append(&[request(1, 100)]).is_err());
    disk.set_faults(Faults::default());
    assert_eq!(read_all(&mut log), [0]);
    log.append(&[request(1, 100)]).unwrap();
    assert_eq!(read_all(&mut log), [1]);
}

#[test]
fn a_record_above_every_limit_is_written_read_and_delivered_after_a_crash() {
    let disk = Disk::new(4);
    let (mut log, _) = Log::open(disk.clone(), OPTIONS).unwrap();
    log.append(&[request(0, 40_000)]).unwrap();
    log.sync().unwrap();
    disk.restart(Crash::Power);
    for _ in 0..3 {
        let small = Options { segment_bytes: 100, max_bytes: 200, ..OPTIONS };
        let (mut log, recovery) = Log::open(disk.clone(), small).unwrap();
        assert_eq!(recovery.rows, 1);
        let read = log.read(Wanted { most_bytes: 1, at_least_one: true, end: u64::MAX }).unwrap();
        assert_eq!(read.requests[0].body.len(), 40_000);
        disk.restart(Crash::Process);
    }
    let (mut log, _) = Log::open(disk.clone(), OPTIONS).unwrap();
    log.acked(1).unwrap();
    log.append(&[request(1, 100)]).unwrap();
    assert_eq!(read_all(&mut log), [1]);
}

#[test]
fn no_damage_keeps_the_log_from_going_on() {
    let whole = Disk::new(5);
    let (mut log, _) = Log::open(whole.clone(), OPTIONS).unwrap();
    let rows = fill(&mut log, 300);
    log.sync().unwrap();
    log.acked(1).unwrap();
    for (name, len) in whole.lens() {
        for place in (0..len).step_by(7) {
            let disk = whole.copy();
            disk.edit(&name, |bytes| bytes[place] ^= 0x55);
            goes_on(&disk, rows);
        }
        for len in (0..len).step_by(97) {
            let disk = whole.copy();
            disk.edit(&name, |bytes| bytes.truncate(len));
            goes_on(&disk, rows);
        }
    }
}

/// A damaged log opens, delivers most of its rows, and accepts new ones.
fn goes_on(disk: &Disk, rows: u64) {
    let (mut log, _) = Log::open(disk.clone(), OPTIONS).unwrap();
    let read = read_all(&mut log);
    // One segment holds five of them.
    assert!(read.len() as u64 + 7 >= rows, "only {read:?} of {rows} rows are left");
    log.acked(log.next_row()).unwrap();
    let row = log.next_row();
    log.append(&[request(row, 100)]).unwrap();
    assert_eq!(read_all(&mut log), [row]);
    log.acked(row + 1).unwrap();
    log.close().unwrap();
    assert_eq!(log.bytes(), 0);
}

#[test]
fn a_row_that_holds_the_image_of_a_record_is_not_taken_for_one() {
    let disk = Disk::new(7);
    let (mut log, _) = Log::open(disk.clone(), OPTIONS).unwrap();
    // A producer that sees one segment knows its nonce, and forges a record with it for the next one.
    log.append(&[request(0, 1950)]).unwrap();
    let mut nonce = 0;
    disk.edit(&name_of(0), |bytes| nonce = u32_at(bytes, 16));
    let forged = Request { body: Bytes::from_static(b"forged"), row: 1, rows: 1, accepted_at: 7 };
    let header = RecordHeader::of(&forged, 1, nonce).encode(nonce);
    let image = Bytes::from([&header[..], &forged.body].concat());
    log.append(&[Request { body: image, ..forged }]).unwrap();
    log.append(&[request(2, 1000)]).unwrap();
    let start = 52 + OPTIONS.schema.len();
    disk.edit(&name_of(1), |bytes| bytes[start] ^= 1);
    assert_eq!(read_all(&mut log), [0, 2]);
}

#[test]
fn a_segment_under_the_name_of_another_is_set_aside() {
    let disk = Disk::new(9);
    let (mut log, _) = Log::open(disk.clone(), OPTIONS).unwrap();
    fill(&mut log, 500);
    let rows = log.next_row();
    log.sync().unwrap();
    disk.rename(&name_of(0), &name_of(4)).unwrap();
    let (mut log, recovery) = Log::open(disk, OPTIONS).unwrap();
    assert_eq!(recovery.set_aside.len(), 1, "{recovery:?}");
    let read = read_all(&mut log);
    assert!(read.is_sorted() && read.last() == Some(&(rows - 1)), "{read:?}");
}

#[test]
fn a_clock_that_went_back_makes_no_row_older_than_it_is() {
    let disk = Disk::new(8);
    let (mut log, _) = Log::open(disk.clone(), OPTIONS).unwrap();
    let tomorrow = now_ms() + 86_400_000;
    log.append(&[Request { accepted_at: tomorrow, ..request(0, 10) }]).unwrap();
    let (_, recovery) = Log::open(disk, OPTIONS).unwrap();
    assert_eq!(recovery.oldest, Some(tomorrow));
    let events = events_of(&recovery);
    assert!(matches!(events[..], [StreamEvent::Recovered { rows: 1, age: Some(Duration::ZERO), .. }]), "{events:?}");
}

#[test]
fn what_is_accepted_and_not_yet_written_is_written_when_the_stream_gives_up() {
    let disk = Disk::new(6);
    let (log, _) = Log::open(disk.clone(), OPTIONS).unwrap();
    let mut settings = Settings::new("main.test.rows", RecordKind::Proto);
    settings.spool = Some(Found::default());
    settings.max_batch_bytes = 1000;
    let shared = Shared::new(settings, None);
    for _ in 0..25 {
        shared.push_row(&[1; 100], Persisted::No).unwrap();
    }
    shared.fail(Fault::ShutDown.into());
    let mut writer = Writer::new(log, SpoolLevel::Power, Schemas::new(OPTIONS.schema), None);
    while writer.step(&shared) != Next::End {}
    disk.restart(Crash::Power);
    let (_, recovery) = Log::open(disk, OPTIONS).unwrap();
    assert_eq!(recovery.rows, 25);
}

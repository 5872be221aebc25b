//! A program, a server and a log: the promises to the program are compared with the server's rows at the end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use bytes::Bytes;

use crate::core::Wanted;
use crate::spool::format::Request;
use crate::spool::log::{Durability, Log, Options, Refusal};
use crate::spool::segment::sequence_of;
use crate::spool::simulated::{Crash, Disk, Faults};

/// The parameters of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) durability: Durability,
    pub(super) crash: Crash,
    pub(super) faults: Faults,
    pub(super) flips: bool,
}

/// How many processes follow each other before the one that delivers the rest.
const PROCESSES: u32 = 5;

/// One run.
pub(super) struct Model {
    plan: Plan,
    random: fastrand::Rng,
    disk: Disk,
    /// The body of every request that was ever passed to a log.
    known: BTreeSet<Bytes>,
    made: u64,
    /// The requests that are as durable as the level promises, by their first row.
    promised: BTreeMap<u64, Bytes>,
    /// The server's rows.
    table: BTreeSet<Bytes>,
    /// Rows that a log has reported as lost.
    lost: Vec<Range<u64>>,
    may_lose: bool,
    /// The offset and the sequence after the promised requests.
    ends: (u64, u64),
    /// Rows below are not read again by the next process, unless the power is lost.
    acked: u64,
    /// Rows below are never read again.
    durably_acked: u64,
}

/// One process.
struct Process {
    log: Log<Disk>,
    /// Appended and not promised.
    appended: Vec<Request>,
    /// Not yet appended.
    waiting: VecDeque<Request>,
    /// Read and not acknowledged.
    in_flight: VecDeque<Request>,
    read_to: u64,
    /// Rows below were found by this process.
    found_to: u64,
}

impl Model {
    pub(super) fn new(seed: u64, plan: Plan) -> Self {
        fastrand::seed(seed);
        Self {
            plan,
            random: fastrand::Rng::with_seed(seed),
            disk: Disk::new(seed ^ 0x5eed),
            known: BTreeSet::new(),
            made: 0,
            promised: BTreeMap::new(),
            table: BTreeSet::new(),
            lost: Vec::new(),
            may_lose: plan.flips || (plan.durability == Durability::Process && plan.crash == Crash::Power),
            ends: (0, 0),
            acked: 0,
            durably_acked: 0,
        }
    }

    /// Crashes at random, several times, and delivers the rest.
    pub(super) fn run(mut self) {
        for _ in 0..PROCESSES {
            self.disk.set_faults(self.plan.faults);
            let after = self.random.u64(..120);
            self.disk.crash_after(after);
            self.live();
            self.restart();
        }
        self.deliver_the_rest();
    }

    /// The operations of a run that does not crash.
    pub(super) fn operations(mut self) -> u64 {
        self.live();
        self.disk.operations()
    }

    /// Crashes at this operation, and delivers the rest.
    pub(super) fn crash_at(mut self, operation: u64) {
        self.disk.crash_after(operation);
        self.live();
        self.restart();
        self.deliver_the_rest();
    }

    fn restart(&mut self) {
        self.disk.restart(self.plan.crash);
        if self.plan.flips && self.random.bool() {
            self.disk.flip_bit();
        }
    }

    fn options(&self) -> Options {
        Options {
            segment_bytes: 4096,
            max_bytes: 32 * 1024,
            durability: self.plan.durability,
            schema: Bytes::from_static(&[7; 700]),
        }
    }

    fn open(&mut self) -> Option<Process> {
        let (log, recovery) = match Log::open(self.disk.clone(), self.options()) {
            Ok(opened) => opened,
            Err(_) if self.disk.is_dead() => return None,
            Err(error) => panic!("the log does not open: {error}"),
        };
        assert_eq!(recovery.rows, log.next_row() - log.read_row());
        if !self.plan.flips && self.plan.durability == Durability::Power && !self.disk.is_dead() {
            // A failed read looks like damage.
            assert!(recovery.set_aside.is_empty() || self.plan.faults.read_failures > 0, "{recovery:?}");
        }
        self.lost.extend(recovery.set_aside.iter().map(|aside| aside.rows.clone()));
        if self.plan.flips && recovery.cut > 0 {
            // The very last record may be the damaged one.
            let end = log.segments.back().map_or(0, |last| last.end_row);
            self.lost.push(end..u64::MAX);
        }
        self.check_counters(&log);
        self.check_position(&log);
        if !self.disk.is_dead() {
            self.acked = log.read_row();
        }
        let (read_to, found_to) = (log.read_row(), log.next_row());
        let (appended, waiting, in_flight) = (Vec::new(), VecDeque::new(), VecDeque::new());
        Some(Process { log, appended, waiting, in_flight, read_to, found_to })
    }

    /// No offset and no sequence is assigned twice, and rows noted as settled are not read again.
    fn check_position(&self, log: &Log<Disk>) {
        // An unreadable part counts as never written.
        if self.may_lose || self.plan.faults.read_failures > 0 || self.disk.is_dead() {
            return;
        }
        let ends = (log.next_row(), log.next_sequence());
        assert!(ends.0 >= self.ends.0 && ends.1 >= self.ends.1, "{ends:?} are given again after {:?}", self.ends);
        let noted = if self.plan.crash == Crash::Process { self.acked } else { self.durably_acked };
        assert!(
            log.read_row() >= noted,
            "rows from {} on are read again, and those below {noted} are settled",
            log.read_row()
        );
    }

    /// The counters of a log match the disk.
    fn check_counters(&self, log: &Log<Disk>) {
        if self.disk.is_dead() || self.plan.faults.failures > 0 || self.plan.faults.capacity.is_some() {
            return;
        }
        let segments = self.disk.lens().into_iter().filter(|(name, _)| sequence_of(name).is_some());
        let on_disk: usize = segments.map(|(_, len)| len).sum();
        assert_eq!(log.bytes(), on_disk as u64, "the counters differ from the disk: {:?}", self.disk.lens());
    }

    /// A program that sends until it dies, or for some steps.
    fn live(&mut self) {
        let Some(mut process) = self.open() else { return };
        for _ in 0..80 {
            if self.disk.is_dead() {
                return;
            }
            match self.random.u8(..51) {
                0..20 => self.append(&mut process),
                20..30 => self.sync(&mut process),
                30..40 => self.read(&mut process),
                40..50 => self.acknowledge(&mut process),
                _ if self.close(&mut process) => return,
                _ => {}
            }
            if !self.disk.is_dead() {
                self.check_counters(&process.log);
                self.note_durable(&process);
            }
        }
    }

    /// The durable part of the position is never lost.
    fn note_durable(&mut self, process: &Process) {
        let position = &process.log.position;
        if !position.is_durable() || self.plan.durability != Durability::Power {
            return;
        }
        let marks = position.marks();
        self.durably_acked = self.durably_acked.max(marks.acked);
        // A request whose sync fails is taken back, with its offset and sequence; the position may have counted it.
        if process.appended.is_empty() {
            self.ends = (self.ends.0.max(marks.next_row), self.ends.1.max(marks.next_sequence));
        }
    }

    fn make(&mut self, row: u64) -> Request {
        let rows = self.random.u32(1..5);
        let len = self.random.usize(..1500);
        let mut body = self.made.to_le_bytes().to_vec();
        self.made += 1;
        body.resize(8 + len, u8::try_from(self.made % 251).unwrap());
        let body = Bytes::from(body);
        self.known.insert(body.clone());
        Request { body, row, rows, accepted_at: 1 }
    }

    fn append(&mut self, process: &mut Process) {
        let mut row = process
            .waiting
            .back()
            .map_or_else(|| process.appended.last().map_or(process.log.next_row(), Request::end), Request::end);
        while process.waiting.len() < self.random.usize(1..5) {
            let request = self.make(row);
            row = request.end();
            process.waiting.push_back(request);
        }
        let group = process.waiting.make_contiguous();
        let Ok(written) = process.log.append(group) else { return };
        assert!(written > 0);
        for request in process.waiting.drain(..written) {
            if !self.may_lose {
                let before = self.promised.range(..request.end()).next_back();
                assert!(
                    before.is_none_or(|(row, _)| *row < request.row || self.lost.iter().any(|lost| lost.contains(row))),
                    "the offset {} was promised to another row",
                    request.row
                );
            }
            process.appended.push(request);
        }
        if self.plan.durability == Durability::Process {
            self.promise(process);
        }
    }

    /// Ends the process in order; returns whether that worked.
    fn close(&mut self, process: &mut Process) -> bool {
        let is_closed = process.log.close().is_ok();
        if is_closed {
            self.promise(process);
            self.durably_acked = self.acked;
        }
        is_closed
    }

    fn promise(&mut self, process: &mut Process) {
        // Rows that a process found are durable only if its sync at the start worked, or if later rows are.
        if self.plan.faults.failures == 0 || !process.appended.is_empty() {
            self.ends = (process.log.next_row(), process.log.next_sequence());
        }
        for request in process.appended.drain(..) {
            self.promised.insert(request.row, request.body);
        }
    }

    fn sync(&mut self, process: &mut Process) {
        if self.plan.durability == Durability::Power && process.log.sync().is_ok() {
            self.promise(process);
        }
    }

    fn read(&mut self, process: &mut Process) {
        let most = self.random.usize(1..6000);
        let Ok(batch) = process.log.read(Wanted { most_bytes: most, at_least_one: true, end: u64::MAX }) else {
            return;
        };
        assert!(batch.requests.is_empty() || batch.schema == self.options().schema);
        for rows in batch.lost {
            let promised = self.promised.range(rows.clone()).next();
            assert!(
                self.may_lose || self.plan.faults.read_failures > 0 || promised.is_none(),
                "promised rows are reported as lost: {rows:?}"
            );
            self.lost.push(rows);
        }
        for request in batch.requests {
            assert!(self.known.contains(&request.body), "a row was read that nobody sent");
            assert!(request.end() > process.read_to, "the rows are out of order");
            process.read_to = request.end();
            let is_found = request.end() <= process.found_to && self.plan.faults.failures == 0;
            if is_found && self.plan.durability == Durability::Power {
                // A process that finds rows reports them, and makes them durable first.
                self.promised.insert(request.row, request.body.clone());
            }
            process.in_flight.push_back(request);
        }
    }

    fn acknowledge(&mut self, process: &mut Process) {
        let count = self.random.usize(..=process.in_flight.len());
        let mut row = None;
        for request in process.in_flight.drain(..count) {
            row = Some(request.end());
            self.table.insert(request.body);
        }
        if let Some(row) = row {
            // A failure is retried with the next acknowledgement, or with this one.
            while process.log.acked(row).is_err() {
                if self.random.bool() || self.disk.is_dead() {
                    return;
                }
            }
            self.acked = row;
        }
    }

    /// A process on a sound disk delivers everything, and leaves no files.
    fn deliver_the_rest(&mut self) {
        self.disk.set_faults(Faults::default());
        let mut process = self.open().expect("the disk is sound");
        for _ in 0..20 {
            self.append(&mut process);
            self.sync(&mut process);
            self.read(&mut process);
            self.acknowledge(&mut process);
        }
        while !process.waiting.is_empty() {
            match process.log.append(process.waiting.make_contiguous()) {
                Ok(written) => process.appended.extend(process.waiting.drain(..written)),
                Err(Refusal::Full) => self.drain(&mut process),
                Err(Refusal::Io(error)) => panic!("{error}"),
            }
        }
        self.sync(&mut process);
        self.promise(&mut process);
        self.drain(&mut process);
        process.log.close().expect("the disk is sound");
        assert_eq!(process.log.bytes(), 0);
        let left: Vec<_> = self.disk.lens().into_keys().filter(|name| sequence_of(name).is_some()).collect();
        assert!(left.is_empty(), "segments are left: {left:?}");
        self.judge();
    }

    fn drain(&mut self, process: &mut Process) {
        loop {
            let before = process.log.read_row();
            self.read(process);
            while !process.in_flight.is_empty() {
                self.acknowledge(process);
            }
            if process.log.read_row() == before {
                process.log.acked(before).expect("the disk is sound");
                return;
            }
        }
    }

    /// Every promised row is in the table, or among those reported as lost.
    fn judge(&self) {
        for (row, body) in &self.promised {
            let is_excused = (self.may_lose && !self.plan.flips)
                || ((self.plan.flips || self.plan.faults.read_failures > 0)
                    && self.lost.iter().any(|lost| lost.contains(row)));
            assert!(self.table.contains(body) || is_excused, "row {row} was promised and is not in the table");
        }
    }
}

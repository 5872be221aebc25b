//! A session, its writer, a simulated disk and a server that misbehaves, by seed: processes that die at any operation
//! of their disk, one after the other, while connections are lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use crate::core::{Action, Batch, Begin, ExactlyOnce, Found, Heard, Otherwise, Pull, Settings, SpoolOverflow};
use crate::error::{Error, Fault};
use crate::event::StreamEvent;
use crate::offset::Offset;
use crate::persisted::Persisted;
use crate::record_kind::RecordKind;
use crate::schemas::Schemas;
use crate::shared::Shared;
use crate::spool::SpoolLevel;
use crate::spool::log::{Durability, Log, Options};
use crate::spool::simulated::{Crash, Disk, Faults};
use crate::spool::stream_note;
use crate::spool::writer::{Next, Writer};

/// How many processes follow each other before the one that delivers the rest.
const PROCESSES: u32 = 4;

/// The parameters of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    pub(super) level: SpoolLevel,
    pub(super) crash: Crash,
    pub(super) faults: Faults,
    pub(super) delivery: Delivery,
    pub(super) overflow: SpoolOverflow,
}

/// How often a row may be in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    AtLeastOnce,
    ExactlyOnce,
}

/// The state of the server.
#[derive(Debug, Default)]
struct Server {
    /// Every row, as often as it arrived.
    rows: Vec<u64>,
    /// The schema that each was sent for.
    schemas: BTreeSet<(Bytes, u64)>,
    /// The committed offset of each persistent stream.
    streams: BTreeMap<String, i64>,
}

/// The call that is open.
struct Call {
    generation: u64,
    schema: Bytes,
    /// The requests that are not acknowledged, each with its rows if they are not committed.
    pending: Vec<(i64, Vec<u64>)>,
    /// The persistent stream, and the next offset.
    stream: Option<(String, i64)>,
}

impl Server {
    /// Makes requests durable; returns the offset of the last.
    fn commit(&mut self, call: &mut Call, count: usize) -> Option<i64> {
        let mut last = None;
        for (offset, rows) in call.pending.drain(..count) {
            for row in rows {
                self.rows.push(row);
                self.schemas.insert((call.schema.clone(), row));
            }
            if let Some((stream, _)) = &call.stream {
                self.streams.insert(stream.clone(), offset);
            }
            last = Some(offset);
        }
        last
    }
}

/// One process.
struct Process {
    shared: Arc<Shared>,
    writer: Writer<Disk>,
    schemas: Schemas,
    call: Option<Call>,
    /// The assigned offsets, and their rows.
    given: Vec<(Offset, u64)>,
    own: Bytes,
}

pub(super) struct Whole {
    scene: Scene,
    random: fastrand::Rng,
    disk: Disk,
    server: Server,
    next_row: u64,
    promised: BTreeSet<u64>,
    /// The row that each offset was assigned to last.
    offsets: BTreeMap<u64, u64>,
    /// Rows that a full spool dropped.
    dropped: BTreeSet<u64>,
    /// Rows that were returned without having been sent.
    returned: BTreeSet<u64>,
    /// The offset after the last promised row.
    promised_to: u64,
    /// The schema of the program that sent each row.
    sent: BTreeSet<(Bytes, u64)>,
}

impl Whole {
    pub(super) fn new(seed: u64, scene: Scene) -> Self {
        // The session's pauses and the nonces of segments use the global generator.
        fastrand::seed(seed);
        Self {
            scene,
            random: fastrand::Rng::with_seed(seed),
            disk: Disk::new(seed ^ 0xd15c),
            server: Server::default(),
            next_row: 0,
            promised: BTreeSet::new(),
            offsets: BTreeMap::new(),
            dropped: BTreeSet::new(),
            returned: BTreeSet::new(),
            promised_to: 0,
            sent: BTreeSet::new(),
        }
    }

    /// Runs the scene; returns how many rows were dropped.
    pub(super) fn run(mut self) -> usize {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            for n in 0..PROCESSES {
                self.disk.set_faults(self.scene.faults);
                self.disk.crash_after(self.random.u64(..150));
                self.live(n).await;
                self.disk.restart(self.scene.crash);
                if self.scene.level == SpoolLevel::Process && self.scene.crash != Crash::Process {
                    // Data that was never synced is lost with the power.
                    self.promised.clear();
                }
            }
            self.disk.set_faults(Faults::default());
            self.deliver_the_rest().await;
        });
        self.judge();
        self.dropped.len()
    }

    /// A new process, whose program may have another schema than the one before.
    fn start(&self, n: u32) -> Option<Process> {
        let own = Bytes::from(vec![b'a' + u8::try_from(n / 2).unwrap(); 300]);
        let durability = match self.scene.level {
            SpoolLevel::Process => Durability::Process,
            _ => Durability::Power,
        };
        let options = Options { segment_bytes: 4096, max_bytes: 24 * 1024, durability, schema: own.clone() };
        let (log, recovery) = match Log::open(self.disk.clone(), options) {
            Ok(opened) => opened,
            Err(_) if self.disk.is_dead() => return None,
            Err(error) => panic!("the log does not open: {error}"),
        };
        assert_eq!(recovery.rows, log.next_row() - log.read_row());
        let keeps_all = self.scene.level == SpoolLevel::Power || self.scene.crash == Crash::Process;
        assert!(self.disk.is_dead() || !keeps_all || log.next_row() >= self.promised_to, "an offset is given again");
        let schemas = Schemas::new(own.clone());
        let schema = log.first_schema().map_or(0, |schema| schemas.number(schema));
        let mut settings = Settings::new("main.test.rows", RecordKind::Proto);
        settings.spool = Some(Found { first: log.read_row(), end: log.next_row(), schema });
        settings.max_unacked_bytes = 8 * 1024;
        settings.max_batch_bytes = 1024;
        settings.max_row_bytes = 2048;
        settings.overflow = self.scene.overflow;
        if self.scene.delivery == Delivery::ExactlyOnce {
            let found = match stream_note::read(&self.disk) {
                Ok(stream_note::Found::Whole(note)) => Some(note.at_start(log.next_sequence())),
                Err(_) if self.disk.is_dead() => return None,
                Ok(stream_note::Found::Nothing) => None,
                other => panic!("the note cannot be read: {other:?}"),
            };
            settings.exactly_once = Some(ExactlyOnce { found, otherwise: Otherwise::Fail });
        }
        settings.delivery_timeout = None;
        settings.max_attempts = None;
        settings.max_first_attempts = None;
        let writer = Writer::new(log, self.scene.level, schemas.clone(), None);
        Some(Process { shared: Shared::new(settings, None), writer, schemas, call: None, given: Vec::new(), own })
    }

    async fn live(&mut self, n: u32) {
        let Some(mut process) = self.start(n) else { return };
        for _ in 0..300 {
            if self.disk.is_dead() {
                self.lose_call(&mut process);
                return;
            }
            match self.random.u8(..10) {
                0..3 => self.send(&mut process),
                3..6 => {
                    process.writer.step(&process.shared);
                }
                6 => self.answer(&mut process),
                7 => tokio::time::advance(Duration::from_millis(self.random.u64(..400))).await,
                8 => self.pull(&mut process),
                _ => match self.random.u8(..60) {
                    0..10 => self.disturb(&mut process),
                    10 => return self.give_up(&mut process),
                    _ => {}
                },
            }
            self.act(&mut process);
            self.note_promises(&mut process);
        }
    }

    /// The stream ends before its rows are delivered: some stay on disk, and some are returned.
    fn give_up(&mut self, process: &mut Process) {
        process.shared.fail(lost());
        let mut turns = 0;
        while process.writer.step(&process.shared) != Next::End && !self.disk.is_dead() {
            turns += 1;
            assert!(turns < 1000, "the writer does not end");
        }
        self.note_promises(process);
        self.lose_call(process);
        // Unsynced data that was cut off may come back after the loss of power.
        let comes_back = self.scene.level == SpoolLevel::Process && self.scene.crash != Crash::Process;
        if comes_back || self.disk.is_dead() {
            return;
        }
        process.shared.disk_closed();
        for batch in process.shared.take_returned().into_iter().map(|part| part.batch) {
            if batch.attempts == 0 {
                self.returned.extend(batch.records().map(|record| number(&record)));
            }
        }
    }

    fn send(&mut self, process: &mut Process) {
        let mut row = self.next_row.to_le_bytes().to_vec();
        row.resize(8 + self.random.usize(..400), 0);
        // Refused if there is no room: that is back-pressure.
        if let Ok(offset) = process.shared.push_row(&row, Persisted::No) {
            self.sent.insert((process.own.clone(), self.next_row));
            process.given.push((offset, self.next_row));
            self.offsets.insert(offset.value(), self.next_row);
            self.next_row += 1;
        }
    }

    fn note_promises(&mut self, process: &mut Process) {
        let inner = process.shared.lock();
        for rows in inner.session.dropped_rows() {
            self.dropped.extend(self.offsets.range(rows.clone()).map(|(_, row)| *row));
        }
        let (promised, promised_to) = (&mut self.promised, &mut self.promised_to);
        process.given.retain(|(offset, row)| match inner.session.is_promised(offset.value()) {
            Some(Ok(())) => {
                promised.insert(*row);
                *promised_to = offset.value() + 1;
                false
            }
            _ => true,
        });
    }

    /// Performs the session's actions for its driver.
    fn act(&mut self, process: &mut Process) {
        while let Ok(action) = process.shared.next_action() {
            match action {
                Action::Open { generation, schema, begin, .. } => {
                    let schema = process.schemas.create(schema, &Begin::Ephemeral);
                    self.lose_call(process);
                    let (stream, heard) = match begin {
                        Begin::Ephemeral => (None, Heard::Opened("stream".into())),
                        Begin::Create => {
                            let name = format!("stream-{}", self.server.streams.len());
                            self.server.streams.insert(name.clone(), -1);
                            (Some((name.clone(), 0)), Heard::Opened(name.as_str().into()))
                        }
                        Begin::Resume(name) => {
                            let committed = self.server.streams[&*name];
                            let watermark = (committed >= 0).then_some(committed);
                            (Some((name.to_string(), committed + 1)), Heard::Resumed(watermark))
                        }
                    };
                    process.call = Some(Call { generation, schema, pending: Vec::new(), stream });
                    if self.random.u8(..4) > 0 {
                        process.shared.hear(generation, heard);
                    } else {
                        process.call = None;
                        process.shared.hear(generation, Heard::Ended(Some(lost())));
                    }
                }
                Action::Reset { generation } => {
                    if process.call.as_ref().is_some_and(|call| call.generation == generation) {
                        self.lose_call(process);
                    }
                }
                Action::Tell(StreamEvent::Failed { error }) => panic!("the stream gave up: {error}"),
                Action::Tell(_) | Action::Stop => {}
            }
        }
        process.shared.tick();
    }

    /// The connection takes requests, and the server makes some of them durable.
    fn pull(&mut self, process: &mut Process) {
        for _ in 0..self.random.u8(1..6) {
            let Some(call) = &mut process.call else { return };
            let mut context = Context::from_waker(Waker::noop());
            match process.shared.poll_pull(&mut context, call.generation) {
                Poll::Ready(Pull::Request(request)) => {
                    let batch = Batch {
                        body: request.body,
                        first: 0,
                        rows: request.rows,
                        since: Duration::ZERO,
                        sent_at: Duration::ZERO,
                        attempts: 0,
                        schema: 0,
                        sequence: 0,
                    };
                    let rows = batch.records().map(|record| number(&record));
                    if let Some((_, next)) = &mut call.stream {
                        assert_eq!(request.wire_offset, *next, "offsets of a persistent stream follow each other");
                        *next += 1;
                    }
                    call.pending.push((request.wire_offset, rows.collect()));
                }
                Poll::Ready(Pull::End) => {
                    let generation = call.generation;
                    self.lose_call(process);
                    return process.shared.hear(generation, Heard::Ended(None));
                }
                _ => return,
            }
        }
    }

    fn answer(&mut self, process: &mut Process) {
        let Some(call) = &mut process.call else { return };
        if call.pending.is_empty() {
            return;
        }
        let count = self.random.usize(1..=call.pending.len());
        let last = self.server.commit(call, count);
        process.shared.hear(call.generation, Heard::Acked(last));
    }

    fn disturb(&mut self, process: &mut Process) {
        if let Some(generation) = self.lose_call(process) {
            process.shared.hear(generation, Heard::Ended(Some(lost())));
        }
    }

    /// A call ends: some of what it carried is durable without an acknowledgement.
    fn lose_call(&mut self, process: &mut Process) -> Option<u64> {
        let mut call = process.call.take()?;
        let count = self.random.usize(..=call.pending.len());
        self.server.commit(&mut call, count);
        Some(call.generation)
    }

    async fn deliver_the_rest(&mut self) {
        let mut process = self.start(PROCESSES).expect("the disk is sound");
        for _ in 0..20 {
            self.send(&mut process);
        }
        process.shared.close();
        for turn in 0.. {
            assert!(turn < 20_000, "the stream stalls: {:?}", process.shared.lock().session);
            let next = process.writer.step(&process.shared);
            self.act(&mut process);
            self.pull(&mut process);
            self.answer(&mut process);
            self.act(&mut process);
            self.note_promises(&mut process);
            if next == Next::End {
                break;
            }
            tokio::time::advance(Duration::from_millis(50)).await;
        }
        let stats = process.shared.stats();
        assert_eq!((stats.rows_in_flight, stats.rows_on_disk), (0, 0));
        // Of the unsynced data a later part may have reached the disk and an earlier one not.
        let is_torn = |name: &String| self.scene.crash == Crash::Power && name.ends_with(".damaged");
        let left = self.disk.lens().into_keys().filter(|name| {
            !["position", stream_note::NAME, stream_note::UNFINISHED].contains(&name.as_str()) && !is_torn(name)
        });
        let left: Vec<_> = left.collect();
        assert!(left.is_empty(), "files are left: {left:?}");
    }

    fn judge(&self) {
        let table: BTreeSet<u64> = self.server.rows.iter().copied().collect();
        let missing: Vec<_> = self.promised.difference(&table).filter(|row| !self.dropped.contains(row)).collect();
        assert!(missing.is_empty(), "rows were promised and are not in the table: {missing:?}");
        assert!(table.iter().all(|row| *row < self.next_row), "a row came that nobody sent");
        let both: Vec<_> = self.returned.intersection(&table).collect();
        assert!(both.is_empty(), "rows were returned unsent and are in the table: {both:?}");
        if self.scene.delivery == Delivery::ExactlyOnce {
            assert_eq!(table.len(), self.server.rows.len(), "a row is in the table more than once");
        }
        let mut seen = BTreeSet::new();
        let first: Vec<u64> = self.server.rows.iter().copied().filter(|row| seen.insert(*row)).collect();
        assert!(first.is_sorted(), "rows come out of their order: {first:?}");
        for (own, row) in &self.sent {
            let create = Schemas::new(own.clone()).create(0, &Begin::Ephemeral);
            assert!(
                !table.contains(row) || self.server.schemas.contains(&(create, *row)),
                "row {row} was sent for another schema"
            );
        }
        let of_others = self.server.schemas.len();
        assert_eq!(of_others, table.len(), "a row was sent for two schemas");
    }
}

/// The number in a row.
fn number(record: &[u8]) -> u64 {
    u64::from_le_bytes(record[..8].try_into().unwrap())
}

fn lost() -> Error {
    Fault::Ended.into()
}

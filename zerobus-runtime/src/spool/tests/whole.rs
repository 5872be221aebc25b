//! A session, its writer, a simulated disk and a server that misbehaves, by seed: processes that die at any operation of
//! their disk, one after the other, while connections are lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use crate::core::{Action, Batch, Found, Heard, Pull, Settings};
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
use crate::spool::writer::{Next, Writer};

/// How many processes follow each other before the one that delivers the rest.
const PROCESSES: u32 = 4;

/// What a run is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    pub(super) level: SpoolLevel,
    pub(super) crash: Crash,
    pub(super) faults: Faults,
}

/// What the server has.
#[derive(Debug, Default)]
struct Server {
    /// Every row, as often as it came.
    rows: Vec<u64>,
    /// The schema that each was sent for.
    schemas: BTreeSet<(Bytes, u64)>,
}

/// The call that is open.
struct Call {
    generation: u64,
    schema: Bytes,
    /// The requests that are not acknowledged.
    pending: Vec<i64>,
}

/// One process.
struct Process {
    shared: Arc<Shared>,
    writer: Writer<Disk>,
    schemas: Schemas,
    call: Option<Call>,
    /// The offsets that were given, and the rows that have them.
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
    /// The schema of the program that sent each row.
    sent: BTreeSet<(Bytes, u64)>,
}

impl Whole {
    pub(super) fn new(seed: u64, scene: Scene) -> Self {
        Self {
            scene,
            random: fastrand::Rng::with_seed(seed),
            disk: Disk::new(seed ^ 0xd15c),
            server: Server::default(),
            next_row: 0,
            promised: BTreeSet::new(),
            sent: BTreeSet::new(),
        }
    }

    pub(super) fn run(mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            for n in 0..PROCESSES {
                self.disk.set_faults(self.scene.faults);
                self.disk.crash_after(self.random.u64(..150));
                self.live(n).await;
                self.disk.restart(self.scene.crash);
            }
            self.disk.set_faults(Faults::default());
            self.deliver_the_rest().await;
        });
        self.judge();
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
        let schemas = Schemas::new(own.clone());
        let schema = log.first_schema().map_or(0, |schema| schemas.number(schema));
        let mut settings = Settings::new("main.test.rows", RecordKind::Proto);
        settings.spool = Some(Found { first: log.read_row(), end: log.next_row(), schema });
        settings.max_unacked_bytes = 8 * 1024;
        settings.max_batch_bytes = 1024;
        settings.max_row_bytes = 2048;
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
                _ if self.random.u8(..6) == 0 => Self::disturb(&mut process),
                _ => {}
            }
            self.act(&mut process);
            self.note_promises(&mut process);
        }
    }

    fn send(&mut self, process: &mut Process) {
        let mut row = self.next_row.to_le_bytes().to_vec();
        row.resize(8 + self.random.usize(..400), 0);
        // Refused where there is no room: that is what back-pressure is.
        if let Ok(offset) = process.shared.push_row(&row, Persisted::No) {
            self.sent.insert((process.own.clone(), self.next_row));
            process.given.push((offset, self.next_row));
            self.next_row += 1;
        }
    }

    fn note_promises(&mut self, process: &mut Process) {
        let inner = process.shared.lock();
        let promised = &mut self.promised;
        process.given.retain(|(offset, row)| match inner.session.is_promised(offset.value()) {
            Some(Ok(())) => {
                promised.insert(*row);
                false
            }
            _ => true,
        });
    }

    /// Does what the session wants of its driver.
    fn act(&mut self, process: &mut Process) {
        while let Ok(action) = process.shared.next_action() {
            match action {
                Action::Open { generation, schema, .. } => {
                    let schema = process.schemas.create(schema);
                    process.call = Some(Call { generation, schema, pending: Vec::new() });
                    if self.random.u8(..4) > 0 {
                        process.shared.hear(generation, Heard::Opened("stream".into()));
                    } else {
                        process.call = None;
                        process.shared.hear(generation, Heard::Ended(Some(lost())));
                    }
                }
                Action::Reset { generation } => {
                    process.call.take_if(|call| call.generation == generation);
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
                    };
                    for record in batch.records() {
                        let row = u64::from_le_bytes(record[..8].try_into().unwrap());
                        self.server.rows.push(row);
                        self.server.schemas.insert((call.schema.clone(), row));
                    }
                    call.pending.push(request.wire_offset);
                }
                Poll::Ready(Pull::End) => {
                    let generation = call.generation;
                    process.call = None;
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
        let last = call.pending.drain(..count).next_back();
        process.shared.hear(call.generation, Heard::Acked(last));
    }

    fn disturb(process: &mut Process) {
        if let Some(call) = process.call.take() {
            process.shared.hear(call.generation, Heard::Ended(Some(lost())));
        }
    }

    async fn deliver_the_rest(&mut self) {
        let mut process = self.start(PROCESSES).expect("the disk is sound");
        for _ in 0..20 {
            self.send(&mut process);
        }
        process.shared.close();
        for turn in 0.. {
            assert!(turn < 20_000, "the stream stalls");
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
        // Of what was not synced a later part may have reached the disk and an earlier one not.
        let is_torn = |name: &String| self.scene.crash == Crash::Power && name.ends_with(".damaged");
        let left = self.disk.lens().into_keys().filter(|name| name != "position" && !is_torn(name));
        let left: Vec<_> = left.collect();
        assert!(left.is_empty(), "files are left: {left:?}");
    }

    fn judge(&self) {
        let table: BTreeSet<u64> = self.server.rows.iter().copied().collect();
        let missing: Vec<_> = self.promised.difference(&table).collect();
        assert!(missing.is_empty(), "rows were promised and are not in the table: {missing:?}");
        assert!(table.iter().all(|row| *row < self.next_row), "a row came that nobody sent");
        let mut seen = BTreeSet::new();
        let first: Vec<u64> = self.server.rows.iter().copied().filter(|row| seen.insert(*row)).collect();
        assert!(first.is_sorted(), "rows come out of their order: {first:?}");
        for (own, row) in &self.sent {
            let create = Schemas::new(own.clone()).create(0);
            assert!(
                !table.contains(row) || self.server.schemas.contains(&(create, *row)),
                "row {row} was sent for another schema"
            );
        }
        let of_others = self.server.schemas.len();
        assert_eq!(of_others, table.len(), "a row was sent for two schemas");
    }
}

fn lost() -> Error {
    Fault::Ended.into()
}

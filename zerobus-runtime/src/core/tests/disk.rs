//! A session, its calls, and the disk that it keeps its rows on.

use std::ops::Range;

use super::*;

/// A session with a spool. Its writes are on disk at once.
pub(super) struct Disk {
    pub(super) world: World,
    /// The requests on disk, by their sequence.
    pub(super) requests: Vec<Batch>,
}

/// A job of the spool's thread: the rows to write, by request; the most bytes to read, and the end of their rows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) write: Vec<Range<u64>>,
    pub(super) read: Option<(usize, bool, u64)>,
}

/// The settings of a session that finds these rows on disk.
pub(super) fn spooling(found: Range<u64>) -> Settings {
    let mut settings = settings(Duration::ZERO);
    settings.spool = Some(Found { first: found.start, end: found.end, schema: 0 });
    settings
}

/// A request of these rows, each with this many bytes after its number.
pub(super) fn request(rows: Range<u64>, bytes: usize) -> Batch {
    let mut body = Vec::new();
    for n in rows.clone() {
        let mut row = Vec::new();
        prost::encoding::encode_varint(n, &mut row);
        row.resize(row.len() + bytes, 0);
        body.extend_from_slice(&Batch::of_row(n, &row, Persisted::No).body);
    }
    let count = u32::try_from(rows.end - rows.start).unwrap();
    Batch { body: body.into(), rows: count, sequence: rows.start, ..Batch::of_row(rows.start, &[], Persisted::No) }
}

pub(super) fn rows(batch: &Batch) -> Range<u64> {
    batch.first..batch.first + u64::from(batch.rows)
}

impl Disk {
    pub(super) fn new(settings: Settings) -> Self {
        let found = settings.spool.unwrap();
        let mut world = World::new(settings, 7, NEVER);
        world.accepted = found.end;
        Self { world, requests: Vec::new() }
    }

    /// As `new`, with an open call.
    pub(super) fn streaming(settings: Settings) -> Self {
        let mut disk = Self::new(settings);
        disk.world.open();
        disk
    }

    pub(super) fn push(&mut self, rows: u8, bytes: usize) {
        (0..rows).for_each(|_| self.world.push(bytes));
    }

    pub(super) fn job(&mut self) -> Job {
        self.world.session.disk_job(self.world.now)
    }

    /// The next job, without doing it.
    pub(super) fn look(&mut self) -> Seen {
        let job = self.job();
        Seen {
            write: job.write.iter().map(rows).collect(),
            read: job.read.map(|wanted| (wanted.most_bytes, wanted.at_least_one, wanted.end)),
        }
    }

    /// Does the writes of a job. Returns how many of the requests stay in memory, and the end of their rows.
    pub(super) fn write(&mut self) -> (u64, u64) {
        let job = self.job();
        let sequence = self.requests.len() as u64;
        let numbered = (sequence..).zip(&job.write).map(|(sequence, batch)| Batch { sequence, ..batch.clone() });
        self.requests.extend(numbered);
        let kept = self.world.session.wrote(self.world.now, job.write.len(), sequence);
        self.world.act();
        kept
    }

    /// Writes rows until none is left in the open batch.
    pub(super) fn write_all(&mut self) {
        while !self.look().write.is_empty() {
            self.write();
        }
    }

    /// These requests were read back, and these rows could not be.
    pub(super) fn load(&mut self, requests: Vec<Batch>, lost: Vec<Range<u64>>) {
        self.world.session.loaded(self.world.now, requests, lost);
        self.world.act();
    }

    /// The connection takes every request that it may.
    pub(super) fn pull(&mut self) -> &[Vec<u64>] {
        (0..20).for_each(|_| self.world.pull());
        self.world.received()
    }

    /// The server makes everything that it has durable.
    pub(super) fn keep(&mut self) {
        self.world.keep(self.world.newest(), 1.0, true);
    }

    pub(super) fn fail(&mut self) {
        self.world.session.fail(Fault::ShutDown.into());
        self.world.act();
    }

    /// The number of rows that an event of this kind reported.
    pub(super) fn reported(&self, rows: impl Fn(&StreamEvent) -> Option<u64>) -> Vec<u64> {
        self.world.reported.iter().filter_map(rows).collect()
    }
}

//! The thread between a session and its log: it asks the session for a job, does it on disk, and reports the result.
//!
//! It has its own thread, named `zerobus-spool`, and is not a blocking task of tokio: a sync takes as long as the disk
//! needs, the order of writes is that of one thread, and rows that were accepted are still written when the runtime
//! shuts down.

use std::sync::Arc;
use std::time::Duration;

use super::bell::Bell;
use super::folder::Claim;
use super::format::Request;
use super::log::{Log, Refusal};
use super::storage::Storage;
use super::{SpoolLevel, now_ms};
use crate::core::{Batch, Job, StreamNote, Wanted};
use crate::error::{Error, Fault};
use crate::persisted::Persisted;
use crate::schemas::Schemas;
use crate::shared::Shared;

/// The pause after a failure or a full disk; it doubles up to the second one.
const PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Unsynced data is kept in memory as well, so that a failed sync loses nothing; it is synced at this size.
const MOST_UNSYNCED: u64 = 8 * 1024 * 1024;

/// Writes the rows of one stream.
pub(crate) struct Writer<S: Storage> {
    log: Log<S>,
    level: SpoolLevel,
    schemas: Schemas,
    /// How many of the session's batches are in the log without the session's knowledge: they are not synced.
    appended: usize,
    acked: u64,
    /// Since when written data waits for a sync.
    unsynced_since: Option<Duration>,
    pause: Duration,
    /// The system clock at the start of the stream.
    start: u64,
    claim: Option<Claim>,
}

/// When the next step is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another step, at the latest after this long.
    After(Option<Duration>),
    End,
}

impl<S: Storage> Writer<S> {
    pub(super) fn new(log: Log<S>, level: SpoolLevel, schemas: Schemas, claim: Option<Claim>) -> Self {
        Self { log, level, schemas, appended: 0, acked: 0, unsynced_since: None, pause: PAUSE, start: now_ms(), claim }
    }

    pub(super) fn schemas(&self) -> Schemas {
        self.schemas.clone()
    }

    /// Writes until the stream is over.
    pub(crate) fn run(mut self, shared: &Arc<Shared>, bell: &Bell) {
        let _closing = Closing(shared);
        bell.listen();
        loop {
            match self.step(shared) {
                Next::After(most) => bell.wait(most),
                Next::End => return,
            }
        }
    }

    /// Does the session's current job.
    pub(crate) fn step(&mut self, shared: &Shared) -> Next {
        let job = shared.disk_job();
        if job.is_last {
            self.end(&job);
            return Next::End;
        }
        let done = self.work(shared, &job);
        let now = shared.now();
        let until = [job.until, self.sync_due()].into_iter().flatten().min();
        let rest = until.map(|until| until.saturating_sub(now));
        match done {
            Ok(Work::Done) => {
                self.pause = PAUSE;
                Next::After(rest)
            }
            Ok(Work::Waits) => Next::After(Some(rest.unwrap_or(PAUSE).min(PAUSE))),
            Err(Refusal::Full) if self.drop_oldest(shared) => Next::After(Some(Duration::ZERO)),
            Err(refusal) => {
                self.take_back(shared);
                shared.disk_left(if self.log.has_leftovers() { Persisted::Possibly } else { Persisted::No });
                shared.disk_fails(self.failure(refusal));
                let pause = self.pause;
                self.pause = (pause * 2).min(LONGEST_PAUSE);
                Next::After(Some(pause))
            }
        }
    }

    /// Makes room on a full disk, if the policy is to drop the oldest rows.
    fn drop_oldest(&mut self, shared: &Shared) -> bool {
        let Some(end) = self.log.end_of_oldest().filter(|_| shared.drops_oldest()) else { return false };
        let before = self.log.bytes();
        let settled = shared.drop_oldest(end);
        self.acknowledge(settled);
        self.log.bytes() < before
    }

    /// Takes back batches that are not durable and that the session does not know to be in the log: it may return them.
    fn take_back(&mut self, shared: &Shared) {
        if self.level != SpoolLevel::Power {
            return;
        }
        let durable = std::mem::take(&mut self.appended).saturating_sub(self.log.forget_unsynced());
        // The end of a segment has synced these.
        if durable > 0 {
            self.tell_written(shared, durable);
            self.promise(shared);
        }
    }

    fn work(&mut self, shared: &Shared, job: &Job) -> Result<Work, Refusal> {
        // Free space first: the rest may need it.
        if job.settled > self.acked {
            self.acknowledge(job.settled);
        }
        let noted = job.note.as_ref().map_or(Ok(()), |note| self.note(shared, note));
        let written = noted.and_then(|()| self.write(shared, &job.write)).and_then(|()| self.sync_if_due(shared));
        // A full log has room again when the rows read here are delivered.
        let read = job.read.map_or(Ok(Work::Done), |wanted| self.read(shared, wanted));
        written.and(read)
    }

    /// Stores the session's note of its persistent stream, before a row that depends on it is written or sent.
    fn note(&self, shared: &Shared, note: &StreamNote) -> Result<(), Refusal> {
        self.log.note(note)?;
        shared.noted(note);
        Ok(())
    }

    fn sync_if_due(&mut self, shared: &Shared) -> Result<(), Refusal> {
        if self.sync_due().is_some_and(|due| due <= shared.now()) { self.sync(shared) } else { Ok(()) }
    }

    /// Notes which rows are settled. A failure is retried with the next acknowledgement; no row is lost meanwhile.
    fn acknowledge(&mut self, row: u64) {
        match self.log.acked(row) {
            Ok(()) => self.acked = row,
            Err(source) => {
                let error = self.failure(source.into());
                tracing::warn!(name: "zerobus.spool.not_noted", %error, "acknowledgements could not be noted on disk");
            }
        }
    }

    fn write(&mut self, shared: &Shared, batches: &[Batch]) -> Result<(), Refusal> {
        // A session that is over may have returned unsynced rows.
        self.appended = self.appended.min(batches.len());
        let requests: Vec<_> = batches[self.appended..].iter().map(|batch| self.request(batch)).collect();
        let written = self.append(shared, &requests);
        if self.level == SpoolLevel::Power && self.appended > 0 {
            self.log.sync()?;
            let appended = std::mem::take(&mut self.appended);
            self.tell_written(shared, appended);
            self.promise(shared);
        }
        written
    }

    fn append(&mut self, shared: &Shared, mut requests: &[Request]) -> Result<(), Refusal> {
        while !requests.is_empty() {
            let written = self.log.append(requests)?;
            requests = &requests[written..];
            match self.level {
                SpoolLevel::Power => self.appended += written,
                SpoolLevel::Interval(_) => {
                    self.unsynced_since.get_or_insert(shared.now());
                    self.tell_written(shared, written);
                }
                SpoolLevel::Process => {
                    self.tell_written(shared, written);
                    self.promise(shared);
                }
            }
        }
        Ok(())
    }

    fn sync(&mut self, shared: &Shared) -> Result<(), Refusal> {
        self.log.sync()?;
        self.unsynced_since = None;
        self.promise(shared);
        Ok(())
    }

    /// When the written data must be synced.
    fn sync_due(&self) -> Option<Duration> {
        let SpoolLevel::Interval(interval) = self.level else { return None };
        let since = self.unsynced_since?;
        let is_much = self.log.unsynced_bytes() >= MOST_UNSYNCED;
        Some(if is_much { since } else { since.saturating_add(interval) })
    }

    fn read(&mut self, shared: &Shared, wanted: Wanted) -> Result<Work, Refusal> {
        let read = self.log.read(wanted)?;
        let schema = self.schemas.number(&read.schema);
        let is_nothing = read.requests.is_empty() && read.lost.is_empty() && !read.waits_for_room;
        let requests = read.sequences.into_iter().zip(read.requests);
        let batches = requests.map(|(sequence, request)| batch(sequence, request, schema, shared.now())).collect();
        shared.loaded(batches, read.lost);
        // Rows that a failed sync took back are read when they are written again; acknowledgements make room and ring.
        Ok(if is_nothing { Work::Waits } else { Work::Done })
    }

    fn tell_written(&mut self, shared: &Shared, batches: usize) {
        let (kept, end) = shared.wrote(batches, self.log.next_sequence() - batches as u64);
        if kept > 0 {
            self.log.skip(kept, end);
        }
    }

    fn promise(&self, shared: &Shared) {
        shared.promised(self.log.next_row());
    }

    fn request(&self, batch: &Batch) -> Request {
        let since = u64::try_from(batch.since.as_millis()).unwrap_or(u64::MAX);
        let accepted_at = self.start.saturating_add(since);
        Request { body: batch.body.clone(), row: batch.first, rows: batch.rows, accepted_at }
    }

    fn failure(&self, refusal: Refusal) -> Error {
        let folder = self.claim.as_ref().map_or_else(String::new, |claim| claim.path().display().to_string());
        match refusal {
            Refusal::Full => Fault::SpoolFull { folder, bytes: self.log.bytes() },
            Refusal::Io(source) => Fault::SpoolFails { folder, source },
        }
        .into()
    }

    /// Ends the stream: settled rows are removed, and the others are as durable as the level promises.
    fn end(&mut self, job: &Job) {
        let noted = self.log.acked(job.settled);
        if let Err(error) = noted.map_err(Refusal::Io).and_then(|()| self.log.close()) {
            let error = self.failure(error);
            tracing::warn!(name: "zerobus.spool.not_closed", %error, "the end of a spool could not be noted");
        }
        self.claim = None;
    }
}

/// The result of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Done,
    /// The rows to be read are not on disk yet.
    Waits,
}

/// A request as the session's batch; the session knows whether it was sent before.
fn batch(sequence: u64, request: Request, schema: usize, now: Duration) -> Batch {
    let Request { body, row: first, rows, .. } = request;
    Batch { body, first, rows, since: now, sent_at: Duration::ZERO, attempts: 0, schema, sequence }
}

/// Reports to the session that the thread has ended, for any reason.
struct Closing<'a>(&'a Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.disk_closed();
    }
}

//! Which rows a session keeps on disk before they are sent, and what it knows of the disk.
//!
//! ```text
//!          settled            disk.start         disk.end                        accepted
//!   durable   | window: in flight, next |  only on disk   | unwritten: in memory | open batch
//! ```
//!
//! A batch is written before it is sent. It then joins the window if that has room and nothing older waits on disk;
//! otherwise its memory is freed, and it is read back when its turn comes. The window has half of the byte budget at
//! most, so that rows are accepted and written however long an outage lasts. The spool's thread asks for a [`Job`],
//! does it, and reports the result.

use std::ops::Range;
use std::time::Duration;

use super::session::State;
use super::{Action, Batch, Job, Over, Session, Wanted};
use crate::error::{Error, Fault};
use crate::event::StreamEvent;
use crate::persisted::Persisted;

/// How long a session continues after its last handle is dropped; the remaining rows are for the next one.
const ABANDONED: Duration = Duration::from_secs(10);

impl Session {
    /// The work to do on disk now.
    pub(crate) fn disk_job(&mut self, now: Duration) -> Job {
        self.seen = self.seen.max(now);
        let is_idle = self.spool.as_ref().is_some_and(|spool| spool.unwritten.is_empty());
        let lingers = !self.is_closing && !self.is_due(now);
        if is_idle && !lingers {
            self.cut();
        }
        let linger_end = if self.open.is_empty() { None } else { self.open.since().checked_add(self.linger()) };
        let is_held = self.held_on_disk().is_some();
        let settled = self.done_with();
        let read = self.wanted_from_disk();
        let is_over = self.is_over();
        let Some(spool) = &mut self.spool else {
            return Job { note: None, write: Vec::new(), settled, read: None, until: None, is_last: is_over };
        };
        let write: Vec<_> = spool.unwritten.iter().cloned().collect();
        let is_last = is_over && write.is_empty() && (!is_held || spool.is_sink_over);
        let note = self.persistent.as_ref().and_then(|persistent| persistent.unnoted());
        Job { note, write, settled, read, until: linger_end, is_last }
    }

    /// The row below which the disk need not keep any.
    pub(super) fn done_with(&self) -> u64 {
        self.held_on_disk().map_or(self.settled, |row| row.min(self.settled))
    }

    /// The first refused row that the disk keeps.
    fn held_on_disk(&self) -> Option<u64> {
        // With exactly-once delivery, a refused request is below the server's watermark, and cannot be sent again.
        self.held.filter(|_| self.persistent.is_none())
    }

    /// Whether a refused row that is held is on disk, so that the next process can send it.
    pub(crate) fn can_stay_on_disk(&self, row: u64) -> bool {
        self.persistent.is_none() && self.spool.as_ref().is_some_and(|spool| row >= spool.freed)
    }

    /// Leaves the refused rows from this one on to the next process, since nobody waits for the sink any more.
    pub(crate) fn leave_from(&mut self, row: Option<u64>) {
        self.held = row;
        if let Some(spool) = &mut self.spool {
            spool.is_sink_over = true;
        }
    }

    /// What the window wants from disk now.
    fn wanted_from_disk(&self) -> Option<Wanted> {
        let spool = self.spool.as_ref()?;
        let most = self.window_limit();
        let has_little = self.window.bytes() <= most / 2;
        let wants = !spool.disk.is_empty() && has_little && !self.is_over();
        let most_bytes = most - self.window.bytes().min(most);
        wants.then_some(Wanted { most_bytes, at_least_one: self.window.is_empty(), end: spool.disk.end })
    }

    /// How many bytes of the next batches may be in memory.
    pub(super) const fn window_limit(&self) -> usize {
        self.settings.max_unacked_bytes / 2
    }

    /// The first batches were written, from this sequence on: those that join the window need not be read back. Returns
    /// how many these are, and the end of their rows.
    pub(crate) fn wrote(&mut self, now: Duration, batches: usize, mut sequence: u64) -> (u64, u64) {
        let limit = self.window_limit();
        let (mut kept, mut end) = (0, 0);
        let Some(spool) = &mut self.spool else { return (0, 0) };
        // A session that is over may have returned some of them.
        for mut batch in spool.unwritten.drain(..batches.min(spool.unwritten.len())) {
            (batch.sequence, sequence) = (sequence, sequence + 1);
            spool.unwritten_bytes -= batch.body.len();
            let batch_end = batch.first + u64::from(batch.rows);
            let fits = self.window.is_empty() || self.window.bytes() + batch.body.len() <= limit;
            // Batches after the rows on disk wait until those are sent.
            if spool.disk.is_empty() && fits && !matches!(self.state, State::Failed(_)) {
                (kept, end) = (kept + 1, batch_end);
                spool.disk = batch_end..batch_end;
                self.window.push(batch);
            } else {
                if spool.disk.is_empty() {
                    spool.disk.start = batch.first;
                }
                spool.disk.end = batch_end;
            }
        }
        self.works(now);
        (kept, end)
    }

    /// Rows below are as durable as the level promises.
    pub(crate) fn promised(&mut self, row: u64) {
        if let Some(spool) = &mut self.spool {
            spool.promised = spool.promised.max(row);
        }
    }

    /// The row below which all are as durable as the level promises.
    pub(crate) fn promised_to(&self) -> u64 {
        self.spool.as_ref().map_or(0, |spool| spool.promised)
    }

    /// Takes batches that were read from disk, and records rows that cannot be read.
    pub(crate) fn loaded(&mut self, now: Duration, batches: Vec<Batch>, lost: Vec<Range<u64>>) {
        let settled = self.settled;
        let Some(spool) = &mut self.spool else { return };
        if matches!(self.state, State::Failed(_)) {
            return;
        }
        for mut batch in batches {
            let end = batch.first + u64::from(batch.rows);
            spool.disk.start = spool.disk.start.max(end);
            batch.attempts = u32::from(batch.first < spool.possibly);
            let done = settled.saturating_sub(batch.first);
            let rest = match u32::try_from(done) {
                Ok(0) => Some(batch),
                Ok(done) => batch.split_off(done),
                Err(_) => None,
            };
            if let Some(batch) = rest {
                if batch.first < spool.found.end {
                    self.ledger.accepted_bytes += batch.body.len() as u64;
                }
                self.window.push(batch);
            }
        }
        for rows in lost {
            spool.disk.start = spool.disk.start.max(rows.end);
            self.actions.push_back(Action::Tell(StreamEvent::SpoolDamaged { rows: rows.end - rows.start }));
            spool.all_lost.push(rows.clone());
            // Settled rows are not lost.
            let start = rows.start.max(settled);
            if start < rows.end {
                spool.lost.push_back(start..rows.end);
            }
        }
        spool.disk.end = spool.disk.end.max(spool.disk.start);
        self.pass_over_lost();
        self.settle_committed(now);
        self.turn_schema(now);
        self.settle(now);
    }

    /// Counts unreadable rows as returned, when it is their turn.
    ///
    /// An acknowledgement of the rows after them has counted them as absent.
    pub(super) fn pass_over_lost(&mut self) {
        let Some(spool) = &mut self.spool else { return };
        while let Some(rows) = spool.lost.pop_front() {
            if rows.start > self.settled {
                spool.lost.push_front(rows);
                return;
            }
            let count = rows.end - rows.start;
            self.settled += count;
            self.ledger.returned += count;
        }
    }

    /// Whether the disk may hold some of the rows that it did not take.
    pub(crate) fn disk_left(&mut self, persisted: Persisted) {
        if let Some(spool) = &mut self.spool {
            spool.leftovers = persisted;
        }
    }

    /// The disk failed; it is tried again.
    pub(crate) fn disk_fails(&mut self, error: Error) {
        let Some(spool) = &mut self.spool else { return };
        if spool.failure.is_none() {
            self.actions.push_back(Action::Tell(StreamEvent::SpoolFailing { reason: error.clone() }));
        }
        spool.failure = Some(error);
        self.tell_dropped();
        if self.is_over() {
            self.give_up_unwritten();
        }
    }

    fn works(&mut self, now: Duration) {
        let Some(spool) = &mut self.spool else { return };
        if spool.failure.take().is_some() {
            self.tell_dropped();
            self.actions.push_back(Action::Tell(StreamEvent::SpoolRecovered));
        }
        if self.is_over() {
            return;
        }
        self.turn_schema(now);
    }

    /// Returns the rows that the disk did not take, when the session is over.
    pub(super) fn give_up_unwritten(&mut self) {
        let error = self.error().cloned().unwrap_or_else(|| Fault::ShutDown.into());
        let Some(spool) = &mut self.spool else { return };
        let mut batches = std::mem::take(&mut spool.unwritten);
        spool.unwritten_bytes = 0;
        if spool.leftovers == Persisted::Possibly {
            for batch in &mut batches {
                batch.attempts = batch.attempts.max(1);
            }
        }
        self.ledger.returned += batches.iter().map(|batch| u64::from(batch.rows)).sum::<u64>();
        self.returned.give_up(batches, &error);
    }

    /// The spool has left the folder.
    pub(crate) fn disk_closed(&mut self) {
        if !self.is_over() {
            self.fail(Fault::Panicked.into());
        }
        self.give_up_unwritten();
        if let Some(spool) = &mut self.spool {
            spool.is_closed = true;
        }
    }

    /// Whether a row is on disk, or was.
    pub(crate) fn is_promised(&self, row: u64) -> Option<Result<(), Error>> {
        if row < self.promised_to() || row < self.settled {
            return Some(Ok(()));
        }
        let is_closed = self.spool.as_ref().is_none_or(|spool| spool.is_closed);
        if is_closed { self.error().map(|error| Err(error.clone())) } else { None }
    }

    /// Opens another call if the next rows were written for another schema than the last ones.
    pub(super) fn turn_schema(&mut self, now: Duration) {
        let Some(next) = self.window.next().map(|batch| batch.schema) else { return };
        if self.window.has_sent() {
            return;
        }
        if next == self.schema {
            return self.turn_stream(now);
        }
        self.schema = next;
        if matches!(self.state, State::Opening { .. } | State::Streaming) {
            self.actions.push_back(Action::Reset { generation: self.generation });
            self.begin_opening(now, Over::NewConnection);
        }
    }

    /// The last handle was dropped.
    pub(crate) fn abandon(&mut self, now: Duration) {
        if let Some(spool) = &mut self.spool {
            spool.ends_at = now.checked_add(ABANDONED);
        }
    }

    /// The rows that are on disk and not in memory.
    pub(crate) fn rows_on_disk(&self) -> u64 {
        self.spool.as_ref().map_or(0, |spool| spool.disk.end - spool.disk.start)
    }

    /// The rows that were on disk at the start.
    pub(crate) fn rows_recovered(&self) -> u64 {
        self.spool.as_ref().map_or(0, |spool| spool.found.end - spool.found.first)
    }

    /// Emits an event.
    pub(crate) fn tell(&mut self, event: StreamEvent) {
        self.actions.push_back(Action::Tell(event));
    }

    /// Whether the session is over, and its rows are on disk or returned.
    pub(crate) fn is_finished(&self) -> bool {
        self.is_over() && self.spool.as_ref().is_none_or(|spool| spool.is_closed)
    }

    /// The rows that stay on disk when a session has failed.
    pub(crate) fn kept(&self) -> u64 {
        match (&self.state, &self.spool) {
            (State::Failed(_), Some(_)) => self.ledger.in_flight(),
            _ => 0,
        }
    }
}

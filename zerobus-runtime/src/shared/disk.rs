//! The interface of the spool's writer to a stream.

use std::ops::Range;

use super::Shared;
use crate::core::{Batch, Job, StreamNote};
use crate::error::Error;
use crate::event::StreamEvent;
use crate::persisted::Persisted;

impl Shared {
    /// The work to do on disk now.
    pub(crate) fn disk_job(&self) -> Job {
        let now = self.now();
        self.lock().session.disk_job(now)
    }

    /// The spool has stored this note of the persistent stream.
    pub(crate) fn noted(&self, note: &StreamNote) {
        let now = self.now();
        self.change(|inner| inner.session.noted(now, note));
    }

    /// The first batches were written, from this sequence on. Returns how many of them need not be read back, and the
    /// end of their rows.
    pub(crate) fn wrote(&self, batches: usize, sequence: u64) -> (u64, u64) {
        let now = self.now();
        self.change(|inner| inner.session.wrote(now, batches, sequence))
    }

    /// Rows below are as durable as the level promises.
    pub(crate) fn promised(&self, row: u64) {
        self.change(|inner| inner.session.promised(row));
    }

    /// Batches were read back; these other rows could not be read.
    pub(crate) fn loaded(&self, batches: Vec<Batch>, lost: Vec<Range<u64>>) {
        let now = self.now();
        self.change(|inner| inner.session.loaded(now, batches, lost));
    }

    /// Drops the oldest rows on disk, up to this one; returns the row below which all are settled.
    pub(crate) fn drop_oldest(&self, end: u64) -> u64 {
        let now = self.now();
        self.change(|inner| inner.session.drop_oldest(now, end))
    }

    pub(crate) fn drops_oldest(&self) -> bool {
        self.lock().session.drops_oldest()
    }

    /// Whether the disk may hold some of the rows that it did not take.
    pub(crate) fn disk_left(&self, persisted: Persisted) {
        self.change(|inner| inner.session.disk_left(persisted));
    }

    /// The disk is failing.
    pub(crate) fn disk_fails(&self, error: Error) {
        self.change(|inner| inner.session.disk_fails(error));
    }

    /// The writer has ended.
    pub(crate) fn disk_closed(&self) {
        self.change(|inner| inner.session.disk_closed());
        self.report_loss();
    }

    /// Reports an event.
    pub(crate) fn tell(&self, event: StreamEvent) {
        self.change(|inner| inner.session.tell(event));
    }
}

//! What a session knows of its disk: which rows are on it, which are lost, which were dropped.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::{Batch, Found};
use crate::error::Error;
use crate::persisted::Persisted;

/// What a session knows of its disk.
#[derive(Debug)]
pub(crate) struct Spooled {
    /// Cut and not yet written, oldest first.
    pub(super) unwritten: VecDeque<Batch>,
    pub(super) unwritten_bytes: usize,
    /// The rows that are on disk and not in memory.
    pub(super) disk: Range<u64>,
    /// Rows below are as durable as the level promises.
    pub(super) promised: u64,
    /// Rows below may have been sent before, by another process or on another stream.
    pub(super) possibly: u64,
    /// Rows that cannot be read, not yet counted as returned.
    pub(super) lost: VecDeque<Range<u64>>,
    /// All unreadable rows, so that each can be asked for.
    pub(super) all_lost: Vec<Range<u64>>,
    pub(super) dropped: Dropped,
    /// Rows below were dropped from the disk.
    pub(super) freed: u64,
    /// The sink gets no more rows: those that are held for it are for the next process.
    pub(super) is_sink_over: bool,
    /// Gives up a session whose handles are all gone: the remaining rows stay on disk.
    pub(super) ends_at: Option<Duration>,
    /// Why the disk takes nothing now.
    pub(super) failure: Option<Error>,
    /// Whether the next process may find unwritten rows on disk, and send them.
    pub(super) leftovers: Persisted,
    /// Everything is written, and the spool has left the folder.
    pub(super) is_closed: bool,
    pub(super) found: Found,
}

/// What was dropped so far.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    /// Rows that had an offset, as ranges that do not touch.
    pub(super) rows: Vec<Range<u64>>,
    /// Rows that no event has reported yet.
    pub(super) untold: u64,
}

impl Spooled {
    pub(super) fn new(found: Found) -> Self {
        Self {
            unwritten: VecDeque::new(),
            unwritten_bytes: 0,
            disk: found.first..found.end,
            promised: found.end,
            possibly: found.end,
            lost: VecDeque::new(),
            all_lost: Vec::new(),
            dropped: Dropped::default(),
            freed: 0,
            is_sink_over: false,
            ends_at: None,
            failure: None,
            leftovers: Persisted::No,
            is_closed: false,
            found,
        }
    }

    pub(super) fn push(&mut self, batch: Batch) {
        self.unwritten_bytes += batch.body.len();
        if batch.attempts > 0 {
            self.possibly = batch.first + u64::from(batch.rows);
        }
        self.unwritten.push_back(batch);
    }

    pub(super) const fn bytes(&self) -> usize {
        self.unwritten_bytes
    }

    pub(super) fn unwritten_rows(&self) -> u64 {
        self.unwritten.iter().map(|batch| u64::from(batch.rows)).sum()
    }

    /// Whether no row waits on disk, or for the disk.
    pub(super) fn is_empty(&self) -> bool {
        self.unwritten.is_empty() && self.disk.is_empty()
    }

    pub(super) fn oldest(&self) -> Option<Duration> {
        self.unwritten.front().map(|batch| batch.since)
    }

    /// Whether every row below is written.
    pub(super) fn is_written_below(&self, end: u64) -> bool {
        end <= self.disk.end && self.unwritten.front().is_none_or(|batch| batch.first >= end)
    }

    /// Drops these rows, the oldest of all, with those of them that could not be read.
    pub(super) fn let_go(&mut self, rows: Range<u64>) {
        self.freed = rows.end;
        self.disk.start = self.disk.start.max(rows.end);
        self.lost.retain_mut(|lost| {
            lost.start = lost.start.max(rows.end);
            lost.start < lost.end
        });
        self.dropped.push(rows);
    }

    pub(super) fn lost(&self, row: u64) -> bool {
        self.all_lost.iter().any(|rows| rows.contains(&row))
    }
}

impl Dropped {
    pub(super) fn push(&mut self, rows: Range<u64>) {
        match self.rows.last_mut() {
            Some(last) if last.end == rows.start => last.end = rows.end,
            _ => self.rows.push(rows),
        }
    }
}

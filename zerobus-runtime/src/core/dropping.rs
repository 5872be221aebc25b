//! Rows that a full spool drops, if its policy says so: they are counted, reported, and an error for anyone who
//! waits for one of them.

use std::time::Duration;

use super::session::State;
use super::suspects::Suspects;
use super::{Over, Session, SpoolOverflow};
use crate::error::{Error, Fault};
use crate::event::StreamEvent;
use crate::offset::Offset;

impl Session {
    /// Counts a row that is dropped instead of accepted, and returns why; `None` unless the policy drops it.
    pub(crate) fn drop_newest(&mut self) -> Option<Error> {
        let cause = self.drops_newest()?.clone();
        self.count_dropped(1);
        Some(Fault::RowDropped { cause }.into())
    }

    /// Why rows are dropped instead of waiting for room.
    pub(crate) fn drops_newest(&self) -> Option<&Error> {
        let failure = self.spool.as_ref()?.failure.as_ref()?;
        (failure.fault().is_full_spool() && self.settings.overflow == SpoolOverflow::DropNewest).then_some(failure)
    }

    pub(crate) fn drops_oldest(&self) -> bool {
        self.settings.overflow == SpoolOverflow::DropOldest
    }

    /// Drops the rows below this one, which are the oldest on disk. Rows in flight are given up as
    /// well. Returns the row below which all may leave the disk.
    pub(crate) fn drop_oldest(&mut self, now: Duration, end: u64) -> u64 {
        self.seen = self.seen.max(now);
        let is_written = self.spool.as_ref().is_some_and(|spool| spool.is_written_below(end));
        if !is_written || self.persistent.is_some() || self.is_over() {
            return self.done_with();
        }
        if end <= self.settled {
            // Refused rows that wait for the sink stay in memory.
            self.spool.iter_mut().for_each(|spool| spool.freed = spool.freed.max(end));
            return self.done_with().max(end);
        }
        let was_calling = self.end_calls_with_rows_below(end);
        while let Some(front) = self.window.front().filter(|front| front.first < end) {
            let done = u32::try_from(end - front.first).ok().filter(|done| *done < front.rows);
            match done {
                Some(done) => self.window.cut_front(done),
                None => drop(self.window.pop_front()),
            }
        }
        let dropped = self.settled..end;
        let rows = dropped.end - dropped.start;
        self.settled = end;
        self.ledger.returned += rows;
        if let Some(spool) = &mut self.spool {
            spool.let_go(dropped);
        }
        self.count_dropped(rows);
        self.tell_dropped();
        self.pass_over_lost();
        self.suspects = Suspects::default();
        if was_calling {
            self.begin_opening(now, Over::NewConnection);
        }
        self.settle(now);
        self.settled
    }

    /// Ends the calls if one of these rows is in flight; returns whether another call must follow.
    fn end_calls_with_rows_below(&mut self, end: u64) -> bool {
        if !self.window.has_sent() || self.window.front().is_none_or(|front| front.first >= end) {
            return false;
        }
        self.reset_all();
        self.window.restart();
        matches!(self.state, State::Ending | State::HalfClosed { .. } | State::Opening { .. } | State::Streaming)
    }

    /// Why the row with this offset is not in the table.
    pub(super) fn drop_of(&self, row: u64) -> Option<Error> {
        let is_dropped = self.spool.as_ref()?.dropped.rows.iter().any(|rows| rows.contains(&row));
        is_dropped.then(|| Fault::SpooledRowDropped { offset: Offset(row) }.into())
    }

    #[cfg(test)]
    pub(crate) fn dropped_rows(&self) -> &[std::ops::Range<u64>] {
        self.spool.as_ref().map_or(&[], |spool| &spool.dropped.rows)
    }

    fn count_dropped(&mut self, rows: u64) {
        self.ledger.dropped += rows;
        if let Some(spool) = &mut self.spool {
            spool.dropped.untold += rows;
        }
    }

    /// Reports the rows dropped since the last report: one event for many rows.
    pub(super) fn tell_dropped(&mut self) {
        let rows = self.spool.as_mut().map_or(0, |spool| std::mem::take(&mut spool.dropped.untold));
        if rows > 0 {
            self.tell(StreamEvent::SpoolDropped { rows });
        }
    }
}

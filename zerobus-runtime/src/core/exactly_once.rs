//! Exactly once: a persistent stream of the server that continues across calls and processes, and how much of it the
//! server has.
//!
//! ```text
//!   sequence   base                  committed            end
//!              |  the server has it  |  it may have some  |  it has none of it
//!   offset     0                     watermark + 1
//! ```
//!
//! A request's offset on the wire is its sequence in the spool, counted from the stream's first request. On resume
//! the server reports up to which offset it has everything, so requests sent after that arrive once. Three rules make
//! that true. A request never changes after it was sent: it is not split, joined or searched for a refused row. The
//! stream's id is noted in the spool before a row is sent on it. And a stream whose next offset is not that of the
//! next request is left, and another one created: the rows between were settled otherwise, so no later row was sent
//! on it.
//!
//! A log that was not synced may end before what the server has. Its `end` at the start of a process is noted until the
//! server was asked, and a watermark above it shows that the tail was lost. Requests up to that end are then committed,
//! and later ones are sent on another stream.

use std::sync::Arc;
use std::time::Duration;

use super::session::State;
use super::settings::end_of;
use super::{Action, Batch, Begin, Otherwise, Over, Session, StreamNote};
use crate::error::{Error, Fault, Violation};
use crate::event::StreamEvent;

impl Session {
    /// How the next call begins.
    pub(super) fn next_begin(&self) -> Begin {
        self.persistent.as_ref().map_or(Begin::Ephemeral, |persistent| persistent.begin())
    }

    /// The spool has stored this note of the stream.
    pub(crate) fn noted(&mut self, now: Duration, note: &StreamNote) {
        self.seen = self.seen.max(now);
        if let Some(persistent) = &mut self.persistent
            && persistent.unnoted().as_ref() == Some(note)
        {
            // The note of a stream that was left is stored first.
            if persistent.left.take().is_none() {
                persistent.is_noted = true;
            }
        }
    }

    /// The name of the persistent stream that the session writes to.
    pub(crate) fn persistent_stream(&self) -> Option<Arc<str>> {
        self.persistent.as_ref().and_then(|persistent| persistent.stream.clone())
    }

    /// A call has created the stream.
    pub(super) fn created(&mut self, stream_id: &Arc<str>) {
        if let Some(persistent) = &mut self.persistent {
            persistent.leave();
            persistent.stream = Some(Arc::clone(stream_id));
        }
    }

    /// A call resumes the stream, of which the server has every offset up to this one.
    pub(super) fn resumed(&mut self, now: Duration, generation: u64, watermark: Option<i64>) {
        if generation != self.generation || !matches!(self.state, State::Opening { .. }) {
            return;
        }
        let Some(persistent) = &mut self.persistent else { return };
        let Some(stream_id) = persistent.stream.clone() else { return };
        let next = watermark.map_or(0, |last| last.saturating_add(1)).max(0);
        let below = persistent.base.unwrap_or(0).saturating_add(next.unsigned_abs());
        let known = persistent.end.unwrap_or(persistent.sent_to);
        let has_lost_tail = persistent.end.is_some_and(|end| below > end);
        if below > known && next > 0 && !has_lost_tail {
            let sent = i64::try_from(known.saturating_sub(persistent.base.unwrap_or(0))).unwrap_or(i64::MAX);
            return self.violated(now, generation, Violation::AckAboveSent { found: next - 1, sent });
        }
        persistent.committed = persistent.committed.max(below.min(known));
        persistent.sent_to = persistent.sent_to.max(persistent.committed);
        if has_lost_tail {
            persistent.left = persistent.unnoted();
            persistent.leave();
            self.settle_committed(now);
            self.actions.push_back(Action::Reset { generation });
            self.begin_opening(now, Over::NewConnection);
            return self.settle(now);
        }
        if let Some(end) = persistent.end.take() {
            // The previous process may have sent everything in the log, and the server may still make it durable.
            persistent.sent_to = persistent.sent_to.max(end);
            persistent.is_noted = false;
        }
        self.window.restart_at(next);
        self.settle_committed(now);
        self.is_streaming(stream_id);
        self.settle(now);
    }

    /// Settles the requests that the server has, as far as they are in memory.
    pub(super) fn settle_committed(&mut self, now: Duration) {
        let Some(below) = self.persistent.as_ref().map(|persistent| persistent.committed) else { return };
        let mut is_progress = false;
        while !self.window.has_sent()
            && self.window.front().is_some_and(|front| front.sequence < below)
            && let Some(Batch { rows, body, .. }) = self.window.pop_front()
        {
            self.ledger.durable += u64::from(rows);
            self.ledger.durable_bytes += body.len() as u64;
            self.settled += u64::from(rows);
            self.pass_over_lost();
            is_progress = true;
        }
        if is_progress {
            self.progress(now);
        }
    }

    /// Starts a new stream's offsets at the next request, and leaves a stream whose offsets do not continue there.
    pub(super) fn turn_stream(&mut self, now: Duration) {
        if self.window.has_sent() || !matches!(self.state, State::Streaming) {
            return;
        }
        let (Some(persistent), Some(next)) = (&mut self.persistent, self.window.next()) else { return };
        let Some(base) = persistent.base else {
            if persistent.stream.is_some() {
                (persistent.base, persistent.is_noted) = (Some(next.sequence), false);
            }
            return;
        };
        if next.sequence.checked_sub(base) != self.window.next_offset() {
            persistent.leave();
            self.actions.push_back(Action::Reset { generation: self.generation });
            self.begin_opening(now, Over::NewConnection);
        }
    }

    /// A request is refused: once it is identified, it is returned as a whole, since it cannot be split.
    pub(super) fn refused_whole(&mut self, now: Duration, error: &Error) -> Whole {
        let Some(persistent) = &mut self.persistent else { return Whole::GoesOn };
        let Some(front) = self.window.front().filter(|_| self.window.has_sent()) else { return Whole::GoesOn };
        let bytes = front.body.len();
        persistent.alone_to = persistent.alone_to.max(self.window.end_of_sent_requests());
        if self.window.sent() > 1 {
            return Whole::GoesOn;
        }
        if !self.returned.has_room(now, bytes, &self.settings) {
            let (rows, within) = (self.settings.max_rejected_rows, self.settings.rejected_within);
            self.fail(Fault::TooManyRejected { rows, within, cause: error.clone() }.into());
            return Whole::GivesUp;
        }
        if let Some(batch) = self.window.pop_front() {
            self.settled += u64::from(batch.rows);
            self.ledger.returned += u64::from(batch.rows);
            self.pass_over_lost();
            let (offset, reason) = (crate::offset::Offset(batch.first), error.clone());
            self.actions.push_back(Action::Tell(StreamEvent::Rejected { offset, reason }));
            self.returned.reject(now, batch, error.clone());
            if self.settings.refusal_is_progress {
                self.progress(now);
            }
        }
        Whole::GoesOn
    }

    /// The server asks for another call: the current one ends first, since a stream has one call at a time.
    pub(super) fn close_signal_in_turn(&mut self, now: Duration, grace: Duration) {
        let until = end_of(now, grace.saturating_add(self.settings.end_timeout));
        self.state = State::HalfClosed { until };
    }

    /// Continues without persistent streams, if the service has none and the fallback was chosen.
    pub(super) fn without_persistent(&mut self, now: Duration, error: &Error) -> bool {
        let goes_on = error.fault().is_unimplemented()
            && self.persistent.as_ref().is_some_and(|persistent| persistent.otherwise == Otherwise::AtLeastOnce);
        if goes_on {
            self.persistent = None;
            self.actions.push_back(Action::Tell(StreamEvent::AtLeastOnce { reason: error.clone() }));
            self.begin_opening(now, Over::NewConnection);
        }
        goes_on
    }
}

/// The effect of a refused request on its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    GivesUp,
    GoesOn,
}

//! The effect of each event on the state of a session.

use std::sync::Arc;
use std::time::Duration;

use super::exactly_once::Whole;
use super::session::{Draining, Phase, State};
use super::settings::end_of;
use super::suspects::Verdict;
use super::{Action, Heard, Over, Session};
use crate::error::{Error, Fault, Violation};
use crate::event::StreamEvent;
use crate::offset::Offset;

/// The generation of no call.
const NO_CALL: u64 = 0;

impl Session {
    /// Handles an event of the call of this generation.
    pub(crate) fn hear(&mut self, now: Duration, generation: u64, heard: Heard) {
        self.seen = self.seen.max(now);
        let is_drained = self.draining.is_some_and(|draining| draining.generation == generation);
        if self.is_over() || (generation != self.generation && !is_drained) {
            return;
        }
        self.excuse.times = 0;
        match heard {
            Heard::Acked(up_to) => self.acked(now, generation, up_to),
            Heard::CloseSignal(grace) if generation == self.generation => self.close_signal(now, grace),
            // The requested end is already in progress.
            Heard::CloseSignal(_) => {}
            Heard::Ended(error) => self.ended(now, generation, error),
            Heard::Opened(stream_id) => self.opened(now, generation, stream_id),
            Heard::Resumed(watermark) => self.resumed(now, generation, watermark),
            Heard::Violated(violation) => self.violated(now, generation, violation),
        }
        self.elapse(now);
        self.check();
    }

    fn opened(&mut self, now: Duration, generation: u64, stream_id: Arc<str>) {
        if generation != self.generation || !matches!(self.state, State::Opening { .. }) {
            return;
        }
        if !self.carries_for_another() {
            self.window.restart();
        }
        self.created(&stream_id);
        self.is_streaming(stream_id);
        self.turn_schema(now);
    }

    /// The call accepts rows from now on.
    pub(super) fn is_streaming(&mut self, stream_id: Arc<str>) {
        self.ledger.opened += 1;
        self.allowance.restart();
        self.state = State::Streaming;
        self.stream_id = Some(Arc::clone(&stream_id));
        let replays = self.window.rows();
        self.actions.push_back(Action::Tell(StreamEvent::Opened { stream_id, replays }));
    }

    fn acked(&mut self, now: Duration, generation: u64, up_to: Option<i64>) {
        if generation == self.generation && !matches!(self.state, State::HalfClosed { .. } | State::Streaming) {
            return self.violated(now, generation, Violation::NotCreated);
        }
        self.ledger.acks += 1;
        if self.carrier != generation {
            // It has no rows in flight: the acknowledgement is a duplicate or a violation.
            let is_harmless = generation != self.generation || up_to == Some(-1);
            let violation =
                up_to.map_or(Violation::AckWithoutOffset, |found| Violation::AckAboveSent { found, sent: 0 });
            if !is_harmless {
                self.violated(now, generation, violation);
            }
            return;
        }
        match up_to.ok_or(Violation::AckWithoutOffset).and_then(|up_to| self.window.ack(up_to)) {
            Ok(None) => {}
            Ok(Some(acked)) => {
                self.ledger.durable += acked.rows;
                self.ledger.durable_bytes += acked.bytes as u64;
                let latency = now.saturating_sub(acked.sent_at);
                self.ledger.ack_took(latency);
                self.settled += acked.rows;
                self.pass_over_lost();
                self.progress(now);
                self.allowance.acked(acked.bytes, self.settings.max_unacked_bytes);
                let (bytes, rows) = (self.settings.max_batch_bytes, self.settings.max_batch_rows);
                self.suspects.acked(&mut self.window, latency, bytes, rows);
                self.settle(now);
            }
            Err(violation) => self.violated(now, generation, violation),
        }
    }

    pub(super) fn progress(&mut self, now: Duration) {
        self.last_progress = now;
        self.retry.progress();
        self.renewed_token = false;
        self.has_rotated = false;
    }

    pub(super) fn violated(&mut self, now: Duration, generation: u64, violation: Violation) {
        self.actions.push_back(Action::Reset { generation });
        self.ended(now, generation, Some(Fault::Violation(violation).into()));
    }

    /// The server asks for another call. It is opened at once, while the rows of the current call are still
    /// acknowledged.
    fn close_signal(&mut self, now: Duration, grace: Duration) {
        match self.state {
            State::Streaming => {}
            // The request side is closed or closing.
            State::HalfClosed { .. } => return,
            _ => return self.violated(now, self.generation, Violation::NotCreated),
        }
        self.actions.push_back(Action::Tell(StreamEvent::Closing { grace }));
        if self.persistent.is_some() {
            return self.close_signal_in_turn(now, grace);
        }
        if let Some(before) = self.draining.take() {
            // At most two calls: the oldest is dropped, with any acknowledgements still missing.
            self.actions.push_back(Action::Reset { generation: before.generation });
            if self.carrier == before.generation {
                self.window.restart();
            }
        }
        self.draining = Some(Draining { generation: self.generation, phase: Phase::Acking, until: end_of(now, grace) });
        let has_acked = self.window.has_acked();
        let was_idle = self.is_settled();
        self.settle_drain(now);
        if self.is_closing && was_idle {
            self.state = State::Ending;
        } else if has_acked || (was_idle && !self.has_rotated) {
            self.has_rotated = true;
            self.begin_opening(now, Over::SameConnection);
        } else if was_idle {
            // If a server asks for another call repeatedly, it is opened only when there are rows to send.
            self.generation += 1;
            self.state = State::Dormant;
        } else {
            self.generation += 1;
            self.try_again(now, Fault::Ended.into());
        }
    }

    /// Closes the request side of the draining call.
    pub(super) fn end_drain(&mut self, now: Duration, generation: u64) {
        let until = end_of(now, self.settings.end_timeout);
        self.draining = Some(Draining { generation, phase: Phase::Ending, until });
    }

    /// Ends the drain once all rows in flight on it are acknowledged.
    fn settle_drain(&mut self, now: Duration) {
        let Some(Draining { generation, phase, .. }) = self.draining else { return };
        if self.carrier == generation {
            if self.window.has_sent() {
                return;
            }
            // Later requests count from 0 on the next call.
            self.window.restart();
            self.carrier = NO_CALL;
        }
        if phase == Phase::Acking {
            self.end_drain(now, generation);
        }
    }

    /// Whether nothing is in flight.
    pub(super) fn is_settled(&self) -> bool {
        self.window.is_empty() && self.open.is_empty() && self.spool.as_ref().is_none_or(|spool| spool.is_empty())
    }

    /// Proceeds if there is nothing left to wait for.
    pub(super) fn settle(&mut self, now: Duration) {
        self.settle_drain(now);
        self.turn_schema(now);
        if !self.is_closing || !self.is_settled() {
            return;
        }
        match self.state {
            State::Streaming => self.state = State::HalfClosed { until: end_of(now, self.settings.end_timeout) },
            State::Dormant | State::Ending | State::Opening { .. } | State::Waiting { .. } => self.end_of_calls(),
            State::Closed | State::Failed(_) | State::HalfClosed { .. } => {}
        }
    }

    /// No call is needed now; a draining call may still finish.
    fn end_of_calls(&mut self) {
        if self.draining.is_none() {
            return self.finish();
        }
        if matches!(self.state, State::Opening { .. }) {
            self.actions.push_back(Action::Reset { generation: self.generation });
        }
        self.generation += 1;
        self.state = State::Ending;
    }

    /// A call ended.
    pub(super) fn ended(&mut self, now: Duration, generation: u64, error: Option<Error>) {
        let is_carrier = self.carrier == generation;
        let under_way = if is_carrier { self.window.sent() } else { 0 };
        if self.draining.is_some_and(|draining| draining.generation == generation) {
            self.draining = None;
            if under_way > 0 && self.take_back(now, error.as_ref()) == Search::GivesUp {
                return;
            }
            return self.settle(now);
        }
        self.generation += 1;
        let was_asked = matches!(self.state, State::HalfClosed { .. }) && !self.is_closing && error.is_none();
        let was_closing = matches!(self.state, State::HalfClosed { .. }) && self.is_closing;
        let search = if under_way > 0 { self.take_back(now, error.as_ref()) } else { Search::None };
        if search == Search::GivesUp {
            return;
        }
        if was_closing && self.is_settled() {
            self.end_of_calls();
        } else if self.ledger.opened > 0 && self.is_settled() {
            // There is nothing to deliver, so there is no reason to retry.
            self.state = State::Dormant;
            self.settle(now);
        } else if was_asked && !self.has_rotated {
            self.has_rotated = true;
            self.begin_opening(now, Over::NewConnection);
        } else {
            let error = error.unwrap_or_else(|| Fault::Ended.into());
            if search == Search::GoesOn { self.pause(now, error) } else { self.try_again(now, error) }
        }
    }

    /// Rows in flight on an ended call are sent again, except a row that the server refused.
    fn take_back(&mut self, now: Duration, error: Option<&Error>) -> Search {
        let refusal = error.filter(|error| error.fault().refuses_rows());
        let search = match refusal {
            None => {
                self.allowance.lost(self.settings.max_unacked_bytes);
                Search::None
            }
            Some(_) if self.settings.max_rejected_rows == 0 => Search::None,
            Some(error) if self.persistent.is_some() => match self.refused_whole(now, error) {
                Whole::GivesUp => Search::GivesUp,
                Whole::GoesOn => Search::GoesOn,
            },
            Some(error) => self.search(now, error),
        };
        if search != Search::GivesUp {
            self.window.restart();
        }
        search
    }

    /// The server refused one of the rows in flight. Once found it is returned, and the others are sent again.
    fn search(&mut self, now: Duration, error: &Error) -> Search {
        if self.suspects.refused(&mut self.window) == Verdict::NotYet {
            return Search::GoesOn;
        }
        let bytes = self.window.front().map_or(0, |batch| batch.body.len());
        if !self.returned.has_room(now, bytes, &self.settings) {
            let (rows, within) = (self.settings.max_rejected_rows, self.settings.rejected_within);
            self.fail(Fault::TooManyRejected { rows, within, cause: error.clone() }.into());
            return Search::GivesUp;
        }
        self.suspects.found();
        if let Some(batch) = self.window.pop_front() {
            self.settled += 1;
            self.ledger.returned += 1;
            self.pass_over_lost();
            let (offset, reason) = (Offset(batch.first), error.clone());
            self.actions.push_back(Action::Tell(StreamEvent::Rejected { offset, reason }));
            self.returned.reject(now, batch, error.clone());
            if self.settings.refusal_is_progress {
                self.progress(now);
            }
        }
        Search::GoesOn
    }

    /// Decides between another attempt and the end; no other code does.
    pub(super) fn try_again(&mut self, now: Duration, error: Error) {
        if self.without_persistent(now, &error) {
            return;
        }
        if error.fault().rejects_the_token() && !self.renewed_token {
            self.renewed_token = true;
            self.tell_reconnecting(error, Duration::ZERO);
            return self.begin_opening(now, Over::NewConnection);
        }
        if error.is_retryable() {
            return self.pause(now, error);
        }
        if self.persistent.is_some() && error.fault().is_unimplemented() {
            let table = self.settings.table.clone();
            return self.fail(Fault::NoExactlyOnce { table, cause: error }.into());
        }
        self.fail(error);
    }

    /// Waits for the next attempt, if there is one left.
    fn pause(&mut self, now: Duration, error: Error) {
        let attempts = match self.ledger.opened {
            0 => self.settings.max_first_attempts,
            _ => self.settings.max_attempts,
        };
        let Some(pause) = self.retry.failed(&error, attempts, &self.settings) else {
            return self.fail(Fault::GaveUp { attempts: self.retry.failures(), cause: error }.into());
        };
        self.tell_reconnecting(error, pause);
        self.state = State::Waiting { until: end_of(now, pause) };
    }

    fn tell_reconnecting(&mut self, error: Error, pause: Duration) {
        self.actions.push_back(Action::Tell(StreamEvent::Reconnecting { reason: error.clone(), pause }));
        self.last_error = Some(error);
    }

    pub(super) fn begin_opening(&mut self, now: Duration, over: Over) {
        self.generation += 1;
        self.state = State::Opening { until: end_of(now, self.settings.open_timeout) };
        self.actions.push_back(Action::Open {
            generation: self.generation,
            over,
            schema: self.schema,
            begin: self.next_begin(),
        });
    }

    /// Drops every call.
    pub(super) fn reset_all(&mut self) {
        let draining = self.draining.take().map(|draining| draining.generation);
        self.actions
            .extend(draining.into_iter().chain([self.generation]).map(|generation| Action::Reset { generation }));
        self.generation += 1;
    }

    /// Closed normally.
    pub(super) fn finish(&mut self) {
        self.state = State::Closed;
        self.reset_all();
        let (durable, returned) = (self.ledger.durable - self.ledger.before, self.ledger.returned);
        self.actions.extend([Action::Tell(StreamEvent::Closed { durable, returned }), Action::Stop]);
    }
}

/// The effect of a call's end on the search for a refused row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Search {
    GivesUp,
    GoesOn,
    None,
}

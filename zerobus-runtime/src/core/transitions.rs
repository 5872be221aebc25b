//! What each event does to the state of a session.

use std::time::Duration;

use super::session::State;
use super::window::Split;
use super::{Action, Batch, Session, TokenAge};
use crate::error::{Error, Fault, Violation};
use crate::event::StreamEvent;
use crate::offset::Offset;

impl Session {
    pub(super) fn opened(&mut self) {
        if !matches!(self.state, State::Opening { .. }) {
            return;
        }
        self.window.restart();
        self.ledger.opened += 1;
        self.state = State::Streaming;
        self.actions.push_back(Action::Tell(StreamEvent::Opened { replays: self.window.rows() }));
    }

    pub(super) fn acked(&mut self, now: Duration, up_to: Option<i64>) {
        if !matches!(self.state, State::Draining { .. } | State::HalfClosed { .. } | State::Streaming) {
            return self.violated(now, Violation::NotCreated);
        }
        self.ledger.acks += 1;
        match up_to.ok_or(Violation::AckWithoutOffset).and_then(|up_to| self.window.ack(up_to)) {
            Ok(None) => {}
            Ok(Some(acked)) => {
                self.ledger.durable += acked.rows;
                self.ledger.durable_bytes += acked.bytes as u64;
                self.ledger.ack_took(now.saturating_sub(acked.sent_at));
                self.settled += acked.rows;
                self.retry.progress();
                self.renewed_token = false;
                self.settle(now);
            }
            Err(violation) => self.violated(now, violation),
        }
    }

    pub(super) fn violated(&mut self, now: Duration, violation: Violation) {
        self.actions.push_back(Action::Reset);
        self.ended(now, Some(Fault::Violation(violation).into()));
    }

    pub(super) fn close_signal(&mut self, now: Duration, duration: Duration) {
        match self.state {
            State::Streaming => {
                self.state = State::Draining { until: now + duration };
                self.actions.push_back(Action::Tell(StreamEvent::Closing { grace: duration }));
                self.settle(now);
            }
            // The request side is closed, or about to be: the server asks for what is being done.
            State::Draining { .. } | State::HalfClosed { .. } => {}
            _ => self.violated(now, Violation::NotCreated),
        }
    }

    /// Whether nothing is on its way.
    pub(super) fn is_settled(&self) -> bool {
        self.window.is_empty() && self.open.is_empty()
    }

    /// Goes on where nothing is left to wait for.
    pub(super) fn settle(&mut self, now: Duration) {
        let is_empty = self.is_settled();
        let until = now + self.settings.end_timeout;
        match self.state {
            State::Draining { .. } if !self.window.has_sent() => self.state = State::HalfClosed { until },
            State::Streaming if self.is_closing && is_empty => self.state = State::HalfClosed { until },
            State::Dormant | State::Waiting { .. } if self.is_closing && is_empty => self.finish(),
            State::Opening { .. } if self.is_closing && is_empty && self.ledger.opened > 0 => self.finish(),
            _ => {}
        }
    }

    /// The connection is over.
    pub(super) fn ended(&mut self, now: Duration, error: Option<Error>) {
        // A server that asks for a new stream again and again, and makes nothing durable, is a failing one.
        let is_orderly = error.is_none() && matches!(self.state, State::HalfClosed { .. }) && self.window.has_acked();
        let under_way = self.window.sent();
        self.generation += 1;
        self.window.restart();
        let has_opened = self.ledger.opened > 0;
        if has_opened && self.is_settled() {
            // Nobody waits for anything, so there is nothing to try again for.
            if self.is_closing {
                return self.finish();
            }
            self.state = State::Dormant;
            return;
        }
        if is_orderly {
            return self.begin_opening(now, TokenAge::Any);
        }
        let error = error.unwrap_or_else(|| Fault::Ended.into());
        if under_way > 0 && error.fault().refuses_rows() && self.may_reject() {
            return self.find_refused_row(now, under_way, error);
        }
        self.try_again(now, error);
    }

    /// One of the rows under way cannot be taken: what was under way goes again, one request at a time, and the one
    /// that is refused is halved until it is a single row. That row is handed back, and all others are delivered.
    pub(super) fn find_refused_row(&mut self, now: Duration, under_way: usize, error: Error) {
        self.suspected = self.suspected.max(self.window.end_of(under_way));
        if under_way == 1 {
            match self.window.split_front() {
                Split::Halved => {}
                Split::Single(batch) => self.reject(batch, error),
            }
        }
        if !self.is_settled() {
            self.begin_opening(now, TokenAge::Any);
        } else if self.is_closing {
            self.finish();
        } else {
            self.state = State::Dormant;
        }
    }

    /// Rows that nobody takes back may not fill the budget.
    pub(super) fn may_reject(&self) -> bool {
        self.returned.rejected() < self.settings.max_rejected_rows
            && self.returned.bytes() <= self.settings.max_unacked_bytes / 2
    }

    pub(super) fn reject(&mut self, batch: Batch, error: Error) {
        self.settled += 1;
        self.ledger.returned += 1;
        let rejected = StreamEvent::Rejected { offset: Offset(batch.first), reason: error.clone() };
        self.actions.push_back(Action::Tell(rejected));
        self.returned.reject(batch, error);
    }

    /// The one place that decides between another attempt and the end.
    pub(super) fn try_again(&mut self, now: Duration, error: Error) {
        if error.fault().rejects_the_token() && !self.renewed_token {
            self.renewed_token = true;
            self.actions
                .push_back(Action::Tell(StreamEvent::Reconnecting { reason: error.clone(), pause: Duration::ZERO }));
            self.last_error = Some(error);
            return self.begin_opening(now, TokenAge::New);
        }
        if !error.is_retryable() {
            return self.fail(error);
        }
        let attempts = match self.ledger.opened {
            0 => self.settings.max_first_attempts,
            _ => self.settings.max_attempts,
        };
        let Some(pause) = self.retry.failed(&error, attempts, &self.settings) else {
            return self.fail(Fault::GaveUp { attempts, source: error }.into());
        };
        self.actions.push_back(Action::Tell(StreamEvent::Reconnecting { reason: error.clone(), pause }));
        self.last_error = Some(error);
        self.state = State::Waiting { until: now + pause };
    }

    pub(super) fn begin_opening(&mut self, now: Duration, token: TokenAge) {
        self.generation += 1;
        self.state = State::Opening { until: now + self.settings.open_timeout };
        self.actions.push_back(Action::Open { generation: self.generation, token });
    }

    pub(super) fn finish(&mut self) {
        self.generation += 1;
        self.state = State::Closed;
        self.actions.extend([Action::Reset, Action::Tell(StreamEvent::Closed), Action::Stop]);
    }
}

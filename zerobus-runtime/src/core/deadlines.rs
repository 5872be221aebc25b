//! The times at which something is due, and what happens then.

use std::time::Duration;

use super::session::State;
use super::{Action, Session, TokenAge};
use crate::error::Fault;
use crate::offset::Offset;

impl Session {
    /// Does what is due by now.
    pub(super) fn elapse(&mut self, now: Duration) {
        let is_due = |deadline: Option<Duration>| deadline.is_some_and(|deadline| deadline <= now);
        if self.is_over() {
            return;
        }
        if is_due(self.delivery_deadline()) {
            let (offset, after) = (Offset(self.settled), self.settings.delivery_timeout);
            let source = self.last_error.take();
            return self.fail(Fault::DeliveryTimeout { after, offset, source }.into());
        }
        if is_due(self.ack_deadline()) {
            let (oldest, after) = (Offset(self.settled), self.settings.ack_timeout);
            self.actions.push_back(Action::Reset);
            return self.ended(now, Some(Fault::AckTimeout { after, oldest }.into()));
        }
        if is_due(self.linger_deadline()) {
            self.flush();
        }
        if is_due(self.state_deadline()) {
            self.state_elapsed(now);
        }
    }

    pub(super) fn state_elapsed(&mut self, now: Duration) {
        match self.state {
            State::Draining { .. } => {
                self.state = State::HalfClosed { until: now + self.settings.end_timeout };
            }
            State::HalfClosed { .. } => {
                self.actions.push_back(Action::Reset);
                self.ended(now, None);
            }
            State::Opening { .. } => {
                self.actions.push_back(Action::Reset);
                let (table, after) = (self.settings.table.clone(), self.settings.open_timeout);
                self.ended(now, Some(Fault::OpenTimeout { table, after }.into()));
            }
            State::Waiting { .. } => self.begin_opening(now, TokenAge::Any),
            State::Closed | State::Dormant | State::Failed(_) | State::Streaming => {}
        }
    }

    pub(super) const fn state_deadline(&self) -> Option<Duration> {
        match self.state {
            State::Draining { until }
            | State::HalfClosed { until }
            | State::Opening { until }
            | State::Waiting { until } => Some(until),
            State::Closed | State::Dormant | State::Failed(_) | State::Streaming => None,
        }
    }

    /// By the oldest batch that is under way, so that repeated acknowledgements do not put it off.
    pub(super) fn ack_deadline(&self) -> Option<Duration> {
        match self.state {
            State::Draining { .. } | State::Streaming => {
                self.window.oldest_sent().map(|batch| batch.sent_at + self.settings.ack_timeout)
            }
            _ => None,
        }
    }

    pub(super) fn delivery_deadline(&self) -> Option<Duration> {
        let open = (!self.open.is_empty()).then(|| self.open.since());
        let oldest = self.window.front().map(|batch| batch.since).or(open)?;
        Some(oldest + self.settings.delivery_timeout)
    }

    pub(super) fn linger_deadline(&self) -> Option<Duration> {
        let lingers = matches!(self.state, State::Streaming)
            && !self.linger().is_zero()
            && !self.open.is_empty()
            && !self.window.has_unsent()
            && self.open.first() >= self.flushed;
        lingers.then(|| self.open.since() + self.linger())
    }
}

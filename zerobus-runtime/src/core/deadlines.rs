//! Timers, and what happens when they expire.

use std::time::Duration;

use super::session::{Draining, Excuse, Phase, State};
use super::settings::end_of;
use super::{Action, Over, Session};
use crate::error::{Error, Fault};
use crate::offset::Offset;

/// A process that checks a timer this late was stalled: it was frozen, or its runtime was blocked.
const LATE: Duration = Duration::from_millis(250);

/// How long it then reads before it decides: responses received meanwhile are still in the socket.
const LISTENS: Duration = Duration::from_secs(2);

/// How often this may repeat without a response from the server.
const MOST_EXCUSES: u32 = 3;

impl Session {
    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Duration) {
        self.seen = self.seen.max(now);
        if !self.is_over() {
            self.elapse(now);
            self.check();
        }
    }

    /// When [`tick`](Self::tick) is due.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let deadlines = [
            self.state_deadline(),
            self.draining.and_then(|draining| draining.until),
            self.ack_deadline(),
            self.delivery_deadline(),
            self.linger_deadline(),
            self.rate_deadline(),
            self.end_of_abandoned(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Runs everything that is due.
    pub(super) fn elapse(&mut self, now: Duration) {
        let is_due = |deadline: Option<Duration>| deadline.is_some_and(|deadline| deadline <= now);
        if self.is_over() {
            return;
        }
        if is_due(self.end_of_abandoned()) {
            return self.fail(Fault::ShutDown.into());
        }
        if self.is_overdue(now, self.delivery_deadline()) {
            let (offset, cause) = (Offset(self.settled), self.last_error.take());
            let after = self.settings.delivery_timeout.unwrap_or_default();
            return self.fail(Fault::DeliveryTimeout { after, offset, cause }.into());
        }
        if self.is_overdue(now, self.ack_deadline()) {
            let (oldest, after) = (Offset(self.settled), self.settings.ack_timeout.unwrap_or_default());
            let carrier = self.carrier;
            self.actions.push_back(Action::Reset { generation: carrier });
            return self.ended(now, carrier, Some(Fault::AckTimeout { after, oldest }.into()));
        }
        if is_due(self.linger_deadline()) {
            self.flush();
        }
        if let Some(draining) = self.draining.filter(|draining| is_due(draining.until)) {
            self.drain_elapsed(now, draining);
        }
        if is_due(self.state_deadline()) {
            self.state_elapsed(now);
        }
    }

    /// Whether a response is overdue; a process that was stalled reads first.
    fn is_overdue(&mut self, now: Duration, deadline: Option<Duration>) -> bool {
        let Some(deadline) = deadline.filter(|deadline| *deadline <= now) else { return false };
        if now.saturating_sub(deadline) <= LATE || self.excuse.times == MOST_EXCUSES {
            return true;
        }
        self.excuse = Excuse { until: now.saturating_add(LISTENS), times: self.excuse.times + 1 };
        false
    }

    fn drain_elapsed(&mut self, now: Duration, draining: Draining) {
        match draining.phase {
            // The request side closes; late acknowledgements still count.
            Phase::Acking => self.end_drain(now, draining.generation),
            Phase::Ending => {
                self.actions.push_back(Action::Reset { generation: draining.generation });
                self.ended(now, draining.generation, None);
            }
        }
    }

    fn state_elapsed(&mut self, now: Duration) {
        match self.state {
            State::HalfClosed { .. } => {
                self.actions.push_back(Action::Reset { generation: self.generation });
                self.ended(now, self.generation, None);
            }
            State::Opening { .. } => {
                self.actions.push_back(Action::Reset { generation: self.generation });
                let table = self.settings.table.clone();
                let after = self.settings.open_timeout.unwrap_or_default();
                self.ended(now, self.generation, Some(Error::from(Fault::OpenTimeout { table, after })));
            }
            State::Waiting { .. } => self.begin_opening(now, Over::NewConnection),
            State::Closed | State::Dormant | State::Ending | State::Failed(_) | State::Streaming => {}
        }
    }

    fn end_of_abandoned(&self) -> Option<Duration> {
        self.spool.as_ref().and_then(|spool| spool.ends_at)
    }

    const fn state_deadline(&self) -> Option<Duration> {
        match self.state {
            State::HalfClosed { until } | State::Opening { until } | State::Waiting { until } => until,
            State::Closed | State::Dormant | State::Ending | State::Failed(_) | State::Streaming => None,
        }
    }

    /// The time counts from when rows were last made durable, or from when the oldest row in flight was sent. Duplicate
    /// acknowledgements count as silence.
    fn ack_deadline(&self) -> Option<Duration> {
        let oldest = self.window.oldest_sent()?;
        let at = end_of(oldest.sent_at.max(self.last_progress), self.settings.ack_timeout)?;
        Some(at.max(self.excuse.until))
    }

    fn delivery_deadline(&self) -> Option<Duration> {
        let at = end_of(self.oldest()?, self.settings.delivery_timeout)?;
        Some(at.max(self.excuse.until))
    }

    fn linger_deadline(&self) -> Option<Duration> {
        let lingers = matches!(self.state, State::Streaming)
            && self.spool.is_none()
            && !self.linger().is_zero()
            && !self.open.is_empty()
            && !self.window.has_unsent()
            && self.open.first() >= self.flushed;
        if lingers { end_of(self.open.since(), self.linger()) } else { None }
    }

    fn rate_deadline(&self) -> Option<Duration> {
        let waits = matches!(self.state, State::Streaming) && (self.window.has_unsent() || !self.open.is_empty());
        if waits { self.rate.opens_at(self.seen) } else { None }
    }
}

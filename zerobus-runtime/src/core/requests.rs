//! The next request for the transport.

use std::time::Duration;

use super::session::{Draining, Phase, State};
use super::{Pull, Session, Settings};

impl Session {
    /// What the transport of this generation must send now.
    pub(crate) fn pull(&mut self, now: Duration, generation: u64) -> Pull {
        self.seen = self.seen.max(now);
        match (&self.state, self.draining) {
            (_, Some(Draining { generation: drained, phase, .. })) if drained == generation => match phase {
                Phase::Acking => Pull::Idle,
                Phase::Ending => Pull::End,
            },
            _ if generation != self.generation => Pull::End,
            // A row may have arrived after the caller read the clock. It must not count as too recent to send, since
            // nothing wakes the transport for it again.
            (State::Streaming, _) => self.next_request(self.seen),
            (State::Opening { .. }, _) => Pull::Idle,
            _ => Pull::End,
        }
    }

    /// Whether a transport of this generation would now get a request or the end.
    pub(crate) fn can_pull(&self, generation: u64) -> bool {
        match (&self.state, self.draining) {
            (_, Some(draining)) if draining.generation == generation => draining.phase == Phase::Ending,
            _ if generation != self.generation => true,
            (State::Streaming, _) => {
                self.may_send() && (self.window.has_unsent() || (self.spool.is_none() && self.is_wanted()))
            }
            (State::Opening { .. }, _) => false,
            _ => true,
        }
    }

    fn next_request(&mut self, now: Duration) -> Pull {
        if !self.may_send() {
            return Pull::Idle;
        }
        // With a spool, a batch is cut when it is written.
        if self.spool.is_none() && !self.window.has_unsent() && self.is_due(now) {
            self.cut();
        }
        match (&mut self.persistent, self.window.next()) {
            // A request that was sent is not cut again.
            (Some(persistent), Some(next)) => persistent.sent(next.sequence),
            _ => self.shorten_next(),
        }
        let Some(request) = self.window.send(now) else { return Pull::Idle };
        self.carrier = self.generation;
        self.rate.sent(now, request.rows, request.body.len());
        self.ledger.batches_sent += 1;
        if request.is_replay {
            self.ledger.rows_replayed += u64::from(request.rows);
        }
        Pull::Request(request)
    }

    /// Whether anything may be sent.
    fn may_send(&self) -> bool {
        // The rows of the previous call are settled first, or move to this call, so rows keep their order.
        !self.carries_for_another()
            && !self.suspects.must_wait(&self.window)
            && self.rate.opens_at(self.seen).is_none()
            && self.has_allowance()
            && self.window.next().is_none_or(|next| next.schema == self.schema)
            && self.persistent.as_ref().is_none_or(|persistent| persistent.may_send(&self.window))
    }

    /// Whether the rows in flight belong to the previous call.
    pub(super) const fn carries_for_another(&self) -> bool {
        self.window.has_sent() && self.carrier != self.generation
    }

    fn has_allowance(&self) -> bool {
        let Some(limit) = self.allowance.limit() else { return true };
        let next = self.window.next().map_or(self.open.len(), |batch| batch.body.len());
        !self.window.has_sent() || self.window.sent_bytes() + next.min(limit) <= limit
    }

    /// Shrinks the next request to what the search for a refused row, a lost connection, or the rate limit allows.
    fn shorten_next(&mut self) {
        let Some(next) = self.window.next() else { return };
        let by_search = self.suspects.rows_of(next);
        let by_allowance = self.allowance.limit().filter(|limit| next.body.len() > *limit);
        let by_allowance = by_allowance.map(|limit| next.rows_within(limit.saturating_sub(self.window.sent_bytes())));
        let (rate_rows, rate_bytes) = self.rate.most_a_request();
        let by_bytes = rate_bytes.filter(|most| next.body.len() > *most).map(|most| next.rows_within(most));
        if let Some(rows) = [by_search, by_allowance, rate_rows, by_bytes].into_iter().flatten().min() {
            self.window.split_next(rows);
        }
    }

    /// Whether the open batch may be sent regardless of the time; the end of a linger is a separate event.
    fn is_wanted(&self) -> bool {
        !self.open.is_empty() && (self.linger().is_zero() || self.open.first() < self.flushed)
    }

    /// Whether the open batch may be sent now.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        let waited = || self.open.since().checked_add(self.linger()).is_some_and(|until| now >= until);
        !self.open.is_empty() && (self.open.first() < self.flushed || waited())
    }

    /// How long the open batch waits for more rows.
    pub(super) fn linger(&self) -> Duration {
        let Settings { linger, fast_bytes, fast_wait, .. } = self.settings;
        let gathers = self.open.first() >= self.awaited && self.pace.brings(fast_bytes, fast_wait);
        if gathers { linger.max(fast_wait) } else { linger }
    }
}

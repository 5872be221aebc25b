//! The states of a stream, and what each event does to them; the diagram stands in the parent module.

use std::collections::VecDeque;
use std::time::Duration;

use super::batch::OpenBatch;
use super::retry::Retry;
use super::window::Outgoing;
use super::{Batch, Ledger, Settings, Window};
use crate::error::{Error, Fault, Violation};
use crate::event::StreamEvent;
use crate::message::Encoder;
use crate::offset::Offset;

/// One stream of rows into one table, across all its connections.
#[derive(Debug)]
pub(crate) struct Session {
    settings: Settings,
    state: State,
    open: OpenBatch,
    window: Window,
    ledger: Ledger,
    retry: Retry,
    actions: VecDeque<Action>,
    /// Which connection counts; what an older one says or asks is void.
    generation: u64,
    /// Every row below is settled: durable or handed back.
    settled: u64,
    /// Rows below are wanted on their way, whatever the linger.
    flushed: u64,
    is_closing: bool,
    /// A new token was asked for since the last progress.
    renewed_token: bool,
    last_error: Option<Error>,
    returned: Vec<Batch>,
}

/// What happens to a session.
#[derive(Debug)]
pub(crate) enum Event {
    /// The server acknowledged every offset up to this one.
    Acked(Option<i64>),
    /// The server asks for an end of this server stream.
    CloseSignal(Duration),
    /// Time has passed.
    Elapsed,
    /// The connection is over; without an error if the server ended it with OK.
    Ended(Option<Error>),
    /// The server created the stream.
    Opened,
    /// The server broke the protocol in a way that does not concern acknowledgements.
    Violated(Violation),
}

/// What a session wants done.
#[derive(Debug)]
pub(crate) enum Action {
    /// Open a connection of this generation; an older one is void.
    Open { generation: u64, token: TokenAge },
    /// Drop the connection.
    Reset,
    /// It is over.
    Stop,
    /// Tell those who watch.
    Tell(StreamEvent),
}

/// Which token opens a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenAge {
    /// One that is at hand, if it is good by its age.
    Any,
    /// A new one, since the server rejected the last.
    New,
}

/// What the transport gets when it can take something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pull {
    /// The request side is to be closed.
    End,
    /// Nothing is there to be sent.
    Idle,
    Request(Outgoing),
}

/// Why a row was not accepted.
#[derive(Debug)]
pub(crate) enum Refused<E> {
    Closed,
    Failed(Error),
    /// There is no room for this many bytes.
    Full {
        needed: usize,
    },
    TooLarge {
        bytes: usize,
        limit: usize,
    },
    Write(E),
}

#[derive(Debug)]
enum State {
    Closed,
    Dormant,
    Draining { until: Duration },
    Failed(Error),
    HalfClosed { until: Duration },
    Opening { until: Duration },
    Streaming,
    Waiting { until: Duration },
}

impl Session {
    /// A session that opens its first connection; its first action says so.
    pub(crate) fn new(settings: Settings, random: fastrand::Rng, now: Duration) -> Self {
        let mut session = Self {
            settings,
            state: State::Dormant,
            open: OpenBatch::default(),
            window: Window::default(),
            ledger: Ledger::default(),
            retry: Retry::new(random),
            actions: VecDeque::new(),
            generation: 0,
            settled: 0,
            flushed: 0,
            is_closing: false,
            renewed_token: false,
            last_error: None,
            returned: Vec::new(),
        };
        session.begin_opening(now, TokenAge::Any);
        session
    }

    /// Accepts a row that `write` writes; its offset.
    ///
    /// The clock is asked only if the row begins a batch.
    #[inline]
    pub(crate) fn push<E>(
        &mut self,
        clock: impl Fn() -> Duration,
        write: impl FnOnce(&mut Encoder) -> Result<(), E>,
    ) -> Result<Offset, Refused<E>> {
        if let Some(refused) = self.refusal() {
            return Err(refused);
        }
        if self.open.is_empty() {
            self.open.begin(self.ledger.accepted, clock());
        }
        let bytes = self.open.append(write).map_err(Refused::Write)?;
        if bytes > self.settings.max_row_bytes || self.unacked_bytes() > self.settings.max_unacked_bytes {
            self.open.take_back(bytes);
            return Err(self.no_room(bytes));
        }
        let offset = Offset(self.ledger.accepted);
        self.ledger.accepted += 1;
        self.ledger.accepted_bytes += bytes as u64;
        if self.open.len() >= self.settings.max_batch_bytes || self.open.rows() >= self.settings.max_batch_rows {
            self.cut_full_batch(bytes, &clock);
        }
        if matches!(self.state, State::Dormant) {
            self.begin_opening(clock(), TokenAge::Any);
        }
        self.check();
        Ok(offset)
    }

    /// What the transport of this generation is to send now.
    pub(crate) fn pull(&mut self, now: Duration, generation: u64) -> Pull {
        if generation != self.generation {
            return Pull::End;
        }
        match self.state {
            State::Streaming => self.next_request(now),
            State::Draining { .. } | State::Opening { .. } => Pull::Idle,
            State::Closed | State::Dormant | State::Failed(_) | State::HalfClosed { .. } | State::Waiting { .. } => {
                Pull::End
            }
        }
    }

    /// Takes an event in.
    pub(crate) fn handle(&mut self, now: Duration, event: Event) {
        if self.is_over() {
            return;
        }
        match event {
            Event::Acked(up_to) => self.acked(now, up_to),
            Event::CloseSignal(duration) => self.close_signal(now, duration),
            Event::Elapsed => {}
            Event::Ended(error) => self.ended(now, error),
            Event::Opened => self.opened(),
            Event::Violated(violation) => self.violated(now, violation),
        }
        self.elapse(now);
        self.check();
    }

    /// The next thing to do.
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(crate) fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    /// When [`Event::Elapsed`] is due.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        [self.state_deadline(), self.ack_deadline(), self.delivery_deadline(), self.linger_deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Sends what is there without regard to the linger; the offset behind the last row.
    pub(crate) const fn flush(&mut self) -> u64 {
        self.flushed = self.ledger.accepted;
        self.flushed
    }

    /// Takes no more rows, delivers those that are there, and ends.
    pub(crate) fn close(&mut self, now: Duration) {
        self.is_closing = true;
        self.flush();
        if !self.is_over() {
            self.settle(now);
        }
    }

    /// Gives up: what is not durable is handed back.
    pub(crate) fn fail(&mut self, error: Error) {
        if self.is_over() {
            return;
        }
        if !self.open.is_empty() {
            let batch = self.open.cut();
            self.window.push(batch);
        }
        self.ledger.returned += self.window.rows();
        self.returned.extend(self.window.take());
        self.settled = self.ledger.accepted;
        self.generation += 1;
        self.actions.retain(|action| matches!(action, Action::Tell(_)));
        self.actions.extend([Action::Reset, Action::Tell(StreamEvent::Failed { error: error.clone() }), Action::Stop]);
        self.state = State::Failed(error);
        self.check();
    }

    /// The batches that were handed back; they are given once.
    pub(crate) fn take_returned(&mut self) -> Vec<Batch> {
        std::mem::take(&mut self.returned)
    }

    pub(crate) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The offset below which every row is settled.
    pub(crate) const fn settled(&self) -> u64 {
        self.settled
    }

    /// Whether the row that was accepted last began a batch.
    pub(crate) const fn has_begun_batch(&self) -> bool {
        self.open.rows() <= 1
    }

    /// The bytes that are accepted and not durable.
    pub(crate) fn unacked_bytes(&self) -> usize {
        self.window.bytes() + self.open.len()
    }

    pub(crate) const fn error(&self) -> Option<&Error> {
        match &self.state {
            State::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the session has come to its end, good or bad.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::Failed(_))
    }

    /// Whether a transport that asks now would get a request or its end; the end of a linger is an event of its own.
    pub(crate) fn can_pull(&self) -> bool {
        match self.state {
            State::Streaming => {
                let is_due = self.settings.linger.is_zero() || self.open.first() < self.flushed;
                self.window.has_unsent() || (is_due && !self.open.is_empty())
            }
            State::Draining { .. } | State::Opening { .. } => false,
            _ => true,
        }
    }

    fn refusal<E>(&self) -> Option<Refused<E>> {
        if let State::Failed(error) = &self.state {
            return Some(Refused::Failed(error.clone()));
        }
        if self.is_closing {
            return Some(Refused::Closed);
        }
        let is_full = self.unacked_bytes() >= self.settings.max_unacked_bytes;
        is_full.then_some(Refused::Full { needed: 1 })
    }

    fn no_room<E>(&self, bytes: usize) -> Refused<E> {
        let limit = self.settings.max_row_bytes.min(self.settings.max_unacked_bytes);
        if bytes > limit { Refused::TooLarge { bytes, limit } } else { Refused::Full { needed: bytes } }
    }

    fn cut_full_batch(&mut self, last: usize, clock: &impl Fn() -> Duration) {
        let overflows = self.open.len() > self.settings.max_batch_bytes && self.open.rows() > 1;
        let batch = if overflows { self.open.cut_before_last(last, clock()) } else { self.open.cut() };
        self.window.push(batch);
    }

    fn next_request(&mut self, now: Duration) -> Pull {
        if !self.window.has_unsent() && self.is_due(now) {
            let batch = self.open.cut();
            self.window.push(batch);
        }
        let Some(request) = self.window.send(now) else { return Pull::Idle };
        self.ledger.batches_sent += 1;
        if request.is_replay {
            self.ledger.rows_replayed += u64::from(request.rows);
        }
        Pull::Request(request)
    }

    /// Whether the open batch may go now.
    fn is_due(&self, now: Duration) -> bool {
        !self.open.is_empty() && (self.open.first() < self.flushed || now >= self.open.since() + self.settings.linger)
    }

    fn opened(&mut self) {
        if !matches!(self.state, State::Opening { .. }) {
            return;
        }
        self.window.restart();
        self.ledger.opened += 1;
        self.state = State::Streaming;
        self.actions.push_back(Action::Tell(StreamEvent::Opened { replays: self.window.rows() }));
    }

    fn acked(&mut self, now: Duration, up_to: Option<i64>) {
        if !matches!(self.state, State::Draining { .. } | State::HalfClosed { .. } | State::Streaming) {
            return self.violated(now, Violation::NotCreated);
        }
        self.ledger.acks += 1;
        match up_to.ok_or(Violation::AckWithoutOffset).and_then(|up_to| self.window.ack(up_to)) {
            Ok(None) => {}
            Ok(Some(acked)) => {
                self.ledger.durable += acked.rows;
                self.ledger.durable_bytes += acked.bytes as u64;
                self.settled += acked.rows;
                self.retry.progress();
                self.renewed_token = false;
                self.settle(now);
            }
            Err(violation) => self.violated(now, violation),
        }
    }

    fn violated(&mut self, now: Duration, violation: Violation) {
        self.actions.push_back(Action::Reset);
        self.ended(now, Some(Fault::Violation(violation).into()));
    }

    fn close_signal(&mut self, now: Duration, duration: Duration) {
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

    /// Goes on where nothing is left to wait for.
    fn settle(&mut self, now: Duration) {
        let is_empty = self.window.is_empty() && self.open.is_empty();
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
    fn ended(&mut self, now: Duration, error: Option<Error>) {
        // A server that asks for a new stream again and again, and makes nothing durable, is a failing one.
        let is_orderly = error.is_none() && matches!(self.state, State::HalfClosed { .. }) && self.window.has_acked();
        self.generation += 1;
        self.window.restart();
        let has_opened = self.ledger.opened > 0;
        if has_opened && self.window.is_empty() && self.open.is_empty() {
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
        self.try_again(now, error);
    }

    /// The one place that decides between another attempt and the end.
    fn try_again(&mut self, now: Duration, error: Error) {
        if error.fault().is_unauthenticated() && !self.renewed_token {
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

    fn begin_opening(&mut self, now: Duration, token: TokenAge) {
        self.generation += 1;
        self.state = State::Opening { until: now + self.settings.open_timeout };
        self.actions.push_back(Action::Open { generation: self.generation, token });
    }

    fn finish(&mut self) {
        self.generation += 1;
        self.state = State::Closed;
        self.actions.extend([Action::Reset, Action::Tell(StreamEvent::Closed), Action::Stop]);
    }

    /// Does what is due by now.
    fn elapse(&mut self, now: Duration) {
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

    fn state_elapsed(&mut self, now: Duration) {
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

    const fn state_deadline(&self) -> Option<Duration> {
        match self.state {
            State::Draining { until }
            | State::HalfClosed { until }
            | State::Opening { until }
            | State::Waiting { until } => Some(until),
            State::Closed | State::Dormant | State::Failed(_) | State::Streaming => None,
        }
    }

    /// By the oldest batch that is under way, so that repeated acknowledgements do not put it off.
    fn ack_deadline(&self) -> Option<Duration> {
        match self.state {
            State::Draining { .. } | State::Streaming => {
                self.window.oldest_sent().map(|batch| batch.sent_at + self.settings.ack_timeout)
            }
            _ => None,
        }
    }

    fn delivery_deadline(&self) -> Option<Duration> {
        let open = (!self.open.is_empty()).then(|| self.open.since());
        let oldest = self.window.front().map(|batch| batch.since).or(open)?;
        Some(oldest + self.settings.delivery_timeout)
    }

    fn linger_deadline(&self) -> Option<Duration> {
        let lingers = matches!(self.state, State::Streaming)
            && !self.settings.linger.is_zero()
            && !self.open.is_empty()
            && !self.window.has_unsent()
            && self.open.first() >= self.flushed;
        lingers.then(|| self.open.since() + self.settings.linger)
    }

    /// The sum that must hold at every moment.
    #[inline]
    fn check(&self) {
        let in_flight = self.window.rows() + u64::from(self.open.rows());
        debug_assert_eq!(
            self.ledger.accepted,
            self.ledger.durable + self.ledger.returned + in_flight,
            "a row is neither durable nor returned nor in flight"
        );
        debug_assert_eq!(self.settled, self.ledger.durable + self.ledger.returned);
    }
}

//! The states of a stream, and what each event does to them; the diagram stands in the parent module.

use std::collections::VecDeque;
use std::time::Duration;

use super::batch::OpenBatch;
use super::retry::Retry;
use super::returned::Returned;
use super::{Action, Event, Ledger, Pace, Pull, Refused, ReturnedBatch, Settings, TokenAge, Window};
use crate::error::Error;
use crate::event::StreamEvent;
use crate::message::Encoder;
use crate::offset::Offset;

/// One stream of rows into one table, across all its connections.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) settings: Settings,
    pub(super) state: State,
    pub(super) open: OpenBatch,
    pub(super) window: Window,
    pub(super) ledger: Ledger,
    pub(super) retry: Retry,
    pub(super) actions: VecDeque<Action>,
    /// Which connection counts; what an older one says or asks is void.
    pub(super) generation: u64,
    /// Every row below is settled: durable or handed back.
    pub(super) settled: u64,
    /// Rows below are wanted on their way, whatever the linger.
    pub(super) flushed: u64,
    /// Somebody waits for rows below to be settled.
    pub(super) awaited: u64,
    pub(super) pace: Pace,
    /// No more rows are taken: the session closes, or has failed.
    pub(super) is_closing: bool,
    /// A new token was asked for since the last progress.
    pub(super) renewed_token: bool,
    pub(super) last_error: Option<Error>,
    pub(super) returned: Returned,
    /// Where the rows begin that were on their way when the session gave up.
    pub(super) lost_from: Option<u64>,
    /// Rows below may hold one that the server refuses, and go one request at a time until it is found.
    pub(super) suspected: u64,
}

/// The states of the diagram in the parent module.
#[derive(Debug)]
pub(super) enum State {
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
        let open = OpenBatch::new(settings.max_batch_bytes);
        let mut session = Self {
            settings,
            state: State::Dormant,
            open,
            window: Window::default(),
            ledger: Ledger::default(),
            retry: Retry::new(random),
            actions: VecDeque::new(),
            generation: 0,
            settled: 0,
            flushed: 0,
            awaited: 0,
            pace: Pace::default(),
            is_closing: false,
            renewed_token: false,
            last_error: None,
            returned: Returned::default(),
            lost_from: None,
            suspected: 0,
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
        let room = self.settings.max_unacked_bytes.saturating_sub(self.unacked_bytes());
        if room == 0 || self.is_closing {
            return Err(self.refusal());
        }
        if self.open.is_empty() {
            self.begin_batch(clock());
        }
        let bytes = self.open.append(write).map_err(Refused::Write)?;
        if bytes > self.settings.max_row_bytes.min(room) {
            self.open.take_back(bytes);
            return Err(self.no_room(bytes));
        }
        let offset = Offset(self.ledger.accepted);
        self.ledger.accepted += 1;
        self.ledger.accepted_bytes += bytes as u64;
        // The next row is likely to be as long as this one.
        if self.open.is_full_for(bytes) || self.open.rows() >= self.settings.max_batch_rows {
            self.cut_full_batch(bytes, &clock);
        }
        if matches!(self.state, State::Dormant) {
            self.begin_opening(clock(), TokenAge::Any);
        }
        self.check();
        Ok(offset)
    }

    /// Says that the row that is pushed next was sent before, by another stream.
    pub(crate) const fn was_sent(&mut self) {
        self.open.was_sent();
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

    /// Says that somebody waits for a row, so that it does not wait for others that come fast.
    pub(crate) fn expect(&mut self, row: u64) {
        self.awaited = self.awaited.max(row.saturating_add(1).min(self.ledger.accepted));
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
        self.returned.give_up(self.window.take(), &error);
        self.lost_from = Some(self.settled);
        self.settled = self.ledger.accepted;
        self.is_closing = true;
        self.generation += 1;
        self.actions.retain(|action| matches!(action, Action::Tell(_)));
        self.actions.extend([Action::Reset, Action::Tell(StreamEvent::Failed { error: error.clone() }), Action::Stop]);
        self.state = State::Failed(error);
        self.check();
    }

    /// What was handed back; it is given once.
    pub(crate) fn take_returned(&mut self) -> Vec<ReturnedBatch> {
        self.returned.take()
    }

    /// What became of a row, if that is settled.
    pub(crate) fn outcome(&self, row: u64) -> Option<Result<(), Error>> {
        if let Some(error) = self.returned.rejection(row) {
            return Some(Err(error.clone()));
        }
        if row < self.delivered() {
            return Some(Ok(()));
        }
        self.error().map(|error| Err(error.clone()))
    }

    /// The offset below which every row is durable, but for those that the server refused.
    pub(crate) fn delivered(&self) -> u64 {
        self.lost_from.unwrap_or(self.settled)
    }

    /// The reason of a row's rejection that was not told before.
    pub(crate) fn untold_rejection(&mut self) -> Option<Error> {
        self.returned.untold()
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

    /// The bytes that are accepted and not durable, those that wait to be taken back included.
    pub(crate) fn unacked_bytes(&self) -> usize {
        self.window.bytes() + self.open.len() + self.returned.bytes()
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
                let is_due = self.linger().is_zero() || self.open.first() < self.flushed;
                !self.must_wait() && (self.window.has_unsent() || (is_due && !self.open.is_empty()))
            }
            State::Draining { .. } | State::Opening { .. } => false,
            _ => true,
        }
    }

    #[cold]
    fn refusal<E>(&self) -> Refused<E> {
        match &self.state {
            State::Failed(error) => Refused::Failed(error.clone()),
            _ if self.is_closing => Refused::Closed,
            _ => Refused::Full { needed: 1 },
        }
    }

    fn no_room<E>(&self, bytes: usize) -> Refused<E> {
        let limit = self.settings.max_row_bytes.min(self.settings.max_unacked_bytes);
        if bytes > limit { Refused::TooLarge { bytes, limit } } else { Refused::Full { needed: bytes } }
    }

    fn begin_batch(&mut self, now: Duration) {
        self.pace.observe(now, self.ledger.accepted_bytes);
        self.open.begin(self.ledger.accepted, now);
    }

    fn cut_full_batch(&mut self, last: usize, clock: &impl Fn() -> Duration) {
        let overflows = self.open.is_full_for(0) && self.open.rows() > 1;
        let batch = if overflows { self.open.cut_before_last(last, clock()) } else { self.open.cut() };
        self.window.push(batch);
    }

    /// Whether the next request has to wait for the last, since one of them holds a row that the server refuses.
    fn must_wait(&self) -> bool {
        self.window.oldest_sent().is_some_and(|batch| batch.first < self.suspected)
    }

    fn next_request(&mut self, now: Duration) -> Pull {
        if self.must_wait() {
            return Pull::Idle;
        }
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
        !self.open.is_empty() && (self.open.first() < self.flushed || now >= self.open.since() + self.linger())
    }

    /// How long the open batch waits for more rows.
    pub(super) fn linger(&self) -> Duration {
        let Settings { linger, fast_bytes, fast_wait, .. } = self.settings;
        let gathers = self.open.first() >= self.awaited && self.pace.brings(fast_bytes, fast_wait);
        if gathers { linger.max(fast_wait) } else { linger }
    }

    /// The sum that must hold at every moment.
    #[inline]
    pub(super) fn check(&self) {
        let in_flight = self.window.rows() + u64::from(self.open.rows());
        debug_assert_eq!(
            self.ledger.accepted,
            self.ledger.durable + self.ledger.returned + in_flight,
            "a row is neither durable nor returned nor in flight"
        );
        debug_assert_eq!(self.settled, self.ledger.durable + self.ledger.returned);
    }
}

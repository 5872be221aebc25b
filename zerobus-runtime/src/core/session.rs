//! One stream of rows into one table, across all its connections: accepting rows, and queries of handle and driver.
//!
//! Events are handled in `transitions`, requests for the transport in `requests`, timers in `deadlines`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::allowance::Allowance;
use super::batch::OpenBatch;
use super::persistent::Persistent;
use super::rate::Rate;
use super::retry::Retry;
use super::returned::Returned;
use super::suspects::Suspects;
use super::{Action, Batch, Ledger, Over, Pace, Refused, ReturnedBatch, Schema, Settings, Spooled, Window};
use crate::error::{Error, Fault};
use crate::event::StreamEvent;
use crate::message::Encoder;
use crate::offset::Offset;
use crate::persisted::Persisted;

/// One stream of rows into one table, across all its connections.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) settings: Settings,
    pub(super) state: State,
    /// The previous call, which the server asked to end.
    pub(super) draining: Option<Draining>,
    pub(super) open: OpenBatch,
    /// Up to this length of the open batch, a row is appended without checking limits; 0 if every row is checked.
    pub(super) straight: usize,
    pub(super) window: Window,
    /// The spool's state, if rows are kept on disk.
    pub(super) spool: Option<Box<Spooled>>,
    /// The persistent stream, if each request must be in the table once.
    pub(super) persistent: Option<Box<Persistent>>,
    /// The schema of the rows of the current call.
    pub(super) schema: Schema,
    pub(super) ledger: Ledger,
    pub(super) retry: Retry,
    pub(super) actions: VecDeque<Action>,
    /// The current call; events and pulls of an older one are ignored, unless it drains.
    pub(super) generation: u64,
    /// The call that carries the rows in flight.
    pub(super) carrier: u64,
    /// Every row below is settled: durable or returned.
    pub(super) settled: u64,
    /// Rows below must be sent without waiting for the linger.
    pub(super) flushed: u64,
    /// A caller waits for rows below to be settled.
    pub(super) awaited: u64,
    pub(super) pace: Pace,
    pub(super) rate: Rate,
    pub(super) allowance: Allowance,
    pub(super) suspects: Suspects,
    /// No more rows are accepted: the session is closing, or has failed.
    pub(super) is_closing: bool,
    /// A new token was requested since the last progress.
    pub(super) renewed_token: bool,
    /// The server asked for another call since the last progress, and got one.
    pub(super) has_rotated: bool,
    pub(super) last_error: Option<Error>,
    pub(super) returned: Returned,
    /// The first refused row that is still to be passed to the sink; the spool keeps it.
    pub(super) held: Option<u64>,
    /// The first row that was in flight when the session gave up.
    pub(super) lost_from: Option<u64>,
    /// The bytes promised to rows that have not arrived yet.
    pub(super) reserved: usize,
    /// The server's id of the current stream.
    pub(super) stream_id: Option<Arc<str>>,
    /// When the last rows became durable.
    pub(super) last_progress: Duration,
    /// The time of the latest event.
    pub(super) seen: Duration,
    pub(super) excuse: Excuse,
}

/// The states of the diagram in the parent module.
#[derive(Debug)]
pub(super) enum State {
    Closed,
    Dormant,
    /// The session is closing, and only the draining call is left.
    Ending,
    Failed(Error),
    HalfClosed {
        until: Option<Duration>,
    },
    Opening {
        until: Option<Duration>,
    },
    Streaming,
    Waiting {
        until: Option<Duration>,
    },
}

/// A call that the server asked to end, beside its successor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draining {
    pub(super) generation: u64,
    pub(super) phase: Phase,
    pub(super) until: Option<Duration>,
}

/// The progress of a draining call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its rows are still being acknowledged.
    Acking,
    /// Its request side is closed, and the server is ending its side.
    Ending,
}

/// A stall of the process: timeouts that expired meanwhile are not acted on until it has read responses.
#[derive(Debug, Default)]
pub(super) struct Excuse {
    pub(super) until: Duration,
    pub(super) times: u32,
}

impl Session {
    /// A session whose first action opens a connection.
    pub(crate) fn new(settings: Settings, random: fastrand::Rng, now: Duration) -> Self {
        let found = settings.spool;
        let persistent = settings.exactly_once.clone().map(|exactly_once| Box::new(Persistent::new(exactly_once)));
        let mut session = Self {
            open: OpenBatch::of(&settings),
            straight: 0,
            rate: Rate::new(&settings),
            settings,
            state: State::Dormant,
            draining: None,
            window: Window::default(),
            spool: found.map(|found| Box::new(Spooled::new(found))),
            persistent,
            schema: found.map_or(0, |found| found.schema),
            ledger: Ledger::beginning_at(found.unwrap_or_default()),
            retry: Retry::new(random),
            actions: VecDeque::new(),
            generation: 0,
            carrier: 0,
            settled: found.map_or(0, |found| found.first),
            flushed: 0,
            awaited: 0,
            pace: Pace::default(),
            allowance: Allowance::default(),
            suspects: Suspects::default(),
            is_closing: false,
            renewed_token: false,
            has_rotated: false,
            last_error: None,
            returned: Returned::default(),
            held: None,
            lost_from: None,
            reserved: 0,
            stream_id: None,
            last_progress: now,
            seen: now,
            excuse: Excuse::default(),
        };
        session.begin_opening(now, Over::NewConnection);
        session
    }

    /// Accepts the row that `write` writes and returns its offset.
    ///
    /// The clock is read only if the row starts a batch.
    #[inline]
    pub(crate) fn push(
        &mut self,
        clock: impl Fn() -> Duration,
        persisted: Persisted,
        write: impl FnOnce(&mut Encoder) -> Result<(), Error>,
    ) -> Result<Offset, Refused> {
        if self.open.len() >= self.straight {
            self.before_row(&clock)?;
        }
        let appended = match persisted {
            Persisted::No => self.open.append(write),
            // It has its original stamp.
            Persisted::Possibly => self.open.append_as_it_is(write),
        };
        let bytes = appended.map_err(Refused::Row)?;
        // The next row is probably as long as this one.
        let is_last = self.open.len() + bytes > self.straight || self.open.rows() >= self.settings.max_batch_rows;
        if is_last || matches!(persisted, Persisted::Possibly) {
            return self.accept(bytes, persisted, &clock);
        }
        let offset = Offset(self.ledger.accepted);
        self.ledger.accepted += 1;
        self.ledger.accepted_bytes += bytes as u64;
        self.check();
        Ok(offset)
    }

    /// Starts a batch for the next row, if there is room.
    #[inline(never)]
    fn before_row(&mut self, clock: &impl Fn() -> Duration) -> Result<(), Refused> {
        if self.room() == 0 || self.is_closing {
            return Err(self.refusal(0));
        }
        if self.open.is_empty() {
            self.begin_batch(clock());
        }
        Ok(())
    }

    /// Accepts the last written row if it is within all limits, and cuts the batch if it is full.
    #[inline(never)]
    fn accept(&mut self, bytes: usize, persisted: Persisted, clock: &impl Fn() -> Duration) -> Result<Offset, Refused> {
        let (taken, limit) = self.taken_of();
        let room = limit.saturating_sub(taken - bytes + self.reserved);
        // A row that was granted room was not stamped yet.
        if bytes.saturating_sub(self.open.stamp_len()) > self.settings.max_row_bytes.min(room) {
            self.open.take_back(bytes);
            return Err(self.refusal(bytes));
        }
        if self.open.is_full_for(0) && self.open.rows() > 1 {
            let batch = self.open.cut_before_last(bytes, clock());
            self.keep(batch);
        }
        if matches!(persisted, Persisted::Possibly) {
            self.open.was_sent();
        }
        let offset = Offset(self.ledger.accepted);
        self.ledger.accepted += 1;
        self.ledger.accepted_bytes += bytes as u64;
        if self.open.is_full_for(bytes) || self.open.rows() >= self.settings.max_batch_rows {
            self.cut();
        }
        if matches!(self.state, State::Dormant) {
            self.begin_opening(clock(), Over::NewConnection);
        }
        self.straight = self.straight_to();
        self.check();
        Ok(offset)
    }

    /// The length of the open batch up to which rows are appended without checking limits.
    fn straight_to(&self) -> usize {
        if self.open.is_empty() || self.is_closing {
            return 0;
        }
        let Settings { max_batch_bytes, max_row_bytes, .. } = self.settings;
        max_batch_bytes.min(max_row_bytes).min(self.open.len() + self.room())
    }

    /// Accepts rows that another stream could not deliver, ignoring the budget. Returns the offset of the first.
    ///
    /// Rows that may have been persisted stay marked, and their delivery time restarts. A finished session returns
    /// them.
    pub(crate) fn adopt(&mut self, now: Duration, rows: Vec<ReturnedBatch>) -> Offset {
        self.cut();
        let first = Offset(self.ledger.accepted);
        for ReturnedBatch { mut batch, .. } in rows {
            (batch.first, batch.since, batch.sent_at) = (self.ledger.accepted, now, Duration::ZERO);
            self.ledger.accepted += u64::from(batch.rows);
            self.ledger.accepted_bytes += batch.body.len() as u64;
            self.keep(batch);
        }
        match self.state {
            State::Dormant | State::Ending if !self.is_settled() => self.begin_opening(now, Over::NewConnection),
            State::Closed | State::Failed(_) => self.return_all(),
            _ => {}
        }
        self.check();
        first
    }

    /// Returns rows that arrived after the end.
    fn return_all(&mut self) {
        let error = self.error().cloned().unwrap_or_else(|| {
            let table = self.settings.table.clone();
            Fault::Closed { table }.into()
        });
        self.lost_from.get_or_insert(self.settled);
        self.give_up_rows(&error);
        self.state = State::Failed(error);
    }

    fn give_up_rows(&mut self, error: &Error) {
        if self.spool.is_some() {
            // They are on disk, or will be, for the next session.
            self.window.take();
            if self.is_finished() {
                self.give_up_unwritten();
            }
            return;
        }
        self.ledger.returned += self.window.rows();
        self.returned.give_up(self.window.take(), error);
        self.settled = self.ledger.accepted;
    }

    /// The bytes that are neither used nor reserved.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        let (taken, limit) = self.taken_of();
        limit.saturating_sub(taken + self.reserved)
    }

    /// The bytes in use by rows, and their limit.
    ///
    /// With a spool, half of the budget is for rows being written to disk, and half for rows being sent to the server.
    #[inline]
    fn taken_of(&self) -> (usize, usize) {
        match &self.spool {
            Some(spool) => (spool.bytes() + self.open.len(), self.settings.max_unacked_bytes - self.window_limit()),
            None => (self.unacked_bytes(), self.settings.max_unacked_bytes),
        }
    }

    /// Reserves room for a later row.
    pub(crate) const fn reserve(&mut self, bytes: usize) {
        self.reserved += bytes;
        self.straight = 0;
    }

    /// Releases a reservation: the row arrived or was cancelled.
    pub(crate) const fn unreserve(&mut self, bytes: usize) {
        self.reserved -= bytes;
    }

    /// The next action.
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(crate) fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    /// Sends all rows without waiting for the linger. Returns the offset after the last row.
    pub(crate) const fn flush(&mut self) -> u64 {
        self.flushed = self.ledger.accepted;
        self.flushed
    }

    /// Marks that a caller waits for a row, so that it does not wait for more rows.
    pub(crate) fn expect(&mut self, row: u64) {
        self.awaited = self.awaited.max(row.saturating_add(1).min(self.ledger.accepted));
    }

    /// Stops accepting rows, delivers the accepted ones, and ends.
    pub(crate) fn close(&mut self, now: Duration) {
        self.is_closing = true;
        self.straight = 0;
        self.flush();
        if !self.is_over() {
            self.settle(now);
        }
    }

    /// Gives up: rows that are not durable are returned.
    pub(crate) fn fail(&mut self, error: Error) {
        if self.is_over() {
            return;
        }
        self.cut();
        self.lost_from = Some(self.settled);
        self.give_up_rows(&error);
        self.is_closing = true;
        self.straight = 0;
        // A call that times out is dropped, although its end also ends the session.
        self.actions.retain(|action| matches!(action, Action::Reset { .. } | Action::Tell(_)));
        self.reset_all();
        self.actions.extend([Action::Tell(StreamEvent::Failed { error: error.clone() }), Action::Stop]);
        self.state = State::Failed(error);
        self.check();
    }

    /// Ends immediately while closing: unsettled rows are returned.
    pub(crate) fn end(&mut self, reason: Error) {
        if self.is_closing && !self.is_over() && self.is_settled() {
            // The server has acknowledged everything; only its end of stream is missing.
            return self.finish();
        }
        self.fail(reason);
    }

    /// Returned rows that were not taken yet.
    pub(crate) fn take_returned(&mut self) -> Vec<ReturnedBatch> {
        self.returned.take()
    }

    /// Refused rows that were not taken yet.
    pub(crate) fn take_rejected(&mut self) -> Vec<ReturnedBatch> {
        self.returned.take_rejected()
    }

    /// Takes refused rows for the sink: they count as waiting until [`release_rejected`](Self::release_rejected).
    pub(crate) fn collect_rejected(&mut self) -> Vec<ReturnedBatch> {
        self.returned.collect_rejected()
    }

    /// The sink or the caller has taken refused rows with this many bytes.
    pub(crate) const fn release_rejected(&mut self, bytes: usize) {
        self.returned.release(bytes);
    }

    /// The rows that were left when the session gave up, without those that the server refused.
    pub(crate) fn take_given_up(&mut self) -> Vec<ReturnedBatch> {
        self.returned.take_given_up()
    }

    /// The outcome of a row, if it is settled.
    pub(crate) fn outcome(&self, row: u64) -> Option<Result<(), Error>> {
        if let Some(error) = self.returned.rejection(row) {
            return Some(Err(error.clone()));
        }
        if let Some(error) = self.drop_of(row) {
            return Some(Err(error));
        }
        if self.spool.as_ref().is_some_and(|spool| spool.lost(row)) {
            return Some(Err(Fault::SpooledRowLost { offset: Offset(row) }.into()));
        }
        if row < self.delivered() {
            return Some(Ok(()));
        }
        self.error().map(|error| Err(error.clone()))
    }

    /// The offset below which every row is durable, except those that the server refused.
    pub(crate) fn delivered(&self) -> u64 {
        self.lost_from.unwrap_or(self.settled)
    }

    /// The offset of the first row that was left when the session gave up.
    pub(crate) const fn lost_from(&self) -> Option<u64> {
        self.lost_from
    }

    /// Keeps refused rows in the spool, from this one on, until they are passed to the sink.
    pub(crate) const fn hold_from(&mut self, row: Option<u64>) {
        self.held = row;
    }

    /// The reason of a row's rejection that was not reported yet.
    pub(crate) fn unreported_rejection(&mut self) -> Option<Error> {
        self.returned.unreported()
    }

    pub(crate) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The server's id of the current or last stream.
    pub(crate) const fn stream_id(&self) -> Option<&Arc<str>> {
        self.stream_id.as_ref()
    }

    /// How many attempts have failed since the last progress.
    pub(crate) const fn failures(&self) -> u32 {
        self.retry.failures()
    }

    /// The offset below which every row is settled.
    pub(crate) const fn settled(&self) -> u64 {
        self.settled
    }

    /// When the oldest row that is in flight was accepted.
    pub(crate) fn oldest(&self) -> Option<Duration> {
        let open = || (!self.open.is_empty()).then(|| self.open.since());
        let unwritten = || self.spool.as_ref().and_then(|spool| spool.oldest());
        self.window.front().map(|batch| batch.since).or_else(unwritten).or_else(open)
    }

    /// Whether the row that was accepted last began a batch.
    #[inline]
    pub(crate) const fn has_begun_batch(&self) -> bool {
        self.open.rows() <= 1
    }

    /// The bytes that are accepted and not settled.
    #[inline]
    pub(crate) fn unacked_bytes(&self) -> usize {
        self.window.bytes() + self.open.len() + self.spool.as_ref().map_or(0, |spool| spool.bytes())
    }

    pub(crate) const fn error(&self) -> Option<&Error> {
        match &self.state {
            State::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// Whether rows are no longer accepted.
    pub(crate) const fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Whether the session has ended, successfully or not.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::Failed(_))
    }

    /// The most bytes in a row, regardless of free room.
    #[inline]
    pub(crate) fn longest_row(&self) -> usize {
        self.settings.max_row_bytes.min(self.settings.max_unacked_bytes)
    }

    /// Why a row of this many bytes is not accepted now.
    #[cold]
    pub(crate) fn refusal(&self, bytes: usize) -> Refused {
        let limit = self.longest_row();
        match &self.state {
            State::Failed(error) => Refused::Failed(error.clone()),
            _ if self.is_closing => Refused::Closed,
            _ if bytes > limit => Refused::TooLarge { bytes, limit },
            _ => Refused::Full,
        }
    }

    fn begin_batch(&mut self, now: Duration) {
        self.seen = self.seen.max(now);
        self.pace.observe(now, self.ledger.accepted_bytes);
        self.open.begin(self.ledger.accepted, now);
    }

    /// Closes the open batch.
    pub(super) fn cut(&mut self) {
        if !self.open.is_empty() {
            let batch: Batch = self.open.cut();
            self.straight = 0;
            self.keep(batch);
        }
    }

    /// Adds a batch that was cut.
    fn keep(&mut self, batch: Batch) {
        match &mut self.spool {
            Some(spool) => spool.push(batch),
            None => self.window.push(batch),
        }
    }

    /// Checks the invariant of the ledger.
    #[inline]
    pub(super) fn check(&self) {
        debug_assert_eq!(self.settled, self.ledger.durable + self.ledger.returned);
        if let Some(spool) = &self.spool {
            let in_memory = self.window.rows() + u64::from(self.open.rows()) + spool.unwritten_rows();
            debug_assert!(in_memory <= self.ledger.in_flight(), "more rows are in memory than in flight");
            return;
        }
        let in_flight = self.window.rows() + u64::from(self.open.rows());
        debug_assert_eq!(
            self.ledger.accepted,
            self.ledger.durable + self.ledger.returned + in_flight,
            "a row is neither durable nor returned nor in flight"
        );
    }
}

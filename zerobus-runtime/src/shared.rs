//! State shared by handles, transport and driver: the core behind one mutex, and the wakers.
//!
//! The mutex is held for a few rows, one cut or one event, never across an await, and no user code runs under it. A row
//! encoded only by this crate's code is written straight into the open batch; any other is first encoded into a
//! thread-local buffer, and copied.
//!
//! | file | what it owns |
//! |---|---|
//! | `permits` | a fair queue for room in a byte budget |
//! | `budget` | a budget shared by several streams |
//! | `place` | a row's place in the queue for room |
//! | `letters` | refused rows on their way to a sink |
//! | `disk` | the interface of the spool's writer |
//! | `waiters` | tasks that wait for rows to be settled |
//! | `lock` | the mutex |

mod budget;
#[cfg(feature = "spool")]
mod disk;
mod letters;
mod lock;
mod permits;
mod place;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod tests;
mod waiters;

use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

pub(crate) use budget::Budget;
use letters::Letters;
pub(crate) use letters::{LetterThread, inside_sink, is_in_a_sink};
use lock::Lock;
use permits::Permits;
pub(crate) use place::Place;
use place::Ticket;
pub(crate) use waiters::Settled;
use waiters::Waiters;

use crate::core::{Action, Batch, Heard, Pull, Refused, ReturnedBatch, Session, Settings};
use crate::error::Error;
use crate::letter::Origin;
use crate::message::Encoder;
use crate::offset::{Offset, Offsets};
use crate::persisted::Persisted;
use crate::schemas::{Fingerprint, Schemas};
use crate::stats::Stats;
use crate::undelivered::Undelivered;

/// One stream, shared by its handles, transport and driver.
#[derive(Debug)]
pub(crate) struct Shared {
    inner: Lock<Inner>,
    driver: Notify,
    start: Instant,
    budget: Option<Arc<Budget>>,
    schemas: Schemas,
    /// The desk that passes refused rows to a sink.
    desk: Option<Arc<dyn LetterThread>>,
    /// Wakes the spool's writer.
    #[cfg(feature = "spool")]
    bell: Option<Arc<crate::spool::Bell>>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) session: Session,
    /// The transports that have found nothing to send, by the generation of their call.
    senders: Vec<(u64, Waker)>,
    settled: Waiters,
    spooled: Waiters,
    room: Permits,
    /// Until when the driver sleeps.
    armed: Option<Duration>,
    /// The part of the shared budget held by rows in flight.
    held: usize,
    /// No handle is left to take returned rows.
    is_abandoned: bool,
    letters: Letters,
}

impl Shared {
    #[cfg(test)]
    pub(crate) fn new(settings: Settings, budget: Option<Arc<Budget>>) -> Arc<Self> {
        Self::with_desk(settings, budget, Schemas::none(), None)
    }

    /// As `new`, for a stream whose refused rows go to a sink, if there is a desk.
    pub(crate) fn with_desk(
        mut settings: Settings,
        budget: Option<Arc<Budget>>,
        schemas: Schemas,
        desk: Option<Arc<dyn LetterThread>>,
    ) -> Arc<Self> {
        if let Some(budget) = &budget {
            // A row larger than the shared budget is rejected as too large.
            settings.max_unacked_bytes = settings.max_unacked_bytes.min(budget.limit());
        }
        #[cfg(feature = "spool")]
        let bell = settings.spool.is_some().then(Arc::default);
        let session = Session::new(settings, fastrand::Rng::new(), Duration::ZERO);
        let inner = Inner {
            session,
            senders: Vec::new(),
            settled: Waiters::default(),
            spooled: Waiters::default(),
            room: Permits::default(),
            armed: None,
            held: 0,
            is_abandoned: false,
            letters: Letters::of_sink(desk.as_ref().map(|desk| desk.sink())),
        };
        let shared = Arc::new(Self {
            inner: Lock::new(inner),
            driver: Notify::new(),
            start: Instant::now(),
            budget,
            schemas,
            desk,
            #[cfg(feature = "spool")]
            bell,
        });
        if let Some(budget) = &shared.budget {
            budget.join(Arc::downgrade(&shared));
        }
        shared
    }

    /// Time since the start of the stream.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// That time as an instant; `None` if it is beyond the clock's range.
    pub(crate) fn instant(&self, at: Duration) -> Option<Instant> {
        self.start.checked_add(at)
    }

    /// The core itself.
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Accepts the row that `write` writes, and wakes the tasks that must act on it.
    ///
    /// `write` runs under the lock, so it must be code of this crate.
    #[inline]
    pub(crate) fn push(
        &self,
        persisted: Persisted,
        write: impl FnOnce(&mut Encoder) -> Result<(), Error>,
    ) -> Result<Offset, Refused> {
        let mut inner = self.lock();
        if inner.room.has_queue() || self.budget.is_some() {
            return Err(Refused::Full);
        }
        let pushed = inner.session.push(|| self.now(), persisted, write);
        // A row appended to a batch needs no wake-up: the transport and the linger timer were woken when the batch
        // started, and if the row fills it, the next row starts a batch.
        if pushed.is_err() || inner.session.has_begun_batch() {
            self.rouse(inner, matches!(pushed, Err(Refused::Full)));
        }
        pushed
    }

    /// Accepts rows as `push` does, under one lock: up to the first that is not accepted, or that begins a batch.
    ///
    /// `None` if the first is not accepted; `push` returns the reason.
    pub(crate) fn push_many<W>(&self, mut writes: impl Iterator<Item = W>) -> Option<Offsets>
    where
        W: FnOnce(&mut Encoder) -> Result<(), Error>,
    {
        let mut inner = self.lock();
        if inner.room.has_queue() || self.budget.is_some() {
            return None;
        }
        let first = inner.session.push(|| self.now(), Persisted::No, writes.next()?).ok()?;
        let mut offsets = Offsets::of(first);
        while !inner.session.has_begun_batch()
            && let Some(write) = writes.next()
            && inner.session.push(|| self.now(), Persisted::No, write).is_ok()
        {
            offsets.extend();
        }
        // If the last row was not accepted, the next `push` reports that.
        if inner.session.has_begun_batch() {
            self.rouse(inner, false);
        }
        Some(offsets)
    }

    /// Accepts an encoded row if others wait for room or the budget is shared.
    pub(crate) fn push_row(&self, row: &[u8], persisted: Persisted) -> Result<Offset, Refused> {
        let mut inner = self.lock();
        let bytes = Batch::record_len(row.len());
        // A row that can never fit must not wait and block those behind it.
        if bytes > inner.session.longest_row() || inner.session.is_closing() {
            return Err(inner.session.refusal(bytes));
        }
        if inner.room.has_queue() {
            return Err(Refused::Full);
        }
        if bytes <= inner.session.room()
            && let Some(budget) = &self.budget
        {
            if !budget.try_take(bytes) {
                drop(inner);
                budget.press();
                return Err(Refused::Full);
            }
            inner.held += bytes;
        }
        let pushed = inner.session.push(|| self.now(), persisted, copy(row));
        self.rouse(inner, matches!(pushed, Err(Refused::Full)));
        pushed
    }

    /// Accepts a row that waited for room.
    pub(crate) fn push_placed(
        &self,
        place: &mut Place<'_>,
        row: &[u8],
        persisted: Persisted,
    ) -> Result<Offset, Refused> {
        let mut inner = self.lock();
        if let Some(ticket) = place.take_ticket() {
            let granted = inner.room.give_back(ticket);
            inner.session.unreserve(granted);
        }
        let pushed = inner.session.push(|| self.now(), persisted, copy(row));
        if pushed.is_ok() {
            inner.held += place.redeem();
        }
        let is_wanted = inner.room.has_queue() || self.budget.as_ref().is_some_and(|budget| budget.has_queue());
        self.rouse(inner, is_wanted);
        pushed
    }

    /// Accepts rows that another stream could not deliver. Returns the offset of the first.
    pub(crate) fn adopt(&self, rows: Vec<ReturnedBatch>, woken: &mut Vec<Waker>) -> Offset {
        let now = self.now();
        let bytes = rows.iter().map(|part| part.batch.body.len()).sum();
        self.change_and_wake(woken, |inner| {
            if let Some(budget) = &self.budget {
                budget.take_anyway(bytes);
                inner.held += bytes;
            }
            inner.session.adopt(now, rows)
        })
    }

    /// Takes a ticket for room.
    fn ask(&self, bytes: usize) -> u64 {
        // It may be granted at once.
        self.change(|inner| inner.room.ask(bytes))
    }

    fn poll_ticket(&self, ticket: u64, waker: &Waker) -> Ticket {
        let mut inner = self.lock();
        match inner.room.poll(ticket, waker) {
            _ if inner.session.is_closing() => Ticket::Over,
            true => Ticket::Granted,
            false if inner.session.drops_newest().is_some() => Ticket::Over,
            false => Ticket::Waiting,
        }
    }

    /// Releases a ticket and any room granted to it.
    fn give_up(&self, ticket: u64, woken: &mut Vec<Waker>) {
        let mut inner = self.lock();
        let bytes = inner.room.give_back(ticket);
        inner.session.unreserve(bytes);
        inner.grant(woken);
    }

    /// The shared budget.
    pub(crate) const fn budget(&self) -> Option<&Arc<Budget>> {
        self.budget.as_ref()
    }

    /// Wakes the tasks that must act on a row that was accepted or found no room.
    fn rouse(&self, mut inner: MutexGuard<'_, Inner>, is_room_wanted: bool) {
        if is_room_wanted {
            // A caller waiting for room does not wait for the linger.
            inner.session.flush();
        }
        if inner.session.has_begun_batch() {
            self.rouse_driver(&mut inner);
        }
        let sender = inner.ready_sender();
        drop(inner);
        self.ring();
        if let Some(sender) = sender {
            sender.wake();
        }
    }

    /// The next request of this call's transport; if there is none, its task is woken later.
    pub(crate) fn poll_pull(&self, cx: &mut Context<'_>, generation: u64) -> Poll<Pull> {
        let now = self.now();
        let mut inner = self.lock();
        let pull = inner.session.pull(now, generation);
        if pull == Pull::Idle {
            inner.senders.retain(|(other, _)| *other != generation);
            inner.senders.push((generation, cx.waker().clone()));
            return Poll::Pending;
        }
        self.rouse_driver(&mut inner);
        Poll::Ready(pull)
    }

    /// Passes an event of a call to the core.
    pub(crate) fn hear(&self, generation: u64, heard: Heard) {
        let now = self.now();
        self.change(|inner| inner.session.hear(now, generation, heard));
    }

    /// Time has passed.
    pub(crate) fn tick(&self) {
        let now = self.now();
        self.change(|inner| inner.session.tick(now));
    }

    /// Waits until the stream is over and its spool, if it has one, has left the folder.
    pub(crate) async fn over(&self) {
        Settled::new(self, u64::MAX, |inner: &mut Inner| inner.is_finished().then_some(())).await;
    }

    /// Stops accepting rows and ends once the accepted rows are delivered.
    pub(crate) fn close(&self) {
        let now = self.now();
        self.change(|inner| inner.session.close(now));
    }

    /// As `close`, when no handle is left to take returned rows.
    pub(crate) fn abandon(&self) {
        let now = self.now();
        self.change(|inner| inner.session.abandon(now));
        self.close();
        self.lock().is_abandoned = true;
        self.report_loss();
    }

    pub(crate) fn fail(&self, error: Error) {
        self.change(|inner| inner.session.fail(error));
    }

    /// Ends a closing stream at once; unsettled rows are returned with this reason.
    pub(crate) fn end(&self, reason: Error) {
        self.change(|inner| {
            inner.session.end(reason.clone());
            inner.end_letters(reason);
        });
        self.letters_changed();
    }

    /// Sends all rows. Returns the offset after the last row.
    pub(crate) fn flush(&self) -> u64 {
        self.change(|inner| inner.session.flush())
    }

    /// Marks that a caller waits for this row.
    pub(crate) fn expect(&self, offset: Offset) {
        self.change(|inner| inner.session.expect(offset.0));
    }

    /// Returned rows that were not taken yet.
    pub(crate) fn take_returned(&self) -> Vec<ReturnedBatch> {
        self.lock().take_returned()
    }

    /// Refused rows that were not taken yet.
    pub(crate) fn take_rejected(&self) -> Vec<ReturnedBatch> {
        self.lock().take_refused()
    }

    /// The rows that were left when the stream gave up.
    pub(crate) fn take_given_up(&self) -> Vec<ReturnedBatch> {
        self.lock().session.take_given_up()
    }

    /// The stream's figures so far.
    pub(crate) fn stats(&self) -> Stats {
        let inner = self.lock();
        let stats = Stats::of(&inner.session, self.now());
        let rows_on_disk = stats.rows_on_disk + inner.letters_left();
        Stats { dead_letters: inner.letters_taken(), rows_on_disk, ..stats }
    }

    /// The full name of the table.
    pub(crate) fn table(&self) -> String {
        self.lock().session.settings().table.clone()
    }

    /// The fingerprint of the program's own rows; none if they are JSON.
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        self.schemas.fingerprint(0)
    }

    /// Rows that the session returned, if there are some.
    pub(crate) fn undelivered(&self, parts: Vec<ReturnedBatch>) -> Option<Undelivered> {
        let (table, kind) = (self.table(), self.lock().session.settings().kind);
        Undelivered::new(Origin { table, kind, schemas: self.schemas.clone() }, parts)
    }

    /// Logs lost rows at ERROR, if the stream ended and no handle is left to take them.
    pub(crate) fn report_loss(&self) {
        let lost = {
            let mut inner = self.lock();
            let is_lost = inner.is_abandoned && inner.session.is_over();
            if is_lost { inner.take_returned() } else { Vec::new() }
        };
        if !lost.is_empty() {
            report_loss(&self.table(), &lost);
        }
    }

    /// The driver's next action, or how long it may sleep.
    pub(crate) fn next_action(&self) -> Result<Action, Option<Duration>> {
        let mut inner = self.lock();
        if let Some(action) = inner.session.next_action() {
            return Ok(action);
        }
        inner.armed = inner.session.deadline();
        Err(inner.armed)
    }

    /// Waits for a change that concerns the driver.
    pub(crate) async fn changed(&self) {
        self.driver.notified().await;
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut woken = Vec::new();
        let answer = self.change_and_wake(&mut woken, change);
        woken.into_iter().for_each(Waker::wake);
        answer
    }

    /// As `change`, collecting the wakers to wake afterwards.
    fn change_and_wake<T>(&self, woken: &mut Vec<Waker>, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.lock();
        let answer = change(&mut inner);
        inner.collect_letters();
        self.rouse_driver(&mut inner);
        self.settle_shared(&mut inner, woken);
        inner.ready(woken);
        drop(inner);
        self.ring();
        answer
    }

    /// Returns the shared budget held by settled rows.
    fn settle_shared(&self, inner: &mut Inner, woken: &mut Vec<Waker>) {
        let Some(budget) = &self.budget else { return };
        let settled = inner.held.saturating_sub(inner.session.unacked_bytes());
        if settled > 0 {
            inner.held -= settled;
            budget.give_back(settled, woken);
        }
    }

    /// Wakes the spool's writer.
    #[inline]
    #[cfg_attr(not(feature = "spool"), expect(clippy::unused_self, reason = "the spool is a feature"))]
    fn ring(&self) {
        #[cfg(feature = "spool")]
        if let Some(bell) = &self.bell {
            bell.ring();
        }
    }

    #[cfg(feature = "spool")]
    pub(crate) const fn bell(&self) -> Option<&Arc<crate::spool::Bell>> {
        self.bell.as_ref()
    }

    /// Wakes the driver if it must act now or earlier than planned.
    fn rouse_driver(&self, inner: &mut Inner) {
        let deadline = inner.session.deadline();
        let is_sooner = deadline.is_some_and(|at| inner.armed.is_none_or(|armed| at < armed));
        if is_sooner || inner.session.has_actions() {
            inner.armed = deadline;
            self.driver.notify_one();
        }
    }
}

impl Inner {
    /// The waker of the current call's transport, if there is something to send.
    fn ready_sender(&mut self) -> Option<Waker> {
        let place = self.senders.iter().position(|(generation, _)| self.session.can_pull(*generation))?;
        Some(self.senders.swap_remove(place).1)
    }

    /// All wakers affected by a change.
    fn ready(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(std::iter::from_fn(|| self.ready_sender()));
        self.spooled.wake_below(self.session.promised_to(), woken);
        if self.session.is_over() {
            self.settled.wake_all(woken);
            self.spooled.wake_all(woken);
        } else {
            self.settled.wake_below(self.session.settled(), woken);
        }
        if self.session.is_closing() {
            self.room.wake_all(woken);
        } else {
            self.grant(woken);
            if self.room.has_queue() && self.session.drops_newest().is_some() {
                self.room.wake_all(woken);
            }
        }
    }

    /// Grants free room to waiting rows.
    fn grant(&mut self, woken: &mut Vec<Waker>) {
        if self.room.has_queue() {
            let granted = self.room.grant(self.session.room(), woken);
            self.session.reserve(granted);
        }
    }
}

/// Copies an encoded row.
#[inline]
fn copy(row: &[u8]) -> impl FnOnce(&mut Encoder) -> Result<(), Error> {
    move |out| {
        out.raw(row);
        Ok(())
    }
}

/// Logs lost rows at ERROR. Never under a lock, since a tracing subscriber may use a stream.
pub(crate) fn report_loss(table: &str, lost: &[ReturnedBatch]) {
    let rows: u64 = lost.iter().map(|part| u64::from(part.batch.rows)).sum();
    if let Some(part) = lost.last() {
        tracing::error!(
            name: "zerobus.stream.rows_lost",
            table,
            rows,
            error = %part.reason,
            "a stream was dropped, not closed, and some of its rows could not be delivered"
        );
    }
}

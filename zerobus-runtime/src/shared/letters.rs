//! Refused rows on their way to the stream's sink, if it has one.
//!
//! A row that the server refused counts as settled only once the sink took or refused it. Only the sink's own threads
//! do not wait for that.

mod queue;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::Arc;
use std::task::Waker;

use queue::{Queue, offset_of};

use super::{Inner, Settled, Shared};
use crate::core::ReturnedBatch;
use crate::error::Error;
use crate::letter::{Letter, Original};

/// How many reasons of rows that the sink did not take are kept for `send_all`.
const MOST_UNTAKEN: usize = 1000;

thread_local! {
    /// The number of the sink that has a row on this thread.
    static INSIDE: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The thread that passes on the refused rows of a stream.
pub(crate) trait LetterThread: Debug + Send + Sync {
    /// The number of the sink in this process. Streams that share the sink share it.
    fn sink(&self) -> u64;

    /// Starts the thread. It ends when no row is left.
    fn start(self: Arc<Self>, shared: &Arc<Shared>);
}

/// Calls the sink of this stream. A wait for the sink on this thread would wait for itself, so the thread is marked.
pub(crate) fn inside_sink<R>(shared: &Shared, call: impl FnOnce() -> R) -> R {
    INSIDE.set(shared.lock().letters.sink);
    let result = call();
    INSIDE.set(None);
    result
}

/// Whether this thread is in any sink.
pub(crate) fn is_in_a_sink() -> bool {
    INSIDE.get().is_some()
}

/// The refused rows of a stream with a sink.
#[derive(Debug, Default)]
pub(super) struct Letters {
    /// The number of the sink, if there is one.
    sink: Option<u64>,
    queue: Queue,
    in_hand: Option<Letter>,
    /// Rows that the server refused and the sink did not take.
    kept: Vec<ReturnedBatch>,
    /// The reason of the last of them that `flush` has not reported.
    unreported: Option<Error>,
    /// The reasons of rows that `send` refused, and that the sink did not take, or did not get as a whole.
    untaken: VecDeque<Error>,
    /// How many rows were queued, and how many of them the sink took or refused.
    queued: u64,
    done: u64,
    taken: u64,
    /// Why the sink gets no more rows, if the stream was ended without waiting for it.
    ended: Option<Error>,
    /// How many refused rows that the sink did not take stay in the spool.
    left: u64,
    /// Whether a thread passes them on.
    is_running: bool,
    /// Whether rows became settled since the driver looked.
    has_news: bool,
}

impl Letters {
    /// The letters of a stream with this sink, if any.
    pub(super) fn of_sink(sink: Option<u64>) -> Self {
        Self { sink, ..Self::default() }
    }

    /// Whether this thread is in the sink. A wait for the sink would wait for itself, or, where streams share the sink,
    /// two of its threads for each other.
    fn is_inside(&self) -> bool {
        self.sink.is_some() && INSIDE.get() == self.sink
    }

    /// The first row that the server refused and the sink has not seen.
    fn first(&self) -> Option<u64> {
        self.in_hand.as_ref().and_then(offset_of).or_else(|| self.queue.first_returned())
    }

    fn holds(&self, reason: &Error) -> bool {
        self.in_hand
            .iter()
            .chain(self.queue.iter())
            .any(|letter| matches!(letter, Letter::Unaccepted { reason: other, .. } if other.is_same(reason)))
    }

    fn push(&mut self, letter: Letter) {
        self.queue.push(letter);
        self.queued += 1;
    }

    /// The sink did not take this row.
    fn keep(&mut self, letter: Letter) {
        match letter {
            Letter::Returned(part) => {
                self.unreported = Some(part.reason.clone());
                self.kept.push(part);
            }
            Letter::Unaccepted { reason, .. } => self.forget(reason),
        }
    }

    /// Notes that the sink does not have the row of this refusal, or not as a whole.
    fn forget(&mut self, reason: Error) {
        if self.untaken.len() == MOST_UNTAKEN {
            self.untaken.pop_front();
        }
        self.untaken.push_back(reason);
    }

    /// Marks the row in hand as done, unless the stream has ended without waiting for it.
    fn put_down(&mut self) -> Option<Letter> {
        let letter = self.in_hand.take()?;
        self.done += 1;
        self.has_news = true;
        Some(letter)
    }
}

impl Shared {
    /// Whether refused rows go to a sink.
    pub(crate) const fn has_sink(&self) -> bool {
        self.desk.is_some()
    }

    /// Starts to pass on refused rows, if there are any and no thread does.
    pub(crate) fn pass_on_letters(self: &Arc<Self>) {
        let Some(desk) = &self.desk else { return };
        {
            let mut inner = self.lock();
            if inner.letters.is_running || inner.letters.queue.is_empty() {
                return;
            }
            inner.letters.is_running = true;
        }
        Arc::clone(desk).start(self);
    }

    /// Queues a row that `send` refused. If too many are queued, the sink does not get it.
    pub(crate) fn post(self: &Arc<Self>, original: Original, reason: &Error) {
        {
            let mut inner = self.lock();
            let most = inner.session.settings().max_rejected_bytes;
            let letters = &mut inner.letters;
            if letters.ended.is_some() {
                return letters.forget(reason.clone());
            }
            if !letters.queue.has_room(original.row.len(), most) {
                letters.forget(reason.clone());
                drop(inner);
                tracing::error!(name: "zerobus.dead_letters.full", %reason, "the sink of refused rows is too slow for a row");
                return;
            }
            if !original.is_whole {
                letters.forget(reason.clone());
            }
            letters.push(Letter::Unaccepted { original, reason: reason.clone() });
        }
        self.pass_on_letters();
    }

    /// The next row for the sink; `None` ends the thread that asks.
    pub(crate) fn next_letter(&self) -> Option<Letter> {
        let mut inner = self.lock();
        let next = inner.letters.queue.pop();
        inner.letters.is_running = next.is_some();
        inner.letters.in_hand.clone_from(&next);
        next
    }

    /// The sink took this row.
    pub(crate) fn letter_taken(&self) {
        self.change(|inner| {
            let Some(letter) = inner.letters.put_down() else { return };
            inner.letters.taken += 1;
            if let Letter::Returned(part) = letter {
                inner.session.release_rejected(part.batch.body.len());
            }
        });
        self.letters_changed();
    }

    /// The sink did not take the row in hand.
    pub(crate) fn letter_failed(&self) {
        self.change(|inner| {
            if let Some(letter) = inner.letters.put_down() {
                inner.letters.keep(letter);
            }
        });
        self.letters_changed();
        self.report_loss();
    }

    /// Waits until the sink took or refused every row that was queued for it.
    pub(crate) async fn letters_passed_on(&self) {
        if self.has_sink() {
            let passed_on = |inner: &mut Inner| inner.has_passed_on(inner.letters.queued).then_some(());
            Settled::new(self, u64::MAX, passed_on).await;
        }
    }

    /// Waits until the sink took or refused the row of this refusal; returns whether it took the row, as a whole.
    pub(crate) async fn has_letter(&self, reason: &Error) -> bool {
        Settled::new(self, u64::MAX, |inner: &mut Inner| inner.has_letter(reason)).await
    }

    /// Wakes all tasks that wait for the sink.
    pub(super) fn letters_changed(&self) {
        let mut woken = Vec::new();
        self.lock().settled.wake_all(&mut woken);
        woken.into_iter().for_each(Waker::wake);
        self.driver.notify_one();
    }

    /// Whether rows became settled by the sink since the last call.
    pub(crate) fn take_letter_news(&self) -> bool {
        std::mem::take(&mut self.lock().letters.has_news)
    }
}

impl Inner {
    /// Moves the rows that the server refused into the queue for the sink.
    pub(super) fn collect_letters(&mut self) {
        if self.letters.sink.is_none() || self.letters.ended.is_some() {
            return;
        }
        // The session bounds them: what it has not passed on would count as settled.
        for ReturnedBatch { mut batch, reason } in self.session.collect_rejected() {
            loop {
                let rest = batch.split_off(1);
                self.letters.push(Letter::Returned(ReturnedBatch { batch, reason: reason.clone() }));
                let Some(rest) = rest else { break };
                batch = rest;
            }
        }
        self.session.hold_from(self.letters.first());
    }

    /// Stops waiting for the sink of a session that is over: rows that it has not taken stay in the spool, or are
    /// returned.
    pub(super) fn end_letters(&mut self, reason: Error) {
        if self.letters.sink.is_none() || self.letters.ended.is_some() {
            return;
        }
        self.collect_letters();
        let letters = &mut self.letters;
        letters.ended = Some(reason);
        let waiting: Vec<_> = letters.put_down().into_iter().chain(letters.queue.take()).collect();
        letters.done = letters.queued;
        let mut left = None;
        for letter in waiting {
            match letter {
                Letter::Returned(part) if self.session.can_stay_on_disk(part.batch.first) => {
                    left.get_or_insert(part.batch.first);
                    letters.left += u64::from(part.batch.rows);
                }
                letter => letters.keep(letter),
            }
        }
        self.session.leave_from(left);
    }

    /// How many rows of a stream that has ended stay in the spool, and why.
    pub(crate) fn kept(&self) -> Option<(u64, Error)> {
        let rows = self.session.kept() + self.letters.left;
        let cause = self.session.error().or(self.letters.ended.as_ref()).filter(|_| rows > 0)?;
        Some((rows, cause.clone()))
    }

    /// Whether the sink has the row of this refusal, as a whole; `None` while that is undecided.
    fn has_letter(&mut self, reason: &Error) -> Option<bool> {
        let letters = &mut self.letters;
        if letters.holds(reason) && !letters.is_inside() {
            return None;
        }
        let place = letters.untaken.iter().position(|other| other.is_same(reason));
        Some(place.is_none_or(|place| letters.untaken.remove(place).is_none()))
    }

    /// The offset below which every row is settled, as seen by this thread.
    pub(crate) fn delivered(&self) -> u64 {
        let delivered = self.session.delivered();
        match self.letters.first() {
            Some(first) if !self.letters.is_inside() => delivered.min(first),
            _ => delivered,
        }
    }

    /// The outcome of a row, if it is settled.
    pub(crate) fn outcome(&self, row: u64) -> Option<Result<(), Error>> {
        let is_held = self.letters.first().is_some_and(|first| first <= row) && !self.letters.is_inside();
        if is_held { None } else { self.session.outcome(row) }
    }

    /// How many refused rows were queued for the sink so far.
    pub(crate) const fn letters_queued(&self) -> u64 {
        self.letters.queued
    }

    /// Whether the sink took or refused this many rows.
    pub(crate) fn has_passed_on(&self, letters: u64) -> bool {
        self.letters.done >= letters || self.letters.is_inside()
    }

    /// Whether the stream has ended and nothing is left to do for it.
    pub(crate) fn is_finished(&self) -> bool {
        // The spool, too, waits for a row that this thread may have.
        if self.letters.is_inside() {
            self.session.is_over()
        } else {
            self.is_passed_on() && self.session.is_finished()
        }
    }

    /// Whether the sink took or refused every row that was queued so far.
    const fn is_passed_on(&self) -> bool {
        self.letters.done == self.letters.queued
    }

    /// How many refused rows of a stream that has ended stay in the spool.
    pub(super) const fn letters_left(&self) -> u64 {
        self.letters.left
    }

    /// How many refused rows the sink took.
    pub(super) const fn letters_taken(&self) -> u64 {
        self.letters.taken
    }

    /// A refusal that `flush` has not reported.
    pub(crate) fn unreported_rejection(&mut self) -> Option<Error> {
        if self.letters.sink.is_some() { self.letters.unreported.take() } else { self.session.unreported_rejection() }
    }

    /// Every row that is returned, oldest first, without those on their way to the sink.
    pub(super) fn take_returned(&mut self) -> Vec<ReturnedBatch> {
        // With a sink, the session's refused rows are the sink's.
        let Some(_) = self.letters.sink else { return self.session.take_returned() };
        let mut all = self.take_kept();
        all.append(&mut self.session.take_given_up());
        all
    }

    /// Refused rows that were not taken.
    pub(super) fn take_refused(&mut self) -> Vec<ReturnedBatch> {
        if self.letters.sink.is_some() { self.take_kept() } else { self.session.take_rejected() }
    }

    /// Rows that the server refused and the sink did not take.
    fn take_kept(&mut self) -> Vec<ReturnedBatch> {
        let kept = std::mem::take(&mut self.letters.kept);
        self.session.release_rejected(kept.iter().map(|part| part.batch.body.len()).sum());
        kept
    }
}

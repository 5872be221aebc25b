//! Where handle, transport and driver meet: the core behind one mutex, and who is to be woken.
//!
//! The mutex is the one lock of this crate. A row goes from the handle straight into the open batch, which is also
//! what the transport cuts; a queue between the two would copy or allocate for every row. The lock is held for one
//! row, one cut or one event, never across an await, so it is next to never contended.

mod waiters;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::core::{Action, Event, Pull, Refused, ReturnedBatch, Session, Settings};
use crate::error::Error;
use crate::message::Encoder;
use crate::offset::Offset;
use waiters::Waiters;
pub(crate) use waiters::{Queue, Waiting};

/// One stream, as its handle, its transport and its driver see it.
#[derive(Debug)]
pub(crate) struct Shared {
    inner: Mutex<Inner>,
    driver: Notify,
    start: Instant,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) session: Session,
    /// The transport, when it has found nothing to send.
    sender: Option<Waker>,
    /// Who waits for a row to be settled, by the row's offset.
    settled: Waiters,
    /// Who waits for room.
    room: Waiters,
    /// Until when the driver sleeps.
    armed: Option<Duration>,
    /// Nobody is left to take what is handed back.
    pub(crate) is_abandoned: bool,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        let session = Session::new(settings, fastrand::Rng::new(), Duration::ZERO);
        let inner = Inner {
            session,
            sender: None,
            settled: Waiters::default(),
            room: Waiters::default(),
            armed: None,
            is_abandoned: false,
        };
        Arc::new(Self { inner: Mutex::new(inner), driver: Notify::new(), start: Instant::now() })
    }

    /// Time since the start of the stream.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn instant(&self, at: Duration) -> Instant {
        self.start + at
    }

    /// The core itself; a row whose own code panicked has left no trace in it, so a poisoned lock is a sound one.
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts a row and wakes whoever has to act on it.
    #[inline]
    pub(crate) fn push<E>(&self, write: impl FnOnce(&mut Encoder) -> Result<(), E>) -> Result<Offset, Refused<E>> {
        let mut inner = self.lock();
        let pushed = inner.session.push(|| self.now(), write);
        let is_full = matches!(pushed, Err(Refused::Full { .. }));
        // A row that joins a batch changes nothing for anybody: who is to take the batch, or waits for its linger, was
        // woken when it began, and where the row fills it, the next one begins.
        if is_full || inner.session.has_begun_batch() {
            self.rouse(inner, is_full);
        }
        pushed
    }

    /// Wakes whoever has to act on a row that was accepted, or found no room.
    fn rouse(&self, mut inner: MutexGuard<'_, Inner>, is_full: bool) {
        if is_full {
            // Whoever fills the budget does not wait for the linger.
            inner.session.flush();
        } else if inner.session.has_begun_batch() {
            self.rouse_driver(&mut inner);
        }
        let sender = inner.ready_sender();
        drop(inner);
        wake(sender);
    }

    /// What the transport is to send now; if nothing, its task is woken when there is something.
    pub(crate) fn poll_pull(&self, cx: &mut Context<'_>, generation: u64) -> Poll<Pull> {
        let now = self.now();
        let mut inner = self.lock();
        let pull = inner.session.pull(now, generation);
        if pull == Pull::Idle {
            inner.sender = Some(cx.waker().clone());
            return Poll::Pending;
        }
        self.rouse_driver(&mut inner);
        Poll::Ready(pull)
    }

    /// Gives an event to the core.
    pub(crate) fn handle(&self, event: Event) {
        let now = self.now();
        self.change(|session| session.handle(now, event));
    }

    /// Takes no more rows and ends when those that are there are delivered.
    pub(crate) fn close(&self) {
        let now = self.now();
        self.change(|session| session.close(now));
    }

    pub(crate) fn fail(&self, error: Error) {
        self.change(|session| session.fail(error));
    }

    /// Sends what is there; the offset behind the last row.
    pub(crate) fn flush(&self) -> u64 {
        self.change(Session::flush)
    }

    /// Says that somebody waits for this row.
    pub(crate) fn expect(&self, offset: Offset) {
        self.change(|session| session.expect(offset.0));
    }

    /// What was handed back so far, by rejections or because the stream gave up.
    pub(crate) fn take_returned(&self) -> Vec<ReturnedBatch> {
        self.change(Session::take_returned)
    }

    /// The rows that the server refused and nobody has taken yet; their bytes leave the budget.
    pub(crate) fn take_rejected(&self) -> Vec<ReturnedBatch> {
        self.change(|session| if session.is_over() { Vec::new() } else { session.take_returned() })
    }

    /// What the driver is to do next, or until when it may sleep.
    pub(crate) fn next_action(&self) -> Result<Action, Option<Duration>> {
        let mut inner = self.lock();
        if let Some(action) = inner.session.next_action() {
            return Ok(action);
        }
        inner.armed = inner.session.deadline();
        Err(inner.armed)
    }

    /// Waits until something has changed that concerns the driver.
    pub(crate) async fn changed(&self) {
        self.driver.notified().await;
    }

    fn change<T>(&self, change: impl FnOnce(&mut Session) -> T) -> T {
        let mut inner = self.lock();
        let answer = change(&mut inner.session);
        self.rouse_driver(&mut inner);
        let sender = inner.ready_sender();
        let waiting = inner.ready_waiters();
        drop(inner);
        wake(sender.into_iter().chain(waiting));
        answer
    }

    /// Wakes the driver if it has to act, or to act sooner than it would wake.
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
    fn ready_sender(&mut self) -> Option<Waker> {
        if self.sender.is_some() && self.session.can_pull() { self.sender.take() } else { None }
    }

    fn ready_waiters(&mut self) -> Vec<Waker> {
        if self.session.is_over() {
            return self.settled.wake_all().chain(self.room.wake_all()).collect();
        }
        let settled = self.settled.wake_below(self.session.settled());
        if self.session.unacked_bytes() >= self.session.settings().max_unacked_bytes {
            return settled.collect();
        }
        settled.chain(self.room.wake_all()).collect()
    }

    /// Says at ERROR which rows are lost, where nobody is left to take them.
    pub(crate) fn report_loss(&mut self) {
        let returned = self.session.take_returned();
        let rows: u64 = returned.iter().map(|part| u64::from(part.batch.rows)).sum();
        if let Some(part) = returned.last() {
            tracing::error!(
                name: "zerobus.stream.rows_lost",
                table = self.session.settings().table,
                rows,
                error = %part.reason,
                "a stream was dropped, not closed, and some of its rows could not be delivered"
            );
        }
    }

    fn waiters(&mut self, queue: Queue) -> &mut Waiters {
        match queue {
            Queue::Room => &mut self.room,
            Queue::Settled => &mut self.settled,
        }
    }
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        waker.wake();
    }
}

//! Tasks waiting for rows to be settled, indexed by row.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::{Inner, Shared};

/// Wakers by the row that they wait for, in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    wakers: BTreeMap<(u64, u64), Waker>,
    next: u64,
}

impl Waiters {
    /// Wakes all tasks that wait for a row below this.
    pub(super) fn wake_below(&mut self, row: u64, woken: &mut Vec<Waker>) {
        if self.wakers.first_key_value().is_some_and(|((first, _), _)| *first < row) {
            let later = self.wakers.split_off(&(row, 0));
            woken.extend(std::mem::replace(&mut self.wakers, later).into_values());
        }
    }

    pub(super) fn wake_all(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(std::mem::take(&mut self.wakers).into_values());
    }
}

/// Waits until `ready` returns `Some`. It is polled again when the row is settled and when the stream ends.
///
/// Dropping it removes its waker.
#[derive(Debug)]
pub(crate) struct Settled<S: Deref<Target = Shared>, F> {
    shared: S,
    row: u64,
    place: Option<(u64, u64)>,
    ready: F,
    queue: Queue,
}

/// The event that a task waits for.
#[derive(Debug, Clone, Copy)]
enum Queue {
    Settled,
    #[cfg_attr(not(feature = "spool"), expect(dead_code, reason = "the spool is a feature"))]
    Spooled,
}

impl<S: Deref<Target = Shared>, F> Settled<S, F> {
    pub(crate) const fn new(shared: S, row: u64, ready: F) -> Self {
        Self { shared, row, place: None, ready, queue: Queue::Settled }
    }

    /// As `new`, and polled again when the row is spooled.
    #[cfg(feature = "spool")]
    pub(crate) const fn spooled(shared: S, row: u64, ready: F) -> Self {
        Self { shared, row, place: None, ready, queue: Queue::Spooled }
    }
}

impl Queue {
    const fn of(self, inner: &mut Inner) -> &mut Waiters {
        match self {
            Self::Settled => &mut inner.settled,
            Self::Spooled => &mut inner.spooled,
        }
    }
}

impl<S, T, F> Future for Settled<S, F>
where
    S: Deref<Target = Shared> + Unpin,
    F: FnMut(&mut Inner) -> Option<T> + Unpin,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        let mut inner = this.shared.lock();
        if let Some(answer) = (this.ready)(&mut inner) {
            return Poll::Ready(answer);
        }
        let waiters = this.queue.of(&mut inner);
        let place = *this.place.get_or_insert_with(|| {
            waiters.next += 1;
            (this.row, waiters.next)
        });
        waiters.wakers.insert(place, cx.waker().clone());
        Poll::Pending
    }
}

impl<S: Deref<Target = Shared>, F> Drop for Settled<S, F> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.queue.of(&mut self.shared.lock()).wakers.remove(&place);
        }
    }
}

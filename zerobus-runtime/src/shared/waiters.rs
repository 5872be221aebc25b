//! Tasks that wait for something of the core, found without a scan of those that wait for something else.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::{Inner, Shared};

/// Wakers by what they wait for, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    wakers: BTreeMap<(u64, u64), Waker>,
    next: u64,
}

/// What a task can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Room in the byte budget.
    Room,
    /// A row to be settled.
    Settled,
}

/// Waits until `ready` has an answer; it is asked again whenever the queue is woken.
///
/// Dropping it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Waiting<'a, F> {
    shared: &'a Shared,
    queue: Queue,
    key: u64,
    place: Option<(u64, u64)>,
    ready: F,
}

impl Waiters {
    /// Wakes all who wait for something below this.
    pub(super) fn wake_below(&mut self, key: u64) -> impl Iterator<Item = Waker> + use<> {
        let later = self.wakers.split_off(&(key, 0));
        std::mem::replace(&mut self.wakers, later).into_values()
    }

    pub(super) fn wake_all(&mut self) -> impl Iterator<Item = Waker> + use<> {
        std::mem::take(&mut self.wakers).into_values()
    }
}

impl<'a, F> Waiting<'a, F> {
    pub(crate) const fn new(shared: &'a Shared, queue: Queue, key: u64, ready: F) -> Self {
        Self { shared, queue, key, place: None, ready }
    }
}

impl<T, F: FnMut(&mut Inner) -> Option<T> + Unpin> Future for Waiting<'_, F> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        let mut inner = this.shared.lock();
        if let Some(answer) = (this.ready)(&mut inner) {
            return Poll::Ready(answer);
        }
        let waiters = inner.waiters(this.queue);
        let place = *this.place.get_or_insert_with(|| {
            waiters.next += 1;
            (this.key, waiters.next)
        });
        waiters.wakers.insert(place, cx.waker().clone());
        Poll::Pending
    }
}

impl<F> Drop for Waiting<'_, F> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.shared.lock().waiters(self.queue).wakers.remove(&place);
        }
    }
}

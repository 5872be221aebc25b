//! A byte budget shared by the streams of a client, in addition to each stream's budget.

use std::sync::{Arc, MutexGuard, Weak};
use std::task::Waker;

use super::Shared;
use super::lock::Lock;
use super::permits::Permits;

/// Bytes that are accepted and not settled, over all streams that share it.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    inner: Lock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    used: usize,
    permits: Permits,
    streams: Vec<Weak<Shared>>,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, inner: Lock::default() })
    }

    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// Adds a stream.
    pub(super) fn join(&self, stream: Weak<Shared>) {
        let mut inner = self.lock();
        inner.streams.retain(|stream| stream.strong_count() > 0);
        inner.streams.push(stream);
    }

    /// Whether a row waits for room.
    pub(super) fn has_queue(&self) -> bool {
        self.lock().permits.has_queue()
    }

    /// Sends the rows of all streams without waiting for the linger, because a row waits for their room.
    ///
    /// Never under the lock of a stream.
    pub(super) fn press(&self) {
        let streams: Vec<_> = self.lock().streams.iter().filter_map(Weak::upgrade).collect();
        for stream in streams {
            stream.flush();
        }
    }

    /// Takes room if there is enough and no row waits for it.
    pub(crate) fn try_take(&self, bytes: usize) -> bool {
        let mut inner = self.lock();
        let fits = !inner.permits.has_queue() && inner.used + bytes <= self.limit;
        if fits {
            inner.used += bytes;
        }
        fits
    }

    /// Takes room unconditionally, for rows that were accepted earlier.
    pub(super) fn take_anyway(&self, bytes: usize) {
        self.lock().used += bytes;
    }

    /// Releases room and wakes the tasks that get it.
    pub(crate) fn give_back(&self, bytes: usize, woken: &mut Vec<Waker>) {
        let mut inner = self.lock();
        inner.used -= bytes;
        self.grant(&mut inner, woken);
    }

    /// Takes a ticket, which may be granted at once.
    pub(super) fn ask(&self, bytes: usize) -> u64 {
        let mut inner = self.lock();
        let ticket = inner.permits.ask(bytes);
        // No task waits on this ticket yet.
        self.grant(&mut inner, &mut Vec::new());
        ticket
    }

    pub(super) fn poll(&self, ticket: u64, waker: &Waker) -> bool {
        self.lock().permits.poll(ticket, waker)
    }

    /// Releases a ticket and any room granted to it.
    pub(super) fn give_up(&self, ticket: u64, woken: &mut Vec<Waker>) {
        let mut inner = self.lock();
        let bytes = inner.permits.give_back(ticket);
        inner.used -= bytes;
        self.grant(&mut inner, woken);
    }

    /// Marks the ticket's room as used.
    pub(super) fn redeem(&self, ticket: u64) {
        self.lock().permits.give_back(ticket);
    }

    /// How many streams it knows.
    #[cfg(test)]
    pub(super) fn streams(&self) -> usize {
        self.lock().streams.len()
    }

    /// How many tickets it knows.
    #[cfg(test)]
    pub(super) fn tickets(&self) -> usize {
        self.lock().permits.tickets()
    }

    fn grant(&self, inner: &mut Inner, woken: &mut Vec<Waker>) {
        let room = self.limit.saturating_sub(inner.used);
        inner.used += inner.permits.grant(room, woken);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }
}

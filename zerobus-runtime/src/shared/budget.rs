//! A byte budget that many streams of a client share, beside the one of each stream.

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

    /// A stream shares it from now on.
    pub(super) fn join(&self, stream: Weak<Shared>) {
        let mut inner = self.lock();
        inner.streams.retain(|stream| stream.strong_count() > 0);
        inner.streams.push(stream);
    }

    /// Whether somebody waits for room.
    pub(super) fn has_queue(&self) -> bool {
        self.lock().permits.has_queue()
    }

    /// Sends what the streams have, whatever the linger: somebody waits for the room that it takes.
    ///
    /// Never under the lock of a stream.
    pub(super) fn press(&self) {
        let streams: Vec<_> = self.lock().streams.iter().filter_map(Weak::upgrade).collect();
        for stream in streams {
            stream.flush();
        }
    }

    /// Takes room if there is some and nobody waits for it.
    pub(crate) fn try_take(&self, bytes: usize) -> bool {
        let mut inner = self.lock();
        let fits = !inner.permits.has_queue() && inner.used + bytes <= self.limit;
        if fits {
            inner.used += bytes;
        }
        fits
    }

    /// Takes room, whether there is some or not: for rows that were accepted before.
    pub(super) fn take_anyway(&self, bytes: usize) {
        self.lock().used += bytes;
    }

    /// Gives room back, and wakes those who get it.
    pub(crate) fn give_back(&self, bytes: usize, woken: &mut Vec<Waker>) {
        let mut inner = self.lock();
        inner.used -= bytes;
        self.grant(&mut inner, woken);
    }

    /// Takes a ticket; it may have its room at once.
    pub(super) fn ask(&self, bytes: usize) -> u64 {
        let mut inner = self.lock();
        let ticket = inner.permits.ask(bytes);
        // Nobody sleeps on this ticket yet.
        self.grant(&mut inner, &mut Vec::new());
        ticket
    }

    pub(super) fn poll(&self, ticket: u64, waker: &Waker) -> bool {
        self.lock().permits.poll(ticket, waker)
    }

    /// Gives a ticket up, and its room if it has some.
    pub(super) fn give_up(&self, ticket: u64, woken: &mut Vec<Waker>) {
        let mut inner = self.lock();
        let bytes = inner.permits.give_back(ticket);
        inner.used -= bytes;
        self.grant(&mut inner, woken);
    }

    /// The ticket's room is in use from now on.
    pub(super) fn redeem(&self, ticket: u64) {
        self.lock().permits.give_back(ticket);
    }

    fn grant(&self, inner: &mut Inner, woken: &mut Vec<Waker>) {
        let room = self.limit.saturating_sub(inner.used);
        inner.used += inner.permits.grant(room, woken);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }
}

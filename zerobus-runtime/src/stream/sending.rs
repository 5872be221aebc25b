//! The future that `send` returns. It is nearly always ready at its first poll, so it is written by hand.
//!
//! The compiler does not inline the poll of an `async fn` that is called from two places, and keeps the state of every
//! level. For a row that finds room, that would be a tenth of its cost.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use super::handle::{Handle, Unplaced};
use super::row::Row;
use crate::error::Error;
use crate::offset::Offset;
use crate::persisted::Persisted;

/// A row on its way into the open batch.
///
/// The poll that returns `Ready` accepts the row, so a future dropped earlier has not accepted it. Polled again, it is
/// pending forever: a row is accepted once.
#[must_use = "a row is not sent until this is awaited"]
pub(super) struct Sending<'a, R, S, F> {
    handle: &'a Handle,
    row: R,
    wait: S,
    is_done: bool,
    /// Waits for room with the encoded row. Boxed, so that a row that finds room does not pay for its size.
    waiting: Option<Pin<Box<F>>>,
}

impl Handle {
    /// Accepts a row, waiting for room if there is none.
    #[inline]
    pub(super) fn send(&self, row: impl Row) -> impl Future<Output = Result<Offset, Error>> {
        Sending::new(self, row, Self::wait_and_push)
    }
}

/// Only boxed contents are pinned.
impl<R, S, F> Unpin for Sending<'_, R, S, F> {}

impl<'a, R, S, F> Sending<'a, R, S, F>
where
    R: Row,
    S: Fn(&'a Handle, Box<[u8]>, Persisted) -> F,
    F: Future<Output = Result<Offset, Error>>,
{
    /// Sends a row; `wait` continues if there is no room for it.
    #[inline]
    pub(super) const fn new(handle: &'a Handle, row: R, wait: S) -> Self {
        Self { handle, row, wait, is_done: false, waiting: None }
    }
}

impl<'a, R, S, F> Future for Sending<'a, R, S, F>
where
    R: Row,
    S: Fn(&'a Handle, Box<[u8]>, Persisted) -> F,
    F: Future<Output = Result<Offset, Error>>,
{
    type Output = Result<Offset, Error>;

    #[expect(clippy::inline_always, reason = "the whole reason of this type")]
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.is_done {
            return Poll::Pending;
        }
        if this.waiting.is_none() {
            if this.handle.has_had_its_turn() {
                ready!(pin!(tokio::task::coop::consume_budget()).poll(cx));
            }
            match this.handle.place(this.row) {
                Ok(offset) => {
                    this.is_done = true;
                    return Poll::Ready(Ok(offset));
                }
                Err(Unplaced::Full(row)) => this.waiting = Some(Box::pin((this.wait)(this.handle, row, Persisted::No))),
                Err(Unplaced::Refused(refused)) => {
                    this.is_done = true;
                    return Poll::Ready(Err(this.handle.refuse(refused, this.row)));
                }
            }
        }
        let Some(waiting) = &mut this.waiting else { return Poll::Pending };
        let sent = ready!(waiting.as_mut().poll(cx));
        (this.is_done, this.waiting) = (true, None);
        Poll::Ready(sent)
    }
}

//! The future of a row that is sent: nearly always ready at its first poll, and so written by hand.
//!
//! The compiler keeps the poll of an `async fn` a function of its own where it is called from two places, with the state
//! of every level inside it. For a row that finds room that would be a tenth of its cost.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::handle::Handle;
use crate::core::Refused;
use crate::error::Error;
use crate::message::Encoder;
use crate::offset::Offset;

pin_project! {
    /// A row on its way into the open batch.
    ///
    /// The row is accepted by the poll that is ready, so that a dropped future has not accepted it.
    #[must_use = "a row is not sent until this is awaited"]
    pub(super) struct Sending<'a, W, S, F> {
        handle: &'a Handle,
        write: W,
        after: S,
        // What goes on after a refusal.
        #[pin]
        waiting: Option<F>,
    }
}

impl<'a, W, S, F> Sending<'a, W, S, F>
where
    W: Fn(&mut Encoder) -> Result<(), Error> + Copy,
    S: Fn(&'a Handle, Refused<Error>, W) -> F,
    F: Future<Output = Result<Offset, Error>>,
{
    /// Sends what `write` writes; `after` goes on where that is refused.
    #[inline]
    pub(super) const fn new(handle: &'a Handle, write: W, after: S) -> Self {
        Self { handle, write, after, waiting: None }
    }
}

impl<'a, W, S, F> Future for Sending<'a, W, S, F>
where
    W: Fn(&mut Encoder) -> Result<(), Error> + Copy,
    S: Fn(&'a Handle, Refused<Error>, W) -> F,
    F: Future<Output = Result<Offset, Error>>,
{
    type Output = Result<Offset, Error>;

    #[expect(clippy::inline_always, reason = "the whole reason of this type")]
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.waiting.is_none() {
            if this.handle.has_had_its_turn() {
                ready!(pin!(tokio::task::coop::consume_budget()).poll(cx));
            }
            match this.handle.push(*this.write) {
                Ok(offset) => return Poll::Ready(Ok(offset)),
                Err(refused) => this.waiting.set(Some((this.after)(this.handle, refused, *this.write))),
            }
        }
        this.waiting.as_pin_mut().map_or(Poll::Pending, |waiting| waiting.poll(cx))
    }
}

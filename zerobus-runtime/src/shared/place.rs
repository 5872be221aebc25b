//! A row's place in the queue for room: first in its stream's budget, then in the shared budget.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::{Budget, Shared};

/// The place of a row that found no room.
///
/// Dropping it releases the place, and passes its room to the rows behind it.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    shared: &'a Shared,
    bytes: usize,
    /// The ticket of the stream's budget; `None` once the row is accepted.
    ticket: Option<u64>,
    /// The ticket of the shared budget, once the stream's ticket is granted.
    of_budget: Option<(Arc<Budget>, u64)>,
}

impl<'a> Place<'a> {
    /// Takes a place for a row that has this many bytes in a batch.
    pub(crate) fn new(shared: &'a Shared, bytes: usize) -> Self {
        Self { shared, bytes, ticket: Some(shared.ask(bytes)), of_budget: None }
    }

    /// Waits until room is granted or the stream ends.
    pub(crate) fn granted(&mut self) -> impl Future<Output = ()> + '_ {
        poll_fn(|cx| if self.is_granted(cx.waker()) { Poll::Ready(()) } else { Poll::Pending })
    }

    /// Whether room is granted or the stream ended; otherwise registers the waker.
    pub(crate) fn is_granted(&mut self, waker: &Waker) -> bool {
        let Some(ticket) = self.ticket else { return true };
        match self.shared.poll_ticket(ticket, waker) {
            Ticket::Over => return true,
            Ticket::Waiting => return false,
            Ticket::Granted => {}
        }
        let Some(budget) = self.shared.budget() else { return true };
        if let Some((budget, ticket)) = &self.of_budget {
            return budget.poll(*ticket, waker);
        }
        let ticket = budget.ask(self.bytes);
        self.of_budget = Some((Arc::clone(budget), ticket));
        let is_granted = budget.poll(ticket, waker);
        if !is_granted {
            budget.press();
        }
        is_granted
    }

    /// Takes the ticket of the stream's budget.
    pub(super) const fn take_ticket(&mut self) -> Option<u64> {
        self.ticket.take()
    }

    /// The row was accepted: marks its part of the shared budget as used. Returns its bytes.
    pub(super) fn redeem(&mut self) -> usize {
        let Some((budget, ticket)) = self.of_budget.take() else { return 0 };
        budget.redeem(ticket);
        self.bytes
    }
}

/// The state of a ticket of a stream's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ticket {
    Granted,
    Over,
    Waiting,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut woken = Vec::new();
        if let Some((budget, ticket)) = self.of_budget.take() {
            budget.give_up(ticket, &mut woken);
        }
        if let Some(ticket) = self.ticket {
            self.shared.give_up(ticket, &mut woken);
        }
        woken.into_iter().for_each(Waker::wake);
    }
}

//! Room in a byte budget, granted in order of request.
//!
//! A row that finds no room takes a ticket. Freed room is granted from the head of the queue, as far as it reaches, and
//! only those tasks are woken. So small rows do not starve a large one, and the cost of waking is proportional to what
//! is granted.

use std::collections::{BTreeMap, HashMap};
use std::task::Waker;

/// Tickets that wait for room, and tickets whose granted room is not used yet.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    /// By number, hence in order of arrival.
    waiting: BTreeMap<u64, Ticket>,
    granted: HashMap<u64, Ticket>,
    next: u64,
}

#[derive(Debug)]
struct Ticket {
    bytes: usize,
    waker: Option<Waker>,
}

impl Permits {
    /// Whether a ticket waits, so that a new row must queue behind it.
    #[inline]
    pub(crate) fn has_queue(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes a ticket for this many bytes.
    pub(crate) fn ask(&mut self, bytes: usize) -> u64 {
        self.next += 1;
        self.waiting.insert(self.next, Ticket { bytes, waker: None });
        self.next
    }

    /// Whether a ticket is granted; the waker is woken when it is, and when the stream ends.
    pub(crate) fn poll(&mut self, ticket: u64, waker: &Waker) -> bool {
        let granted = self.granted.get_mut(&ticket);
        let is_granted = granted.is_some();
        if let Some(ticket) = granted.or_else(|| self.waiting.get_mut(&ticket)) {
            ticket.waker = Some(waker.clone());
        }
        is_granted
    }

    /// Releases a ticket. Returns the bytes that it was granted, which are free again.
    pub(crate) fn give_back(&mut self, ticket: u64) -> usize {
        self.waiting.remove(&ticket);
        self.granted.remove(&ticket).map_or(0, |ticket| ticket.bytes)
    }

    /// Grants room from the head of the queue. Returns the granted bytes.
    pub(crate) fn grant(&mut self, mut room: usize, woken: &mut Vec<Waker>) -> usize {
        let before = room;
        while let Some(front) = self.waiting.first_entry().filter(|front| front.get().bytes <= room) {
            let (number, mut ticket) = front.remove_entry();
            room -= ticket.bytes;
            woken.extend(ticket.waker.take());
            self.granted.insert(number, ticket);
        }
        before - room
    }

    /// How many tickets wait, or have room that is not used yet.
    #[cfg(test)]
    pub(super) fn tickets(&self) -> usize {
        self.waiting.len() + self.granted.len()
    }

    /// Wakes all waiting tasks, because there is nothing left to wait for.
    pub(crate) fn wake_all(&mut self, woken: &mut Vec<Waker>) {
        let tickets = self.waiting.values_mut().chain(self.granted.values_mut());
        woken.extend(tickets.filter_map(|ticket| ticket.waker.take()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_in_order_and_a_large_row_is_not_overtaken() {
        let mut permits = Permits::default();
        let mut woken = Vec::new();
        let (large, small) = (permits.ask(100), permits.ask(1));
        assert_eq!(permits.grant(50, &mut woken), 0);
        assert!(!permits.poll(small, Waker::noop()), "the small row came later");
        assert_eq!(permits.grant(101, &mut woken), 101);
        assert!(permits.poll(large, Waker::noop()) && permits.poll(small, Waker::noop()));
        assert!(!permits.has_queue());
    }

    #[test]
    fn a_ticket_that_is_given_back_leaves_its_room_to_others() {
        let mut permits = Permits::default();
        let mut woken = Vec::new();
        let (first, second, third) = (permits.ask(10), permits.ask(10), permits.ask(10));
        assert_eq!(permits.give_back(first), 0);
        assert_eq!(permits.grant(10, &mut woken), 10);
        assert!(permits.poll(second, Waker::noop()));
        assert_eq!(permits.give_back(second), 10);
        assert_eq!(permits.grant(10, &mut woken), 10);
        assert!(permits.poll(third, Waker::noop()));
    }

    #[test]
    fn tickets_that_are_given_back_leave_nothing_behind() {
        let mut permits = Permits::default();
        let first = permits.ask(100);
        for _ in 0..1000 {
            let ticket = permits.ask(1);
            permits.give_back(ticket);
        }
        assert_eq!(permits.waiting.len(), 1);
        permits.give_back(first);
        assert!(!permits.has_queue());
    }

    #[test]
    fn only_those_who_are_granted_room_are_woken() {
        let mut permits = Permits::default();
        for _ in 0..1000 {
            let ticket = permits.ask(1);
            permits.poll(ticket, Waker::noop());
        }
        let mut woken = Vec::new();
        permits.grant(3, &mut woken);
        assert_eq!(woken.len(), 3);
    }
}

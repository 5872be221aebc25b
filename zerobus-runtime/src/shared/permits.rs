//! Room in a byte budget, given in the order in which it was asked for.
//!
//! Whoever finds no room takes a ticket. When room comes free, the tickets at the head get theirs, as far as it reaches,
//! and only their tasks are woken: so a large row is not starved by small ones, and waiting costs what is granted.

use std::collections::{HashMap, VecDeque};
use std::task::Waker;

/// Those who wait for room.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    queue: VecDeque<u64>,
    tickets: HashMap<u64, Ticket>,
    next: u64,
}

#[derive(Debug)]
struct Ticket {
    bytes: usize,
    is_granted: bool,
    waker: Option<Waker>,
}

impl Permits {
    /// Whether somebody waits, behind whom a row that comes now has its place.
    #[inline]
    pub(crate) fn has_queue(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Takes a ticket for this many bytes.
    pub(crate) fn ask(&mut self, bytes: usize) -> u64 {
        self.next += 1;
        self.tickets.insert(self.next, Ticket { bytes, is_granted: false, waker: None });
        self.queue.push_back(self.next);
        self.next
    }

    /// Whether a ticket has its room; the waker is woken when it has, and at the end of all.
    pub(crate) fn poll(&mut self, ticket: u64, waker: &Waker) -> bool {
        let Some(ticket) = self.tickets.get_mut(&ticket) else { return false };
        ticket.waker = Some(waker.clone());
        ticket.is_granted
    }

    /// Gives a ticket back; the bytes that it was granted, which are somebody else's now.
    pub(crate) fn give_back(&mut self, ticket: u64) -> usize {
        match self.tickets.remove(&ticket) {
            Some(ticket) if ticket.is_granted => ticket.bytes,
            // It leaves the queue when its turn comes.
            _ => 0,
        }
    }

    /// Grants room from the head of the queue on; how many bytes of it.
    pub(crate) fn grant(&mut self, mut room: usize, woken: &mut Vec<Waker>) -> usize {
        let before = room;
        while let Some(front) = self.queue.front() {
            let Some(ticket) = self.tickets.get_mut(front) else {
                self.queue.pop_front();
                continue;
            };
            if ticket.bytes > room {
                break;
            }
            room -= ticket.bytes;
            ticket.is_granted = true;
            woken.extend(ticket.waker.take());
            self.queue.pop_front();
        }
        before - room
    }

    /// Wakes all who wait: there is nothing to wait for.
    pub(crate) fn wake_all(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(self.tickets.values_mut().filter_map(|ticket| ticket.waker.take()));
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

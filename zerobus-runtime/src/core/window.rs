//! The batches that are not yet durable: which are sent, and which offset each has on the wire.
//!
//! The batches are in the order of their rows; the first `sent` of them are in flight on one server stream. The server
//! counts requests from 0 on every stream, so a batch's offset there is the front's plus its index, and a new server
//! stream only resets two numbers. An acknowledgement only touches the batches that it acknowledges.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::Batch;
use crate::error::Violation;

/// The batches that are cut and not yet durable, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Window {
    batches: VecDeque<Batch>,
    sent: usize,
    /// The offset on the wire that the front batch has, or will have, on the current server stream.
    front: i64,
    rows: u64,
    bytes: usize,
    sent_bytes: usize,
}

/// What an acknowledgement made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Acked {
    pub(crate) rows: u64,
    pub(crate) bytes: usize,
    /// When the newest of the batches was sent.
    pub(crate) sent_at: Duration,
}

/// A batch passed to the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) wire_offset: i64,
    pub(crate) body: Bytes,
    pub(crate) rows: u32,
    pub(crate) is_replay: bool,
}

impl Window {
    pub(crate) fn push(&mut self, batch: Batch) {
        self.rows += u64::from(batch.rows);
        self.bytes += batch.body.len();
        self.batches.push_back(batch);
    }

    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// How many batches are in flight.
    pub(crate) const fn sent(&self) -> usize {
        self.sent
    }

    /// The bytes of the batches in flight.
    pub(crate) const fn sent_bytes(&self) -> usize {
        self.sent_bytes
    }

    pub(crate) const fn has_sent(&self) -> bool {
        self.sent > 0
    }

    pub(crate) fn has_unsent(&self) -> bool {
        self.sent < self.batches.len()
    }

    pub(crate) fn front(&self) -> Option<&Batch> {
        self.batches.front()
    }

    /// The offset after the last row in flight.
    pub(crate) fn end_of_sent(&self) -> u64 {
        let last = self.sent.checked_sub(1).and_then(|last| self.batches.get(last));
        last.map_or(0, |batch| batch.first + u64::from(batch.rows))
    }

    /// Whether the current server stream has made anything durable.
    pub(crate) const fn has_acked(&self) -> bool {
        self.front > 0
    }

    /// The oldest batch in flight.
    pub(crate) fn oldest_sent(&self) -> Option<&Batch> {
        if self.has_sent() { self.batches.front() } else { None }
    }

    /// The batch that is sent next.
    pub(crate) fn next(&self) -> Option<&Batch> {
        self.batches.get(self.sent)
    }

    /// Leaves this many rows in the batch that is sent next, and makes another batch of the rest.
    pub(crate) fn split_next(&mut self, rows: u32) {
        let Some(next) = self.batches.get_mut(self.sent) else { return };
        if let Some(rest) = next.split_off(rows) {
            self.batches.insert(self.sent + 1, rest);
        }
    }

    /// Splits the front batch in two.
    pub(crate) fn halve_front(&mut self) {
        let Some(front) = self.batches.front_mut() else { return };
        if let Some(rest) = front.split_off(front.rows / 2) {
            self.batches.insert(1, rest);
        }
    }

    /// Joins the batches of rows below `end` that are not in flight, as far as these limits allow.
    pub(crate) fn join_unsent(&mut self, end: u64, most_bytes: usize, most_rows: u32) {
        let mut rest: VecDeque<Batch> = self.batches.split_off(self.sent);
        while let Some(batch) = rest.pop_front() {
            let is_behind = self.batches.len() > self.sent;
            match self.batches.back_mut().filter(|_| is_behind && batch.first < end) {
                Some(last) if last.can_take(&batch, most_bytes, most_rows) => last.take(&batch),
                _ => self.batches.push_back(batch),
            }
        }
    }

    /// Removes the front batch.
    pub(crate) fn pop_front(&mut self) -> Option<Batch> {
        let batch = self.batches.pop_front()?;
        self.rows -= u64::from(batch.rows);
        self.bytes -= batch.body.len();
        if self.sent > 0 {
            self.sent -= 1;
            self.sent_bytes -= batch.body.len();
        }
        Some(batch)
    }

    /// Removes the first rows of the front batch.
    pub(crate) fn cut_front(&mut self, rows: u32) {
        let Some(rest) = self.pop_front().and_then(|mut front| front.split_off(rows)) else { return };
        self.rows += u64::from(rest.rows);
        self.bytes += rest.body.len();
        self.batches.push_front(rest);
    }

    /// Passes the next batch to the transport.
    pub(crate) fn send(&mut self, now: Duration) -> Option<Outgoing> {
        let batch = self.batches.get_mut(self.sent)?;
        let wire_offset = self.front + i64::try_from(self.sent).unwrap_or(i64::MAX);
        batch.sent_at = now;
        batch.attempts = batch.attempts.saturating_add(1);
        self.sent += 1;
        self.sent_bytes += batch.body.len();
        Some(Outgoing { wire_offset, body: batch.body.clone(), rows: batch.rows, is_replay: batch.attempts > 1 })
    }

    /// A new server stream starts: all batches are unsent, and offsets count from 0.
    pub(crate) const fn restart(&mut self) {
        self.sent = 0;
        self.sent_bytes = 0;
        self.front = 0;
    }

    /// A call resumes a persistent stream: all batches are unsent, and the next request has this offset.
    pub(crate) const fn restart_at(&mut self, offset: i64) {
        self.restart();
        self.front = offset;
    }

    /// The offset on the wire of the batch that is sent next.
    pub(crate) fn next_offset(&self) -> Option<u64> {
        u64::try_from(self.front).ok().map(|front| front + self.sent as u64)
    }

    /// The sequence after the last batch in flight.
    pub(crate) fn end_of_sent_requests(&self) -> u64 {
        let last = self.sent.checked_sub(1).and_then(|last| self.batches.get(last));
        last.map_or(0, |batch| batch.sequence + 1)
    }

    /// The server reports that every offset up to this one is durable.
    ///
    /// `None` if it repeats an earlier one; a server may send -1 before anything is durable.
    pub(crate) fn ack(&mut self, up_to: i64) -> Result<Option<Acked>, Violation> {
        let last = self.front - 1;
        let sent = self.front + i64::try_from(self.sent).unwrap_or(i64::MAX);
        if up_to < last {
            return Err(Violation::AckBelowLast { found: up_to, last });
        }
        if up_to >= sent {
            return Err(Violation::AckAboveSent { found: up_to, sent });
        }
        let count = usize::try_from(up_to - last).unwrap_or(0);
        Ok(self.take_acked(count))
    }

    /// Removes all batches, oldest first.
    pub(crate) fn take(&mut self) -> VecDeque<Batch> {
        self.restart();
        self.rows = 0;
        self.bytes = 0;
        std::mem::take(&mut self.batches)
    }

    fn take_acked(&mut self, count: usize) -> Option<Acked> {
        let mut acked = Acked { rows: 0, bytes: 0, sent_at: Duration::ZERO };
        for batch in self.batches.drain(..count) {
            acked.rows += u64::from(batch.rows);
            acked.bytes += batch.body.len();
            acked.sent_at = batch.sent_at;
            self.front += 1;
        }
        self.sent -= count;
        self.sent_bytes -= acked.bytes;
        self.rows -= acked.rows;
        self.bytes -= acked.bytes;
        (count > 0).then_some(acked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(batches: u64) -> Window {
        let mut window = Window::default();
        for first in 0..batches {
            window.push(Batch {
                body: Bytes::from_static(b"\x0a\x01x"),
                first,
                rows: 1,
                since: Duration::ZERO,
                sent_at: Duration::ZERO,
                attempts: 0,
                schema: 0,
                sequence: 0,
            });
        }
        window
    }

    #[test]
    fn acks_are_believed_only_between_the_last_and_the_highest_sent() {
        let mut window = window(3);
        assert_eq!(window.ack(0), Err(Violation::AckAboveSent { found: 0, sent: 0 }));
        window.send(Duration::ZERO);
        window.send(Duration::ZERO);
        assert_eq!(window.ack(2), Err(Violation::AckAboveSent { found: 2, sent: 2 }));
        assert_eq!(window.ack(-1), Ok(None), "nothing is durable yet");
        assert_eq!(window.ack(-2), Err(Violation::AckBelowLast { found: -2, last: -1 }));
        assert_eq!(window.ack(1).unwrap().map(|acked| acked.rows), Some(2));
        assert_eq!(window.ack(1), Ok(None));
        assert_eq!(window.ack(0), Err(Violation::AckBelowLast { found: 0, last: 1 }));
        assert_eq!(window.ack(-1), Err(Violation::AckBelowLast { found: -1, last: 1 }));
    }

    #[test]
    fn a_new_server_stream_counts_from_zero_and_sends_again() {
        let mut window = window(3);
        while window.send(Duration::ZERO).is_some() {}
        window.ack(0).unwrap();
        window.restart();
        let again = window.send(Duration::ZERO).unwrap();
        assert_eq!((again.wire_offset, again.is_replay), (0, true));
        assert_eq!(window.ack(0).unwrap().map(|acked| acked.rows), Some(1));
        assert_eq!((window.rows(), window.sent_bytes()), (1, 0));
    }

    /// The first row and the number of rows of each batch.
    fn batches(window: &Window) -> Vec<(u64, u32)> {
        window.batches.iter().map(|batch| (batch.first, batch.rows)).collect()
    }

    #[test]
    fn rows_and_bytes_are_counted_while_they_are_here_and_while_they_are_under_way() {
        let mut window = window(3);
        assert_eq!((window.rows(), window.bytes(), window.sent_bytes()), (3, 9, 0));
        let first = window.send(Duration::ZERO).unwrap();
        assert!(!first.is_replay);
        assert_eq!((window.bytes(), window.sent(), window.sent_bytes()), (9, 1, 3));
        window.pop_front();
        assert_eq!((window.rows(), window.bytes(), window.sent(), window.sent_bytes()), (2, 6, 0, 0));
        window.pop_front();
        assert_eq!((window.rows(), window.bytes(), window.sent(), window.sent_bytes()), (1, 3, 0, 0));
    }

    #[test]
    fn the_end_of_what_is_under_way_lies_behind_its_last_row() {
        let mut window = window(0);
        let batch = Batch::of_row(5, b"x", crate::persisted::Persisted::No);
        window.push(Batch { rows: 3, ..batch.clone() });
        window.push(Batch { first: 8, ..batch });
        assert_eq!(window.end_of_sent(), 0);
        window.send(Duration::ZERO);
        assert_eq!(window.end_of_sent(), 8);
    }

    #[test]
    fn a_server_stream_has_acked_once_it_made_something_durable() {
        let mut window = window(2);
        window.send(Duration::ZERO);
        assert!(!window.has_acked());
        window.ack(0).unwrap();
        assert!(window.has_acked());
        window.restart();
        assert!(!window.has_acked(), "the next one has not");
    }

    #[test]
    fn batches_that_are_not_under_way_join_below_the_end_and_within_the_limits() {
        let joined = |end, bytes, rows| {
            let mut window = window(6);
            window.send(Duration::ZERO);
            window.send(Duration::ZERO);
            window.join_unsent(end, bytes, rows);
            assert_eq!((window.rows(), window.bytes(), window.sent()), (6, 18, 2));
            batches(&window)
        };
        assert_eq!(joined(4, 100, 100), [(0, 1), (1, 1), (2, 2), (4, 1), (5, 1)], "below the end");
        assert_eq!(joined(6, 100, 3), [(0, 1), (1, 1), (2, 3), (5, 1)], "within the rows");
        assert_eq!(joined(6, 6, 100), [(0, 1), (1, 1), (2, 2), (4, 2)], "within the bytes");
    }
}

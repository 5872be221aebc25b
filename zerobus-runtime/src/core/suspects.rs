//! The search for a row that the server refuses.
//!
//! A refusal ends the stream and names no row. The rows in flight are sent again as requests of one row each, so the
//! first row without an acknowledgement is the refused row, if the server acknowledges the rows before it. That is
//! certain only if nothing else was in flight. So rows are sent one by one if the server answers fast enough. Otherwise
//! they are sent all at once, and the suspected row is then sent alone. If it is refused, it is the row. If it is
//! accepted, this server refuses without acknowledging earlier rows, and from then on the rows are halved, one request
//! at a time.

use std::time::Duration;

use super::Batch;
use super::window::Window;

/// The rows being searched.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// Rows below may hold one that the server refuses.
    end: u64,
    search: Search,
    /// This server refuses a row without acknowledging those before it.
    lags: bool,
    /// Single rows are sent without waiting for each other.
    is_slow: bool,
}

/// How long rows may be sent one by one.
const MOST_ONE_BY_ONE: Duration = Duration::from_secs(1);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Search {
    /// Every row is its own request: one by one, or all at once.
    #[default]
    Singles,
    /// Only the first row is sent, until it is settled.
    Alone,
    /// One request is sent at a time, and halved if it is refused.
    Halves,
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The oldest row in flight is the refused row.
    Found,
    /// The search goes on.
    NotYet,
}

impl Suspects {
    pub(super) const fn covers(&self, row: u64) -> bool {
        row < self.end
    }

    /// How many rows of this batch may be sent in one request during a search.
    pub(super) fn rows_of(&self, batch: &Batch) -> Option<u32> {
        (self.covers(batch.first) && self.search != Search::Halves).then_some(1)
    }

    /// Whether nothing more may be sent until the rows in flight are settled.
    pub(super) fn must_wait(&self, window: &Window) -> bool {
        let waits = match self.search {
            Search::Alone | Search::Halves => true,
            Search::Singles => !self.is_slow,
        };
        waits && window.oldest_sent().is_some_and(|batch| self.covers(batch.first))
    }

    /// Something was acknowledged, this long after it was sent.
    pub(super) fn acked(&mut self, window: &mut Window, latency: Duration, most_bytes: usize, most_rows: u32) {
        let first = window.front().map_or(self.end, |batch| batch.first);
        match self.search {
            Search::Alone if self.covers(first) => {
                self.lags = true;
                self.search = Search::Halves;
                window.join_unsent(self.end, most_bytes, most_rows);
            }
            Search::Singles if self.covers(first) => {
                let left = u32::try_from(self.end - first).unwrap_or(u32::MAX);
                self.is_slow |= latency.saturating_mul(left) > MOST_ONE_BY_ONE;
            }
            _ => {}
        }
    }

    /// The server refused one of the rows in flight.
    pub(super) fn refused(&mut self, window: &mut Window) -> Verdict {
        let first = window.front().map_or(0, |batch| batch.first);
        let is_new = !self.covers(first);
        self.end = self.end.max(window.end_of_sent());
        self.is_slow = false;
        if is_new {
            self.search = if self.lags { Search::Halves } else { Search::Singles };
        }
        let (is_single, is_alone) = (window.front().is_some_and(|batch| batch.rows == 1), window.sent() == 1);
        match self.search {
            _ if is_single && is_alone => return Verdict::Found,
            Search::Singles if is_single && !is_new => self.search = Search::Alone,
            Search::Halves if is_alone => window.halve_front(),
            _ => {}
        }
        Verdict::NotYet
    }

    /// The row is found and taken out: the others are searched for the next.
    pub(super) fn found(&mut self) {
        if self.search == Search::Alone {
            self.search = Search::Singles;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persisted::Persisted;

    const MS: Duration = Duration::from_millis(1);

    /// One batch per row, with `sent` of them in flight.
    fn window(rows: u64, sent: usize) -> Window {
        let mut window = Window::default();
        (0..rows).for_each(|row| window.push(Batch::of_row(row, b"x", Persisted::No)));
        send(&mut window, sent);
        window
    }

    fn send(window: &mut Window, requests: usize) {
        for _ in 0..requests {
            window.send(Duration::ZERO);
        }
    }

    /// A call ends with a refusal, and the next begins.
    fn refuse(suspects: &mut Suspects, window: &mut Window) -> Verdict {
        let verdict = suspects.refused(window);
        window.restart();
        verdict
    }

    fn ack(suspects: &mut Suspects, window: &mut Window, up_to: i64, latency: Duration) {
        window.ack(up_to).unwrap();
        suspects.acked(window, latency, 1000, 1000);
    }

    #[test]
    fn a_row_that_was_under_way_alone_is_the_one() {
        assert_eq!(refuse(&mut Suspects::default(), &mut window(5, 1)), Verdict::Found);
    }

    #[test]
    fn rows_go_one_by_one_where_that_takes_no_more_than_a_second() {
        for (millis, is_slow) in [(125, false), (126, true)] {
            let (mut suspects, mut window) = (Suspects::default(), window(10, 10));
            assert_eq!(refuse(&mut suspects, &mut window), Verdict::NotYet);
            send(&mut window, 2);
            assert!(suspects.must_wait(&window), "nothing is known of the server's pace");
            // Eight rows are left.
            ack(&mut suspects, &mut window, 1, millis * MS);
            send(&mut window, 1);
            assert_eq!(!suspects.must_wait(&window), is_slow, "an answer after {millis} ms");
            if is_slow {
                ack(&mut suspects, &mut window, 2, 1000 * MS);
                send(&mut window, 1);
                assert!(!suspects.must_wait(&window), "slow it stays");
            }
        }
    }

    #[test]
    fn a_second_refusal_of_single_rows_sends_the_first_alone_and_the_first_refusal_does_not() {
        let (mut suspects, mut window) = (Suspects::default(), window(4, 4));
        refuse(&mut suspects, &mut window);
        assert_eq!(suspects.search, Search::Singles);
        send(&mut window, 4);
        assert_eq!(refuse(&mut suspects, &mut window), Verdict::NotYet);
        assert_eq!(suspects.search, Search::Alone);
        send(&mut window, 1);
        assert!(suspects.must_wait(&window));
        assert_eq!(refuse(&mut suspects, &mut window), Verdict::Found);
    }

    /// The server has refused rows, and accepted the first of them when it was sent alone.
    fn lagging(rows: u64) -> (Suspects, Window) {
        let (mut suspects, mut window) = (Suspects::default(), window(rows, usize::try_from(rows).unwrap()));
        refuse(&mut suspects, &mut window);
        send(&mut window, usize::try_from(rows).unwrap());
        refuse(&mut suspects, &mut window);
        send(&mut window, 1);
        ack(&mut suspects, &mut window, 0, MS);
        (suspects, window)
    }

    #[test]
    fn a_suspect_that_is_taken_shows_that_the_server_lags_and_the_rows_are_halved() {
        let (mut suspects, mut window) = lagging(9);
        let next = window.next().unwrap();
        assert_eq!((next.rows, suspects.rows_of(next)), (8, None), "all that are left go in one request");
        for left in [4, 2, 1] {
            send(&mut window, 1);
            assert!(suspects.must_wait(&window), "one request at a time");
            assert_eq!(refuse(&mut suspects, &mut window), Verdict::NotYet);
            assert_eq!(window.next().unwrap().rows, left);
        }
        send(&mut window, 1);
        assert_eq!(refuse(&mut suspects, &mut window), Verdict::Found);
    }

    #[test]
    fn a_server_that_lags_is_halved_from_the_next_refusal_on() {
        let (mut suspects, mut window) = lagging(3);
        send(&mut window, 1);
        ack(&mut suspects, &mut window, 1, MS);
        assert!(window.is_empty());
        let mut batch = Batch::of_row(3, b"x", Persisted::No);
        batch.take(&Batch::of_row(4, b"x", Persisted::No));
        window.push(batch);
        window.push(Batch::of_row(5, b"x", Persisted::No));
        send(&mut window, 2);
        assert_eq!(refuse(&mut suspects, &mut window), Verdict::NotYet);
        let next = window.next().unwrap();
        assert_eq!((next.rows, suspects.rows_of(next)), (2, None), "either request may be the one");
    }
}

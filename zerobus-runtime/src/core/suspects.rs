//! The rows among which is one that the server refuses, and how that row is found.
//!
//! A refusal ends the stream and names no row. What is under way goes again as requests of one row each, so that the
//! first row without an acknowledgement is the one, if the server acknowledges what comes before it. That is certain only
//! where nothing else was under way. So the rows go one by one where the server answers fast enough for that. Where it
//! does not they go all at once, and the row that is suspected then goes alone: refused, it is the one; taken, this is a
//! server that refuses without acknowledging what came before, and the rows are halved from then on, one request at a
//! time.

use std::time::Duration;

use super::Batch;
use super::window::Window;

/// The rows that are searched.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// Rows below may hold one that the server refuses.
    end: u64,
    search: Search,
    /// This server refuses a row without acknowledging those before it.
    lags: bool,
    /// Single rows go without waiting for each other.
    is_slow: bool,
}

/// How long rows may go one by one.
const MOST_ONE_BY_ONE: Duration = Duration::from_secs(1);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Search {
    /// Every row is a request of its own: one by one, or all at once.
    #[default]
    Singles,
    /// The first row goes, and nothing before it is settled.
    Alone,
    /// One request goes at a time, and is halved where it is refused.
    Halves,
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The oldest row under way is the one.
    Found,
    /// The search goes on.
    NotYet,
}

impl Suspects {
    pub(super) const fn covers(&self, row: u64) -> bool {
        row < self.end
    }

    /// How many rows of this batch may go in one request, where it is searched.
    pub(super) fn rows_of(&self, batch: &Batch) -> Option<u32> {
        (self.covers(batch.first) && self.search != Search::Halves).then_some(1)
    }

    /// Whether nothing more may go until what is under way is settled.
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

    /// The server refused one of the rows under way.
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

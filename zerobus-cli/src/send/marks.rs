//! Marks: which rows of which input were accepted at which offsets, so that a checkpoint is exact to the row.

use std::collections::VecDeque;

use super::lanes::{Accepted, Sent};

/// Consecutive rows of one input that have consecutive offsets.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    input: usize,
    /// How many rows of the input come before the first of the run.
    before: u64,
    rows: u64,
    /// Where the first row was accepted; `None` for rows that were refused before they were sent.
    first: Option<Accepted>,
}

impl Run {
    /// Whether a row of this input and with this offset is the next of the run.
    fn goes_on_with(&self, input: usize, accepted: Option<Accepted>) -> bool {
        let next = |first: Accepted| Accepted { offset: first.offset + self.rows, ..first };
        self.input == input && self.first.map(next) == accepted
    }

    /// How many rows of the run are settled if, in each lane, the offsets below `below` are.
    fn settled(&self, below: &[u64]) -> u64 {
        self.first.map_or(self.rows, |first| below[first.lane].saturating_sub(first.offset).min(self.rows))
    }
}

/// The rows that are not known to be settled: durable, or refused for good.
#[derive(Debug, Default)]
pub(super) struct Marks(VecDeque<Run>);

impl Marks {
    /// Records the next row of an input, which comes after `before` rows, and the rows that were sent with it.
    pub(super) fn push(&mut self, input: usize, before: u64, sent: Sent) {
        let (first, rows) = (sent.first, sent.rows as u64);
        match self.0.back_mut() {
            Some(run) if run.goes_on_with(input, first) => run.rows += rows,
            _ => self.0.push_back(Run { input, before, rows, first }),
        }
    }

    /// Removes the settled rows up to the first row that is not settled, where `below` has for each lane the offset
    /// below which all are settled. Reports for each input how many of its rows are settled, counted from its start.
    pub(super) fn settle(&mut self, below: &[u64], mut reached: impl FnMut(usize, u64)) {
        while let Some(run) = self.0.front_mut() {
            let settled = run.settled(below);
            if settled > 0 {
                reached(run.input, run.before + settled);
            }
            if settled < run.rows {
                run.before += settled;
                run.rows -= settled;
                run.first = run.first.map(|first| Accepted { offset: first.offset + settled, ..first });
                return;
            }
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(marks: &mut Marks, below: &[u64]) -> Vec<(usize, u64)> {
        let mut all = Vec::new();
        marks.settle(below, |input, rows| all.push((input, rows)));
        all
    }

    const fn at(lane: usize, offset: u64) -> Sent {
        Sent::at_once(Accepted { lane, offset }, 1)
    }

    #[test]
    fn a_mark_is_exact_to_the_row() {
        let mut marks = Marks::default();
        for row in 0..1_000 {
            marks.push(0, row, at(0, row));
        }
        assert_eq!(marks.0.len(), 1, "consecutive rows need one run");
        assert_eq!(settled(&mut marks, &[0]), []);
        assert_eq!(settled(&mut marks, &[7]), [(0, 7)]);
        assert_eq!(settled(&mut marks, &[7]), []);
        assert_eq!(settled(&mut marks, &[1_000]), [(0, 1_000)]);
    }

    #[test]
    fn a_mark_is_exact_to_the_row_of_those_that_were_sent_together() {
        let mut marks = Marks::default();
        for row in 0..10 {
            marks.push(0, 3 * row, Sent { rows: 3, ..at(0, 3 * row) });
        }
        assert_eq!(marks.0.len(), 1);
        assert_eq!(settled(&mut marks, &[7]), [(0, 7)]);
        assert_eq!(settled(&mut marks, &[30]), [(0, 30)]);
    }

    #[test]
    fn refused_rows_and_inputs_end_a_run() {
        let mut marks = Marks::default();
        // Two rows were durable before. Then one is sent, two are refused, one is sent; then a second input begins.
        marks.push(0, 2, at(0, 0));
        marks.push(0, 3, Sent::REFUSED);
        marks.push(0, 4, Sent::REFUSED);
        marks.push(0, 5, at(0, 1));
        marks.push(1, 0, at(0, 2));
        assert_eq!(settled(&mut marks, &[0]), []);
        assert_eq!(settled(&mut marks, &[1]), [(0, 3), (0, 5)]);
        assert_eq!(settled(&mut marks, &[2]), [(0, 6)]);
        assert_eq!(settled(&mut marks, &[3]), [(1, 1)]);
        marks.push(1, 1, Sent::REFUSED);
        assert_eq!(settled(&mut marks, &[3]), [(1, 2)]);
    }

    #[test]
    fn a_lane_that_is_behind_holds_the_others_back() {
        let mut marks = Marks::default();
        for row in 0..6 {
            marks.push(0, row, at(usize::from(row >= 3), row % 3));
        }
        assert_eq!(settled(&mut marks, &[2, 3]), [(0, 2)]);
        assert_eq!(settled(&mut marks, &[3, 3]), [(0, 3), (0, 6)]);
    }
}

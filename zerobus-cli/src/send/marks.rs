//! Which rows of which input were accepted under which offsets, so that a checkpoint is exact to the row.

use std::collections::VecDeque;

/// Rows that follow each other in one input and whose offsets follow each other as well.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    input: usize,
    /// How many rows of the input come before the first of these.
    before: u64,
    rows: u64,
    /// The offset of the first row; none for rows that were refused before they were sent.
    first: Option<u64>,
}

impl Run {
    /// Whether a row of this input and with this offset is the next of the run.
    fn goes_on_with(&self, input: usize, offset: Option<u64>) -> bool {
        self.input == input && self.first.map(|first| first + self.rows) == offset
    }

    /// How many of its rows are settled if the offsets below this one are.
    fn settled(&self, below: u64) -> u64 {
        self.first.map_or(self.rows, |first| below.saturating_sub(first).min(self.rows))
    }
}

/// The rows that are not known to be settled: durable, or refused for good.
#[derive(Debug, Default)]
pub(super) struct Marks(VecDeque<Run>);

impl Marks {
    /// Notes the next row of an input, which `before` rows precede; without an offset it was refused.
    pub(super) fn push(&mut self, input: usize, before: u64, offset: Option<u64>) {
        match self.0.back_mut() {
            Some(run) if run.goes_on_with(input, offset) => run.rows += 1,
            _ => self.0.push_back(Run { input, before, rows: 1, first: offset }),
        }
    }

    /// Takes the rows that are settled once the offsets below `below` are, and reports for each input how many of its rows
    /// are settled from the start.
    pub(super) fn settle(&mut self, below: u64, mut reached: impl FnMut(usize, u64)) {
        while let Some(run) = self.0.front_mut() {
            let settled = run.settled(below);
            if settled > 0 {
                reached(run.input, run.before + settled);
            }
            if settled < run.rows {
                run.before += settled;
                run.rows -= settled;
                run.first = run.first.map(|first| first + settled);
                return;
            }
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(marks: &mut Marks, below: u64) -> Vec<(usize, u64)> {
        let mut all = Vec::new();
        marks.settle(below, |input, rows| all.push((input, rows)));
        all
    }

    #[test]
    fn a_mark_is_exact_to_the_row() {
        let mut marks = Marks::default();
        for row in 0..1_000 {
            marks.push(0, row, Some(row));
        }
        assert_eq!(marks.0.len(), 1, "what follows each other costs one mark");
        assert_eq!(settled(&mut marks, 0), []);
        assert_eq!(settled(&mut marks, 7), [(0, 7)]);
        assert_eq!(settled(&mut marks, 7), []);
        assert_eq!(settled(&mut marks, 1_000), [(0, 1_000)]);
    }

    #[test]
    fn refused_rows_and_inputs_end_a_run() {
        let mut marks = Marks::default();
        // Two rows that were durable before, then one sent, two refused, one sent; then a second input.
        marks.push(0, 2, Some(0));
        marks.push(0, 3, None);
        marks.push(0, 4, None);
        marks.push(0, 5, Some(1));
        marks.push(1, 0, Some(2));
        assert_eq!(settled(&mut marks, 0), []);
        assert_eq!(settled(&mut marks, 1), [(0, 3), (0, 5)]);
        assert_eq!(settled(&mut marks, 2), [(0, 6)]);
        assert_eq!(settled(&mut marks, 3), [(1, 1)]);
        marks.push(1, 1, None);
        assert_eq!(settled(&mut marks, 3), [(1, 2)]);
    }
}

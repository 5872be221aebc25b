//! The rows that wait for the sink, with figures that each change of the stream asks for: none of them is counted
//! anew.

use std::collections::VecDeque;

use crate::letter::Letter;

/// What a waiting row takes besides its bytes: the letter, and its reason without texts. If it did not count, rows
/// without bytes would have no limit.
pub(super) const LETTER_BYTES: usize = 256;

/// Rows that wait for the sink, oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    letters: VecDeque<Letter>,
    bytes: usize,
    /// The offsets of those that the server refused.
    returned: VecDeque<u64>,
}

impl Queue {
    pub(super) fn push(&mut self, letter: Letter) {
        self.bytes += Self::bytes_of(&letter);
        self.returned.extend(offset_of(&letter));
        self.letters.push_back(letter);
    }

    pub(super) fn pop(&mut self) -> Option<Letter> {
        let letter = self.letters.pop_front()?;
        self.bytes -= Self::bytes_of(&letter);
        if offset_of(&letter).is_some() {
            self.returned.pop_front();
        }
        Some(letter)
    }

    pub(super) fn take(&mut self) -> VecDeque<Letter> {
        std::mem::take(self).letters
    }

    pub(super) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Letter> {
        self.letters.iter()
    }

    /// Whether a row of this many bytes may wait within this limit; one always may.
    pub(super) fn has_room(&self, row: usize, limit: usize) -> bool {
        self.is_empty() || self.bytes.saturating_add(LETTER_BYTES).saturating_add(row) <= limit
    }

    /// The first row that the server refused.
    pub(super) fn first_returned(&self) -> Option<u64> {
        self.returned.front().copied()
    }

    fn bytes_of(letter: &Letter) -> usize {
        let row = match letter {
            Letter::Returned(part) => part.batch.body.len(),
            Letter::Unaccepted { original, .. } => original.row.len(),
        };
        LETTER_BYTES + row
    }
}

/// The offset of a row that the server refused.
pub(super) fn offset_of(letter: &Letter) -> Option<u64> {
    match letter {
        Letter::Returned(part) => Some(part.batch.first),
        Letter::Unaccepted { .. } => None,
    }
}

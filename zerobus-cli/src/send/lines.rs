//! Lines of a file, one behind the other in one buffer.

use super::source::{LONGEST, PIECE};

/// Whole lines, and behind them what is there of the next.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Of each line its number in the file, and where it ends; a line that is too long has only its length.
    ends: Vec<(u64, End)>,
    /// Where the next line begins.
    start: usize,
    /// How many bytes the next line has, more than are kept if it is too long.
    length: u64,
}

#[derive(Debug, Clone, Copy)]
enum End {
    At(usize),
    TooLong(u64),
}

/// A line of a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Line<'a> {
    Text(&'a [u8]),
    /// It had this many bytes, and was not kept.
    TooLong(u64),
}

impl Lines {
    /// How many whole lines there are.
    pub(super) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// The whole lines, with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Line<'_>)> {
        let mut start = 0;
        self.ends.iter().map(move |(number, end)| match *end {
            End::At(end) => {
                let line = &self.bytes[start..end];
                start = end;
                (*number, Line::Text(line))
            }
            End::TooLong(bytes) => (*number, Line::TooLong(bytes)),
        })
    }

    /// Adds to the next line.
    pub(super) fn append(&mut self, part: &[u8]) {
        self.length += part.len() as u64;
        if self.is_too_long() {
            self.bytes.truncate(self.start);
            self.bytes.shrink_to(PIECE);
        } else {
            self.bytes.extend_from_slice(part);
        }
    }

    /// Whether the next line has begun.
    pub(super) const fn has_begun(&self) -> bool {
        self.length > 0
    }

    /// Whether the next line has nothing but blanks.
    pub(super) fn is_blank(&self) -> bool {
        !self.is_too_long() && self.bytes[self.start..].iter().all(u8::is_ascii_whitespace)
    }

    /// The next line is whole and has this number.
    pub(super) fn keep(&mut self, number: u64) {
        let end = if self.is_too_long() { End::TooLong(self.length) } else { End::At(self.bytes.len()) };
        self.ends.push((number, end));
        (self.start, self.length) = (self.bytes.len(), 0);
    }

    /// Forgets the next line.
    pub(super) fn forget(&mut self) {
        self.bytes.truncate(self.start);
        self.length = 0;
    }

    /// Takes the whole lines; what is there of the next stays.
    pub(super) fn take_whole(&mut self) -> Self {
        let begun = &self.bytes[self.start..];
        let mut bytes = Vec::with_capacity(PIECE + begun.len());
        bytes.extend_from_slice(begun);
        let ends = Vec::with_capacity(self.ends.len());
        std::mem::replace(self, Self { bytes, ends, start: 0, length: self.length })
    }

    const fn is_too_long(&self) -> bool {
        self.length > LONGEST as u64
    }
}

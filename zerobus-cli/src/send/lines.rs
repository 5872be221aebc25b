//! The lines of a file, in the buffer that the file is read into.

use std::io::{self, Read};

use super::source::{LONGEST, PIECE};

/// A buffer larger than this held a long line and is not reused.
const MOST: usize = 4 * PIECE;

/// Complete lines, followed by the part of the next line that was read.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// The bytes that were read, and room for more.
    bytes: Vec<u8>,
    /// How many bytes were read.
    used: usize,
    /// How many of these bytes were searched for the end of a line.
    searched: usize,
    /// The number of each complete line in the file, and its place in the buffer.
    whole: Vec<(u64, Place)>,
    /// The next line, as far as it was read.
    next: Next,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    At { start: usize, end: usize },
    TooLong(u64),
}

/// The line that is being read.
#[derive(Debug, Default, Clone, Copy)]
struct Next {
    start: usize,
    end: usize,
    /// How many of its bytes were dropped because it is too long.
    dropped: u64,
}

/// A line of a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Line<'a> {
    Text(&'a [u8]),
    /// A line of this many bytes, which was not kept.
    TooLong(u64),
}

impl Lines {
    /// The number of complete lines.
    pub(super) const fn len(&self) -> usize {
        self.whole.len()
    }

    /// The complete lines, with their numbers in the file.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Line<'_>)> {
        self.whole.iter().map(|(number, place)| match *place {
            Place::At { start, end } => (*number, Line::Text(&self.bytes[start..end])),
            Place::TooLong(bytes) => (*number, Line::TooLong(bytes)),
        })
    }

    /// Reads once from the file, and returns the number of bytes read.
    pub(super) fn read(&mut self, file: &mut impl Read) -> io::Result<usize> {
        if self.bytes.len() < self.used + PIECE {
            // A little more than a piece: the buffer also has to hold the start of the next line.
            self.bytes.resize(self.used + PIECE + PIECE / 8, 0);
        }
        loop {
            match file.read(&mut self.bytes[self.used..]) {
                Ok(read) => {
                    self.used += read;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Searches the bytes that were read for the end of the next line.
    pub(super) fn find_end(&mut self) -> bool {
        let place = memchr::memchr(b'\n', &self.bytes[self.searched..self.used]);
        if let Some(place) = place {
            self.next.end = self.searched + place;
            self.searched = self.next.end + 1;
        } else {
            self.end_here();
        }
        place.is_some()
    }

    /// Sets the end of the next line to the end of what was read. It may still grow.
    fn end_here(&mut self) {
        (self.next.end, self.searched) = (self.used, self.used);
        if self.is_too_long() {
            self.next.dropped = self.length();
            (self.next.end, self.searched, self.used) = (self.next.start, self.next.start, self.next.start);
        }
    }

    /// Whether any byte of the next line was read.
    pub(super) const fn has_begun(&self) -> bool {
        self.length() > 0
    }

    /// Whether the next line is empty or all white space.
    pub(super) fn is_blank(&self) -> bool {
        self.next_text().is_some_and(|text| text.iter().all(u8::is_ascii_whitespace))
    }

    /// The next line as far as it was read; `None` if it is too long.
    pub(super) fn next_text(&self) -> Option<&[u8]> {
        (!self.is_too_long()).then(|| &self.bytes[self.next.start..self.next.end])
    }

    /// Adds the next line, which is complete, under this number.
    pub(super) fn keep(&mut self, number: u64) {
        let Next { start, end, .. } = self.next;
        let place = if self.is_too_long() { Place::TooLong(self.length()) } else { Place::At { start, end } };
        self.whole.push((number, place));
        self.forget();
    }

    /// Skips the next line.
    pub(super) const fn forget(&mut self) {
        self.next = Next { start: self.searched, end: self.searched, dropped: 0 };
    }

    /// Returns the complete lines. The start of the next line moves to the spare buffer.
    pub(super) fn take_whole(&mut self, spare: Self) -> Self {
        let mut next = if spare.bytes.len() > MOST { Self::default() } else { spare };
        next.whole.clear();
        next.begin_with(&self.bytes[self.next.start..self.used], self.next.dropped);
        std::mem::replace(self, next)
    }

    /// Moves the start of the next line to the start of the buffer. There must be no complete lines.
    pub(super) fn make_room(&mut self) {
        self.bytes.copy_within(self.next.start..self.used, 0);
        self.used -= self.next.start;
        self.searched = self.used;
        self.next = Next { start: 0, end: self.used, ..self.next };
    }

    fn begin_with(&mut self, begun: &[u8], dropped: u64) {
        if self.bytes.len() < begun.len() {
            self.bytes.resize(begun.len() + PIECE + PIECE / 8, 0);
        }
        self.bytes[..begun.len()].copy_from_slice(begun);
        (self.used, self.searched) = (begun.len(), begun.len());
        self.next = Next { start: 0, end: begun.len(), dropped };
    }

    /// The bytes of the next line so far.
    const fn length(&self) -> u64 {
        self.next.dropped + (self.next.end - self.next.start) as u64
    }

    const fn is_too_long(&self) -> bool {
        self.length() > LONGEST as u64
    }
}

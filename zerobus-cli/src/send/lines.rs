//! Lines of a file, one behind the other in the buffer that the file is read into.

use std::io::{self, Read};

use super::source::{LONGEST, PIECE};

/// A buffer above this size had a long line, and is not used again.
const MOST: usize = 4 * PIECE;

/// Whole lines, and behind them what is there of the next.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// What was read, and room for more.
    bytes: Vec<u8>,
    /// How many bytes were read.
    used: usize,
    /// How many of them were searched for the end of a line.
    searched: usize,
    /// Of each line its number in the file, and where it is; a line that is too long has only its length.
    whole: Vec<(u64, Place)>,
    /// The next line, as far as it is there.
    next: Next,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    At { start: usize, end: usize },
    TooLong(u64),
}

/// A line that is not kept yet.
#[derive(Debug, Default, Clone, Copy)]
struct Next {
    start: usize,
    end: usize,
    /// How many bytes of it were dropped, since it is too long.
    dropped: u64,
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
        self.whole.len()
    }

    /// The whole lines, with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Line<'_>)> {
        self.whole.iter().map(|(number, place)| match *place {
            Place::At { start, end } => (*number, Line::Text(&self.bytes[start..end])),
            Place::TooLong(bytes) => (*number, Line::TooLong(bytes)),
        })
    }

    /// Reads on, as much as the file gives at once: how many bytes.
    pub(super) fn read(&mut self, file: &mut impl Read) -> io::Result<usize> {
        if self.bytes.len() < self.used + PIECE {
            // A little more, so that the begin of another line finds room beside a whole piece.
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

    /// Finds the end of the next line in what was read.
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

    /// The next line ends with what was read, so far or for good.
    fn end_here(&mut self) {
        (self.next.end, self.searched) = (self.used, self.used);
        if self.is_too_long() {
            self.next.dropped = self.length();
            (self.next.end, self.searched, self.used) = (self.next.start, self.next.start, self.next.start);
        }
    }

    /// Whether the next line has begun.
    pub(super) const fn has_begun(&self) -> bool {
        self.length() > 0
    }

    /// Whether the next line has nothing but blanks.
    pub(super) fn is_blank(&self) -> bool {
        !self.is_too_long() && self.bytes[self.next.start..self.next.end].iter().all(u8::is_ascii_whitespace)
    }

    /// The next line is whole and has this number.
    pub(super) fn keep(&mut self, number: u64) {
        let Next { start, end, .. } = self.next;
        let place = if self.is_too_long() { Place::TooLong(self.length()) } else { Place::At { start, end } };
        self.whole.push((number, place));
        self.forget();
    }

    /// Forgets the next line.
    pub(super) const fn forget(&mut self) {
        self.next = Next { start: self.searched, end: self.searched, dropped: 0 };
    }

    /// Takes the whole lines; what is there of the next stays, in the buffer of lines that are no longer used.
    pub(super) fn take_whole(&mut self, spare: Self) -> Self {
        let mut next = if spare.bytes.len() > MOST { Self::default() } else { spare };
        next.whole.clear();
        next.begin_with(&self.bytes[self.next.start..self.used], self.next.dropped);
        std::mem::replace(self, next)
    }

    /// Moves what is there of the next line to the begin of the buffer, where no whole lines are before it.
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

    /// How many bytes the next line has.
    const fn length(&self) -> u64 {
        self.next.dropped + (self.next.end - self.next.start) as u64
    }

    const fn is_too_long(&self) -> bool {
        self.length() > LONGEST as u64
    }
}

//! The position of a row in a stream.

use std::fmt::{self, Display};

/// The position of a row among all rows that a stream accepted, counted from 0.
///
/// With a spool, counting continues across processes. It never restarts: a reconnection changes the numbers that server
/// and client exchange, not these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub(crate) u64);

impl Offset {
    /// The number itself.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.0)
    }
}

/// The offsets of rows that were accepted together; they are consecutive, and there is at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offsets {
    first: Offset,
    rows: usize,
}

impl Offsets {
    /// The offset of one row.
    pub(crate) const fn of(first: Offset) -> Self {
        Self { first, rows: 1 }
    }

    /// Adds the next row.
    pub(crate) const fn extend(&mut self) {
        self.rows += 1;
    }

    /// The offset of the first row.
    #[must_use]
    pub const fn first(self) -> Offset {
        self.first
    }

    /// The offset of the last row.
    #[must_use]
    pub const fn last(self) -> Offset {
        Offset(self.first.0 + self.rows as u64 - 1)
    }

    /// How many rows there are.
    #[must_use]
    pub const fn rows(self) -> usize {
        self.rows
    }
}

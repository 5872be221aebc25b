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

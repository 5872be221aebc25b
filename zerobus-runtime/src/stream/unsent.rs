//! The rows that `send_all` did not send.

use std::fmt;
use std::iter::{Chain, Once, once};

use crate::error::Error;

/// The rows that `send_all` did not send, and why: an iterator over them, the failing row first.
///
/// It can be passed to `send_all` again. It converts into the [`Error`] of the failing row.
pub struct Unsent<I: Iterator> {
    error: Error,
    accepted: u64,
    rows: Chain<Once<I::Item>, I>,
}

impl<I: Iterator> Unsent<I> {
    pub(super) fn new(error: Error, accepted: u64, row: I::Item, rest: I) -> Self {
        Self { error, accepted, rows: once(row).chain(rest) }
    }

    /// Why the first of these rows was not accepted.
    #[must_use]
    pub const fn error(&self) -> &Error {
        &self.error
    }

    /// How many rows were accepted before it.
    #[must_use]
    pub const fn accepted(&self) -> u64 {
        self.accepted
    }
}

impl<I: Iterator> Iterator for Unsent<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.rows.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl<I: Iterator> From<Unsent<I>> for Error {
    fn from(unsent: Unsent<I>) -> Self {
        unsent.error
    }
}

impl<I: Iterator> fmt::Display for Unsent<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (after {} rows that were accepted)", self.error, self.accepted)
    }
}

impl<I: Iterator> fmt::Debug for Unsent<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} (after {} rows that were accepted)", self.error, self.accepted)
    }
}

impl<I: Iterator> std::error::Error for Unsent<I> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Fault;

    #[test]
    fn rows_that_were_not_sent_have_the_source_of_their_error() {
        let error = Error::from(Fault::Thread { source: std::io::Error::other("no threads left") });
        let unsent = Unsent::new(error, 0, 1, std::iter::empty::<i32>());
        assert_eq!(std::error::Error::source(&unsent).unwrap().to_string(), "no threads left");
    }
}

//! Why a row was refused: the column, what was found, what was expected.

use std::fmt::{self, Display};

use zerobus_codegen::Printable;

/// How much of a value an error shows.
const SHOWN: usize = 64;

/// A row that does not fit its table; one word in size, so that it costs a row that fits nothing more.
#[derive(Debug)]
pub(crate) struct RowProblem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    /// The column's path, its last segment first: it is built on the way out of the row.
    path: Vec<String>,
    found: String,
    expected: String,
}

impl RowProblem {
    #[cold]
    pub(super) fn new(found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self(Box::new(Parts { path: Vec::new(), found: found.into(), expected: expected.into() }))
    }

    /// Adds a segment for a column, an element or a value.
    pub(super) fn leave(&mut self, segment: &str) {
        self.0.path.push(segment.to_owned());
    }

    /// The column's path; empty for the row as a whole.
    pub(crate) fn path(&self) -> String {
        let segments: Vec<&str> = self.0.path.iter().rev().map(String::as_str).collect();
        segments.join(".")
    }
}

impl Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.path.is_empty() {
            write!(f, "column {}: ", Printable(&self.path()))?;
        }
        write!(f, "found {}, expected {}", Printable(&self.0.found), Printable(&self.0.expected))
    }
}

impl std::error::Error for RowProblem {}

/// A text for an error: quoted, and shortened if it is long.
pub(super) fn quoted(text: &str) -> String {
    let mut chars = text.chars();
    let shown: String = chars.by_ref().take(SHOWN).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    format!("the text \"{shown}{more}\"")
}

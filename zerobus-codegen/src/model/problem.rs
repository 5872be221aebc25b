//! Problems of a table, each with its column path, what was found, and the remedy.

use std::fmt::{self, Display};

use super::Printable;

/// The path of a column or nested field: `lines.element.unit_price`, without the table's name.
///
/// An array's element is the segment `element`; a map's are `key` and `value`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnPath(Vec<String>);

impl ColumnPath {
    /// The empty path: the table itself.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// This path with one more segment.
    #[must_use]
    pub fn join(&self, segment: &str) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment.to_owned());
        Self(segments)
    }

    /// The segments, outermost first.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.0
    }
}

impl Display for ColumnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            write!(f, "{}", Printable(segment))?;
        }
        Ok(())
    }
}

/// A reason why Zerobus cannot write to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Its path; empty for the table as a whole.
    pub path: ColumnPath,
    /// What was found there.
    pub found: String,
    /// The remedy.
    pub help: String,
}

impl Problem {
    pub(crate) fn new(path: &ColumnPath, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self { path: path.clone(), found: found.into(), help: help.into() }
    }
}

/// Every problem of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The table's full name, as found.
    pub table: String,
    /// At least one problem, in the order of the columns.
    pub problems: Vec<Problem>,
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.problems.len() == 1 { "problem" } else { "problems" };
        write!(
            f,
            "table {} cannot be written through Zerobus: {} {plural}",
            Printable(&self.table),
            self.problems.len()
        )?;
        for problem in &self.problems {
            f.write_str("\n  ")?;
            if !problem.path.segments().is_empty() {
                write!(f, "{}: ", problem.path)?;
            }
            write!(f, "{}\n    help: {}", Printable(&problem.found), Printable(&problem.help))?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

//! Problems and warnings of SQL statements, each with its place.

use std::fmt::{self, Display};

use crate::Printable;

/// A place in a text, both numbers from 1; a column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The character in the line.
    pub column: u32,
}

/// A problem or a warning at a place in a text of statements.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DdlProblem {
    /// The place.
    pub place: Place,
    /// What was found, and a suggestion if there is one.
    pub text: String,
    /// The full name of the table, if it is known.
    pub table: Option<String>,
}

/// All problems of a text of statements; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DdlError {
    problems: Vec<DdlProblem>,
}

impl DdlError {
    /// `None` if there is no problem.
    pub(super) fn new(problems: Vec<DdlProblem>) -> Option<Self> {
        if problems.is_empty() { None } else { Some(Self { problems }) }
    }

    /// The problems, in the order of the text.
    #[must_use]
    pub fn problems(&self) -> &[DdlProblem] {
        &self.problems
    }
}

impl DdlProblem {
    pub(super) fn new(place: Place, text: impl Into<String>) -> Self {
        Self { place, text: text.into(), table: None }
    }

    /// Adds the column to the text.
    pub(super) fn of_column(self, column: &str) -> Self {
        Self { text: format!("column {column}: {}", self.text), ..self }
    }

    /// Sets the table.
    pub(super) fn of(mut self, table: &str) -> Self {
        self.table.get_or_insert_with(|| table.to_owned());
        self
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl Display for DdlProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(table) = &self.table {
            write!(f, "table {}: ", Printable(table))?;
        }
        write!(f, "{}", Printable(&self.text))
    }
}

impl std::error::Error for DdlProblem {}

impl Display for DdlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            let apart = if i > 0 { "\n" } else { "" };
            write!(f, "{apart}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DdlError {}

//! Failures: errors with their causes, as they are printed.

use std::fmt::{self, Display};
use std::path::Path;

/// One line: what failed, why, and what to do.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// An operation that failed, and its error.
    pub(crate) fn new(what: impl Display, error: impl std::error::Error) -> Self {
        Self(format!("{what}: {}", chain(&error)))
    }

    /// A failure without an underlying error.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A failed operation on a file.
    pub(crate) fn file(what: &str, path: &Path, error: impl std::error::Error) -> Self {
        Self::new(format_args!("cannot {what} {}", path.display()), error)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(chain(&error))
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text of an error and of its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

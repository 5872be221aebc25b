//! An error with everything that led to it, as it is printed.

use std::fmt::{self, Display};
use std::path::Path;

/// What went wrong, in one line, and what to do.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// What could not be done, and why.
    pub(crate) fn new(what: impl Display, error: impl std::error::Error) -> Self {
        Self(format!("{what}: {}", chain(&error)))
    }

    /// What is wrong, where no error lies behind it.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A file that could not be worked with.
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

/// An error's text, and each that led to it.
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

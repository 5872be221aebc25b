//! An error with all its causes in one line, for logs and for refusals.

use std::error::Error;
use std::fmt::{self, Display};

pub(crate) struct ErrorChain<'a>(pub(crate) &'a dyn Error);

impl Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

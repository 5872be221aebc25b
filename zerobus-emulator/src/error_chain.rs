//! An error with all its causes in one line, for logs and for refusals.

use std::error::Error;
use std::fmt::{self, Display};

pub(crate) struct ErrorChain<'a>(pub(crate) &'a dyn Error);

/// The start of a backtrace's first frame: `delta_kernel` puts backtraces into its error texts.
const FIRST_FRAME: &str = "\n   0: ";
/// The prefixes that it puts before errors without a type of their own.
const PREFIXES: [&str; 2] = ["Generic error: ", "Generic delta kernel error: "];

impl Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = plain(self.0);
        f.write_str(&last)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            let text = plain(error);
            // `delta_kernel` repeats a cause in the text of the error above it.
            if !last.ends_with(&text) {
                write!(f, ": {text}")?;
                last = text;
            }
            source = error.source();
        }
        Ok(())
    }
}

/// The error's own text, without the backtrace and the prefix of `delta_kernel`.
fn plain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    if let Some(end) = text.find(FIRST_FRAME) {
        text.truncate(end);
    }
    let bare = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)).map(str::to_owned);
    bare.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Nested {
        #[error("no file")]
        Cause,
        #[error("generic: {0}")]
        Repeats(#[source] Box<Nested>),
        #[error("cannot be read")]
        Reports(#[source] Box<Nested>),
    }

    #[test]
    fn a_cause_that_the_text_before_it_repeats_is_left_out() {
        let error = Nested::Reports(Box::new(Nested::Repeats(Box::new(Nested::Cause))));
        assert_eq!(ErrorChain(&error).to_string(), "cannot be read: generic: no file");
    }

    #[test]
    fn a_text_begins_without_the_kernel_s_prefix() {
        for text in ["Generic error: the commit is torn", "Generic delta kernel error: the commit is torn"] {
            assert_eq!(ErrorChain(&std::io::Error::other(text)).to_string(), "the commit is torn");
        }
    }

    #[test]
    fn a_backtrace_is_left_out() {
        let error = std::io::Error::other("the disk is full\n   0: kernel::write\n             at /a/file.rs:1");
        assert_eq!(ErrorChain(&error).to_string(), "the disk is full");
    }
}

//! Output to stdout and stderr. A reader that is gone (`| head`) is not an error: the exit code still counts.

use std::fmt::Display;
use std::io::{self, Write as _};

use zerobus_codegen::Printable;

/// Prints the result, or part of it, to stdout.
pub(crate) fn result(text: impl Display) {
    let mut out = io::stdout().lock();
    let _ = write!(out, "{text}").and_then(|()| out.flush());
}

/// Prints a line to stderr, with control characters from file names or servers escaped.
pub(crate) fn remark(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", Printable(&text.to_string()));
}

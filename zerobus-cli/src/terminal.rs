//! What the program prints. Who reads it may go away (`| head`), and that is no error: the exit code is still theirs.

use std::fmt::Display;
use std::io::{self, Write as _};

use zerobus_codegen::Printable;

/// Prints a line of the result, or several.
pub(crate) fn result(text: impl Display) {
    let mut out = io::stdout().lock();
    let _ = write!(out, "{text}").and_then(|()| out.flush());
}

/// Prints a line for whoever watches, without control characters of file names or servers.
pub(crate) fn remark(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", Printable(&text.to_string()));
}

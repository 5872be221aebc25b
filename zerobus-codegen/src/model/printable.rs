//! Untrusted text (names, comments, server messages), escaped for printing in a terminal, a log or an error.

use std::fmt::{self, Display, Write as _};

/// Displays text with every control, format and line-separating character escaped.
///
/// A table's comment can hold terminal escapes or bidirectional overrides, which would alter the printed line.
///
/// ```
/// use zerobus_codegen::Printable;
///
/// assert_eq!(Printable("a\u{1b}[2Jb").to_string(), "a\\u{1b}[2Jb");
/// assert_eq!(Printable("größe").to_string(), "größe");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Printable<'a>(pub &'a str);

impl Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if rewrites_the_line(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// Whether a character can end the line, or reorder or hide the text around it.
pub(crate) fn rewrites_the_line(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

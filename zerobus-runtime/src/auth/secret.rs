//! Text that no log, error or `Debug` shows, wiped when it is dropped.

use std::fmt;

use zeroize::Zeroizing;

/// A secret: a client's secret, a token.
///
/// ```
/// use zerobus_runtime::Secret;
///
/// let secret = Secret::from("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// assert_eq!(secret.reveal(), "hunter2");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Secret {
    /// Removes surrounding whitespace, which files and shells add. Also returns whether there was any.
    pub(crate) fn trimmed(self) -> (Self, bool) {
        let trimmed = self.0.trim();
        let had_blanks = trimmed.len() < self.0.len();
        if had_blanks { (Self::from(trimmed), true) } else { (self, false) }
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

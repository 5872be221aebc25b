//! The caller's credentials for a catalog, and `Secret`, a text that is never printed.

use std::fmt::{self, Debug};

/// The credentials for a catalog.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Credentials {
    /// No credentials: by default the open-source server requires none.
    None,
    /// A service principal that logs in by OAuth.
    OAuth {
        /// The client's id.
        client_id: String,
        /// The client's secret.
        client_secret: Secret,
    },
    /// A token.
    Token(Secret),
}

/// Text that is never printed by a log, an error or `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; the caller keeps it out of logs and errors.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

//! Tokens and token providers.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::HeaderValue;
use zerobus_codegen::TableName;

use super::Secret;
use crate::error::{Error, Fault};

/// A bearer token and its lifetime.
#[derive(Debug, Clone)]
pub struct Token {
    secret: Secret,
    lifetime: Duration,
}

/// What [`TokenProvider::token`] returns.
pub type TokenFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Token, Box<dyn std::error::Error + Send + Sync>>> + Send + 'a>>;

/// Provides the tokens that streams are opened with.
///
/// The client caches a table's token until shortly before it expires, makes one request at a time, and requests a new
/// token when the server rejects one. If a provider fails, it is called again after a pause, like a failed connection;
/// a token that is still valid stays in use meanwhile.
///
/// ```
/// use std::time::Duration;
/// use zerobus_runtime::{TableName, Token, TokenFuture, TokenProvider};
///
/// #[derive(Debug)]
/// struct Fixed;
///
/// impl TokenProvider for Fixed {
///     fn token(&self, _table: &TableName) -> TokenFuture<'_> {
///         Box::pin(async { Ok(Token::new("secret", Duration::from_secs(3600))) })
///     }
/// }
/// ```
pub trait TokenProvider: Debug + Send + Sync + 'static {
    /// A new token for this table.
    ///
    /// # Errors
    /// Any error of the provider; it becomes the source of the stream's error.
    fn token(&self, table: &TableName) -> TokenFuture<'_>;
}

impl Token {
    /// A token that expires after `lifetime`, counted from now; `Duration::MAX` means never.
    #[must_use]
    pub fn new(secret: impl Into<Secret>, lifetime: Duration) -> Self {
        Self { secret: secret.into(), lifetime }
    }

    pub(super) const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub(crate) fn header(&self) -> Result<HeaderValue, Error> {
        let text = zeroize::Zeroizing::new(format!("Bearer {}", self.secret.reveal()));
        let mut value = HeaderValue::from_str(&text).map_err(|_| Fault::Option {
            option: "token",
            found: "a token".to_owned(),
            expected: "visible ASCII characters",
        })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

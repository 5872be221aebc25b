//! A token, and what gives tokens.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::HeaderValue;
use zerobus_codegen::TableName;

use super::Secret;
use crate::error::{Error, Fault};

/// A bearer token and how long it lives.
#[derive(Debug, Clone)]
pub struct Token {
    secret: Secret,
    lifetime: Duration,
}

/// What [`TokenProvider::token`] returns.
pub type TokenFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Token, Box<dyn std::error::Error + Send + Sync>>> + Send + 'a>>;

/// Provides the token that a stream into a table is opened with.
///
/// The client keeps a table's token until shortly before its end, asks once at a time, and asks anew when the server
/// rejects a token. A provider that fails is asked again after a pause, as a connection that fails is; meanwhile a token
/// that is still good serves.
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
    /// With whatever the provider has to say; it becomes the source of the stream's error.
    fn token(&self, table: &TableName) -> TokenFuture<'_>;
}

impl Token {
    /// A token that lives this long from now on; `Duration::MAX` is one without an end.
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

//! How a client authenticates to a token endpoint.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::Secret;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Provides the JWT of another identity provider on each call.
pub(crate) type Jwt = dyn Fn() -> Pin<Box<dyn Future<Output = Result<Secret, BoxError>> + Send>> + Send + Sync;

/// Form fields of a request.
pub(super) type Form = Vec<(&'static str, Zeroizing<String>)>;

/// The client's proof of identity.
#[derive(Clone)]
pub(crate) enum Proof {
    /// A JWT of another provider, exchanged for a workspace token (RFC 8693).
    Jwt { client_id: Option<String>, jwt: Arc<Jwt> },
    /// A client's id and secret.
    Secret { client_id: String, client_secret: Secret },
}

impl Proof {
    /// The authorization header, if the proof is sent as one.
    pub(super) fn authorization(&self) -> Option<Zeroizing<String>> {
        match self {
            Self::Jwt { .. } => None,
            Self::Secret { client_id, client_secret } => {
                let basic = Zeroizing::new(format!("{client_id}:{}", client_secret.reveal()));
                Some(Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(basic.as_bytes()))))
            }
        }
    }

    /// The fields of the request's form.
    pub(super) async fn form(&self) -> Result<Form, BoxError> {
        let text = |text: &str| Zeroizing::new(text.to_owned());
        match self {
            Self::Jwt { client_id, jwt } => {
                let mut form = vec![
                    ("grant_type", text("urn:ietf:params:oauth:grant-type:token-exchange")),
                    ("subject_token_type", text("urn:ietf:params:oauth:token-type:jwt")),
                    ("subject_token", text(jwt().await?.reveal())),
                ];
                form.extend(client_id.as_deref().map(|id| ("client_id", text(id))));
                Ok(form)
            }
            Self::Secret { .. } => Ok(vec![("grant_type", text("client_credentials"))]),
        }
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jwt { client_id, .. } => write!(f, "Jwt {{ client_id: {client_id:?} }}"),
            Self::Secret { client_id, .. } => write!(f, "Secret {{ client_id: {client_id:?} }}"),
        }
    }
}

//! The outcome of a probe, detailed enough to compare two servers.

use std::collections::HashMap;
use std::fmt::{self, Display};

use prost::Message;
use serde_json::Value;
use tonic::Status;
use zerobus_runtime::ServerCode;

/// What an endpoint did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The probe failed: a network error, or an unexpected response.
    Failed(String),
    /// An HTTP response: the status, and the error in its body.
    Http { status: u16, error: String, text: String },
    /// The request succeeded.
    Taken,
    /// A gRPC status.
    Refused { status: String, code: Option<ServerCode>, causes: String, text: String },
}

impl Outcome {
    pub(super) fn refused(status: &Status) -> Self {
        Self::Refused {
            status: screaming(&format!("{:?}", status.code())),
            code: ServerCode::parse(status.message()),
            causes: causes(status.details()),
            text: status.message().to_owned(),
        }
    }

    pub(super) fn http(status: u16, body: &str) -> Self {
        let json: Value = serde_json::from_str(body).unwrap_or_default();
        let of = |name: &str| json[name].as_str().unwrap_or_default();
        let error = if of("error").is_empty() { of("error_code") } else { of("error") };
        let description = if of("error_description").is_empty() { of("message") } else { of("error_description") };
        Self::Http { status, error: error.to_owned(), text: description.to_owned() }
    }

    /// The server's text.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Failed(text) | Self::Http { text, .. } | Self::Refused { text, .. } => text,
            Self::Taken => "",
        }
    }
}

/// `INVALID_ARGUMENT 4033/4`, `INVALID_ARGUMENT 8001/0 TYPE_INCOMPATIBLE`, `HTTP 400 invalid_scope`, `taken`.
impl Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(_) => f.write_str("failed"),
            Self::Http { status, error, .. } if error.is_empty() => write!(f, "HTTP {status}"),
            Self::Http { status, error, .. } => write!(f, "HTTP {status} {error}"),
            Self::Refused { status, code, causes, .. } => {
                f.write_str(status)?;
                if let Some(code) = code {
                    write!(f, " {}", code.code())?;
                    code.state().map_or(Ok(()), |state| write!(f, "/{state}"))?;
                }
                if causes.is_empty() { Ok(()) } else { write!(f, " {causes}") }
            }
            Self::Taken => f.write_str("taken"),
        }
    }
}

/// `InvalidArgument` as gRPC writes it: `INVALID_ARGUMENT`.
fn screaming(name: &str) -> String {
    let mut screaming = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !screaming.is_empty() {
            screaming.push('_');
        }
        screaming.push(c.to_ascii_uppercase());
    }
    screaming
}

/// The causes in `google.rpc.ErrorInfo`, if the details contain one.
fn causes(details: &[u8]) -> String {
    #[derive(Clone, PartialEq, Message)]
    struct RpcStatus {
        #[prost(message, repeated, tag = "3")]
        details: Vec<prost_types::Any>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct ErrorInfo {
        #[prost(map = "string, string", tag = "3")]
        metadata: HashMap<String, String>,
    }
    let infos = RpcStatus::decode(details).unwrap_or_default().details;
    let infos = infos.iter().filter(|any| any.type_url.ends_with("google.rpc.ErrorInfo"));
    let mut infos = infos.filter_map(|any| ErrorInfo::decode(any.value.as_slice()).ok());
    infos.find_map(|info| info.metadata.get("causes").cloned()).unwrap_or_default()
}

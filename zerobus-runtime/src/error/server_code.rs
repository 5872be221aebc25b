//! The service's numeric codes and what to do about each.

use std::fmt::{self, Display};

/// A numeric code of the service, from the end of its message: `Error Code: 4024, Error State: 2001.`
///
/// ```
/// use zerobus_runtime::ServerCode;
///
/// let code = ServerCode::parse("Unsupported table kind. Error Code: 4024, Error State: 2001.").unwrap();
/// assert_eq!((code.code(), code.state()), (4024, Some(2001)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServerCode {
    code: u32,
    state: Option<u32>,
}

impl ServerCode {
    /// The table cannot be opened.
    pub const CANNOT_OPEN_TABLE: u32 = 1022;
    /// The principal lacks MODIFY.
    pub const MISSING_MODIFY: u32 = 3;
    /// The offsets of a stream's requests do not count up from 0.
    pub const NON_SEQUENTIAL_OFFSET: u32 = 4002;
    /// The descriptor refers to a type that it does not contain, or by a relative name.
    pub const NOT_SELF_CONTAINED: u32 = 4033;
    /// A record does not decode.
    pub const RECORD_DOES_NOT_DECODE: u32 = 4044;
    /// The schema of the rows does not match the table.
    pub const SCHEMA_VALIDATION: u32 = 8001;
    /// The stream has reached its maximum age.
    pub const STREAM_TIMEOUT: u32 = 6002;
    /// The service asks for a pause.
    pub const TEMPORARILY_BLOCKED: u32 = 6006;
    /// Explicit grants on the table are missing, or its kind is not supported.
    pub const UNSUPPORTED_TABLE: u32 = 4024;

    /// A code from a stored record.
    pub(crate) const fn recorded(code: u32, state: Option<u32>) -> Self {
        Self { code, state }
    }

    /// The code at the end of a server's message, if there is one.
    #[must_use]
    pub fn parse(message: &str) -> Option<Self> {
        let code = number_behind(message, "Error Code:")?;
        Some(Self { code, state: number_behind(message, "Error State:") })
    }

    /// The code itself.
    #[must_use]
    pub const fn code(self) -> u32 {
        self.code
    }

    /// The state sent with the code.
    #[must_use]
    pub const fn state(self) -> Option<u32> {
        self.state
    }

    /// What to do about it, if known.
    #[must_use]
    pub const fn remedy(self) -> Option<&'static str> {
        match self.code {
            Self::CANNOT_OPEN_TABLE => Some(
                "the table cannot be opened for ingestion: generated columns and row tracking are known to cause this",
            ),
            Self::MISSING_MODIFY => Some("grant SELECT and MODIFY on the table itself to the service principal"),
            Self::NOT_SELF_CONTAINED => {
                Some("make the descriptor with `descriptor_of`, which includes every type with absolute names")
            }
            Self::RECORD_DOES_NOT_DECODE => Some(
                "a record has a field that the table does not have, or a value of the wrong form, such as a TIMESTAMP as text",
            ),
            Self::SCHEMA_VALIDATION => Some(
                "the rows do not match the table: fetch the table's schema again, regenerate the types, and review what changed",
            ),
            Self::STREAM_TIMEOUT => Some("the server ended the stream for its age; a new stream can be opened at once"),
            Self::TEMPORARILY_BLOCKED => {
                Some("the service blocks this client for now; wait a minute before the next try")
            }
            Self::UNSUPPORTED_TABLE => Some(
                "grant USE CATALOG, USE SCHEMA, and SELECT and MODIFY explicitly on the table itself: ALL PRIVILEGES and inherited grants are not enough; if they are there, the table is not a managed Delta table, or is in the default storage of an old workspace",
            ),
            _ => None,
        }
    }
}

impl ServerCode {
    /// Whether the server's text already names the cause, so that the code's general remedy would mislead.
    pub(super) fn is_explained_by(self, message: &str) -> bool {
        let causes: &[&str] = match self.code {
            Self::CANNOT_OPEN_TABLE => &["generated", "identity", "row tracking"],
            Self::UNSUPPORTED_TABLE => {
                &["table kind", "of type", "default storage", "does not exist", "grant", "privilege"]
            }
            _ => &[],
        };
        let message = message.to_ascii_lowercase();
        causes.iter().any(|cause| message.contains(cause))
    }
}

fn number_behind(message: &str, label: &str) -> Option<u32> {
    let (_, rest) = message.rsplit_once(label)?;
    let digits = rest.trim_start();
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

impl Display for ServerCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)
    }
}

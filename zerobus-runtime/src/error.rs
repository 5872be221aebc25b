//! This crate's error type: small, with a kind, the server's code, a remedy and the source.
//!
//! | file | what it owns |
//! |---|---|
//! | `fault` | every failure, with its context |
//! | `connecting` | why a connection failed |
//! | `details` | the details of a gRPC status |
//! | `schema_cause` | why a schema does not fit its table |
//! | `server_code` | the service's numeric codes and what to do about each |

mod connecting;
mod details;
mod fault;
mod schema_cause;
mod server_code;

use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use connecting::ConnectProblem;
pub(crate) use details::Details;
pub(crate) use fault::{Fault, Refusal, Status, Violation};
pub(crate) use schema_cause::SchemaCause;
pub use server_code::ServerCode;

/// What went wrong, whose fault it is, and what to do.
///
/// An error is cheap to clone: a stream that failed returns the same error to every caller.
///
/// ```
/// use zerobus_runtime::{Client, ErrorKind};
///
/// let error = Client::builder().endpoint("ftp://example.com").build().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Configuration);
/// assert!(!error.is_retryable());
/// assert!(error.remedy().is_some());
/// ```
#[derive(Clone)]
pub struct Error {
    fault: Arc<Fault>,
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The stream was already closed.
    Closed,
    /// The configuration is not valid: an address, a missing variable, an option out of range.
    Configuration,
    /// The token endpoint or the service rejected the caller's identity or permissions.
    Credentials,
    /// The byte budget is exhausted: `try_send` reports it, `send` waits instead.
    Full,
    /// The stream gave up earlier and accepts no more rows; [`Error::cause`] is the reason. The row itself may be
    /// valid.
    GaveUp,
    /// The server broke the rules of the protocol.
    Protocol,
    /// The row was rejected: it is too large, does not serialize, or the server refused it.
    Rejected,
    /// The rows do not match the table's schema, or the table cannot be written through Zerobus.
    Schema,
    /// The disk of the spool or of the dead letters failed or is full, or the sink refused a dead letter.
    Storage,
    /// A time limit expired.
    Timeout,
    /// The connection or the service failed.
    Transport,
}

impl ErrorKind {
    const ALL: [Self; 11] = [
        Self::Closed,
        Self::Configuration,
        Self::Credentials,
        Self::Full,
        Self::GaveUp,
        Self::Protocol,
        Self::Rejected,
        Self::Schema,
        Self::Storage,
        Self::Timeout,
        Self::Transport,
    ];

    /// Its name in undelivered rows and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Configuration => "configuration",
            Self::Credentials => "credentials",
            Self::Full => "full",
            Self::GaveUp => "gave_up",
            Self::Protocol => "protocol",
            Self::Rejected => "rejected",
            Self::Schema => "schema",
            Self::Storage => "storage",
            Self::Timeout => "timeout",
            Self::Transport => "transport",
        }
    }
}

impl From<ErrorKind> for &'static str {
    fn from(kind: ErrorKind) -> Self {
        kind.as_str()
    }
}

impl TryFrom<String> for ErrorKind {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        known.ok_or_else(|| format!("`{name}` is not an error kind of this version"))
    }
}

impl Error {
    /// Whose fault it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.fault.kind()
    }

    /// The service's numeric code, if its message holds one.
    #[must_use]
    pub fn code(&self) -> Option<ServerCode> {
        self.fault.code()
    }

    /// The path of the column whose value the row was refused for, if known: `lines.element.price`.
    #[must_use]
    pub fn column(&self) -> Option<String> {
        self.fault.column()
    }

    /// Whether the same operation may succeed later, unchanged.
    ///
    /// A stream retries by itself before it gives up with such an error.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.fault.is_retryable()
    }

    /// The error that caused this one: why a stream gave up, or why it could not be opened.
    #[must_use]
    pub fn cause(&self) -> Option<&Self> {
        self.fault.cause()
    }

    /// How long the server asked to wait before another attempt.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.fault.retry_after()
    }

    /// What to do about it, if known.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        self.fault.remedy()
    }

    /// Whether this is a clone of that error.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.fault, &other.fault)
    }

    pub(crate) fn fault(&self) -> &Fault {
        &self.fault
    }

    /// Writes each source on a separate line.
    pub(crate) fn write_sources(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            write!(f, "\n  caused by: {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self { fault: Arc::new(fault) }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fault)?;
        if let Some(remedy) = self.remedy() {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

/// As `Display`, followed by each source on a separate line; `main` prints a returned error this way.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        self.write_sources(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.cause() {
            // Its text is already part of this error's text.
            Some(cause) => cause.source(),
            None => std::error::Error::source(&*self.fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Offset;

    #[test]
    fn an_error_is_one_word() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<Offset, Error>>(), 2 * size_of::<usize>());
    }
}

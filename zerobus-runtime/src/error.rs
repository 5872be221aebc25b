//! The one error of this crate: small, with its kind, the server's code, a remedy and the source.
//!
//! | file | what it owns |
//! |---|---|
//! | `fault` | every single thing that can go wrong, with what is known of it |
//! | `schema_cause` | why a schema does not fit its table, from the details of a status |
//! | `server_code` | the service's numeric codes and what to do about each |

mod fault;
mod schema_cause;
mod server_code;

use std::fmt::{self, Display};
use std::sync::Arc;

pub(crate) use fault::{Fault, Refusal, Status, Violation};
pub(crate) use schema_cause::SchemaCause;
pub use server_code::ServerCode;

use crate::undelivered::Undelivered;

/// What went wrong, whose fault it is, and what to do.
///
/// An error is cheap to clone: a stream that has failed gives the same error to all who ask.
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
    undelivered: Option<Box<Undelivered>>,
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The stream was closed before.
    Closed,
    /// The program is set up wrongly: an address, a missing variable, an option out of range.
    Configuration,
    /// The token endpoint or the service does not accept who asks, or what it may do.
    Credentials,
    /// The byte budget is used up: `try_send` tells it, `send` waits instead.
    Full,
    /// The server broke the rules of the protocol.
    Protocol,
    /// A row cannot be taken: it is too large, does not serialize, or the server refused it.
    Rejected,
    /// The table and the rows do not fit each other, or the table cannot be written through Zerobus.
    Schema,
    /// Something did not happen in time.
    Timeout,
    /// The connection or the service failed.
    Transport,
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

    /// Whether the same may succeed when it is tried again later, unchanged.
    ///
    /// A stream has tried again by itself before it gives up with such an error.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.fault.is_retryable()
    }

    /// What to do about it, where something is known to help.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        self.fault.remedy()
    }

    /// The rows that were accepted and are not known to be durable; `close` alone gives them.
    #[must_use]
    pub fn undelivered(&self) -> Option<&Undelivered> {
        self.undelivered.as_deref()
    }

    /// The rows that were accepted and are not known to be durable, to be kept or to be sent on a new stream.
    #[must_use]
    pub fn into_undelivered(self) -> Option<Undelivered> {
        self.undelivered.map(|rows| *rows)
    }

    /// The same error, without the rows that it may hold.
    pub(crate) fn clone_without_rows(&self) -> Self {
        Self { fault: Arc::clone(&self.fault), undelivered: None }
    }

    pub(crate) fn with_undelivered(mut self, rows: Undelivered) -> Self {
        self.undelivered = Some(Box::new(rows));
        self
    }

    pub(crate) fn fault(&self) -> &Fault {
        &self.fault
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self { fault: Arc::new(fault), undelivered: None }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fault)?;
        if let Some(rows) = &self.undelivered {
            write!(f, " ({} rows were not delivered)", rows.len())?;
        }
        if let Some(remedy) = self.remedy() {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind())
            .field("fault", &self.fault)
            .field("undelivered", &self.undelivered.as_ref().map_or(0, |rows| rows.len()))
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Offset;

    #[test]
    fn an_error_is_two_words() {
        assert_eq!(size_of::<Error>(), 2 * size_of::<usize>());
        assert_eq!(size_of::<Result<Offset, Error>>(), 2 * size_of::<usize>());
    }
}

//! Why a stream did not deliver every row before it ended, with the rows that it returns.

use std::fmt::{self, Display};

use crate::error::{Error, ErrorKind};
use crate::undelivered::Undelivered;

/// Why closing a stream did not make every row durable, with the rows that are not.
///
/// It does not convert into an [`Error`], so that `?` never drops rows unnoticed: take them with
/// [`into_undelivered`](Self::into_undelivered), or drop them on purpose with [`into_reason`](Self::into_reason).
///
/// ```
/// # async fn f(stream: zerobus_runtime::JsonStream) -> Result<(), Box<dyn std::error::Error>> {
/// use std::fs::File;
///
/// if let Err(error) = stream.close().await {
///     eprintln!("{error}");
///     if let Some(rows) = error.into_undelivered() {
///         rows.write_to(File::create("undelivered.ndjson")?)?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CloseError {
    reason: Error,
    undelivered: Option<Box<Undelivered>>,
}

impl CloseError {
    pub(super) fn new(reason: Error, undelivered: Undelivered) -> Self {
        Self { reason, undelivered: Some(Box::new(undelivered)) }
    }

    /// Why the rows were not delivered.
    #[must_use]
    pub const fn reason(&self) -> &Error {
        &self.reason
    }

    /// Why the rows were not delivered; the rows are dropped.
    #[must_use]
    pub fn into_reason(self) -> Error {
        self.reason
    }

    /// Whose fault it is: as [`Error::kind`].
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.reason.kind()
    }

    /// The rows that were accepted and are not known to be durable. There are none if an earlier `close` returned them,
    /// or if a spool keeps them.
    #[must_use]
    pub fn undelivered(&self) -> Option<&Undelivered> {
        self.undelivered.as_deref()
    }

    /// The rows that were accepted and are not known to be durable, to keep or to send on a new stream.
    #[must_use]
    pub fn into_undelivered(self) -> Option<Undelivered> {
        self.undelivered.map(|rows| *rows)
    }
}

/// An error without rows.
impl From<Error> for CloseError {
    fn from(reason: Error) -> Self {
        Self { reason, undelivered: None }
    }
}

impl Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rows) = &self.undelivered else { return write!(f, "{}", self.reason) };
        write!(f, "{} ({} rows were not delivered)", self.reason.fault(), rows.len())?;
        self.reason.remedy().map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

/// As `Display`, followed by each source on a separate line; `main` prints a returned error this way.
impl fmt::Debug for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        self.reason.write_sources(f)
    }
}

impl std::error::Error for CloseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The text of the error itself is part of this one's.
        std::error::Error::source(&self.reason)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::error::Fault;

    #[test]
    fn its_sources_are_those_of_the_reason() {
        let cause = std::io::Error::other("no threads left");
        let error = CloseError::from(Error::from(Fault::Thread { source: cause }));
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("no threads left"));
        assert!(format!("{error:?}").ends_with("\n  caused by: no threads left"), "{error:?}");
    }
}

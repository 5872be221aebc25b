//! Errors of the catalog client. Each names its subject and a remedy.

use std::path::PathBuf;
use std::time::Duration;

use crate::Printable;

/// A failure to read tables from a catalog.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The response is not from the API: for example, it is a login page or a proxy's page.
    #[error(
        "asked {} for {}, got {}; check that the host is the URL of a workspace and that no proxy answers in its place",
        Printable(.url), Printable(.what), Printable(.found)
    )]
    Answer {
        /// The URL.
        url: String,
        /// The requested object.
        what: String,
        /// What the response was instead.
        found: String,
    },
    /// A certificate file cannot be used.
    #[error("cannot use the certificates of {}: {}; name a PEM file", .path.display(), Printable(.reason))]
    Certificates {
        /// The file.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// The credentials contradict each other or are incomplete.
    #[error("{reason}")]
    Credentials {
        /// The cause and the remedy.
        reason: String,
    },
    /// The server rejected the credentials or the caller's permissions.
    #[error("not allowed to read {}: {}; {remedy}", Printable(.what), Printable(.message))]
    Denied {
        /// The requested object.
        what: String,
        /// The message of the server.
        message: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// The host is not a valid address.
    #[error("`{}` is not the address of a workspace: {reason}", Printable(.host))]
    Host {
        /// The host as given.
        host: String,
        /// The cause and the remedy.
        reason: &'static str,
    },
    /// The object does not exist.
    #[error(
        "{} was not found, or is not visible with these credentials: {}; check the name, and that its reader has \
         USE CATALOG, USE SCHEMA and SELECT",
        Printable(.what), Printable(.message)
    )]
    NotFound {
        /// The requested object.
        what: String,
        /// The message of the server.
        message: String,
    },
    /// The profile could not be loaded.
    #[error("{}: {reason}", .path.display())]
    Profile {
        /// The file of profiles.
        path: PathBuf,
        /// The cause and the remedy.
        reason: String,
    },
    /// The server refused the request for another reason, and a retry would not help.
    #[error("asked {} for {}, got status {status}: {}", Printable(.url), Printable(.what), Printable(.message))]
    Refused {
        /// The URL.
        url: String,
        /// The requested object.
        what: String,
        /// The status.
        status: u16,
        /// The message of the server.
        message: String,
    },
    /// The deadline passed while the server was busy or unreachable.
    #[error(
        "gave up asking {} for {} after {:.1} s: {}; try again later, or allow more time (--timeout)",
        Printable(.url), Printable(.what), .waited.as_secs_f64(), Printable(.message)
    )]
    Timeout {
        /// The URL.
        url: String,
        /// The requested object.
        what: String,
        /// The time spent.
        waited: Duration,
        /// The failure of the last attempt.
        message: String,
    },
    /// The server is unreachable.
    #[error("cannot reach {}; check the host, the network and the proxy", Printable(.url))]
    Unreachable {
        /// The URL.
        url: String,
        /// The reason.
        source: Box<ureq::Error>,
    },
}

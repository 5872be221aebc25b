//! What can go wrong between this program and a catalog; each variant names the thing and a remedy.

use std::path::PathBuf;
use std::time::Duration;

use crate::Printable;

/// Why the catalog gave no table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The answer is not what the API promises: a login page, a proxy's page.
    #[error(
        "asked {} for {}, got {}; check that the host is the URL of a workspace and that no proxy answers in its place",
        Printable(.url), Printable(.what), Printable(.found)
    )]
    Answer {
        /// The URL.
        url: String,
        /// What was asked for.
        what: String,
        /// What came instead.
        found: String,
    },
    /// A file of certificates that cannot be used.
    #[error("the certificates of {}: {}; name a file of certificates in the form PEM", .path.display(), Printable(.reason))]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The credentials contradict each other or are incomplete.
    #[error("{reason}")]
    Credentials {
        /// What is wrong with them, and what to do.
        reason: String,
    },
    /// The credentials are refused, or their owner may not see the table.
    #[error("not allowed to read {}: {}; {remedy}", Printable(.what), Printable(.message))]
    Denied {
        /// What was asked for.
        what: String,
        /// What the server says.
        message: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The host is no address.
    #[error("`{}` is no address of a workspace: {reason}", Printable(.host))]
    Host {
        /// What was given.
        host: String,
        /// What is wrong with it, and what to do.
        reason: &'static str,
    },
    /// There is no such table.
    #[error(
        "{} is not there, or not to be seen with these credentials: {}; check the name, and that its reader has \
         USE CATALOG, USE SCHEMA and SELECT",
        Printable(.what), Printable(.message)
    )]
    NotFound {
        /// What was asked for.
        what: String,
        /// What the server says.
        message: String,
    },
    /// The profile is not to be had.
    #[error("{}: {reason}", .path.display())]
    Profile {
        /// The file of profiles.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The server refuses for another reason, and asking again would not help.
    #[error("asked {} for {}, got status {status}: {}", Printable(.url), Printable(.what), Printable(.message))]
    Refused {
        /// The URL.
        url: String,
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
        /// What the server says.
        message: String,
    },
    /// The deadline passed while the server was busy or not to be reached.
    #[error(
        "gave up asking {} for {} after {:.1} s: {}; try again later, or allow more time (--timeout)",
        Printable(.url), Printable(.what), .waited.as_secs_f64(), Printable(.message)
    )]
    Timeout {
        /// The URL.
        url: String,
        /// What was asked for.
        what: String,
        /// How long was asked.
        waited: Duration,
        /// What the last attempt met.
        message: String,
    },
    /// The server cannot be reached.
    #[error("cannot reach {}; check the host, the network and the proxy", Printable(.url))]
    Unreachable {
        /// The URL.
        url: String,
        /// The reason.
        source: Box<ureq::Error>,
    },
}

//! Why a connection failed, for error messages.

use std::error::Error as StdError;
use std::fmt::{self, Display};
use std::io;

/// Why a connection failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConnectProblem {
    /// The other end closed the connection before HTTP/2 began.
    Closed,
    /// The host name does not resolve.
    Name,
    /// There was no answer in time.
    NoAnswer,
    /// The port does not speak TLS.
    NotTls,
    /// Any other reason, with the system's text.
    Other(String),
    /// Nothing is listening there.
    Refused,
    /// The host cannot be reached.
    Unreachable,
    /// The certificate is not trusted or does not match.
    Untrusted(String),
}

impl ConnectProblem {
    /// Classifies an error by its causes.
    pub(crate) fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut root = error;
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(known) = Self::known(error) {
                return known;
            }
            root = error;
            next = error.source();
        }
        Self::Other(root.to_string())
    }

    fn known(error: &(dyn StdError + 'static)) -> Option<Self> {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(Self::of_tls(error));
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return Some(Self::of_tls(tls));
            }
            return Self::of_io(error.kind());
        }
        let text = error.to_string();
        if text.starts_with("dns error") || text.starts_with("failed to lookup address") {
            return Some(Self::Name);
        }
        // What HTTP/2 reports if the peer speaks another protocol or nothing.
        let speaks_otherwise = ["connection closed", "FRAME_SIZE_ERROR", "frame with invalid size"];
        speaks_otherwise.iter().any(|sign| text.contains(sign)).then_some(Self::Closed)
    }

    fn of_io(kind: io::ErrorKind) -> Option<Self> {
        match kind {
            io::ErrorKind::ConnectionRefused => Some(Self::Refused),
            io::ErrorKind::TimedOut => Some(Self::NoAnswer),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some(Self::Unreachable),
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
                Some(Self::Closed)
            }
            _ => None,
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            other => Self::Untrusted(other.to_string()),
        }
    }

    pub(super) const fn remedy(&self) -> &'static str {
        match self {
            Self::Closed => {
                "check ZEROBUS_SERVER_ENDPOINT: a TLS port needs https://, and a proxy in between must forward HTTP/2"
            }
            Self::Name => {
                "check the host of ZEROBUS_SERVER_ENDPOINT (<workspace-id>.zerobus.<region>.…), and this machine's DNS"
            }
            Self::NoAnswer | Self::Other(_) | Self::Unreachable => {
                "check ZEROBUS_SERVER_ENDPOINT, and that a firewall or proxy lets this machine reach it"
            }
            Self::NotTls => "the port speaks plain text: write http:// if that is meant, or the port of TLS",
            Self::Refused => "check the host and the port of ZEROBUS_SERVER_ENDPOINT, and that the service runs there",
            Self::Untrusted(_) => {
                "install the authority's certificate, or name it with `certificate_authority` or SSL_CERT_FILE"
            }
        }
    }
}

impl Display for ConnectProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("it does not speak HTTP/2, or closed the connection before that began"),
            Self::Name => f.write_str("its name does not resolve"),
            Self::NoAnswer => f.write_str("it did not answer in time"),
            Self::NotTls => f.write_str("it does not speak TLS"),
            Self::Other(text) => f.write_str(text),
            Self::Refused => f.write_str("nothing listens there (connection refused)"),
            Self::Unreachable => f.write_str("it cannot be reached"),
            Self::Untrusted(text) => write!(f, "its certificate is not trusted: {text}"),
        }
    }
}

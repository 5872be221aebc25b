//! The byte stream below TLS and HTTP/2, and how a program can replace it.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

/// Makes the connections below TLS and HTTP/2.
///
/// See [`ClientBuilder::dial`](crate::ClientBuilder::dial).
pub trait Dial: Debug + Send + Sync + 'static {
    /// Connects to a port of a host.
    ///
    /// # Errors
    /// If the host cannot be reached.
    fn dial(&self, host: &str, port: u16) -> DialFuture;
}

/// Resolves to a connection or an error.
pub type DialFuture = Pin<Box<dyn Future<Output = io::Result<Box<dyn Connection>>> + Send>>;

/// The byte stream below TLS: a TCP connection or a replacement.
pub trait Connection: AsyncRead + AsyncWrite + Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Debug + Send + Unpin> Connection for T {}

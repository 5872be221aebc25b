//! How a connection is made: TCP and TLS, or what a test puts in its place.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig};
use ureq::Proxy;

use super::Endpoint;
use super::socket::Sockets;
use crate::error::{ConnectProblem, Error, Fault};

/// The bytes that the server may send before they are read.
///
/// Acknowledgements are small, and a server may send one for every request. h2 ends a connection on which too many small
/// frames wait to be read; how many are too many it takes from this.
const WINDOW: u32 = 64 * 1024 * 1024;

/// Makes connections to the service.
pub trait Dial: Debug + Send + Sync + 'static {
    /// Makes one connection.
    ///
    /// # Errors
    /// If the service cannot be reached.
    fn dial(&self) -> Pin<Box<dyn Future<Output = Result<Channel, tonic::transport::Error>> + Send + '_>>;
}

/// Dials an endpoint over TCP, with TLS where the address says https.
#[derive(Debug)]
pub(crate) struct Dialer {
    endpoint: tonic::transport::Endpoint,
    sockets: Sockets,
}

/// Where a client's connections go.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    pub(crate) endpoint: Endpoint,
    pub(crate) dial: Arc<dyn Dial>,
}

impl Transport {
    /// Why there is no connection, or no call on it.
    pub(super) fn failed(&self, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
        let problem = ConnectProblem::of(&*source);
        Fault::Connect { endpoint: self.endpoint.to_string(), problem, source }.into()
    }
}

/// What a connection is made with.
#[derive(Debug)]
pub(crate) struct DialOptions {
    pub(crate) connect_timeout: Duration,
    /// How long a connection is idle before the system asks the other end whether it lives, and how often from then on.
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) user_agent: String,
    /// Certificates in PEM form that are trusted besides the system's.
    pub(crate) authority: Option<Vec<u8>>,
    pub(crate) proxy: Option<Proxy>,
}

impl Dialer {
    pub(crate) fn new(endpoint: &Endpoint, options: DialOptions) -> Result<Self, Error> {
        let mut dialer = tonic::transport::Endpoint::from(endpoint.uri().clone())
            .connect_timeout(options.connect_timeout)
            .initial_connection_window_size(WINDOW)
            .user_agent(options.user_agent.clone())
            .map_err(|_| Fault::Option {
                option: "user_agent",
                found: options.user_agent.clone(),
                expected: "visible ASCII characters",
            })?;
        if endpoint.is_https() {
            let mut tls = ClientTlsConfig::new().with_native_roots();
            if let Some(pem) = options.authority {
                tls = tls.ca_certificate(Certificate::from_pem(pem));
            }
            dialer = dialer.tls_config(tls).map_err(|error| Fault::Tls { source: error.into() })?;
        }
        let sockets = Sockets::to(endpoint.uri(), options.proxy.as_ref(), options.connect_timeout, options.keep_alive);
        Ok(Self { endpoint: dialer, sockets })
    }
}

impl Dial for Dialer {
    fn dial(&self) -> Pin<Box<dyn Future<Output = Result<Channel, tonic::transport::Error>> + Send + '_>> {
        Box::pin(self.endpoint.connect_with_connector(self.sockets.clone()))
    }
}

//! Connects to an endpoint, with TLS for https.

use std::sync::Arc;
use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig};
use ureq::Proxy;

use super::Endpoint;
use super::connection::Dial;
use super::socket::Sockets;
use crate::error::{ConnectProblem, Error, Fault};

/// The bytes that the server may send before they are read.
///
/// Acknowledgements are small, and a server may send one for every request. h2 ends a connection on which too many
/// small frames wait to be read; it derives that limit from this number.
const WINDOW: u32 = 64 * 1024 * 1024;

/// Connects to an endpoint, with TLS for https.
#[derive(Debug)]
pub(crate) struct Dialer {
    endpoint: tonic::transport::Endpoint,
    sockets: Sockets,
}

/// The target of a client's connections.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    pub(crate) endpoint: Endpoint,
    pub(crate) dialer: Arc<Dialer>,
}

impl Transport {
    /// Why a connection or a call could not be opened.
    pub(super) fn failed(&self, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
        let problem = ConnectProblem::of(&*source);
        Fault::Connect { endpoint: self.endpoint.to_string(), problem, source }.into()
    }
}

/// The parameters of a connection.
#[derive(Debug)]
pub(crate) struct DialOptions {
    pub(crate) connect_timeout: Duration,
    /// How long a connection is idle before the system probes the peer, and the interval between probes.
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) user_agent: String,
    /// Trusted certificates in PEM form, in addition to the system's.
    pub(crate) authority: Option<Vec<u8>>,
    pub(crate) proxy: Option<Proxy>,
    /// The custom dialer, if there is one.
    pub(crate) dial: Option<Arc<dyn Dial>>,
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
        let sockets = match options.dial {
            Some(dial) => Sockets::Dialed(dial),
            None => Sockets::to(endpoint.uri(), options.proxy.as_ref(), options.connect_timeout, options.keep_alive),
        };
        Ok(Self { endpoint: dialer, sockets })
    }

    /// Makes one connection.
    pub(super) async fn dial(&self) -> Result<Channel, tonic::transport::Error> {
        self.endpoint.connect_with_connector(self.sockets.clone()).await
    }
}

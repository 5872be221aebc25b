//! The connection of a call below TLS: direct, through a proxy, or by a custom dialer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use socket2::TcpKeepalive;
use tonic::codegen::Service;
use tonic::transport::Uri;
use ureq::Proxy;

use super::coalescing::CoalescingStream;
use super::connection::{Connection, Dial};
use super::tunnel::Tunnel;

/// How many unanswered probes end a connection.
const PROBES: u32 = 3;

/// Connects to an address, below TLS.
///
/// A connection that a load balancer or a firewall has dropped in silence is found by TCP's own keep-alive. HTTP/2
/// pings would find it too, but a stock gRPC server ends a connection for more than two of them within five minutes
/// without data, and the official clients send none.
#[derive(Debug, Clone)]
pub(super) enum Sockets {
    Dialed(Arc<dyn Dial>),
    Direct(HttpConnector),
    Tunnel(Tunnel),
}

impl Sockets {
    /// Connects to this address, through the proxy if there is one.
    pub(super) fn to(
        uri: &Uri,
        proxy: Option<&Proxy>,
        connect_timeout: Duration,
        keep_alive: Option<Duration>,
    ) -> Self {
        let probes = |time| TcpKeepalive::new().with_time(time).with_interval(time).with_retries(PROBES);
        if let Some(tunnel) = Tunnel::to(uri, proxy, keep_alive.map(probes)) {
            return Self::Tunnel(tunnel);
        }
        let mut direct = HttpConnector::new();
        // The address may be https; TLS is added by the caller.
        direct.enforce_http(false);
        direct.set_nodelay(true);
        direct.set_connect_timeout(Some(connect_timeout));
        direct.set_keepalive(keep_alive);
        direct.set_keepalive_interval(keep_alive);
        direct.set_keepalive_retries(keep_alive.map(|_| PROBES));
        Self::Direct(direct)
    }

    async fn connect(self, uri: Uri) -> Result<Box<dyn Connection>, tonic::codegen::StdError> {
        match self {
            Self::Dialed(dial) => {
                let host = uri.host().ok_or_else(|| io::Error::other("the address has no host"))?;
                Ok(dial.dial(host, port_of(&uri)).await?)
            }
            Self::Direct(mut direct) => Ok(Box::new(direct.call(uri).await?.into_inner())),
            Self::Tunnel(tunnel) => Ok(Box::new(tunnel.connect(uri).await?)),
        }
    }
}

/// The port of an address, which may be its scheme's.
fn port_of(uri: &Uri) -> u16 {
    let of_scheme = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    uri.port_u16().unwrap_or(of_scheme)
}

impl Service<Uri> for Sockets {
    type Response = TokioIo<CoalescingStream<Box<dyn Connection>>>;
    type Error = tonic::codegen::StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let sockets = self.clone();
        Box::pin(async move { Ok(TokioIo::new(CoalescingStream::new(sockets.connect(uri).await?))) })
    }
}

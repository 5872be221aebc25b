//! A connection through an HTTP proxy: CONNECT, then TLS through the tunnel.

use std::io;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::Uri;
use ureq::Proxy;
use zeroize::Zeroizing;

/// The longest response to a CONNECT that is read.
const LONGEST_ANSWER: usize = 16 * 1024;

/// Connects through a proxy.
#[derive(Debug, Clone)]
pub(super) struct Tunnel {
    proxy: Proxy,
    keep_alive: Option<TcpKeepalive>,
}

impl Tunnel {
    /// The tunnel to an address, if it has a proxy.
    pub(super) fn to(uri: &Uri, proxy: Option<&Proxy>, keep_alive: Option<TcpKeepalive>) -> Option<Self> {
        let proxy = proxy.filter(|proxy| !proxy.is_no_proxy(uri))?;
        Some(Self { proxy: proxy.clone(), keep_alive })
    }

    /// Connects to the address through the proxy.
    pub(super) async fn connect(self, uri: Uri) -> io::Result<TcpStream> {
        let target = target(&uri);
        let mut stream = TcpStream::connect((self.proxy.host(), self.proxy.port())).await?;
        stream.set_nodelay(true)?;
        if let Some(keep_alive) = &self.keep_alive {
            SockRef::from(&stream).set_tcp_keepalive(keep_alive)?;
        }
        stream.write_all(self.request(&target).as_bytes()).await?;
        let answer = read_head(&mut stream).await?;
        let status = answer.split_ascii_whitespace().nth(1).unwrap_or_default();
        if status != "200" {
            let proxy = format!("{}:{}", self.proxy.host(), self.proxy.port());
            return Err(io::Error::other(format!("the proxy {proxy} does not connect to {target}: HTTP {status:?}")));
        }
        Ok(stream)
    }

    fn request(&self, target: &str) -> Zeroizing<String> {
        let mut request = Zeroizing::new(format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n"));
        if let Some(user) = self.proxy.username() {
            let basic = Zeroizing::new(format!("{user}:{}", self.proxy.password().unwrap_or_default()));
            request.push_str("proxy-authorization: Basic ");
            BASE64_STANDARD.encode_string(basic.as_bytes(), &mut request);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        request
    }
}

fn target(uri: &Uri) -> String {
    let default = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    format!("{}:{}", uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(default))
}

/// The head of the proxy's response; nothing after it is read.
async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == LONGEST_ANSWER {
            return Err(io::Error::other("the proxy's answer has no end"));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

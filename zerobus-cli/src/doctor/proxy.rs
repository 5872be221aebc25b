//! The proxy between this machine and a server: whether it opens a tunnel, as the service's client requests it.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ureq::Proxy;

/// The maximum size of a response.
const LONGEST: usize = 16 * 1024;

/// The proxy's response.
pub(super) enum Answer {
    Open,
    /// Refused with this status line.
    Refused(String),
    WantsCredentials,
}

/// Asks the proxy at the other end of the socket for a tunnel to `host:port`.
pub(super) fn open(proxy: &Proxy, target: &str, mut socket: &TcpStream) -> io::Result<Answer> {
    let mut request = Vec::new();
    write!(request, "CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n")?;
    if let Some(user) = proxy.username() {
        let credentials = BASE64_STANDARD.encode(format!("{user}:{}", proxy.password().unwrap_or_default()));
        write!(request, "proxy-authorization: Basic {credentials}\r\n")?;
    }
    request.extend(b"\r\n");
    socket.write_all(&request)?;
    let head = head(socket)?;
    let line = head.lines().next().unwrap_or_default();
    Ok(match line.split_ascii_whitespace().nth(1) {
        Some("200") => Answer::Open,
        Some("407") => Answer::WantsCredentials,
        _ => Answer::Refused(line.to_owned()),
    })
}

/// Reads the head of the response and not a byte more: what follows comes from the server.
fn head(mut socket: &TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == LONGEST {
            return Err(io::Error::other("its answer has no end"));
        }
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

//! The network between this machine and the servers: name resolution, connection, proxy, TLS and clock.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, SystemTime};

use ureq::Proxy;
use ureq::http::Uri;

use super::certificate::{self, Shown};
use super::finding::{Findings, Layer};
use super::proxy::{self, Answer};
use super::setup::{Setup, bare_host, host_of, is_local};

/// The timeout of one step.
const PATIENCE: Duration = Duration::from_secs(5);

/// How far two clocks may differ. A server refuses tokens that by its clock are not yet valid or have expired.
const MOST_SKEW: Duration = Duration::from_secs(60);

/// Checks the way to both servers, and returns whether both can be reached.
pub(super) fn examine(setup: &Setup, authority: Option<&[u8]>, findings: &mut Findings) -> bool {
    let mut addresses = vec![setup.endpoint.as_str()];
    if host_of(&setup.login.host) != host_of(&setup.endpoint) {
        addresses.push(&setup.login.host);
    }
    // Each layer is checked for all servers before the next layer.
    let places: Vec<Place> = addresses.into_iter().map(Place::of).collect();
    if places.iter().all(|place| place.proxy.is_none()) {
        findings.skipped(Layer::Proxy, "no proxy is set");
    }
    let resolved: Vec<Option<Vec<SocketAddr>>> = places.iter().map(|place| name(place, findings)).collect();
    let Some(resolved) = resolved.into_iter().collect::<Option<Vec<_>>>() else { return false };
    let connected = places.iter().zip(resolved).map(|(place, addresses)| connection(place, &addresses, findings));
    let Some(sockets) = connected.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>() else { return false };
    let tunnels = places.iter().zip(&sockets).map(|(place, socket)| tunnel(place, socket, findings));
    if !tunnels.collect::<Vec<_>>().into_iter().all(|is_open| is_open) {
        return false;
    }
    for (place, socket) in places.iter().zip(sockets) {
        tls(place, socket, authority, findings);
    }
    if findings.failed_at(Layer::Tls) {
        return false;
    }
    clock(setup, findings);
    true
}

/// A server, and the proxy in front of it, if any.
struct Place {
    host: String,
    port: u16,
    is_tls: bool,
    proxy: Option<Proxy>,
}

impl Place {
    fn of(address: &str) -> Self {
        let host = host_of(address);
        let is_tls = !address.trim().starts_with("http://");
        let port = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let port = port.unwrap_or(if is_tls { 443 } else { 80 });
        let uri: Option<Uri> = format!("{}://{host}/", if is_tls { "https" } else { "http" }).parse().ok();
        let proxy = Proxy::try_from_env()
            .filter(|proxy| !is_local(host) && !uri.as_ref().is_some_and(|uri| proxy.is_no_proxy(uri)));
        Self { host: bare_host(host).to_owned(), port, is_tls, proxy }
    }

    /// The host and port to connect to.
    fn next(&self) -> (&str, u16) {
        match &self.proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (&self.host, self.port),
        }
    }

    fn kind(&self) -> &'static str {
        if self.proxy.is_some() { "the proxy " } else { "" }
    }
}

fn name(place: &Place, findings: &mut Findings) -> Option<Vec<SocketAddr>> {
    let (host, port) = place.next();
    match (host, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>) {
        Ok(addresses) if !addresses.is_empty() => {
            let first = addresses[0].ip();
            findings.fine(Layer::Name, format!("{}{host} is {first}", place.kind()));
            Some(addresses)
        }
        Ok(_) => {
            findings.failed(Layer::Name, format!("{}{host} has no address", place.kind()), format!("nslookup {host}"));
            None
        }
        Err(error) => {
            let found = format!("{}{host} is not known: {error}", place.kind());
            findings.failed(Layer::Name, found, format!("nslookup {host}"));
            None
        }
    }
}

fn connection(place: &Place, addresses: &[SocketAddr], findings: &mut Findings) -> Option<TcpStream> {
    let (host, port) = place.next();
    let mut last = None;
    for address in addresses {
        match TcpStream::connect_timeout(address, PATIENCE) {
            Ok(socket) => {
                findings.fine(Layer::Connection, format!("{}{host}:{port} answers", place.kind()));
                return Some(socket);
            }
            Err(error) => last = Some(error),
        }
    }
    let why = last.map_or_else(|| "it has no address".to_owned(), |error| error.to_string());
    let found = format!("{}{host}:{port} cannot be reached: {why}", place.kind());
    findings.failed(Layer::Connection, found, format!("nc -vz {host} {port}"));
    None
}

/// Opens a tunnel through the proxy, if there is one, and returns whether the server can be reached.
fn tunnel(place: &Place, socket: &TcpStream, findings: &mut Findings) -> bool {
    let Some(proxy) = &place.proxy else { return true };
    let (target, name) = (format!("{}:{}", place.host, place.port), format!("{}:{}", proxy.host(), proxy.port()));
    let opened = limited(socket).and_then(|()| proxy::open(proxy, &target, socket));
    match opened {
        Ok(Answer::Open) => {
            findings.fine(Layer::Proxy, format!("the proxy {name} connects to {target}"));
            return true;
        }
        Ok(Answer::WantsCredentials) => {
            let found = format!("the proxy {name} rejected the credentials in its address, or there are none");
            findings.failed(Layer::Proxy, found, format!("export HTTPS_PROXY=http://<user>:<password>@{name}"));
        }
        Ok(Answer::Refused(status)) => {
            let found = format!("the proxy {name} does not connect to {target}: it answered {status:?}");
            findings.failed(Layer::Proxy, found, format!("curl -v --proxy http://{name} https://{target}"));
        }
        Err(error) => {
            let found = format!("the proxy {name} did not answer the request for {target}: {error}");
            findings.failed(Layer::Proxy, found, format!("curl -v --proxy http://{name} https://{target}"));
        }
    }
    false
}

/// Sets the timeouts of a socket; otherwise a silent server would block forever.
fn limited(socket: &TcpStream) -> io::Result<()> {
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))
}

fn tls(place: &Place, socket: TcpStream, authority: Option<&[u8]>, findings: &mut Findings) {
    if !place.is_tls {
        findings.skipped(Layer::Tls, format!("{}:{} is spoken to without TLS", place.host, place.port));
        return;
    }
    let limited = limited(&socket);
    let shown =
        limited.map_err(|error| error.to_string()).and_then(|()| certificate::shown(&place.host, socket, authority));
    match shown {
        Ok(Shown { issuer, problem: None }) => {
            findings.fine(Layer::Tls, format!("{} shows a certificate of {issuer}", place.host));
        }
        Ok(Shown { issuer, problem: Some(problem) }) => {
            let found = format!("{} shows a certificate of {issuer}, which is not trusted: {problem}", place.host);
            findings.failed(Layer::Tls, found, "export SSL_CERT_FILE=<the authority's certificate in PEM form>");
        }
        Err(problem) => {
            let found = format!("{} does not speak TLS: {problem}", place.host);
            let command = format!("openssl s_client -connect {}:{}", place.host, place.port);
            findings.failed(Layer::Tls, found, command);
        }
    }
}

/// Compares this machine's clock with the date header of a response.
fn clock(setup: &Setup, findings: &mut Findings) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into();
    let asked = agent.get(format!("{}/oidc/.well-known/oauth-authorization-server", setup.login.host)).call();
    let date = asked.ok().and_then(|answer| answer.headers().get("date")?.to_str().ok().map(str::to_owned));
    let Some(skew) = date.and_then(|date| skew(&date, SystemTime::now())) else {
        findings.skipped(Layer::Clock, "the workspace's answers have no time");
        return;
    };
    match skew {
        Skew::Within(_) => findings.fine(Layer::Clock, "this machine's clock agrees with the workspace's"),
        Skew::Ahead(by) => {
            let found = format!("this machine's clock is {} s ahead of the workspace's", by.as_secs());
            findings.failed(Layer::Clock, found, "sudo timedatectl set-ntp true");
        }
        Skew::Behind(by) => {
            let found = format!("this machine's clock is {} s behind the workspace's", by.as_secs());
            findings.failed(Layer::Clock, found, "sudo timedatectl set-ntp true");
        }
    }
}

/// The difference between two clocks.
#[derive(Debug, PartialEq, Eq)]
enum Skew {
    Ahead(Duration),
    Behind(Duration),
    Within(Duration),
}

/// The difference between this clock and the date of a response.
fn skew(date: &str, now: SystemTime) -> Option<Skew> {
    let theirs = httpdate::parse_http_date(date).ok()?;
    Some(match now.duration_since(theirs) {
        Ok(ahead) if ahead > MOST_SKEW => Skew::Ahead(ahead),
        Ok(ahead) => Skew::Within(ahead),
        Err(behind) if behind.duration() > MOST_SKEW => Skew::Behind(behind.duration()),
        Err(behind) => Skew::Within(behind.duration()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_a_minute() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let second = Duration::from_secs(1);
        assert_eq!(skew("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Skew::Within(Duration::ZERO)));
        assert_eq!(skew("Sun, 06 Nov 1994 08:49:37 GMT", now + 60 * second), Some(Skew::Within(60 * second)));
        assert_eq!(skew("Sun, 06 Nov 1994 08:49:37 GMT", now + 61 * second), Some(Skew::Ahead(61 * second)));
        assert_eq!(skew("Sun, 06 Nov 1994 08:49:37 GMT", now - 90 * second), Some(Skew::Behind(90 * second)));
        assert_eq!(skew("yesterday", now), None);
    }
}

//! A server with scripted responses that records its requests.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request to the server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// Method and path with its query: `GET /api`.
    pub(crate) line: String,
    /// The headers, their names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// A response of the server.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn header(mut self, name: &'static str, value: u32) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

impl Server {
    /// Serves on a free port until the test's process ends. The script also gets the number of the request, from 0.
    pub(crate) fn start(script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (requests, script) = (Arc::new(Mutex::new(Vec::new())), Arc::new(script));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                thread::spawn(move || serve(&connection, &seen, &*script));
            }
        });
        Self { url, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(connection: &TcpStream, seen: &Mutex<Vec<Request>>, script: &dyn Fn(&Request, usize) -> Reply) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let Some(request) = read(&mut reader) else { return };
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    let reply = script(&request, number);
    let Reply { status, headers, body } = reply;
    let headers: String = headers.iter().flat_map(|(name, value)| [name, ": ", value.as_str(), "\r\n"]).collect();
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
    // In some scripts the client disconnects.
    let _ = { connection }.write_all(&[head.as_bytes(), &body].concat());
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut request = Request { line: line.trim_end().strip_suffix(" HTTP/1.1")?.to_owned(), ..Request::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        request.headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).ok()?;
    Some(request)
}

/// A TLS server with the same response for every request.
pub(crate) struct Secure {
    pub(crate) url: String,
}

#[allow(dead_code, reason = "not every test that has a server has one that speaks TLS")]
impl Secure {
    /// Serves on a free port, as `localhost`, with this certificate.
    pub(crate) fn start(
        key: &rcgen::CertifiedKey<rcgen::KeyPair>,
        answer: impl Fn() -> Reply + Send + Sync + 'static,
    ) -> Self {
        let private = rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], private)
            .unwrap();
        let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = rustls::StreamOwned::new(session, connection);
                let (mut asked, mut part) = (Vec::new(), [0; 1024]);
                // A client that does not trust the certificate disconnects.
                while let Ok(read @ 1..) = stream.read(&mut part) {
                    asked.extend_from_slice(&part[..read]);
                    if asked.ends_with(b"\r\n\r\n") {
                        let Reply { status, body, .. } = answer();
                        let length = body.len();
                        let head =
                            format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
                        let _ = stream.write_all(&[head.as_bytes(), &body].concat());
                        stream.conn.send_close_notify();
                        let _ = stream.flush();
                        break;
                    }
                }
            }
        });
        Self { url }
    }
}

//! The recorder: a token endpoint and a gRPC server on one port that record what a client sends.
//!
//! It has no tables and checks nothing. A script defines its responses, so every client sees the same server.
//!
//! | file | what it owns |
//! |---|---|
//! | `tap` | counts the frames of a connection |
//! | `token` | the token endpoint |
//! | `call` | the calls: the script's responses, and what the client sent |

mod call;
mod tap;
mod token;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::Failure;
use tap::{Frames, Tap};

/// How the server treats the calls of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// The first call gets a close signal after its first acknowledgement. It ends when the client opens the next call,
    /// or after a timeout.
    CloseSignal,
    /// The first call ends with PERMISSION_DENIED.
    PermissionDenied,
    /// Every call is refused after it has created its stream.
    Refused,
    /// The first call is reset after its second row; only its first row is acknowledged.
    Reset,
    /// Every row is acknowledged.
    Serve,
    /// The first call ends with UNAUTHENTICATED.
    Unauthenticated,
}

/// Everything that a client sent.
#[derive(Debug, Default, Clone)]
pub struct Recording {
    /// The requests to the token endpoint, in order.
    pub tokens: Vec<TokenRequest>,
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// The number of HTTP/2 pings on all connections.
    pub pings: usize,
}

/// One request to the token endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenRequest {
    /// `POST`.
    pub method: String,
    /// The path and the query.
    pub path: String,
    /// The headers by their lower-case names; for `authorization` only the scheme.
    pub headers: BTreeMap<String, String>,
    /// The fields of the form; `authorization_details` is JSON.
    pub form: BTreeMap<String, Value>,
}

/// One call.
#[derive(Debug, Default, Clone)]
pub struct Call {
    /// The path, which names the method.
    pub path: String,
    /// The metadata by lower-case names.
    pub metadata: BTreeMap<String, String>,
    /// Whether the first message came before the server had sent the headers of its response.
    pub sends_before_headers: bool,
    /// The messages, without their gRPC frame.
    pub messages: Vec<Bytes>,
    /// How the client ended its side of the call.
    pub end: Option<End>,
    /// Whether the client had opened the next call before the server ended this one.
    pub next_call_first: bool,
}

/// How the request side of a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With END_STREAM; the client still reads the rest of the response.
    HalfClosed,
    /// With END_STREAM, and then with RST_STREAM before the server ends its side.
    HalfClosedAndReset,
    /// With RST_STREAM, or when the connection ends.
    Reset,
    /// The server ended the call first.
    Server,
}

/// A running recorder.
#[derive(Debug)]
pub struct Recorder {
    url: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

/// The state that a recorder's connections share.
#[derive(Debug)]
struct Shared {
    script: Script,
    recording: Mutex<Recording>,
    frames: Frames,
    /// The number of calls that have begun.
    called: tokio::sync::watch::Sender<usize>,
}

impl Shared {
    /// Entries are always complete, even if a connection panics, so a poisoned lock can be used.
    fn recording(&self) -> MutexGuard<'_, Recording> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder {
    /// Starts on a free port.
    ///
    /// # Errors
    /// If it cannot listen.
    pub async fn start(script: Script) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let called = tokio::sync::watch::Sender::new(0);
        let shared = Shared { script, recording: Mutex::default(), frames: Frames::default(), called };
        let shared = Arc::new(shared);
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { url, shared, serving })
    }

    /// The address of the token endpoint and of the service.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The number of HTTP/2 pings so far.
    #[must_use]
    pub fn pings(&self) -> usize {
        self.shared.frames.pings()
    }

    /// Stops, and returns what was recorded.
    #[must_use]
    pub fn finish(self) -> Recording {
        self.serving.abort();
        let mut recording = self.shared.recording().clone();
        recording.pings = self.shared.frames.pings();
        recording
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A client that disappears ends only its own connection.
            if let Err(error) = connection(socket, shared).await {
                eprintln!("recorder: a connection ended: {error}");
            }
        });
    }
}

/// Serves HTTP/2 if the connection begins with its preface, otherwise the token endpoint.
async fn connection(mut socket: TcpStream, shared: Arc<Shared>) -> Result<(), Failure> {
    socket.set_nodelay(true)?;
    let mut first = [0; 3];
    socket.read_exact(&mut first).await?;
    let tap = Tap::new(socket, &first, shared.frames.clone());
    if first == *b"PRI" { call::serve(tap, shared).await } else { token::serve(tap, shared).await }
}

//! The recorder: a token endpoint and a gRPC server on one port that take down what a client sends.
//!
//! It knows no table and checks nothing. What it answers is a script, so that every client meets the same server.
//!
//! | file | what it owns |
//! |---|---|
//! | `tap` | the frames of a connection, as they pass |
//! | `token` | the token endpoint |
//! | `call` | the call: what the script answers, and what the client sent |

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

/// What the server does to the calls of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// The first call is asked to close after its first acknowledgement; it ends when the client has opened the next,
    /// or has waited for that in vain.
    CloseSignal,
    /// The first call ends with PERMISSION_DENIED.
    PermissionDenied,
    /// Every call is refused when it has created its stream.
    Refused,
    /// The first call is reset after its second row, of which only the first is acknowledged.
    Reset,
    /// Every row is acknowledged.
    Serve,
    /// The first call ends with UNAUTHENTICATED.
    Unauthenticated,
}

/// Everything that a client sent.
#[derive(Debug, Default, Clone)]
pub struct Recording {
    /// What the token endpoint was asked, in order.
    pub tokens: Vec<TokenRequest>,
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// HTTP/2 pings, over all connections.
    pub pings: usize,
}

/// One request of the token endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenRequest {
    /// `POST`.
    pub method: String,
    /// The path and the query.
    pub path: String,
    /// The headers by their lower-case name; of `authorization`, the scheme alone.
    pub headers: BTreeMap<String, String>,
    /// The fields of the form; `authorization_details` is JSON.
    pub form: BTreeMap<String, Value>,
}

/// One call.
#[derive(Debug, Default, Clone)]
pub struct Call {
    /// The path: the method that was called.
    pub path: String,
    /// The metadata by its lower-case name.
    pub metadata: BTreeMap<String, String>,
    /// Whether the first message came before the server had sent the headers of its response.
    pub sends_before_headers: bool,
    /// The messages, without their gRPC frame.
    pub messages: Vec<Bytes>,
    /// How the request side ended.
    pub end: Option<End>,
    /// Whether the client had opened the next call before the server ended this one.
    pub next_call_first: bool,
}

/// How a request side ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With END_STREAM, and the client reads what the server still has to say.
    HalfClosed,
    /// With END_STREAM, and then with RST_STREAM before the server has ended its side.
    HalfClosedAndReset,
    /// With RST_STREAM, or with the connection.
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

/// What the connections of a recorder share.
#[derive(Debug)]
struct Shared {
    script: Script,
    recording: Mutex<Recording>,
    frames: Frames,
    /// Notified of every call that begins.
    called: tokio::sync::watch::Sender<usize>,
}

impl Shared {
    /// A client that dies in the middle leaves whole entries, so a poisoned lock is a sound one.
    fn recording(&self) -> MutexGuard<'_, Recording> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder {
    /// Starts on a port of its own.
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

    /// How many HTTP/2 pings have come so far.
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
            // A client that goes away in the middle ends its own connection and nothing else.
            if let Err(error) = connection(socket, shared).await {
                eprintln!("recorder: a connection ended: {error}");
            }
        });
    }
}

/// Serves HTTP/2 where the connection begins with its preface, the token endpoint elsewhere.
async fn connection(mut socket: TcpStream, shared: Arc<Shared>) -> Result<(), Failure> {
    socket.set_nodelay(true)?;
    let mut first = [0; 3];
    socket.read_exact(&mut first).await?;
    let tap = Tap::new(socket, &first, shared.frames.clone());
    if first == *b"PRI" { call::serve(tap, shared).await } else { token::serve(tap, shared).await }
}

//! A server whose behaviour a test writes call by call, and rows to send to it.

#![allow(dead_code, unreachable_pub, unused_imports, missing_docs, reason = "each test binary uses its own part")]

mod log;
mod tap;
mod token_endpoint;

pub mod gate;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

pub use log::Log;
pub use tap::{Connections, tap};
pub use token_endpoint::{Answer, TokenEndpoint};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use zerobus_codegen::Scalar;
use zerobus_runtime::message::{ColumnType, FieldSchema, MessageSchema, Presence, WireType};
use zerobus_runtime::wire::ephemeral_stream_request::Payload as Asked;
use zerobus_runtime::wire::ephemeral_stream_response::Payload;
use zerobus_runtime::wire::ingest_record_batch_request::Batch;
use zerobus_runtime::wire::{
    CloseStreamSignal, CreateIngestStreamRequest, CreateIngestStreamResponse, EPHEMERAL_STREAM, EphemeralStreamRequest,
    EphemeralStreamResponse, IngestRecordResponse,
};
use zerobus_runtime::{Client, ClientBuilder, Encoder, TableName, Token, TokenFuture, TokenProvider, ZerobusMessage};

/// A row of one column, `n BIGINT NOT NULL`, and some text to make it as long as a test wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub n: u64,
    pub pad: String,
}

impl Row {
    pub fn new(n: u64) -> Self {
        Self { n, pad: String::new() }
    }

    pub fn padded(n: u64, bytes: usize) -> Self {
        Self { n, pad: "x".repeat(bytes) }
    }
}

impl ZerobusMessage for Row {
    const TABLE: Option<&'static str> = Some("main.test.rows");
    const SCHEMA: &'static MessageSchema = &MessageSchema {
        name: "Rows",
        fields: &[
            FieldSchema {
                name: "n",
                number: 1,
                column_type: ColumnType::Scalar(Scalar::Long),
                presence: Presence::Required,
            },
            FieldSchema {
                name: "pad",
                number: 2,
                column_type: ColumnType::Scalar(Scalar::String),
                presence: Presence::Optional,
            },
        ],
    };

    fn encode_to(&self, out: &mut Encoder) {
        out.key(1, WireType::Varint);
        out.varint(self.n);
        if !self.pad.is_empty() {
            out.key(2, WireType::Delimited);
            out.delimited(self.pad.as_bytes());
        }
    }
}

/// The number of a row as it came over the wire.
pub fn number(row: &[u8]) -> u64 {
    let mut rest = &row[1..];
    prost::encoding::decode_varint(&mut rest).expect("a row begins with its number")
}

/// What the server has received and made durable, over all calls.
#[derive(Debug, Default)]
pub struct Records {
    pub calls: AtomicUsize,
    pub authorizations: Mutex<Vec<String>>,
    pub durable: Mutex<Vec<u64>>,
    /// The calls that are over for the server, and whose requests it reads to their end.
    pub reading: AtomicUsize,
    /// What the client did that it must not do; a panic in the server's task would be heard by nobody.
    pub violations: Mutex<Vec<String>>,
}

impl Records {
    pub fn durable(&self) -> Vec<u64> {
        self.durable.lock().unwrap().clone()
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// One call, in the hands of a test.
pub struct Call {
    /// The number of the call, from 0.
    pub n: usize,
    pub requests: Streaming<EphemeralStreamRequest>,
    pub responses: mpsc::Sender<Result<EphemeralStreamResponse, Status>>,
    pub records: Arc<Records>,
}

/// The rows of one request, and its offset.
#[derive(Debug)]
pub struct Received {
    pub offset: i64,
    pub rows: Vec<Vec<u8>>,
}

impl Call {
    pub async fn say(&self, payload: Payload) {
        let _ = self.responses.send(Ok(EphemeralStreamResponse { payload: Some(payload) })).await;
    }

    /// Takes the request that creates the stream, and creates it.
    pub async fn create(&mut self) -> CreateIngestStreamRequest {
        let Ok(first) = self.requests.message().await else {
            // The connection is gone, and nobody asks for this call any more.
            return std::future::pending().await;
        };
        let first = first.expect("a first request");
        let Some(Asked::CreateStream(create)) = first.payload else { panic!("the first request creates the stream") };
        let stream_id = Some(format!("stream-{}", self.n));
        self.say(Payload::CreateStreamResponse(CreateIngestStreamResponse { stream_id })).await;
        create
    }

    /// The next batch; nothing at the end of the request side, or when the client is gone.
    pub async fn batch(&mut self) -> Option<Received> {
        let request = self.requests.message().await.ok()??;
        let Some(Asked::IngestRecordBatch(batch)) = request.payload else { panic!("a batch follows") };
        let rows = match batch.batch.expect("a batch holds records") {
            Batch::AvroBatch(_) => panic!("this client sends no AVRO"),
            Batch::JsonBatch(json) => json.records.into_iter().map(String::into_bytes).collect(),
            Batch::ProtoEncodedBatch(proto) => proto.records.iter().map(|row| row.to_vec()).collect(),
        };
        Some(Received { offset: batch.offset_id.expect("a batch has an offset"), rows })
    }

    /// Makes the rows of a request durable, without a word to the client.
    pub fn keep(&self, received: &Received) {
        self.records.durable.lock().unwrap().extend(received.rows.iter().map(|row| number(row)));
    }

    pub async fn ack(&self, offset: i64) {
        let ack = IngestRecordResponse { durability_ack_up_to_offset: Some(offset) };
        self.say(Payload::IngestRecordResponse(ack)).await;
    }

    pub async fn close_signal(&self, grace: Duration) {
        let duration = Some(prost_types::Duration::try_from(grace).expect("a short time"));
        self.say(Payload::CloseStreamSignal(CloseStreamSignal { duration })).await;
    }

    pub async fn fail(&self, status: Status) {
        let _ = self.responses.send(Err(status)).await;
    }

    /// Reads the request side to its end, as many servers do, and says meanwhile that it does.
    pub async fn read_to_end(&mut self) {
        self.records.reading.fetch_add(1, Ordering::SeqCst);
        while let Ok(Some(_)) = self.requests.message().await {}
        self.records.reading.fetch_sub(1, Ordering::SeqCst);
    }

    /// Behaves well to the end of the call.
    pub async fn serve(mut self) {
        self.create().await;
        self.serve_created().await;
    }

    /// Behaves well from the creation on.
    pub async fn serve_created(&mut self) {
        while let Some(received) = self.batch().await {
            self.keep(&received);
            self.ack(received.offset).await;
        }
    }
}

type Script = dyn Fn(Call) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// The service over HTTP/2, on any transport.
#[derive(Clone)]
pub struct Scripted {
    script: Arc<Script>,
    pub records: Arc<Records>,
}

impl Scripted {
    pub fn new<F>(script: impl Fn(Call) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { script: Arc::new(move |call| Box::pin(script(call))), records: Arc::default() }
    }

    /// Serves on a port of its own until the test's runtime ends.
    pub async fn start(self) -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        self.serve(tonic::transport::Server::builder(), listener, url)
    }

    /// As `start`, with TLS for the name `localhost`.
    pub async fn start_tls(self, identity: Identity) -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
        // delta_kernel brings a second provider of cryptography into the workspace's tests, and tonic's server takes
        // none by itself where there are two. Another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = ServerTlsConfig::new().identity(identity);
        let server = tonic::transport::Server::builder().tls_config(tls).expect("a certificate and its key");
        self.serve(server, listener, url)
    }

    fn serve(self, mut server: tonic::transport::Server, listener: tokio::net::TcpListener, url: String) -> Server {
        let records = Arc::clone(&self.records);
        // Without it the kernel holds an acknowledgement back for up to 40 ms, and a benchmark measures that.
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        tokio::spawn(server.add_service(self).serve_with_incoming(incoming));
        Server { url, records }
    }
}

/// A server that takes every row and acknowledges nothing.
pub async fn silent() -> Server {
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        while call.batch().await.is_some() {}
    });
    server.start().await
}

/// Serves, and keeps every record as it came.
pub async fn recording() -> (Server, Arc<Mutex<Vec<Vec<u8>>>>) {
    let records = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let kept = Arc::clone(&records);
    let server = Scripted::new(move |mut call: Call| {
        let kept = Arc::clone(&kept);
        async move {
            call.create().await;
            while let Some(received) = call.batch().await {
                kept.lock().unwrap().extend(received.rows);
                call.ack(received.offset).await;
            }
        }
    });
    (server.start().await, records)
}

/// A scripted service on a port.
pub struct Server {
    pub url: String,
    pub records: Arc<Records>,
}

impl Server {
    pub fn client(&self) -> Client {
        client(&self.url).build().expect("a client")
    }
}

pub fn client(url: &str) -> ClientBuilder {
    Client::builder().endpoint(url).token_provider(Tokens::default())
}

/// Returns `token-1`, `token-2`, and so on.
#[derive(Debug, Default, Clone)]
pub struct Tokens {
    given: Arc<AtomicUsize>,
}

impl TokenProvider for Tokens {
    fn token(&self, _table: &TableName) -> TokenFuture<'_> {
        let n = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move { Ok(Token::new(format!("token-{n}"), Duration::from_secs(3600))) })
    }
}

impl StreamingService<EphemeralStreamRequest> for Scripted {
    type Response = EphemeralStreamResponse;
    type ResponseStream = ReceiverStream<Result<EphemeralStreamResponse, Status>>;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Self::ResponseStream>, Status>> + Send>>;

    fn call(&mut self, request: Request<Streaming<EphemeralStreamRequest>>) -> Self::Future {
        let authorization = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        self.records.authorizations.lock().unwrap().push(authorization.unwrap_or_default().to_owned());
        let (responses, receiver) = mpsc::channel(1024);
        let n = self.records.calls.fetch_add(1, Ordering::SeqCst);
        let call = Call { n, requests: request.into_inner(), responses, records: Arc::clone(&self.records) };
        tokio::spawn((self.script)(call));
        Box::pin(async { Ok(Response::new(ReceiverStream::new(receiver))) })
    }
}

impl Service<http::Request<Body>> for Scripted {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            if request.uri().path() != EPHEMERAL_STREAM {
                return Ok(Status::unimplemented("no such call").into_http());
            }
            let codec = ProstCodec::<EphemeralStreamResponse, EphemeralStreamRequest>::default();
            let mut grpc = Grpc::new(codec).max_decoding_message_size(11 << 20);
            Ok(grpc.streaming(service, request).await)
        })
    }
}

impl NamedService for Scripted {
    const NAME: &'static str = "databricks.zerobus.Zerobus";
}

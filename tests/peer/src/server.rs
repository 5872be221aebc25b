//! The neutral server: creates streams, reads requests from the wire without decoding rows, and acknowledges
//! cumulatively, once per HTTP/2 frame that completes a request.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Response};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::Failure;
use crate::scan::{Arrived, Content, Messages, Request, request};

/// The server's options.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// The delay between the arrival of a request and its acknowledgement.
    #[arg(long, default_value_t = 0)]
    pub ack_delay_ms: u64,
    /// Acknowledge nothing before this many rows have arrived.
    #[arg(long, default_value_t = 0)]
    pub hold_rows: u64,
    /// The flow-control window of a stream and of a connection, in bytes; the default is that of hyper's server.
    #[arg(long, default_value_t = 1024 * 1024)]
    pub window: u32,
    /// Hash every row, so that the content of two runs can be compared.
    #[arg(long)]
    pub hash: bool,
    /// Speak TLS, and write the certificate to trust here.
    #[arg(long)]
    pub tls: Option<PathBuf>,
}

/// The summary that the server prints when a stream ends.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Summary {
    /// Requests with rows.
    pub requests: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of rows.
    pub bytes: u64,
    /// The sum of the rows' hashes.
    pub hash: u64,
}

/// Serves on a free port until it is killed; prints the address first.
///
/// # Errors
/// If it cannot listen.
pub async fn run(options: Options) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let tls = options.tls.as_ref().map(acceptor).transpose()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    println!("{scheme}://localhost:{}", listener.local_addr()?.port());
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let (options, tls) = (options.clone(), tls.clone());
        tokio::spawn(async move {
            if let Err(error) = accept(socket, tls, options).await {
                eprintln!("a connection failed: {error}");
            }
        });
    }
}

/// Makes a certificate for localhost that only this run's client trusts.
fn acceptor(file: &PathBuf) -> Result<TlsAcceptor, Failure> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    std::fs::write(file, made.cert.pem())?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(socket: TcpStream, tls: Option<TlsAcceptor>, options: Options) -> Result<(), Failure> {
    match tls {
        None => serve(socket, options).await,
        Some(tls) => serve(tls.accept(socket).await?, options).await,
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(socket: S, options: Options) -> Result<(), Failure> {
    let mut connection = h2::server::Builder::new()
        .initial_window_size(options.window)
        .initial_connection_window_size(options.window)
        .handshake::<_, Bytes>(socket)
        .await?;
    while let Some(call) = connection.accept().await {
        let (request, respond) = call?;
        let options = options.clone();
        tokio::spawn(async move {
            if let Err(error) = Call::new(options).run(request.into_body(), respond).await {
                eprintln!("a call failed: {error}");
            }
        });
    }
    Ok(())
}

/// One stream of rows.
struct Call {
    options: Options,
    arrived: Arrived,
    /// The offsets to acknowledge, and the time for each.
    due: VecDeque<(Instant, u64)>,
    is_created: bool,
}

impl Call {
    fn new(options: Options) -> Self {
        Self { options, arrived: Arrived::default(), due: VecDeque::new(), is_created: false }
    }

    async fn run(mut self, mut body: RecvStream, mut respond: SendResponse<Bytes>) -> Result<(), Failure> {
        let mut response = Response::new(());
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        let mut responses = respond.send_response(response, false)?;
        let mut messages = Messages::default();
        loop {
            let at = self.due.front().map(|(at, _)| *at);
            tokio::select! {
                data = body.data() => match data {
                    None => break,
                    Some(data) => {
                        let data = data?;
                        self.take(&data, &mut messages, &mut responses)?;
                        body.flow_control().release_capacity(data.len())?;
                    }
                },
                () = sleep_until(at.unwrap_or_else(Instant::now)), if at.is_some() => {}
            }
            self.acknowledge(Instant::now(), &mut responses)?;
        }
        self.acknowledge(Instant::now() + Duration::from_secs(3600), &mut responses)?;
        let Arrived { requests, rows, bytes, hash } = self.arrived;
        println!("{}", serde_json::to_string(&Summary { requests, rows, bytes, hash })?);
        responses.send_trailers(HeaderMap::from_iter([("grpc-status".parse()?, HeaderValue::from_static("0"))]))?;
        Ok(())
    }

    fn take(&mut self, data: &[u8], messages: &mut Messages, responses: &mut SendStream<Bytes>) -> Result<(), Failure> {
        let content = if self.options.hash { Content::Hashed } else { Content::Counted };
        let mut last = None;
        messages.feed(data, |message| {
            let expected = self.arrived.requests;
            match request(message, content, &mut self.arrived)? {
                Request::Create if self.is_created => return Err("a stream created twice".into()),
                Request::Create => {
                    self.is_created = true;
                    responses.send_data(Bytes::from_static(b"\0\0\0\0\x08\x0a\x06\x0a\x04peer"), false)?;
                }
                Request::Rows(offset) if offset == expected => last = Some(offset),
                Request::Rows(offset) => return Err(format!("offset {offset}, expected {expected}").into()),
            }
            Ok(())
        })?;
        let is_held = self.arrived.rows < self.options.hold_rows;
        if let Some(last) = last.filter(|_| !is_held) {
            self.due.push_back((Instant::now() + Duration::from_millis(self.options.ack_delay_ms), last));
        }
        Ok(())
    }

    /// Acknowledges every offset that is due, in one response.
    fn acknowledge(&mut self, now: Instant, responses: &mut SendStream<Bytes>) -> Result<(), Failure> {
        let mut last = None;
        while let Some((_, offset)) = self.due.front().filter(|(at, _)| *at <= now) {
            last = Some(*offset);
            self.due.pop_front();
        }
        if let Some(last) = last {
            responses.send_data(ack(last), false)?;
        }
        Ok(())
    }
}

/// `EphemeralStreamResponse.ingest_record_response.durability_ack_up_to_offset`, framed.
fn ack(offset: u64) -> Bytes {
    let mut inner = vec![0x08];
    prost::encoding::encode_varint(offset, &mut inner);
    // Both lengths are at most 13, so each takes one byte.
    #[expect(clippy::cast_possible_truncation, reason = "a varint has at most ten bytes")]
    let len = inner.len() as u8;
    let mut ack = vec![0, 0, 0, 0, len + 2, 0x12, len];
    ack.append(&mut inner);
    ack.into()
}

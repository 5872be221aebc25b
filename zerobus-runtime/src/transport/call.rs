//! The call itself, and its responses.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codec::{Codec, Streaming};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use super::requests::Requests;
use super::{RecordKind, Transport};
use crate::auth::Token;
use crate::core::Event;
use crate::error::{self, Error, Fault, SchemaCause, Violation};
use crate::shared::Shared;
use crate::wire::ephemeral_stream_response::Payload;
use crate::wire::{EPHEMERAL_STREAM, EphemeralStreamRequest, EphemeralStreamResponse, TABLE_NAME_HEADER};

/// What one call is opened with.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) generation: u64,
    pub(crate) kind: RecordKind,
    pub(crate) table: String,
    pub(crate) create: Bytes,
}

/// An open call: its responses, and the connection that carries it.
#[derive(Debug)]
pub(crate) struct Link {
    responses: Streaming<EphemeralStreamResponse>,
    table: String,
    has_created: bool,
    /// The connection lives as long as the call.
    _channel: Channel,
}

/// Dials and begins the call; the server has then taken it, and not yet created the stream.
pub(crate) async fn open(transport: &Transport, token: &Token, call: Call) -> Result<Link, Error> {
    let connect = |source| Error::from(Fault::Connect { endpoint: transport.endpoint.to_string(), source });
    let mut channel = transport.dial.dial().await.map_err(|error| connect(error.into()))?;
    let table = call.table.clone();
    let request = request(transport, token, call)?;
    std::future::poll_fn(|cx| GrpcService::poll_ready(&mut channel, cx))
        .await
        .map_err(|error| connect(error.into()))?;
    let response = GrpcService::call(&mut channel, request).await.map_err(|error| connect(error.into()))?;
    if let Some(status) = Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok) {
        return Err(refused(&table, status));
    }
    let http_status = response.status();
    let mut codec = ProstCodec::<EphemeralStreamRequest, EphemeralStreamResponse>::default();
    let responses = Streaming::new_response(codec.decoder(), response.into_body(), http_status, None, None);
    Ok(Link { responses, table, has_created: false, _channel: channel })
}

impl Link {
    /// The next thing that the server says.
    pub(crate) async fn next(&mut self) -> Event {
        let response = match self.responses.message().await {
            Ok(None) => return Event::Ended(None),
            Ok(Some(response)) => response,
            Err(status) => return Event::Ended(Some(refused(&self.table, status))),
        };
        match response.payload {
            Some(Payload::CloseStreamSignal(signal)) => Event::CloseSignal(signal_duration(signal.duration)),
            Some(Payload::CreateStreamResponse(_)) if self.has_created => Event::Violated(Violation::CreatedTwice),
            Some(Payload::CreateStreamResponse(_)) => {
                self.has_created = true;
                Event::Opened
            }
            Some(Payload::IngestRecordResponse(ack)) => Event::Acked(ack.durability_ack_up_to_offset),
            None => Event::Violated(Violation::EmptyResponse),
        }
    }
}

fn request(transport: &Transport, token: &Token, call: Call) -> Result<Request<Body>, Error> {
    let endpoint = transport.endpoint.uri();
    let uri = Uri::builder()
        .scheme(endpoint.scheme_str().unwrap_or("https"))
        .authority(endpoint.authority().map_or("", |authority| authority.as_str()))
        .path_and_query(EPHEMERAL_STREAM)
        .build();
    let invalid = |_| Fault::Option { option: "table", found: call.table.clone(), expected: "catalog.schema.table" };
    let table = HeaderValue::from_str(&call.table).map_err(invalid)?;
    let requests =
        Requests { shared: call.shared, generation: call.generation, kind: call.kind, next: Some(call.create) };
    let mut request = Request::new(Body::new(requests));
    *request.method_mut() = http::Method::POST;
    *request.version_mut() = http::Version::HTTP_2;
    *request.uri_mut() = uri.unwrap_or_default();
    let headers = request.headers_mut();
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::AUTHORIZATION, token.header()?);
    headers.insert(TABLE_NAME_HEADER, table);
    Ok(request)
}

/// The server's status as our error.
fn refused(table: &str, status: Status) -> Error {
    let has_source = std::error::Error::source(&status).is_some();
    Fault::Status(error::Status {
        code: status.code().into(),
        name: status.code().description(),
        message: status.message().to_owned(),
        table: table.to_owned(),
        schema_cause: SchemaCause::find(status.details()),
        source: has_source.then(|| status.into()),
    })
    .into()
}

fn signal_duration(duration: Option<prost_types::Duration>) -> Duration {
    duration.and_then(|duration| Duration::try_from(duration).ok()).unwrap_or_default()
}

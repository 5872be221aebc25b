//! The call itself, and its responses.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::Transport;
use super::envelope::Rpc;
use super::requests::Requests;
use super::responses::Responses;
use crate::auth::Token;
use crate::core::{Begin, Heard};
use crate::error::{self, Details, Error, Fault};
use crate::record_kind::RecordKind;
use crate::shared::Shared;
use crate::wire::{EPHEMERAL_STREAM, PERSISTENT_STREAM, TABLE_NAME_HEADER};

/// The parameters of a call.
#[derive(Debug)]
pub(crate) struct CallParts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) generation: u64,
    pub(crate) kind: RecordKind,
    pub(crate) table: String,
    pub(crate) create: Bytes,
    pub(crate) begin: Begin,
}

/// An open call: its responses, and the connection that carries it.
#[derive(Debug)]
pub(crate) struct Call {
    generation: u64,
    responses: Responses,
    table: String,
    /// The connection stays open as long as its calls.
    channel: Channel,
}

/// Makes a connection.
pub(crate) async fn connect(transport: &Transport) -> Result<Channel, Error> {
    let mut channel = transport.dialer.dial().await.map_err(|error| transport.failed(error.into()))?;
    poll_fn(|cx| GrpcService::poll_ready(&mut channel, cx)).await.map_err(|error| transport.failed(error.into()))?;
    Ok(channel)
}

/// Starts a call. The server has then accepted the call, but not created the stream.
pub(crate) async fn begin(
    transport: &Transport,
    mut channel: Channel,
    token: &Token,
    parts: CallParts,
) -> Result<Call, Error> {
    let (table, generation, begin) = (parts.table.clone(), parts.generation, parts.begin.clone());
    let request = request(transport, token, parts)?;
    let failed = |error: tonic::transport::Error| transport.failed(error.into());
    poll_fn(|cx| GrpcService::poll_ready(&mut channel, cx)).await.map_err(failed)?;
    let response = GrpcService::call(&mut channel, request).await.map_err(failed)?;
    if let Some(status) = Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok) {
        return Err(refused(&table, status));
    }
    let responses = Responses::new(begin, response);
    Ok(Call { generation, responses, table, channel })
}

impl Call {
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// The connection, for another call.
    pub(crate) const fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The next event from the server.
    pub(crate) async fn next(&mut self) -> Heard {
        match self.responses.next().await {
            Ok(heard) => heard,
            Err(status) => Heard::Ended(Some(refused(&self.table, *status))),
        }
    }
}

fn request(transport: &Transport, token: &Token, call: CallParts) -> Result<Request<Body>, Error> {
    let endpoint = transport.endpoint.uri();
    let uri = Uri::builder()
        .scheme(endpoint.scheme_str().unwrap_or("https"))
        .authority(endpoint.authority().map_or("", |authority| authority.as_str()))
        .path_and_query(match Rpc::of(&call.begin) {
            Rpc::Ephemeral => EPHEMERAL_STREAM,
            Rpc::Persistent => PERSISTENT_STREAM,
        })
        .build();
    let invalid = |_| Fault::Option { option: "table", found: call.table.clone(), expected: "catalog.schema.table" };
    let table = HeaderValue::from_str(&call.table).map_err(invalid)?;
    let requests = Requests {
        shared: call.shared,
        generation: call.generation,
        rpc: Rpc::of(&call.begin),
        kind: call.kind,
        next: Some(call.create),
    };
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
pub(super) fn refused(table: &str, status: Status) -> Error {
    let has_source = std::error::Error::source(&status).is_some();
    Fault::Status(error::Status {
        code: status.code().into(),
        name: status.code().description(),
        message: status.message().to_owned(),
        table: table.to_owned(),
        details: Details::read(status.details()),
        source: has_source.then(|| status.into()),
    })
    .into()
}

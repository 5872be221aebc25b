//! The call that permanently ends a persistent stream.

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, header};
use tonic::Request;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic_prost::ProstCodec;

use super::Transport;
use super::call::{connect, refused};
use crate::auth::Token;
use crate::error::{Error, Fault};
use crate::wire::retire_stream_request::Identifier;
use crate::wire::{RETIRE_STREAM, RetireStreamRequest, RetireStreamResponse, TABLE_NAME_HEADER};

/// Ends the stream with this name; ending it again changes nothing.
pub(crate) async fn retire(transport: &Transport, token: &Token, table: &str, stream_id: &str) -> Result<(), Error> {
    let channel = connect(transport).await?;
    let mut grpc = Grpc::with_origin(channel, transport.endpoint.uri().clone());
    grpc.ready().await.map_err(|error| transport.failed(error.into()))?;
    let invalid = |_| Fault::Option { option: "table", found: table.to_owned(), expected: "catalog.schema.table" };
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, token.header()?);
    headers.insert(TABLE_NAME_HEADER, HeaderValue::from_str(table).map_err(invalid)?);
    let identifier = Some(Identifier::StreamId(stream_id.to_owned()));
    let mut request = Request::new(RetireStreamRequest { table_name: Some(table.to_owned()), identifier });
    *request.metadata_mut() = MetadataMap::from_headers(headers);
    let codec = ProstCodec::<RetireStreamRequest, RetireStreamResponse>::default();
    let answer = grpc.unary(request, PathAndQuery::from_static(RETIRE_STREAM), codec).await;
    answer.map(drop).map_err(|status| refused(table, status))
}

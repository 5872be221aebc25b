//! Requests for anything that the emulator does not serve: a gRPC status for a gRPC call, the REST API's error for the
//! rest.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use tonic::Status;
use zerobus_codegen::Printable;
use zerobus_runtime::wire::{EPHEMERAL_STREAM, PERSISTENT_STREAM, RETIRE_STREAM};

use crate::tables_api::ApiError;

/// Answers every path that no other handler has.
///
/// gRPC calls need a gRPC status: the official client takes a 404 for a transient failure, and retries for seconds.
pub(crate) async fn path(request: Request) -> Response {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content_type.is_some_and(|content_type| content_type.starts_with("application/grpc")) {
        let method = request.uri().path();
        let text = format!(
            "{} is not served here; the emulator serves {EPHEMERAL_STREAM}, {PERSISTENT_STREAM} and {RETIRE_STREAM}",
            Printable(method)
        );
        return Status::unimplemented(text).into_http();
    }
    ApiError::new(StatusCode::NOT_FOUND, "ENDPOINT_NOT_FOUND", "No API found for this path.").into_response()
}

//! Rows over plain HTTP: `POST /zerobus/v1/tables/{full_name}/insert`, a JSON array of records, all of them or none.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tonic::{Code, Status};
use zerobus_codegen::{Printable, Table};

use crate::app::App;
use crate::connection::Connection;
use crate::decode::Decoder;
use crate::refusal::Refusal;
use crate::row::Row;
use crate::sink::Append;

/// Answers `{}` when every row is stored.
pub(crate) async fn insert(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    headers: HeaderMap,
    Path(full_name): Path<String>,
    body: Bytes,
) -> Response {
    match store(&app, &connection, &headers, &full_name, &body).await {
        Ok(()) => Json(json!({})).into_response(),
        Err(refusal) => {
            app.activity.refused(&connection, &full_name, &refusal);
            answer(refusal)
        }
    }
}

/// Answers every other method of the path.
pub(crate) async fn other_method() -> Response {
    answer(Refusal::unimplemented("rows are inserted by POST, as a JSON array"))
}

/// Answers every other path of the service.
pub(crate) async fn no_such_path() -> Response {
    answer(Refusal::no_such_path())
}

async fn store(
    app: &App,
    connection: &Connection,
    headers: &HeaderMap,
    full_name: &str,
    body: &[u8],
) -> Result<(), Refusal> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    app.authorize(header, full_name)?;
    check_content_type(headers)?;
    let table = app.catalog().writable(full_name)?;
    if body.len() > app.limits.record_bytes {
        let (found, limit) = (body.len(), app.limits.record_bytes);
        return Err(Refusal::too_large(format_args!("the body is {found} bytes, more than {limit}")));
    }
    let bad_body = |error: serde_json::Error| Refusal::bad_record(0, 0, &format!("the body is no JSON array: {error}"));
    let records: Vec<Value> = serde_json::from_slice(body).map_err(bad_body)?;
    store_records(app, connection, &table, records, body.len()).await
}

/// Stores all records, or none.
pub(crate) async fn store_records(
    app: &App,
    connection: &Connection,
    table: &Arc<Table>,
    records: Vec<Value>,
    bytes: usize,
) -> Result<(), Refusal> {
    let decoder = Decoder::of_table(table)?.with_rescue(app.tags.rescue(table));
    let rows = rows(&decoder, records)?;
    app.partitions.take(table, &rows, Instant::now())?;
    let watched = app.activity.watch(connection, table, "REST", 0);
    watched.ingested(0, rows.len(), bytes);
    let sink = app.sink.open(table).await?;
    let (stored, mut reports) = mpsc::unbounded_channel();
    sink.append(Append::new(table, rows, 0, stored)).await?;
    match reports.recv().await {
        Some(Ok(offset)) => {
            watched.acked(offset);
            Ok(())
        }
        Some(Err(error)) => Err(error.into()),
        None => Err(Refusal::storage("the table's writer has failed")),
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match given.map(|given| given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()) {
        None => Ok(()),
        Some(given) if given == "application/json" => Ok(()),
        Some(given) => {
            Err(Refusal::unimplemented(format_args!("content type {} is not application/json", Printable(&given))))
        }
    }
}

fn rows(decoder: &Decoder, records: Vec<Value>) -> Result<Vec<Row>, Refusal> {
    let rows = records.into_iter().enumerate().map(|(index, record)| {
        decoder.json_value(record).map_err(|bad| Refusal::bad_record(0, index, &bad.to_string()))
    });
    rows.collect()
}

fn answer(refusal: Refusal) -> Response {
    let status = Status::from(refusal);
    let (http, error_code) = match status.code() {
        Code::InvalidArgument | Code::OutOfRange => (StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE"),
        Code::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Code::PermissionDenied => (StatusCode::FORBIDDEN, "PERMISSION_DENIED"),
        Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED"),
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
        Code::Unimplemented => (StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED"),
        Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "TEMPORARILY_UNAVAILABLE"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
    };
    (http, Json(json!({ "error_code": error_code, "message": status.message() }))).into_response()
}

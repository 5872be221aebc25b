//! A table's rows on the emulator's own paths: `/emulator/tables/{name}/rows`, and `/emulator/rows` for all tables.
//!
//! | request | what it does |
//! |---|---|
//! | `GET …?offset=0&limit=1000` | rows as NDJSON, in the order of the table |
//! | `POST` | stores rows: a JSON array, or NDJSON; all or none |
//! | `DELETE` | empties the table, or all tables |
//!
//! and of its definition, `/emulator/tables/{name}`: `GET` describes the table, `PUT` alters it (`alter`).

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tonic::{Code, Status};
use zerobus_codegen::{Printable, Table};

use crate::app::App;
use crate::connection::Connection;
use crate::error_chain::ErrorChain;
use crate::refusal::Refusal;
use crate::rest_insert;
use crate::rows;
use crate::sink::StorageError;
use crate::tables_api::ApiError;

/// The rows of a response, unless the caller asks for another number.
const DEFAULT_LIMIT: usize = 1_000;
/// The most rows of a response.
const LIMIT: usize = 100_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    #[serde(default)]
    offset: u64,
    limit: Option<usize>,
}

/// Answers `GET /emulator/tables/{name}`.
pub(crate) async fn describe(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let _steady = app.definitions.steady().await;
    let table = table(&app, &name)?;
    let holding = app.sink.holding(&table).await.map_err(|error| storage(&error))?;
    let columns = table.columns().iter().map(|column| {
        let (name, nullable, comment) = (&column.name, column.nullable, &column.comment);
        json!({ "name": name, "type": column.data_type.to_string(), "nullable": nullable, "comment": comment })
    });
    let columns: Vec<Value> = columns.collect();
    let mut answer = json!({
        "name": table.name.to_string(),
        "columns": columns,
        "partition_columns": table.partition_columns,
        "rows": holding.rows,
    });
    if let Some(files) = holding.files {
        answer["folder"] = json!(app.sink.path(&table.name));
        answer["version"] = json!(files.version);
        answer["files"] = json!(files.count);
        answer["bytes"] = json!(files.bytes);
        answer["rejected_rows"] = json!(files.rejected);
    }
    Ok(Json(answer))
}

/// Answers `GET /emulator/tables/{name}/rows`.
pub(crate) async fn read(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(page): Query<Page>,
) -> Result<Response, ApiError> {
    let _steady = app.definitions.steady().await;
    let table = table(&app, &name)?;
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT).min(LIMIT);
    let found = app.sink.page(&table, page.offset, limit).await.map_err(|error| storage(&error))?;
    let mut text = String::new();
    for row in &found {
        text.push_str(&rows::json(&table, row).to_string());
        text.push('\n');
    }
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], text).into_response())
}

/// Answers `POST /emulator/tables/{name}/rows`.
pub(crate) async fn seed(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    Path(name): Path<String>,
    body: String,
) -> Result<Json<Value>, ApiError> {
    let table = table(&app, &name)?;
    let records = records(&body)?;
    let count = records.len();
    rest_insert::store_records(&app, &connection, &table, records, body.len())
        .await
        .map_err(|refusal| refused(&refusal))?;
    Ok(Json(json!({ "rows": count })))
}

/// Answers `DELETE /emulator/tables/{name}/rows`.
pub(crate) async fn reset(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let table = table(&app, &name)?;
    app.sink.reset(&table).await.map_err(|error| storage(&error))?;
    app.activity.reset(&table.name.to_string());
    Ok(Json(json!({})))
}

/// Answers `DELETE /emulator/rows`. If one table cannot be emptied, the others still are.
pub(crate) async fn reset_all(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let mut failed = Vec::new();
    for table in app.catalog().all_writable() {
        match app.sink.reset(&table).await {
            Ok(()) => app.activity.reset(&table.name.to_string()),
            Err(error) => failed.push(format!("table {}: {}", table.name, ErrorChain(&error))),
        }
    }
    let Some(first) = failed.first() else { return Ok(Json(json!({}))) };
    let more = if let more @ 1.. = failed.len() - 1 { format!(" (and {more} more)") } else { String::new() };
    let text = format!("not every table could be emptied; {first}{more}");
    Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", text))
}

pub(super) fn table(app: &App, name: &str) -> Result<Arc<Table>, ApiError> {
    app.catalog().writable(name).map_err(|refusal| refused(&refusal))
}

/// Reads a JSON array, or NDJSON.
fn records(body: &str) -> Result<Vec<Value>, ApiError> {
    let bad = |place: usize, error: &dyn std::fmt::Display| {
        let text = format!("record {place} is not JSON: {}", Printable(&error.to_string()));
        ApiError::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", text)
    };
    if body.trim_start().starts_with('[') {
        return serde_json::from_str(body).map_err(|error| bad(0, &error));
    }
    let records = serde_json::Deserializer::from_str(body).into_iter().enumerate();
    records.map(|(place, record)| record.map_err(|error| bad(place, &error))).collect()
}

fn refused(refusal: &Refusal) -> ApiError {
    let status = Status::from(refusal.clone());
    let (http, code) = match status.code() {
        Code::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
        Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED"),
        _ => (StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE"),
    };
    ApiError::new(http, code, status.message())
}

pub(super) fn storage(error: &StorageError) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", ErrorChain(error).to_string())
}

//! The part of the Unity Catalog REST API that describes tables: get, list, and the catalogs and schemas around them.

use std::collections::{BTreeSet, HashMap};

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use zerobus_codegen::Printable;

use crate::app::App;

/// The tables of a page if the caller sets no number.
const DEFAULT_PAGE: usize = 50;

/// A refused request, in the shape of the REST API.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    error_code: &'static str,
    message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, error_code: &'static str, message: impl Into<String>) -> Self {
        Self { status, error_code, message: message.into() }
    }

    fn missing(kind: &str, error_code: &'static str, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, error_code, format!("{kind} '{}' does not exist.", Printable(name)))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "error_code": self.error_code, "message": self.message, "details": [] });
        (self.status, Json(body)).into_response()
    }
}

type Parameters = Query<HashMap<String, String>>;

/// Answers `GET /api/2.1/unity-catalog/tables/{full_name}`.
pub(crate) async fn table(
    State(app): State<App>,
    headers: HeaderMap,
    Path(full_name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    authorize(&app, &headers)?;
    match app.catalog().entry(&full_name) {
        Some(entry) => Ok(Json(entry.json.clone())),
        None => Err(ApiError::missing("Table", "TABLE_DOES_NOT_EXIST", &full_name)),
    }
}

/// Answers `GET /api/2.1/unity-catalog/tables?catalog_name=…&schema_name=…`.
pub(crate) async fn tables(
    State(app): State<App>,
    headers: HeaderMap,
    Query(parameters): Parameters,
) -> Result<Json<Value>, ApiError> {
    authorize(&app, &headers)?;
    let catalog = required(&parameters, "catalog_name")?;
    let schema = required(&parameters, "schema_name")?;
    let tables: Vec<Value> = app
        .catalog()
        .entries()
        .filter(|entry| {
            entry.info.catalog_name.eq_ignore_ascii_case(catalog) && entry.info.schema_name.eq_ignore_ascii_case(schema)
        })
        .map(|entry| entry.json.clone())
        .collect();
    if tables.is_empty() {
        return Err(ApiError::missing("Schema", "SCHEMA_DOES_NOT_EXIST", &format!("{catalog}.{schema}")));
    }
    page("tables", tables, &parameters).map(Json)
}

/// Answers `GET /api/2.1/unity-catalog/schemas?catalog_name=…`.
pub(crate) async fn schemas(
    State(app): State<App>,
    headers: HeaderMap,
    Query(parameters): Parameters,
) -> Result<Json<Value>, ApiError> {
    authorize(&app, &headers)?;
    let catalog = required(&parameters, "catalog_name")?;
    let known = app.catalog();
    let infos = known.entries().map(|entry| &entry.info);
    let infos = infos.filter(|info| info.catalog_name.eq_ignore_ascii_case(catalog));
    let names: BTreeSet<&str> = infos.map(|info| info.schema_name.as_str()).collect();
    if names.is_empty() {
        return Err(ApiError::missing("Catalog", "CATALOG_DOES_NOT_EXIST", catalog));
    }
    let schemas = names
        .into_iter()
        .map(|name| json!({ "name": name, "catalog_name": catalog, "full_name": format!("{catalog}.{name}") }))
        .collect();
    page("schemas", schemas, &parameters).map(Json)
}

/// Answers `GET /api/2.1/unity-catalog/catalogs`.
pub(crate) async fn catalogs(
    State(app): State<App>,
    headers: HeaderMap,
    Query(parameters): Parameters,
) -> Result<Json<Value>, ApiError> {
    authorize(&app, &headers)?;
    let known = app.catalog();
    let names: BTreeSet<&str> = known.entries().map(|entry| entry.info.catalog_name.as_str()).collect();
    let catalogs = names.into_iter().map(|name| json!({ "name": name, "full_name": name })).collect();
    page("catalogs", catalogs, &parameters).map(Json)
}

pub(crate) fn authorize(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    app.tokens
        .check_catalog(header)
        .map_err(|refusal| ApiError::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", refusal.to_string()))
}

fn required<'a>(parameters: &'a HashMap<String, String>, name: &str) -> Result<&'a str, ApiError> {
    parameters.get(name).map(String::as_str).filter(|value| !value.is_empty()).ok_or_else(|| {
        ApiError::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", format!("Missing parameter {name}."))
    })
}

/// One page. An empty page with a token follows each full one, as the service may send it: a client that stops at an
/// empty page misses tables here too.
fn page(key: &str, items: Vec<Value>, parameters: &HashMap<String, String>) -> Result<Value, ApiError> {
    let bad = |name: &str| {
        ApiError::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", format!("Parameter {name} is not valid."))
    };
    let text = |name: &str| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let length = match text("max_results") {
        None => DEFAULT_PAGE,
        Some(value) => match value.parse::<usize>().map_err(|_| bad("max_results"))? {
            0 => DEFAULT_PAGE,
            length => length,
        },
    };
    let (start, empty) = match text("page_token") {
        None => (0, false),
        Some(token) => {
            let (kind, start) = token.split_once('-').ok_or_else(|| bad("page_token"))?;
            (start.parse::<usize>().map_err(|_| bad("page_token"))?, kind == "gap")
        }
    };
    if empty {
        return Ok(json!({ key: [], "next_page_token": format!("page-{start}") }));
    }
    let end = start.saturating_add(length).min(items.len());
    let rest = items.len() > end;
    let page: Vec<Value> = items.into_iter().skip(start).take(length).collect();
    let mut answer = json!({ key: page });
    if rest {
        answer["next_page_token"] = json!(format!("gap-{end}"));
    }
    Ok(answer)
}

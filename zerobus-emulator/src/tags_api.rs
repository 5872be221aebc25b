//! The part of the Unity Catalog REST API that reports tags of columns:
//! `GET /api/2.1/unity-catalog/entity-tag-assignments/columns/{column}/tags`.

use axum::Json;
use axum::extract::{Path, State};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::app::App;
use crate::tables_api::{self, ApiError};
use crate::tags::Assignments;

/// Answers `GET /api/2.1/unity-catalog/entity-tag-assignments/{kind}/{name}/tags`; only columns have tags here.
pub(crate) async fn get(
    State(app): State<App>,
    headers: HeaderMap,
    Path((kind, name)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    tables_api::authorize(&app, &headers)?;
    let tags = if kind == "columns" { app.tags.of(&name) } else { Assignments::new() };
    let assignments = tags
        .iter()
        .map(|(key, value)| json!({ "entity_type": kind, "entity_name": name, "tag_key": key, "tag_value": value }));
    Ok(Json(json!({ "tag_assignments": assignments.collect::<Vec<_>>() })))
}

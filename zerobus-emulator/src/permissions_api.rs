//! The part of the Unity Catalog REST API that reports grants: what a principal may do on an object.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::app::App;
use crate::tables_api::{ApiError, authorize};

/// Answers `GET /api/2.1/unity-catalog/effective-permissions/{kind}/{full_name}?principal=…`.
///
/// Without grants every principal may write, so the privileges for writing are reported for every principal.
pub(crate) async fn effective(
    State(app): State<App>,
    headers: HeaderMap,
    Path((kind, full_name)): Path<(String, String)>,
    Query(parameters): Query<HashMap<String, String>>,
) -> Result<Json<Value>, ApiError> {
    authorize(&app, &headers)?;
    let parts: Vec<&str> = full_name.split('.').collect();
    let fits = matches!((kind.as_str(), parts.len()), ("catalog", 1) | ("schema", 2) | ("table", 3));
    if !fits {
        let message = format!("{kind} is not a kind of object with {} parts in its name", parts.len());
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", message));
    }
    let Some(principal) = parameters.get("principal") else {
        let message = "the emulator reports the grants of one principal; name it with ?principal=";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", message));
    };
    let privileges: Vec<Value> = app
        .grants
        .effective(principal, &parts)
        .into_iter()
        .map(|(privilege, from)| {
            let mut found = json!({ "privilege": privilege.replace(' ', "_") });
            if from.len() < parts.len() {
                found["inherited_from_type"] = json!(if from.len() == 1 { "CATALOG" } else { "SCHEMA" });
                found["inherited_from_name"] = json!(parts[..from.len()].join("."));
            }
            found
        })
        .collect();
    let assignments = if privileges.is_empty() {
        Vec::new()
    } else {
        vec![json!({ "principal": principal, "privileges": privileges })]
    };
    Ok(Json(json!({ "privilege_assignments": assignments })))
}

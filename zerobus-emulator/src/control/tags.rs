//! `PUT /emulator/tables/{table}/columns/{column}/tags` sets all tags of a column: `{"zerobus-rescue": ""}`.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};
use zerobus_codegen::Printable;

use super::tables::table;
use crate::app::App;
use crate::tables_api::ApiError;
use crate::tags::{Assignments, RESCUE};

/// Answers `PUT /emulator/tables/{name}/columns/{column}/tags`; it applies to streams that open from now on.
pub(crate) async fn put(
    State(app): State<App>,
    Path((name, column)): Path<(String, String)>,
    body: String,
) -> Result<Json<Value>, ApiError> {
    let bad = |text| ApiError::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", text);
    let table = table(&app, &name)?;
    let assignments: Assignments = serde_json::from_str(&body).map_err(|error| {
        bad(format!(
            "the body is no object of texts, such as {{\"{RESCUE}\": \"\"}}: {}",
            Printable(&error.to_string())
        ))
    })?;
    app.tags.set(&table, &column, assignments).map_err(bad)?;
    Ok(Json(json!({})))
}

//! `/emulator/faults`: lists, arms and disarms faults while the emulator runs.
//!
//! `GET` reports the seed, the armed faults and those that struck. `POST` arms faults in their text form, one per line.
//! `DELETE` disarms all.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::Value;

use super::Fault;
use crate::app::App;
use crate::tables_api::ApiError;

pub(crate) async fn list(State(app): State<App>) -> Json<Value> {
    Json(app.faults.json())
}

pub(crate) async fn arm(State(app): State<App>, body: String) -> Result<Json<Value>, ApiError> {
    let lines = body.lines().filter(|line| !line.trim().is_empty());
    let faults = lines
        .map(str::parse::<Fault>)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", error.to_string()))?;
    for fault in faults {
        app.faults.arm(fault);
    }
    Ok(list(State(app)).await)
}

pub(crate) async fn disarm(State(app): State<App>) -> Json<Value> {
    app.faults.disarm_all();
    list(State(app)).await
}

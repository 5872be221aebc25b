//! The page at `/`, and the state that it shows: `/emulator/status`.
//!
//! Untrusted text reaches the page as the text of a node, never as markup.

use axum::Json;
use axum::extract::State;
use axum::response::{Html, IntoResponse};
use http::header;
use serde_json::{Value, json};

use crate::app::App;
use crate::refusal::Refusal;

const PAGE: &str = include_str!("page.html");
/// Only scripts and styles of the page itself may run or load.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";

/// Answers `GET /`.
pub(crate) async fn page() -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE))
}

/// Answers `GET /emulator/status`.
pub(crate) async fn status(State(app): State<App>) -> Json<Value> {
    let mut status = app.activity.snapshot();
    let received = status["tables"].take();
    let catalog = app.catalog();
    let tables: Vec<Value> = catalog
        .entries()
        .map(|entry| {
            let name = entry.info.full_name();
            let reason = catalog.writable(&name).err().map(|refusal| refusal.to_string());
            let folder = entry.table.as_ref().ok().and_then(|table| app.sink.path(&table.name));
            let rejected = entry.table.as_ref().map_or(0, |table| app.sink.rejected(&table.name));
            let health = entry.table.as_ref().map(|table| app.sink.health(&table.name)).unwrap_or_default();
            let problem = health.problem.map(|error| Refusal::from(error).to_string());
            let received = &received[&name];
            json!({
                "name": name,
                "refused_because": reason,
                "folder": folder,
                "problem": problem,
                "logged_rows": health.logged_rows,
                "rejected_rows": rejected,
                "rows": received["rows"].as_u64().unwrap_or(0),
                "bytes": received["bytes"].as_u64().unwrap_or(0),
            })
        })
        .collect();
    status["version"] = json!(env!("CARGO_PKG_VERSION"));
    status["tables"] = json!(tables);
    status["faults"] = app.faults.json();
    Json(status)
}

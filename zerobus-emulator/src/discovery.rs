//! Where a client finds the endpoints: `/.well-known/databricks-config`, and the token endpoint's own metadata.

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, header};
use serde_json::{Value, json};

use crate::app::App;

/// Answers `GET /.well-known/databricks-config`.
pub(crate) async fn databricks_config(State(app): State<App>, headers: HeaderMap) -> Json<Value> {
    let host = host(&app, &headers);
    Json(json!({ "oidc_endpoint": format!("{host}/oidc"), "workspace_id": "127", "host_type": "WORKSPACE" }))
}

/// Answers `GET /oidc/.well-known/oauth-authorization-server`.
pub(crate) async fn authorization_server(State(app): State<App>, headers: HeaderMap) -> Json<Value> {
    let host = host(&app, &headers);
    Json(json!({
        "issuer": format!("{host}/oidc"),
        "token_endpoint": format!("{host}/oidc/v1/token"),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": ["all-apis"],
    }))
}

/// This server's URL, under the name that the client used.
fn host(app: &App, headers: &HeaderMap) -> String {
    let name = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("127.0.0.1");
    format!("{}://{name}", app.scheme())
}

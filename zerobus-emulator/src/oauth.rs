//! The token endpoint: `POST /oidc/v1/token`, client credentials by Basic or by form.

use std::collections::HashMap;
use std::fmt::{self, Display};

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use zerobus_codegen::Printable;

use crate::app::App;
use crate::catalog::Entry;
use crate::connection::Connection;
use crate::credentials::Credentials;
use crate::faults::{Kind, Point};
use crate::limits::TokenOperations;
use crate::tokens::Scope;

/// A refused request, in the shape of RFC 6749.
struct OauthError {
    status: StatusCode,
    error: &'static str,
    description: String,
}

impl OauthError {
    fn bad(error: &'static str, description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, description: description.into() }
    }
}

impl Display for OauthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no token: {}: {}", self.error, Printable(&self.description))
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "error_description": self.description });
        (self.status, Json(body)).into_response()
    }
}

/// One entry of `authorization_details`.
#[derive(Debug, Deserialize)]
struct Privilege {
    r#type: String,
    #[serde(default)]
    privileges: Vec<String>,
    object_type: String,
    object_full_path: String,
    #[serde(default)]
    operations: Option<Vec<String>>,
}

/// Answers `POST /oidc/v1/token`.
pub(crate) async fn token(
    State(app): State<App>,
    Extension(connection): Extension<Connection>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    if let Some(status) = injected(&app) {
        return (status, Json(json!({ "error": "temporarily_unavailable" }))).into_response();
    }
    match grant(&app, &headers, &form) {
        Ok(scope) => {
            let body = json!({
                "access_token": app.tokens.issue(scope),
                "token_type": "Bearer",
                "expires_in": app.tokens.lifetime().as_secs(),
                "scope": "all-apis",
            });
            Json(body).into_response()
        }
        Err(error) => {
            app.activity.refused(&connection, "", &error);
            error.into_response()
        }
    }
}

fn injected(app: &App) -> Option<StatusCode> {
    let kinds = app.faults.strike(&mut app.faults.stream(""), Point::Token, 0);
    kinds
        .iter()
        .find_map(|kind| if let Kind::TokenStatus(status) = kind { StatusCode::from_u16(*status).ok() } else { None })
}

fn grant(app: &App, headers: &HeaderMap, form: &HashMap<String, String>) -> Result<Scope, OauthError> {
    let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    // Checked before the credentials: a token exchange has none.
    match field("grant_type") {
        Some("client_credentials") => {}
        Some(_) => {
            let description =
                "grant_type is not client_credentials; the emulator exchanges no tokens of other providers";
            return Err(OauthError::bad("unsupported_grant_type", description));
        }
        None => return Err(OauthError::bad("invalid_request", "grant_type is missing")),
    }
    let given = credentials(headers, form);
    let principal = given.and_then(|given| app.principals.iter().find(|known| given.is(known)));
    let Some(principal) = principal else {
        let description = "the client's id or secret is wrong; take both from what the emulator prints".to_owned();
        return Err(OauthError { status: StatusCode::UNAUTHORIZED, error: "invalid_client", description });
    };
    if !field("scope").is_some_and(|scope| scope.split(' ').any(|word| word == "all-apis")) {
        return Err(OauthError::bad("invalid_scope", "scope is not all-apis"));
    }
    match field("authorization_details") {
        None => Ok(Scope::Catalog),
        Some(details) => {
            check_resource(field("resource"))?;
            let principal = principal.client_id.clone();
            let table = table_scope(app, &principal, details)?;
            Ok(Scope::Table { table, principal })
        }
    }
}

/// Basic takes precedence over the form, as RFC 6749 requires.
fn credentials(headers: &HeaderMap, form: &HashMap<String, String>) -> Option<Credentials> {
    let Some(header) = headers.get(header::AUTHORIZATION) else {
        let (client_id, client_secret) = (form.get("client_id")?.clone(), form.get("client_secret")?.clone());
        return Some(Credentials { client_id, client_secret });
    };
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (client_id, client_secret) = text.split_once(':')?;
    Some(Credentials { client_id: client_id.to_owned(), client_secret: client_secret.to_owned() })
}

/// `api://databricks/workspaces/<workspace-id>/zerobusDirectWriteApi`; the id is the endpoint's first label.
fn check_resource(resource: Option<&str>) -> Result<(), OauthError> {
    let workspace = resource
        .and_then(|resource| resource.strip_prefix("api://databricks/workspaces/"))
        .and_then(|rest| rest.strip_suffix("/zerobusDirectWriteApi"));
    match workspace {
        Some(id) if !id.is_empty() && !id.contains('/') => Ok(()),
        _ => Err(OauthError::bad(
            "invalid_target",
            "resource is not api://databricks/workspaces/<workspace-id>/zerobusDirectWriteApi",
        )),
    }
}

fn check_operations(table: &Privilege, rule: TokenOperations) -> Result<(), String> {
    let is_named = |operations: &Vec<String>| operations.iter().any(|operation| operation == "zerobuswrite");
    match (&table.operations, rule) {
        (None, TokenOperations::Optional) => Ok(()),
        (Some(operations), _) if is_named(operations) => Ok(()),
        _ => Err("the TABLE's operations do not name zerobuswrite".to_owned()),
    }
}

/// The table that the details name, if they ask for every privilege that a stream needs.
fn table_scope(app: &App, principal: &str, details: &str) -> Result<String, OauthError> {
    let bad = |description: String| OauthError::bad("invalid_authorization_details", description);
    let privileges: Vec<Privilege> = serde_json::from_str(details).map_err(|error| bad(error.to_string()))?;
    if let Some(other) = privileges.iter().find(|privilege| privilege.r#type != "unity_catalog_privileges") {
        return Err(bad(format!("type {} is not unity_catalog_privileges", other.r#type)));
    }
    let find = |object_type: &str, wanted: &[&str]| {
        privileges
            .iter()
            .filter(|privilege| privilege.object_type.eq_ignore_ascii_case(object_type))
            .find(|privilege| wanted.iter().all(|word| privilege.privileges.iter().any(|given| given == word)))
            .ok_or_else(|| bad(format!("{} on the {object_type} is not asked for", wanted.join(" and "))))
    };
    let table = find("TABLE", &["SELECT", "MODIFY"])?;
    check_operations(table, app.limits.token_operations).map_err(bad)?;
    let schema = find("SCHEMA", &["USE SCHEMA"])?;
    let catalog_privilege = find("CATALOG", &["USE CATALOG"])?;
    let name = &table.object_full_path;
    let parts: Vec<&str> = name.split('.').collect();
    let [catalog_name, schema_name, _] = parts[..] else {
        return Err(bad(format!("{name} is not a table's full name")));
    };
    if !schema.object_full_path.eq_ignore_ascii_case(&format!("{catalog_name}.{schema_name}"))
        || !catalog_privilege.object_full_path.eq_ignore_ascii_case(catalog_name)
    {
        return Err(bad(format!("the CATALOG and SCHEMA named are not those of table {name}")));
    }
    let catalog = app.catalog();
    let entry = catalog.entry(name);
    let is_granted =
        |entry: &Entry| entry.table.as_ref().map_or(true, |table| app.grants.gets_token(principal, &table.name));
    if !entry.is_some_and(is_granted) {
        return Err(bad(format!("table {name} does not exist, or its privileges are not granted")));
    }
    Ok(name.clone())
}

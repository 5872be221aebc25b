//! `PUT /emulator/tables/{name}`: alters a table while streams write to it, like `ALTER TABLE`.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};
use zerobus_codegen::{Printable, Severity, TableInfo};

use super::tables::storage;
use crate::app::App;
use crate::catalog::{Catalog, Entry};
use crate::sink::StorageError;
use crate::tables_api::ApiError;

/// Alters the table. The body is its JSON as the tables API returns it, or a CREATE TABLE statement.
pub(crate) async fn put(
    State(app): State<App>,
    Path(name): Path<String>,
    body: String,
) -> Result<Json<Value>, ApiError> {
    let json = definition(&body)?;
    // A client that disconnects must not leave an alteration half done.
    let altering = tokio::spawn(async move { alter(&app, &name, json).await });
    altering.await.unwrap_or_else(|_| Err(storage(&StorageError::Stopping)))
}

async fn alter(app: &App, name: &str, json: Value) -> Result<Json<Value>, ApiError> {
    let new = |catalog: &Catalog| {
        let entry = catalog.entry(name).ok_or_else(|| missing(name))?;
        Ok(redefined(entry, json)?)
    };
    let altered = app.definitions.alter(&app.sink, new).await.map_err(|error: Unaltered| error.of(name))?;
    let catalog = app.catalog();
    let entry = catalog.entry(name).ok_or_else(|| missing(name))?;
    let mut answer = json!({ "name": entry.info.full_name() });
    if let Some(drift) = altered {
        answer["severity"] = json!(drift.severity().map(Severity::name));
        answer["changes"] = drift
            .changes
            .iter()
            .map(|change| {
                json!({
                    "column": change.path.to_string(), "kind": change.kind.name(), "severity": change.severity.name(),
                    "text": change.to_string(),
                })
            })
            .collect();
    }
    if let Err(refusal) = catalog.writable(name) {
        answer["refused_because"] = json!(refusal.to_string());
    }
    Ok(Json(answer))
}

/// The definition in the body.
fn definition(body: &str) -> Result<Value, ApiError> {
    #[cfg(feature = "ddl")]
    if !body.trim_start().starts_with('{') {
        let tables = zerobus_codegen::ddl::tables(body).map_err(|error| bad(&error))?;
        let [table] = &tables[..] else {
            return Err(bad(&format_args!("the body has {} CREATE TABLE statements; give one", tables.len())));
        };
        return serde_json::to_value(table).map_err(|error| bad(&error));
    }
    serde_json::from_str(body).map_err(|error| bad(&format_args!("the body is not the JSON of a table: {error}")))
}

/// The entry with the new definition and the table's own names.
fn redefined(entry: &Entry, mut json: Value) -> Result<Entry, ApiError> {
    let known = &entry.info;
    let Some(object) = json.as_object_mut() else { return Err(bad(&"the body is not the JSON of a table")) };
    let names = [("catalog_name", &known.catalog_name), ("schema_name", &known.schema_name), ("name", &known.name)];
    for (key, own) in names {
        let given = object.entry(key).or_insert_with(|| json!(own));
        if !given.as_str().is_some_and(|given| given.eq_ignore_ascii_case(own)) {
            let text = format!(
                "{key} is {}, and that of the table is {}; a table is not renamed",
                Printable(&given.to_string()),
                Printable(own)
            );
            return Err(bad(&text));
        }
        *given = json!(own);
    }
    object.insert("full_name".to_owned(), json!(known.full_name()));
    let info: TableInfo = serde_json::from_value(json.clone())
        .map_err(|error| bad(&format_args!("the body is not the JSON of a table: {error}")))?;
    if info.columns.is_empty() {
        return Err(bad(&"the body has no columns; give the table as the tables API describes it"));
    }
    Ok(entry.altered(info, json))
}

fn bad(why: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", Printable(&why.to_string()).to_string())
}

fn missing(name: &str) -> ApiError {
    let text = format!("table {} does not exist; tables are given to the emulator at its start", Printable(name));
    ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", text)
}

/// Why a table was not altered.
enum Unaltered {
    Refused(ApiError),
    Storage(StorageError),
}

impl From<ApiError> for Unaltered {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<StorageError> for Unaltered {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl Unaltered {
    fn of(self, name: &str) -> ApiError {
        match self {
            Self::Refused(error) => error,
            Self::Storage(error) => unaltered(name, &error),
        }
    }
}

fn unaltered(name: &str, error: &StorageError) -> ApiError {
    match error {
        StorageError::Unfit { why, .. } => {
            let name = Printable(name);
            let text = format!(
                "table {name} is not altered: {}; change the definition, or empty the table \
                 (DELETE /emulator/tables/{name}/rows)",
                Printable(why)
            );
            ApiError::new(StatusCode::CONFLICT, "INVALID_STATE", text)
        }
        other => storage(other),
    }
}

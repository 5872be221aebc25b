//! Tags of columns, which the tables API does not show.
//!
//! `GET /api/2.1/unity-catalog/entity-tag-assignments/columns/{column}/tags` reads them, as Unity Catalog does;
//! `PUT /emulator/tables/{table}/columns/{column}/tags` sets all tags of a column: `{"zerobus-rescue": ""}`.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use axum::Json;
use axum::extract::{Path, State};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use zerobus_codegen::{DataType, Printable, Scalar, Table};

use crate::app::App;
use crate::decode::Rescue;
use crate::tables_api::{self, ApiError};

/// The tag of the column that takes what fits no column.
const RESCUE: &str = "zerobus-rescue";

/// The tags of a column.
type Assignments = BTreeMap<String, String>;

/// The tags of all columns, by full names in lower case.
#[derive(Debug, Default)]
pub(crate) struct Tags(RwLock<BTreeMap<String, Assignments>>);

impl Tags {
    /// The rescue column of a table, if it has one.
    pub(crate) fn rescue(&self, table: &Table) -> Option<Rescue> {
        rescue(&self.0.read().unwrap_or_else(PoisonError::into_inner), table)
    }

    /// Sets a column's tags to these.
    fn set(&self, table: &Table, column: &str, assignments: Assignments) -> Result<(), String> {
        let found = table.columns().iter().find(|own| own.name.eq_ignore_ascii_case(column));
        let (name, shown) = (&table.name, Printable(column));
        let found = found.ok_or_else(|| format!("table {name} has no column {shown}"))?;
        let mut tags = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if assignments.contains_key(RESCUE) {
            if found.data_type != DataType::Scalar(Scalar::Variant) || !found.nullable {
                return Err(format!("column {shown} of {name} is no nullable VARIANT, which the tag {RESCUE} needs"));
            }
            if let Some(other) = rescue(&tags, table).filter(|other| other.column != found.name) {
                let other = Printable(&other.column);
                return Err(format!("column {other} of {name} has the tag {RESCUE} already, and a table has one such"));
            }
        }
        tags.insert(key(table, &found.name), assignments);
        Ok(())
    }

    fn of(&self, column: &str) -> Assignments {
        let tags = self.0.read().unwrap_or_else(PoisonError::into_inner);
        tags.get(&column.to_lowercase()).cloned().unwrap_or_default()
    }
}

fn rescue(tags: &BTreeMap<String, Assignments>, table: &Table) -> Option<Rescue> {
    let is_rescue = |column: &str| tags.get(&key(table, column)).is_some_and(|tags| tags.contains_key(RESCUE));
    let place = table.columns().iter().position(|column| is_rescue(&column.name))?;
    Some(Rescue { column: table.columns()[place].name.clone(), place })
}

fn key(table: &Table, column: &str) -> String {
    format!("{}.{column}", table.name).to_lowercase()
}

/// Answers `PUT /emulator/tables/{name}/columns/{column}/tags`; streams that open from now on go by it.
pub(crate) async fn put(
    State(app): State<App>,
    Path((name, column)): Path<(String, String)>,
    body: String,
) -> Result<Json<Value>, ApiError> {
    let bad = |text| ApiError::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", text);
    let table = crate::control::tables::table(&app, &name)?;
    let assignments: Assignments = serde_json::from_str(&body).map_err(|error| {
        bad(format!(
            "the body is no object of texts, such as {{\"{RESCUE}\": \"\"}}: {}",
            Printable(&error.to_string())
        ))
    })?;
    app.tags.set(&table, &column, assignments).map_err(bad)?;
    Ok(Json(json!({})))
}

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

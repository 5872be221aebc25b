//! The tables that the probes write to.

use prost_types::{DescriptorProto, FieldDescriptorProto};
use serde_json::{Value, json};
use zerobus_codegen::{Table, TableInfo, ddl};

use super::target_error::TargetError;

/// The table that takes rows; every probe that needs one writes to it.
pub(super) const ROWS: &str = "zerobus_conformance";
/// A table with a generated column.
pub(super) const GENERATED: &str = "zerobus_conformance_generated";
/// A view.
pub(super) const VIEW: &str = "zerobus_conformance_view";
/// A table without grants, or that does not exist.
pub(super) const MISSING: &str = "zerobus_conformance_missing";

/// The statements that create the tables in a schema, and grant what the probes need.
///
/// # Errors
/// If the schema's name is not a valid SQL name.
pub(crate) fn ddl(schema: &str, grantee: &str) -> Result<String, TargetError> {
    infos(schema)?;
    let catalog = schema.split('.').next().unwrap_or_default();
    let grantee = ddl::quoted_name(grantee);
    let tables = tables_sql(schema);
    let grants: String = [ROWS, GENERATED, VIEW]
        .map(|table| format!("GRANT SELECT, MODIFY ON TABLE {schema}.{table} TO {grantee};\n"))
        .concat();
    Ok(format!(
        "-- The tables of `zerobus-emulator conformance`, and what the service principal needs.\n\
         CREATE SCHEMA IF NOT EXISTS {schema};\n\n\
         {tables}\n\
         CREATE OR REPLACE VIEW {schema}.{VIEW} AS SELECT id FROM {schema}.{ROWS};\n\n\
         GRANT USE CATALOG ON CATALOG {catalog} TO {grantee};\n\
         GRANT USE SCHEMA ON SCHEMA {schema} TO {grantee};\n\
         {grants}"
    ))
}

fn tables_sql(schema: &str) -> String {
    format!(
        "CREATE OR REPLACE TABLE {schema}.{ROWS} (
  id BIGINT NOT NULL,
  name STRING,
  at TIMESTAMP,
  day DATE,
  price DECIMAL(10,2),
  tiny TINYINT,
  short SMALLINT,
  number INT,
  code VARCHAR(5),
  doc VARIANT,
  place STRUCT<lon: DOUBLE NOT NULL, lat: DOUBLE>,
  tags MAP<STRING, INT>,
  lines ARRAY<STRUCT<sku: STRING>>
) USING DELTA;

CREATE OR REPLACE TABLE {schema}.{GENERATED} (
  id BIGINT,
  at TIMESTAMP,
  day DATE GENERATED ALWAYS AS (CAST(at AS DATE))
) USING DELTA;
"
    )
}

/// The tables as snapshots, by their full names, for an emulator to probe.
///
/// # Errors
/// If the schema's name is not a valid SQL name.
pub(crate) fn schemas(schema: &str) -> Result<Vec<(String, String)>, TargetError> {
    let tables = infos(schema)?;
    let mut schemas = Vec::new();
    for info in &tables {
        let name = format!("{}.{}.{}", info.catalog_name, info.schema_name, info.name);
        schemas.push((name, serde_json::to_string(info).map_err(TargetError::json)?));
    }
    let (catalog, schema_name) = schema.split_once('.').unwrap_or_default();
    let view = json!({
        "name": VIEW, "catalog_name": catalog, "schema_name": schema_name, "table_type": "VIEW",
        "columns": [{ "name": "id", "type_text": "bigint", "type_name": "LONG", "position": 0 }],
    });
    schemas.push((format!("{schema}.{VIEW}"), view.to_string()));
    Ok(schemas)
}

/// The table that takes rows.
pub(super) fn rows_table(schema: &str) -> Result<Table, TargetError> {
    let info = infos(schema)?.into_iter().find(|info| info.name == ROWS);
    let info = info.ok_or_else(|| TargetError::schema(schema))?;
    Table::try_from(&info).map_err(|_| TargetError::schema(schema))
}

fn infos(schema: &str) -> Result<Vec<TableInfo>, TargetError> {
    // Only plain names are accepted, since they become part of statements.
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if schema.split('.').count() != 2 || !schema.split('.').all(is_name) {
        return Err(TargetError::schema(schema));
    }
    ddl::tables(&tables_sql(schema)).map_err(|_| TargetError::schema(schema))
}

/// Changes the field of this name.
pub(super) fn change_field(
    descriptor: &mut DescriptorProto,
    name: &str,
    change: impl FnOnce(&mut FieldDescriptorProto),
) {
    if let Some(field) = descriptor.field.iter_mut().find(|field| field.name() == name) {
        change(field);
    }
}

/// A row that the table takes.
pub(super) fn good_row(id: i64) -> Value {
    json!({
        "id": id, "name": "n", "at": 1_700_000_000_000_000_i64, "day": 19_675, "price": "19.99", "tiny": 1, "short": 2,
        "number": 3, "code": "abc", "doc": "{\"a\":1}", "place": { "lon": 1.5 }, "tags": { "k": 1 },
        "lines": [{ "sku": "s" }],
    })
}

/// The good row with one column changed.
pub(super) fn row_with(column: &str, value: Value) -> Value {
    let mut row = good_row(1);
    row[column] = value;
    row
}

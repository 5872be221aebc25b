//! Our descriptor equals the one of the official converter, for every table that both accept.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

#[path = "../../../zerobus-codegen/tests/arbitrary/mod.rs"]
mod arbitrary;

use std::fs;
use std::path::Path;

use arbitrary::{columns, table_json};
use databricks_zerobus_ingest_sdk::schema::{SchemaError, UcColumn, descriptor_from_uc_columns};
use proptest::prelude::*;
use prost_types::DescriptorProto;
use serde_json::{Value, json};
use zerobus_codegen::{Report, Table, TableInfo};

fn ours(table: &Value) -> Result<Table, Report> {
    Table::try_from(&serde_json::from_value::<TableInfo>(table.clone()).unwrap())
}

/// What the official converter makes of the columns that a row carries.
fn official(table: &Value, ours: &Table) -> Result<DescriptorProto, SchemaError> {
    let columns: Vec<UcColumn> = table["columns"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|column| !ours.omitted_columns.iter().any(|name| *name == column["name"]))
        .map(|column| serde_json::from_value(without_nulls(column)).unwrap())
        .collect();
    descriptor_from_uc_columns(&columns, ours.descriptor().name())
}

/// The official type takes no null where it takes nothing.
fn without_nulls(column: &Value) -> Value {
    let object = column.as_object().unwrap().clone();
    Value::Object(object.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

#[test]
fn the_corpus_gives_the_official_descriptors() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../zerobus-codegen/tests/goldens");
    let mut compared = Vec::new();
    for case in fs::read_dir(goldens).unwrap() {
        let text = fs::read_to_string(case.unwrap().path().join("input.json")).unwrap();
        let table: Value = serde_json::from_str(&text).unwrap();
        let Ok(ours) = ours(&table) else { continue };
        match official(&table, &ours) {
            Ok(theirs) => {
                assert_eq!(ours.descriptor(), theirs, "{}", ours.name);
                compared.push(ours.name.to_string());
            }
            Err(error) => eprintln!("{}: the official converter refuses it: {error}", ours.name),
        }
    }
    compared.sort();
    for name in ["main.geo.earthquakes", "main.types.every_type", "main.edge.clashes", "main.edge.wide"] {
        assert!(compared.contains(&name.to_owned()), "{name} is not among {compared:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_table_gives_the_official_descriptor(columns in columns(true)) {
        let table = table_json("any_table", &columns);
        let ours = ours(&table).unwrap();
        let theirs = official(&table, &ours).unwrap();
        prop_assert_eq!(ours.descriptor(), theirs);
    }
}

/// What the official converter refuses, we refuse; what we refuse beyond that, the service refuses.
#[test]
fn what_is_refused_there_is_refused_here() {
    for (name, column_type) in [
        ("a", json!({"type": "array", "elementType": {"type": "array", "elementType": "integer"}})),
        ("a", json!({"type": "array", "elementType": {"type": "map", "keyType": "string", "valueType": "string"}})),
        ("a", json!({"type": "map", "keyType": "double", "valueType": "string"})),
        ("a", json!({"type": "map", "keyType": "binary", "valueType": "string"})),
        ("a", json!({"type": "map", "keyType": "string", "valueType": {"type": "array", "elementType": "integer"}})),
        ("a", json!("interval day")),
        ("a", json!("void")),
        ("1a", json!("integer")),
        ("a b", json!("integer")),
        ("", json!("integer")),
    ] {
        let type_name = match column_type["type"].as_str() {
            Some("array") => "ARRAY",
            Some(_) => "MAP",
            None if column_type == "integer" => "INT",
            None => "INTERVAL",
        };
        let column = json!({"name": name, "type_name": type_name, "type_json": column_type.to_string()});
        let theirs: UcColumn = serde_json::from_value(column.clone()).unwrap();
        assert!(descriptor_from_uc_columns(&[theirs], "M").is_err(), "{name}: {column_type}");
        let table = json!({"name": "t", "catalog_name": "c", "schema_name": "s", "columns": [column]});
        assert!(ours(&table).is_err(), "{name}: {column_type}");
    }
}

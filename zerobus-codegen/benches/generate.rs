//! Measures the generation of 1,000 tables with 50 columns each: `cargo bench -p zerobus-codegen`.
#![allow(clippy::unwrap_used, reason = "a benchmark's panic is its verdict")]

use std::fs;

use serde_json::{Value, json};
use zerobus_codegen::{Snapshots, Table, TableInfo, configure, proto, rust};

const TABLES: usize = 1_000;
const COLUMNS: usize = 50;

fn main() {
    divan::main();
}

/// A column; ten consecutive ones have ten kinds of types. All have a comment.
fn column(position: usize) -> Value {
    let types = [
        json!("long"),
        json!("string"),
        json!("double"),
        json!("timestamp"),
        json!("boolean"),
        json!("date"),
        json!("decimal(18,4)"),
        json!({"type": "array", "elementType": "integer", "containsNull": true}),
        json!({"type": "map", "keyType": "string", "valueType": "double", "valueContainsNull": true}),
        json!({"type": "struct", "fields": [
            {"name": "lon", "type": "double", "nullable": false}, {"name": "lat", "type": "double", "nullable": false},
        ]}),
    ];
    let (name, nullable) = (format!("column_{position}"), !position.is_multiple_of(3));
    let column_type = &types[position % types.len()];
    let metadata = json!({"comment": format!("What column {position} of the table is about, in a sentence")});
    let field = json!({"name": name, "type": column_type, "nullable": nullable, "metadata": metadata});
    json!({"name": name, "type_json": field.to_string(), "position": position, "nullable": nullable,
        "comment": metadata["comment"]})
}

fn infos() -> Vec<TableInfo> {
    let columns: Vec<Value> = (0..COLUMNS).map(column).collect();
    let info = |number: usize| {
        let json = json!({"name": format!("table_{number}"), "catalog_name": "main",
            "schema_name": format!("schema_{}", number % 20), "columns": columns});
        serde_json::from_value(json).unwrap()
    };
    (0..TABLES).map(info).collect()
}

fn tables() -> Vec<Table> {
    infos().iter().map(|info| Table::try_from(info).unwrap()).collect()
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn check(bencher: divan::Bencher<'_, '_>) {
    let infos = infos();
    bencher.bench(|| infos.iter().map(|info| Table::try_from(info).unwrap().row.fields.len()).sum::<usize>());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn rust_typed(bencher: divan::Bencher<'_, '_>) {
    let tables = tables();
    bencher.bench(|| rust::file(&tables.iter().collect::<Vec<_>>()).len());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn proto_files(bencher: divan::Bencher<'_, '_>) {
    let tables = tables();
    bencher.bench(|| tables.iter().map(|table| proto::file(table).len()).sum::<usize>());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn descriptors(bencher: divan::Bencher<'_, '_>) {
    let tables = tables();
    bencher.bench(|| tables.iter().map(|table| table.descriptor().field.len()).sum::<usize>());
}

/// What a build script does the second time: read, check, generate, and find the file as it should be.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn build_script_again(bencher: divan::Bencher<'_, '_>) {
    let (schemas, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for info in infos() {
        let path = schemas.path().join(format!("{}.json", info.full_name()));
        fs::write(path, serde_json::to_string(&info).unwrap()).unwrap();
    }
    assert_eq!(Snapshots::read([schemas.path()]).unwrap().tables.len(), TABLES);
    let compile = || configure().out_dir(out.path()).compile([schemas.path()]).unwrap();
    compile();
    bencher.bench(compile);
}

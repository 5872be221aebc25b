//! The descriptor that opens our streams equals the one that the official client sends, which its converter makes and
//! its pool resolves.
//!
//! The official pool rejects descriptors in which a message has the name of a sibling field. In these cases ours still
//! resolves in prost-reflect, in protox and in a real protoc.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

#[path = "../../../zerobus-codegen/tests/arbitrary/mod.rs"]
mod arbitrary;
#[path = "../../../zerobus-codegen/tests/judged/mod.rs"]
mod judged;

use std::fs;
use std::path::Path;
use std::process::Command;

use arbitrary::{columns, table_json};
use databricks_zerobus_ingest_sdk::message_descriptor;
use databricks_zerobus_ingest_sdk::schema::{SchemaError, UcColumn, descriptor_from_uc_columns};
use judged::Judged;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use prost::Message;
use prost_reflect::DescriptorPool;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use protox::file::DescriptorSetFileResolver;
use serde_json::{Value, json};
use zerobus_codegen::{Report, Table, TableInfo, proto};

fn ours(table: &Value) -> Result<Table, Report> {
    Table::try_from(&serde_json::from_value::<TableInfo>(table.clone()).unwrap())
}

/// The official converter's descriptor for the columns of a row; its type names are relative.
fn converted(table: &Value, ours: &Table) -> Result<DescriptorProto, SchemaError> {
    let columns: Vec<UcColumn> = table["columns"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|column| !ours.omitted_columns.iter().any(|name| *name == column["name"]))
        .map(|column| serde_json::from_value(without_nulls(column)).unwrap())
        .collect();
    descriptor_from_uc_columns(&columns, ours.descriptor().name())
}

/// Removes keys that are null: the official type accepts missing keys, but not null.
fn without_nulls(column: &Value) -> Value {
    let object = column.as_object().unwrap().clone();
    Value::Object(object.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

/// The result of comparing a descriptor of ours.
#[derive(Debug, PartialEq)]
enum Judgement {
    /// It equals the one that the official client sends.
    Equal,
    /// The official client cannot send one, and ours resolves.
    Resolves,
}

fn judge(converted: &DescriptorProto, ours: &DescriptorProto) -> Judgement {
    match message_descriptor(converted) {
        Ok(theirs) => {
            assert_eq!(ours, theirs.descriptor_proto());
            Judgement::Equal
        }
        Err(error) => {
            assert!(has_clash(converted), "the official pool refuses {converted:#?}: {error}");
            resolves_everywhere(ours);
            Judgement::Resolves
        }
    }
}

/// Whether a message has the name of a sibling field.
fn has_clash(message: &DescriptorProto) -> bool {
    let is_field = |name: &str| message.field.iter().any(|field| field.name() == name);
    message.nested_type.iter().any(|nested| is_field(nested.name()) || has_clash(nested))
}

/// Resolves a descriptor with three implementations of protobuf.
fn resolves_everywhere(descriptor: &DescriptorProto) {
    let name = "row.proto";
    let file = FileDescriptorProto {
        name: Some(name.to_owned()),
        message_type: vec![descriptor.clone()],
        ..FileDescriptorProto::default()
    };
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file.clone()).unwrap_or_else(|error| panic!("prost-reflect: {error}\n{file:#?}"));
    let set = FileDescriptorSet { file: vec![file] }.encode_to_vec();
    let mut compiler = protox::Compiler::with_file_resolver(DescriptorSetFileResolver::decode(&*set).unwrap());
    compiler.open_file(name).unwrap_or_else(|error| panic!("protox: {error}\n{descriptor:#?}"));

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.binpb"), set).unwrap();
    let protoc = Command::new(protoc_bin_vendored::protoc_bin_path().unwrap())
        .current_dir(folder.path())
        .args(["--descriptor_set_in=in.binpb", "--descriptor_set_out=out.binpb", name])
        .output()
        .unwrap();
    assert!(protoc.status.success(), "protoc: {}\n{descriptor:#?}", String::from_utf8_lossy(&protoc.stderr));
}

#[test]
fn the_corpus_gives_the_descriptors_that_the_official_client_sends() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../zerobus-codegen/tests/goldens");
    let mut equal = Vec::new();
    let mut resolved = Vec::new();
    for case in fs::read_dir(goldens).unwrap() {
        let text = fs::read_to_string(case.unwrap().path().join("input.json")).unwrap();
        let table: Value = serde_json::from_str(&text).unwrap();
        let Ok(ours) = ours(&table) else { continue };
        match converted(&table, &ours).map(|converted| judge(&converted, &ours.descriptor())) {
            Ok(Judgement::Equal) => equal.push(ours.name.to_string()),
            Ok(Judgement::Resolves) => resolved.push(ours.name.to_string()),
            Err(error) => eprintln!("{}: the official converter refuses it: {error}", ours.name),
        }
    }
    for name in ["main.geo.earthquakes", "main.types.every_type", "main.edge.deep", "main.edge.wide"] {
        assert!(equal.contains(&name.to_owned()), "{name} is not among {equal:?}");
    }
    assert!(resolved.contains(&"main.edge.clashes".to_owned()), "{resolved:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_table_gives_the_descriptor_that_the_official_client_sends(columns in columns(true)) {
        let table = table_json("any_table", &columns);
        let ours = ours(&table).unwrap();
        judge(&converted(&table, &ours).unwrap(), &ours.descriptor());
    }
}

/// Compiles every table's `.proto` in one run of protoc; the messages are in the same order.
fn compiled(tables: &[Table]) -> Vec<DescriptorProto> {
    let folder = tempfile::tempdir().unwrap();
    let mut protoc = Command::new(protoc_bin_vendored::protoc_bin_path().unwrap());
    protoc.current_dir(folder.path()).arg("--descriptor_set_out=out.binpb");
    for (place, table) in tables.iter().enumerate() {
        let name = format!("table{place}.proto");
        fs::write(folder.path().join(&name), proto::file(table)).unwrap();
        protoc.arg(name);
    }
    let output = protoc.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let set = FileDescriptorSet::decode(&*fs::read(folder.path().join("out.binpb")).unwrap()).unwrap();
    set.file.into_iter().map(|mut file| file.message_type.remove(0)).collect()
}

/// The JSON of generated tables, the same ones in every run. For `.ci/many-tables`, `ZEROBUS_TABLES` sets their number
/// and `ZEROBUS_TABLES_OUT` the folder in which they are kept as snapshots.
fn generated_tables() -> Vec<Value> {
    let wanted = std::env::var("ZEROBUS_TABLES").map_or(1_000, |wanted| wanted.parse().unwrap());
    let mut runner = TestRunner::deterministic();
    let tables: Vec<Value> = (0..wanted)
        .map(|number| {
            table_json(&format!("any_table{number}"), &columns(true).new_tree(&mut runner).unwrap().current())
        })
        .collect();
    if let Some(folder) = std::env::var_os("ZEROBUS_TABLES_OUT") {
        for table in &tables {
            let name = format!("main.any.{}.json", table["name"].as_str().unwrap());
            fs::write(Path::new(&folder).join(name), table.to_string()).unwrap();
        }
    }
    tables
}

/// protoc's descriptor differs only in the package, the missing `proto3_optional`, and the names of map entries.
#[test]
fn protoc_makes_our_descriptor_of_our_proto_file() {
    let mut equal = (0, 0);
    let infos = generated_tables();
    let tables: Vec<Table> = infos.iter().map(|info| ours(info).unwrap()).collect();
    for (info, table) in infos.iter().zip(&tables) {
        equal.0 += usize::from(judge(&converted(info, table).unwrap(), &table.descriptor()) == Judgement::Equal);
    }
    for (table, theirs) in tables.iter().zip(compiled(&tables)) {
        let judged = Judged::compare(&table.descriptor(), &theirs, ".main.any");
        assert!(judged.differences().is_empty(), "{}\n{:#?}", proto::file(table), judged.differences());
        equal.1 += usize::from(judged.entries().is_empty());
    }
    let (official, protoc) = equal;
    println!("of {} tables the official client sends {official} as they are, protoc makes {protoc}", tables.len());
    assert!(protoc > tables.len() / 2, "only {protoc} have the entries that protoc names");
}

/// We refuse everything that the official converter refuses; what we refuse beyond that, the service refuses.
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

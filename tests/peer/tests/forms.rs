//! Every form of a table's descriptor opens a stream in the emulator, and the same row arrives through each: ours,
//! protoc's from our `.proto`, and the one that `descriptor_of` makes from protoc's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

#[path = "../../../zerobus-codegen/tests/arbitrary/mod.rs"]
mod arbitrary;

use std::fs;
use std::path::Path;
use std::process::Command;

use arbitrary::{columns, table_json};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MapKey, MessageDescriptor, Value};
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use zerobus_codegen::{Table, TableInfo, ddl, descriptor_of, proto};
use zerobus_emulator::Emulator;
use zerobus_runtime::Client;

/// Maps whose entry names are taken by another map, by a field, by a struct, and inside a struct.
const TAKEN: &str = "
    CREATE TABLE main.any.two_maps (a_b MAP<STRING, INT>, aB MAP<STRING, INT>) USING DELTA;
    CREATE TABLE main.any.clash (Loc STRUCT<x: INT>, a_b MAP<STRING, INT>, aB MAP<STRING, STRUCT<x: INT>>) USING DELTA;
    CREATE TABLE main.any.field (tags MAP<STRING, INT>, TagsEntry STRING) USING DELTA;
    CREATE TABLE main.any.inner (s STRUCT<tags: MAP<STRING, INT>, TagsEntry: STRING>) USING DELTA;
    CREATE TABLE main.any.list (tags ARRAY<STRUCT<key: STRING, value: INT>>, TagsEntry STRING) USING DELTA;
";

/// Reads the tables, and writes a snapshot of each to the folder.
fn tables(folder: &Path) -> Vec<Table> {
    let mut infos = ddl::tables(TAKEN).unwrap();
    let mut runner = TestRunner::deterministic();
    for number in 0..150 {
        let columns = columns(false).new_tree(&mut runner).unwrap().current();
        infos.push(serde_json::from_value::<TableInfo>(table_json(&format!("t{number}"), &columns)).unwrap());
    }
    let tables = infos.iter().map(|info| {
        let table = Table::try_from(info).unwrap();
        fs::write(folder.join(format!("{}.json", table.name)), serde_json::to_string(info).unwrap()).unwrap();
        table
    });
    tables.collect()
}

/// Compiles every table's `.proto` in one run of protoc.
fn compiled(tables: &[Table]) -> Vec<FileDescriptorProto> {
    let folder = tempfile::tempdir().unwrap();
    let mut protoc = Command::new(protoc_bin_vendored::protoc_bin_path().unwrap());
    protoc.current_dir(folder.path()).arg("--descriptor_set_out=out.binpb");
    for (place, table) in tables.iter().enumerate() {
        let name = format!("table{place}.proto");
        fs::write(folder.path().join(&name), proto::file(table)).unwrap();
        protoc.arg(name);
    }
    assert!(protoc.status().unwrap().success());
    FileDescriptorSet::decode(&*fs::read(folder.path().join("out.binpb")).unwrap()).unwrap().file
}

fn message(descriptor: &DescriptorProto, package: &str) -> MessageDescriptor {
    let file = FileDescriptorProto {
        name: Some("row.proto".to_owned()),
        package: Some(package.to_owned()).filter(|package| !package.is_empty()),
        message_type: vec![descriptor.clone()],
        ..FileDescriptorProto::default()
    };
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file).unwrap();
    let mut messages = pool.all_messages();
    messages.find(|message| message.parent_message().is_none()).unwrap()
}

/// A row with a value in every field.
fn filled(message: &MessageDescriptor) -> DynamicMessage {
    let mut row = DynamicMessage::new(message.clone());
    for field in message.fields() {
        let kind = field.kind();
        let value = if field.is_map() {
            let entry = kind.as_message().unwrap().clone();
            let key = match value(entry.map_entry_key_field().kind()) {
                Value::I32(key) => MapKey::I32(key),
                Value::I64(key) => MapKey::I64(key),
                Value::Bool(key) => MapKey::Bool(key),
                Value::String(key) => MapKey::String(key),
                other => panic!("{other:?} is no key"),
            };
            Value::Map([(key, value(entry.map_entry_value_field().kind()))].into_iter().collect())
        } else if field.is_list() {
            Value::List(vec![value(kind)])
        } else {
            value(kind)
        };
        row.set_field(&field, value);
    }
    row
}

fn value(kind: Kind) -> Value {
    match kind {
        Kind::Bool => Value::Bool(true),
        Kind::Bytes => Value::Bytes(vec![1, 2].into()),
        Kind::Double => Value::F64(1.5),
        Kind::Float => Value::F32(2.5),
        Kind::Int32 => Value::I32(7),
        Kind::Int64 => Value::I64(9),
        Kind::Message(message) => Value::Message(filled(&message)),
        // DECIMAL and VARIANT also accept this text.
        Kind::String => Value::String("1".to_owned()),
        other => panic!("{other:?} is no type of a column"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_descriptor_carries_the_same_row() {
    let folder = tempfile::tempdir().unwrap();
    let tables = tables(folder.path());
    let emulator = Emulator::builder().schemas(folder.path()).start().await.unwrap();
    let client = Client::builder().endpoint(emulator.url()).workspace_url(emulator.url());
    let client = client.credentials(emulator.client_id(), emulator.client_secret()).build().unwrap();
    let mut faults = Vec::new();
    for (table, file) in tables.iter().zip(compiled(&tables)) {
        let package = file.package().to_owned();
        let protocs = file.message_type[0].clone();
        let name = format!("{package}.{}", protocs.name());
        let gathered = descriptor_of(&FileDescriptorSet { file: vec![file] }, &name).unwrap();
        for (form, descriptor, package) in
            [("ours", table.descriptor(), ""), ("protoc's", protocs, &*package), ("descriptor_of's", gathered, "")]
        {
            let row = filled(&message(&descriptor, package)).encode_to_vec();
            let sent = async {
                let stream = client.encoded_stream(table.name.to_string(), &descriptor).open().await?;
                let offset = stream.send(&row[..]).await?;
                stream.wait(offset).await?;
                stream.close().await.map(|_| ())
            };
            if let Err(error) = sent.await {
                faults.push(format!("{form}: {error}\n{}", proto::file(table)));
            }
        }
        let rows = emulator.rows(&table.name.to_string()).await.unwrap();
        if rows.len() != 3 || rows.iter().any(|row| *row != rows[0]) {
            faults.push(format!("the rows differ: {rows:#?}\n{}", proto::file(table)));
        }
    }
    assert!(faults.is_empty(), "{} faults: {}", faults.len(), faults.join("\n"));
}

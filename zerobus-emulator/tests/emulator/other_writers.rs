//! Tables that other programs write to as well: what these have committed stays, and what cannot be written to is
//! refused.
//!
//! `tests/clients/other_writers.py` does the same with deltalake; here are versions that it does not write.

mod checkpoints;
mod features;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::{Call, tables};
use serde_json::{Value, json};
use tonic::{Code, Status};
use zerobus_codegen::TableName;
use zerobus_emulator::Emulator;
use zerobus_runtime::wire::RecordType;

const ORDERS: &str = "main.sales.orders";

/// Rows 0 and 2 of a file, as a deletion vector in the log itself.
const ROWS_0_AND_2: (&str, u32) = ("^Bg9^0rr910000000000iXQKl0rr91000315c8Xg00062", 36);

/// A table, and the log that other programs write to.
struct Shared {
    data: tempfile::TempDir,
    emulator: Emulator,
}

impl Shared {
    async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let emulator = start(data.path()).await;
        Self { data, emulator }
    }

    async fn restart(&mut self) {
        self.stop().await;
        self.emulator = start(self.data.path()).await;
    }

    /// Leaves an emulator of another place.
    async fn stop(&mut self) {
        let old = std::mem::replace(&mut self.emulator, Emulator::builder().schemas(tables()).start().await.unwrap());
        old.shutdown().await;
    }

    fn log(&self) -> PathBuf {
        self.data.path().join("main/sales/orders/_delta_log")
    }

    /// The last action of a kind.
    fn last(&self, kind: &str) -> Value {
        let mut logs: Vec<PathBuf> =
            std::fs::read_dir(self.log()).unwrap().map(|entry| entry.unwrap().path()).collect();
        logs.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        logs.sort();
        let actions = logs.iter().flat_map(|path| actions(path));
        actions.filter_map(|mut action| action.get_mut(kind).map(Value::take)).next_back().unwrap()
    }

    /// Another program's version, which ends without a line break as deltalake's do.
    fn commit(&self, actions: &[Value]) -> PathBuf {
        let mut versions = (0..1_000_000).map(|version| self.log().join(format!("{version:020}.json")));
        let version = versions.find(|path| !path.exists());
        let lines: Vec<String> = actions.iter().map(Value::to_string).collect();
        let version = version.unwrap();
        // As a whole, as writers do: the emulator may look for a new version at any moment.
        let aside = self.log().join(".aside");
        std::fs::write(&aside, lines.join("\n")).unwrap();
        std::fs::rename(aside, &version).unwrap();
        version
    }

    /// Deletes the last file of the table.
    fn delete_last_file(&self) -> PathBuf {
        self.commit(&[removal(&self.last("add"))])
    }

    async fn ids(&self) -> Vec<i64> {
        let rows = self.emulator.rows(ORDERS).await.unwrap();
        rows.iter().map(|row| row["order_id"].as_i64().unwrap()).collect()
    }

    /// One request of these rows.
    async fn send(&self, ids: std::ops::Range<i64>) {
        let mut call = Call::json(&self.emulator, ORDERS).await;
        call.send_jsons(0, &ids.map(order).collect::<Vec<_>>()).await;
        call.finish().await.unwrap();
    }

    async fn alter(&self, definition: &Value) -> (u16, Value) {
        let url = format!("{}/emulator/tables/{ORDERS}", self.emulator.url());
        let body = definition.to_string();
        crate::support::http(move |agent| agent.put(&url).header("x-zerobus-emulator", "1").send(body)).await
    }

    async fn refusal(&self) -> Status {
        match Call::open(&self.emulator, ORDERS, RecordType::Json, None).await {
            Ok(mut call) => {
                call.send_json(0, &order(-1)).await;
                call.refusal().await
            }
            Err(status) => status,
        }
    }
}

async fn start(data: &Path) -> Emulator {
    Emulator::builder().schemas(tables()).data(data).start().await.unwrap()
}

fn order(id: i64) -> Value {
    json!({ "order_id": id, "placed_at": 1, "lines": [], "currency": "EUR" })
}

fn actions(version: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(version).unwrap();
    serde_json::Deserializer::from_str(&text).into_iter().map(Result::unwrap).collect()
}

fn removal(add: &Value) -> Value {
    json!({ "remove": {
        "path": add["path"], "size": add["size"], "partitionValues": add["partitionValues"], "dataChange": true,
        "deletionTimestamp": 0, "extendedFileMetadata": true,
    } })
}

fn protocol(reader: &[&str], writer: &[&str]) -> Value {
    json!({ "protocol": {
        "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": reader, "writerFeatures": writer,
    } })
}

/// The actions that delete two rows of a file by a deletion vector.
fn deletion_of_rows_0_and_2(add: &Value) -> [Value; 3] {
    let (vector, bytes) = ROWS_0_AND_2;
    let mut with_vector = add.clone();
    with_vector["deletionVector"] =
        json!({ "storageType": "i", "pathOrInlineDv": vector, "sizeInBytes": bytes, "cardinality": 2 });
    let features = ["deletionVectors", "timestampNtz", "variantType"];
    [protocol(&features, &features), removal(add), json!({ "add": with_vector })]
}

#[tokio::test]
async fn the_last_version_of_another_program_is_kept_at_the_opening() {
    let mut table = Shared::start().await;
    table.send(0..2).await;
    table.send(2..4).await;
    let version = table.delete_last_file();
    table.restart().await;
    table.send(4..5).await;
    assert_eq!(table.ids().await, [0, 1, 4]);
    assert!(version.is_file());
}

#[tokio::test]
async fn rows_deleted_by_a_deletion_vector_are_not_read_or_counted() {
    let mut table = Shared::start().await;
    table.send(0..5).await;
    let add = table.last("add");
    table.commit(&deletion_of_rows_0_and_2(&add));
    assert_eq!(table.ids().await, [1, 3, 4]);
    table.send(5..6).await;
    table.restart().await;
    assert_eq!(table.ids().await, [1, 3, 4, 5]);
    let url = format!("{}/emulator/tables/{ORDERS}", table.emulator.url());
    let (_, described) = crate::support::http(move |agent| agent.get(&url).call()).await;
    assert_eq!(described["rows"], 4);
    let url = format!("{}/emulator/tables/{ORDERS}/rows?offset=1&limit=2", table.emulator.url());
    let (_, page) = crate::support::http(move |agent| agent.get(&url).call()).await;
    let ids: Vec<Value> = serde_json::Deserializer::from_str(page.as_str().unwrap())
        .into_iter::<Value>()
        .map(|row| row.unwrap()["order_id"].clone())
        .collect();
    assert_eq!(ids, [3, 4]);
}

#[tokio::test]
async fn a_file_without_statistics_is_counted_by_its_footer() {
    let table = Shared::start().await;
    table.send(0..5).await;
    let add = table.last("add");
    let folder = table.emulator.table_path(ORDERS).unwrap();
    std::fs::copy(folder.join(add["path"].as_str().unwrap()), folder.join("plain.parquet")).unwrap();
    let mut bare = add.clone();
    bare["path"] = json!("plain.parquet");
    bare.as_object_mut().unwrap().remove("stats");
    table.commit(&[removal(&add), json!({ "add": bare })]);
    let url = format!("{}/emulator/tables/{ORDERS}", table.emulator.url());
    let (_, described) = crate::support::http(move |agent| agent.get(&url).call()).await;
    assert_eq!(described["rows"], 5);
}

#[tokio::test]
async fn features_that_zerobus_does_not_write_to_are_refused_by_an_open_table_and_a_new_one() {
    let name: TableName = ORDERS.parse().unwrap();
    for (key, value, words) in [
        ("delta.columnMapping.mode", "name", "column mapping by name"),
        ("delta.constraints.positive", "order_id > 0", "the CHECK constraint `positive`"),
        ("delta.enableChangeDataFeed", "true", "a change data feed"),
    ] {
        let mut table = Shared::start().await;
        table.send(0..2).await;
        let mut metadata = table.last("metaData");
        metadata["configuration"][key] = json!(value);
        if key == "delta.columnMapping.mode" {
            map_columns(&mut metadata);
        }
        let reader = ["columnMapping", "timestampNtz", "variantType"];
        let writer = [&reader[..], &["checkConstraints", "changeDataFeed"]].concat();
        table.commit(&[protocol(&reader, &writer), json!({ "metaData": metadata })]);
        for _ in 0..2 {
            let status = table.refusal().await;
            assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
            let text = format!("unsupported table kind: table {name} has {words}");
            assert!(status.message().starts_with(&text), "{}", status.message());
            assert_eq!(table.ids().await, [0, 1]);
            table.restart().await;
        }
    }
}

fn map_columns(metadata: &mut Value) {
    let mut schema: Value = serde_json::from_str(metadata["schemaString"].as_str().unwrap()).unwrap();
    let mut next = 1;
    map_fields(&mut schema, &mut next);
    metadata["configuration"]["delta.columnMapping.maxColumnId"] = json!(next.to_string());
    metadata["schemaString"] = json!(schema.to_string());
}

fn map_fields(data_type: &mut Value, next: &mut i64) {
    if let Some(fields) = data_type.get_mut("fields").and_then(Value::as_array_mut) {
        for field in fields {
            let name = field["name"].clone();
            field["metadata"]["delta.columnMapping.id"] = json!(*next);
            field["metadata"]["delta.columnMapping.physicalName"] = name;
            *next += 1;
            map_fields(&mut field["type"], next);
        }
    }
    for key in ["elementType", "keyType", "valueType"] {
        if let Some(inner) = data_type.get_mut(key) {
            map_fields(inner, next);
        }
    }
}

#[tokio::test]
async fn a_column_added_by_another_program_is_refused_until_the_table_is_altered() {
    let table = Shared::start().await;
    table.send(0..2).await;
    let definition = std::fs::read_to_string(tables().join(format!("{ORDERS}.json"))).unwrap();
    let definition: Value = serde_json::from_str(&definition).unwrap();
    let mut metadata = table.last("metaData");
    let mut schema: Value = serde_json::from_str(metadata["schemaString"].as_str().unwrap()).unwrap();
    let column = json!({ "name": "more", "type": "long", "nullable": true, "metadata": {} });
    schema["fields"].as_array_mut().unwrap().push(column);
    metadata["schemaString"] = json!(schema.to_string());
    table.commit(&[json!({ "metaData": metadata })]);
    // A definition without the column would take it out of the table again.
    let other = with_column(&definition, json!({ "name": "other", "type_text": "int" }));
    let (status, answer) = table.alter(&other).await;
    assert_eq!(status, 500, "{answer}");
    for _ in 0..2 {
        let status = table.refusal().await;
        assert!(status.message().contains("has other columns than the snapshot of the table"), "{}", status.message());
    }
    let same = with_column(&definition, json!({ "name": "more", "type_text": "bigint" }));
    let (status, answer) = table.alter(&same).await;
    assert_eq!(status, 200, "{answer}");
    table.send(2..4).await;
    assert_eq!(table.ids().await, [0, 1, 2, 3]);
}

/// The definition with a nullable column more.
fn with_column(definition: &Value, mut column: Value) -> Value {
    let mut definition = definition.clone();
    let columns = definition["columns"].as_array_mut().unwrap();
    column["position"] = json!(columns.len());
    column["nullable"] = json!(true);
    columns.push(column);
    definition
}

#[tokio::test]
async fn files_that_another_program_brings_back_are_not_cleaned_up() {
    let mut table = Shared::start().await;
    let mut call = Call::json(&table.emulator, ORDERS).await;
    // Old files go at the end of the emulator if they have been old for a second.
    let (begin, mut next) = (Instant::now(), 0);
    while begin.elapsed() < Duration::from_secs(2) || merged_files(&table.log()).len() < 64 {
        call.send_json(next, &order(next)).await;
        call.acked(next).await;
        next += 1;
    }
    call.finish().await.unwrap();
    let back = merged_files(&table.log());
    table.commit(&back.iter().map(|add| json!({ "add": add })).collect::<Vec<_>>());
    let rows = table.ids().await.len();
    assert!(rows > usize::try_from(next).unwrap());
    table.restart().await;
    assert_eq!(table.ids().await.len(), rows);
}

/// The `add` actions of files that a merge has removed.
fn merged_files(log: &Path) -> Vec<Value> {
    let mut adds = std::collections::HashMap::new();
    let mut removed = Vec::new();
    let mut versions: Vec<PathBuf> = std::fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path()).collect();
    versions.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    versions.sort();
    for action in versions.iter().flat_map(|version| actions(version)) {
        if let Some(add) = action.get("add") {
            adds.insert(add["path"].as_str().unwrap().to_owned(), add.clone());
        }
        if let Some(remove) = action.get("remove") {
            removed.push(adds[remove["path"].as_str().unwrap()].clone());
        }
    }
    removed
}

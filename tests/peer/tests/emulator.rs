//! The official client against our emulator: it works as with the service, and every row arrives.

use std::fs;

use databricks_zerobus_ingest_sdk::{JsonString, ProtoBytes, ZerobusSdk, ZerobusStream};
use prost::Message as _;
use zerobus_codegen::ddl;
use zerobus_emulator::{Emulator, Fault};

const ROWS: i64 = 200;
const TABLE: &str = "main.peer.readings";
const DDL: &str = "CREATE TABLE main.peer.readings (id BIGINT NOT NULL, name STRING) USING DELTA;";

#[derive(prost::Message)]
struct Reading {
    #[prost(int64, required, tag = "1")]
    id: i64,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
}

fn proto(id: i64) -> ProtoBytes {
    ProtoBytes(Reading { id, name: Some(format!("n{id}")) }.encode_to_vec())
}

fn json(id: i64) -> JsonString {
    JsonString(format!(r#"{{"id": {id}, "name": "n{id}"}}"#))
}

async fn emulator(faults: &[Fault]) -> Emulator {
    // One folder per test, since the tests run concurrently in one process.
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let snapshot = serde_json::to_string(&ddl::tables(DDL).expect("it is a table")[0]).expect("it is JSON");
    fs::write(folder.path().join(format!("{TABLE}.json")), snapshot).expect("the temporary folder can be written");
    let builder = Emulator::builder().schemas(folder.path());
    faults.iter().fold(builder, |builder, fault| builder.fault(fault.clone())).start().await.expect("it starts")
}

/// A stream of the official client, with a descriptor if its rows are protobuf.
async fn stream(emulator: &Emulator, is_proto: bool) -> ZerobusStream {
    let sdk = ZerobusSdk::builder().endpoint(emulator.url()).unity_catalog_url(emulator.url()).build();
    let sdk = sdk.expect("the client takes the emulator's address");
    let builder = sdk.stream_builder().table(TABLE).oauth(emulator.client_id(), emulator.client_secret());
    if is_proto {
        let tables = ddl::tables(DDL).expect("it is a table");
        let table = zerobus_codegen::Table::try_from(&tables[0]).expect("it can be written");
        return builder.compiled_proto(table.descriptor()).build().await.expect("the stream opens");
    }
    builder.json().build().await.expect("the stream opens")
}

/// The ids of the table, sorted.
async fn ids(emulator: &Emulator) -> Vec<i64> {
    let rows = emulator.rows(TABLE).await.expect("the table can be read");
    let mut ids: Vec<i64> = rows.iter().filter_map(|row| row["id"].as_i64()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn proto_one_by_one_and_in_batches() {
    let emulator = emulator(&[]).await;
    let mut stream = stream(&emulator, true).await;
    for id in 0..ROWS {
        stream.ingest_record_offset(proto(id)).await.expect("the record is taken");
    }
    stream.flush().await.expect("every record is acknowledged");
    stream.ingest_records_offset((ROWS..2 * ROWS).map(proto)).await.expect("the batch is taken");
    stream.close().await.expect("the stream closes");
    assert_eq!(ids(&emulator).await, (0..2 * ROWS).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn json_one_by_one_and_in_batches() {
    let emulator = emulator(&[]).await;
    let mut stream = stream(&emulator, false).await;
    for id in 0..ROWS {
        stream.ingest_record_offset(json(id)).await.expect("the record is taken");
    }
    stream.flush().await.expect("every record is acknowledged");
    stream.ingest_records_offset((ROWS..2 * ROWS).map(json)).await.expect("the batch is taken");
    stream.close().await.expect("the stream closes");
    assert_eq!(ids(&emulator).await, (0..2 * ROWS).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_recovers_from_a_reset_and_every_row_is_there() {
    let emulator = emulator(&[Fault::reset().after(20).times(1)]).await;
    let mut stream = stream(&emulator, true).await;
    for id in 0..ROWS {
        stream.ingest_record_offset(proto(id)).await.expect("the record is taken");
    }
    stream.close().await.expect("the stream closes");
    let mut ids = ids(&emulator).await;
    ids.dedup();
    assert_eq!(ids, (0..ROWS).collect::<Vec<_>>());
    assert_eq!(emulator.struck_faults().len(), 1);
}

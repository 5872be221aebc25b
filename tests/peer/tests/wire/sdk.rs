//! Runs the official crate, used as its documentation shows: the schema comes from the columns of Unity Catalog, and
//! its pool resolves it.

use std::fs;
use std::path::Path;

use databricks_zerobus_ingest_sdk::schema::{UcColumn, descriptor_from_uc_columns};
use databricks_zerobus_ingest_sdk::{JsonString, ProtoBytes, ZerobusSdk, ZerobusStream, message_descriptor};
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::Value;
use zerobus_codegen::message_name;

use crate::rows::{Case, Encoding, Shape};
use crate::{CLIENT_ID, CLIENT_SECRET};

/// Opens a stream, sends three rows one by one, flushes and closes. A refusal by the script ends the run.
pub(crate) async fn run(url: &str, case: Case) {
    let sdk = ZerobusSdk::builder().endpoint(url).unity_catalog_url(url).build().unwrap();
    let builder = sdk.stream_builder().table(case.shape.table()).oauth(CLIENT_ID, CLIENT_SECRET);
    let rows = case.shape.json();
    match case.encoding {
        Encoding::Json => {
            let Ok(mut stream) = builder.recovery_backoff_ms(10).json().build().await else { return };
            for row in &rows {
                let offset = stream.ingest_record_offset(JsonString(row.to_string())).await.unwrap();
                stream.wait_for_offset(offset).await.unwrap();
            }
            end(&mut stream).await;
        }
        Encoding::Proto => {
            let descriptor = descriptor(case.shape);
            let opened = builder.recovery_backoff_ms(10).dynamic_proto(descriptor.clone()).build().await;
            let Ok(mut stream) = opened else { return };
            for row in rows {
                let record = ProtoBytes(record(&descriptor, row));
                let offset = stream.ingest_record_offset(record).await.unwrap();
                stream.wait_for_offset(offset).await.unwrap();
            }
            end(&mut stream).await;
        }
    }
}

async fn end(stream: &mut ZerobusStream) {
    stream.flush().await.unwrap();
    stream.close().await.unwrap();
}

fn descriptor(shape: Shape) -> MessageDescriptor {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{}.json", shape.table()));
    let table: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let columns = table["columns"].as_array().unwrap().iter().map(|column| {
        let column = column.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
        serde_json::from_value(Value::Object(column.map(|(k, v)| (k.clone(), v.clone())).collect())).unwrap()
    });
    let columns: Vec<UcColumn> = columns.collect();
    let name = message_name(table["name"].as_str().unwrap());
    message_descriptor(&descriptor_from_uc_columns(&columns, &name).unwrap()).unwrap()
}

fn record(descriptor: &MessageDescriptor, row: Value) -> Vec<u8> {
    DynamicMessage::deserialize(descriptor.clone(), row).unwrap().encode_to_vec()
}

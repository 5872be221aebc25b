//! Every rule of the stream, broken once: the service's status, its code and a text that names the thing.

mod call;
mod ingesting;
mod opening;
mod records;
mod schema;

use std::time::Duration;

use crate::support::{Call, record, table, tables, token};
use bytes::Bytes;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto};
use serde_json::{Value, json};
use tonic::{Code, Status};
use zerobus_codegen::{Table, TableInfo};
use zerobus_emulator::{ColumnOrder, Emulator, Limits};
use zerobus_runtime::wire::ephemeral_stream_request::Payload;
use zerobus_runtime::wire::ephemeral_stream_response::Payload as Answer;
use zerobus_runtime::wire::{
    AvroBatch, CreateIngestStreamRequest, IngestRecordBatchRequest, IngestRecordRequest, RecordType,
};

const ORDERS: &str = "main.sales.orders";
const EVERY: &str = "main.types.every_type";

async fn emulator() -> Emulator {
    Emulator::builder().schemas(tables()).start().await.unwrap()
}

async fn limited(change: impl FnOnce(&mut Limits)) -> Emulator {
    let mut limits = Limits::default();
    change(&mut limits);
    Emulator::builder().schemas(tables()).limits(limits).start().await.unwrap()
}

#[track_caller]
fn expect(status: &Status, code: Code, number: u32, text: &str) {
    let message = status.message();
    assert_eq!(status.code(), code, "{message}");
    assert!(message.contains(text), "`{text}` is not in: {message}");
    let end = format!("Error Code: {number}, Error State: 0.");
    assert!(message.ends_with(&end), "`{end}` does not end: {message}");
}

fn order() -> Value {
    json!({ "order_id": 1, "placed_at": 1_700_000_000_000_000_i64, "lines": [], "currency": "EUR" })
}

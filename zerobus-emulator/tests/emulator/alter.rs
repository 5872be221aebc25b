//! A table that is altered while streams write to it.

#[cfg(all(feature = "cli", feature = "delta"))]
mod acknowledged;
#[cfg(all(feature = "cli", feature = "delta"))]
mod attacked;
mod breaking;
mod requests;
#[cfg(feature = "delta")]
mod restart;
mod safe;

use crate::support::{Call, http, tables};
use serde_json::{Value, json};
use tonic::Code;
use zerobus_emulator::Emulator;
use zerobus_runtime::wire::RecordType;

const ORDERS: &str = "main.sales.orders";

fn order(id: i64) -> Value {
    json!({ "order_id": id, "placed_at": 1, "lines": [], "currency": "EUR" })
}

/// The table's definition, as the tables API returns it.
fn definition() -> Value {
    let text = std::fs::read(tables().join(format!("{ORDERS}.json"))).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn columns(definition: &mut Value) -> &mut Vec<Value> {
    definition["columns"].as_array_mut().unwrap()
}

fn column<'a>(definition: &'a mut Value, name: &str) -> &'a mut Value {
    columns(definition).iter_mut().find(|column| column["name"] == name).unwrap()
}

/// A column of a plain type.
fn plain(name: &str, data_type: &str, nullable: bool) -> Value {
    json!({ "name": name, "type_text": data_type, "type_name": data_type.to_uppercase(), "nullable": nullable, "position": 90 })
}

fn with(column: Value) -> Value {
    let mut definition = definition();
    columns(&mut definition).push(column);
    definition
}

fn without(name: &str) -> Value {
    let mut definition = definition();
    columns(&mut definition).retain(|column| column["name"] != name);
    definition
}

fn retyped(name: &str, data_type: &str) -> Value {
    let mut definition = definition();
    let column = column(&mut definition, name);
    column["type_text"] = json!(data_type);
    column["type_json"] = json!(null);
    definition
}

async fn put(emulator: &Emulator, body: impl ToString) -> (u16, Value) {
    let (url, body) = (format!("{}/emulator/tables/{ORDERS}", emulator.url()), body.to_string());
    http(move |agent| agent.put(&url).header("x-zerobus-emulator", "1").send(body)).await
}

async fn altered(emulator: &Emulator, body: impl ToString) -> Value {
    let (status, answer) = put(emulator, body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn get(emulator: &Emulator, path: &str) -> Value {
    let url = format!("{}{path}", emulator.url());
    let (status, body) = http(move |agent| agent.get(&url).call()).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn rows(emulator: &Emulator) -> Vec<Value> {
    emulator.rows(ORDERS).await.unwrap()
}

async fn ids(emulator: &Emulator) -> Vec<i64> {
    rows(emulator).await.iter().map(|row| row["order_id"].as_i64().unwrap()).collect()
}

/// Runs a test on each sink.
async fn on_each_sink(test: impl AsyncFn(Emulator)) {
    test(Emulator::builder().schemas(tables()).start().await.unwrap()).await;
    #[cfg(feature = "delta")]
    {
        let data = tempfile::tempdir().unwrap();
        test(Emulator::builder().schemas(tables()).data(data.path()).start().await.unwrap()).await;
    }
}

async fn send(call: &mut Call, offset: i64, row: &Value) {
    call.send_json(offset, row).await;
    call.acked(offset).await;
}

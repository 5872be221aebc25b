//! Rows a second through our client and the emulator into a Delta table, both in this process.
//!
//! `cargo bench -p zerobus-emulator --bench throughput [-- ROWS]` prints the figure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark's panic is its verdict")]

use std::time::Instant;

use serde_json::json;
use zerobus_emulator::Emulator;
use zerobus_runtime::{Client, Timestamp, ZerobusMessage};

#[derive(Clone, ZerobusMessage)]
#[zerobus(table = "main.bench.readings", unchecked)]
struct Reading {
    id: i64,
    device: String,
    at: Timestamp,
    temperature: f64,
    humidity: f64,
    pressure: f64,
    battery: i32,
    ok: bool,
    place: String,
    note: Option<String>,
}

const COLUMNS: [(&str, &str); 10] = [
    ("id", "bigint"),
    ("device", "string"),
    ("at", "timestamp"),
    ("temperature", "double"),
    ("humidity", "double"),
    ("pressure", "double"),
    ("battery", "int"),
    ("ok", "boolean"),
    ("place", "string"),
    ("note", "string"),
];

fn snapshot() -> String {
    let columns: Vec<_> = (0..)
        .zip(COLUMNS)
        .map(|(position, (name, kind))| {
            json!({ "name": name, "type_text": kind, "position": position, "nullable": name == "note" })
        })
        .collect();
    json!({ "name": "readings", "catalog_name": "main", "schema_name": "bench", "columns": columns }).to_string()
}

fn reading(id: i64) -> Reading {
    Reading {
        id,
        device: format!("sensor-{:08}", id % 10_000),
        at: Timestamp::from_micros(1_760_000_000_000_000 + id).unwrap(),
        temperature: 20.0 + f64::from(i32::try_from(id % 100).unwrap()) / 7.0,
        humidity: 0.55,
        pressure: 1013.25,
        battery: i32::try_from(id % 100).unwrap(),
        ok: id % 17 != 0,
        place: "hall 7, row 12".to_owned(),
        note: Some("calibrated at the beginning of the shift, ok".to_owned()),
    }
}

#[tokio::main]
async fn main() {
    // `cargo bench` passes `--bench`.
    let rows: i64 = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("readings.json");
    std::fs::write(&schema, snapshot()).unwrap();
    let emulator = Emulator::builder().schemas(&schema).data(folder.path().join("data")).start().await.unwrap();
    let client = Client::builder()
        .endpoint(emulator.url())
        .workspace_url(emulator.url())
        .credentials(emulator.client_id(), emulator.client_secret())
        .build()
        .unwrap();
    let stream = client.stream::<Reading>().open().await.unwrap();
    let templates: Vec<Reading> = (0..1_000).map(reading).collect();
    let begin = Instant::now();
    for id in 0..rows {
        let template = &templates[usize::try_from(id % 1_000).unwrap()];
        stream.send(template).await.unwrap();
    }
    stream.close().await.unwrap();
    let seconds = begin.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = rows as f64 / seconds;
    let stored = emulator.rows("main.bench.readings").await.unwrap().len();
    assert_eq!(i64::try_from(stored).unwrap(), rows, "every row that was acked is in the table");
    println!("{rows} rows in {seconds:.2} s: {rate:.0} rows/s into Delta, client and emulator together");
    emulator.shutdown().await;
}

//! What a row costs that is known at run time, beside parsing the same text with `serde_json`.
#![allow(clippy::unwrap_used, reason = "a benchmark has nobody to report to")]

use serde::de::IgnoredAny;
use serde_json::{Value, json};
use zerobus_runtime::Encoder;
use zerobus_runtime::dynamic::{RowPlan, Table, TableInfo};

/// 260 bytes, as an event of a web shop may be.
const ROW: &str = r#"{"id":9007199254740993,"at":"2026-01-31T12:00:00.123456Z","name":"order placed","customer":"c-0042","price":1234.56,"amount":3.25,"paid":true,"tags":["new","express"],"place":{"lat":47.3769,"lon":8.5417},"note":"leave it at the door, please, or with the people next door"}"#;

fn main() {
    divan::main();
}

fn plan() -> RowPlan {
    let columns = [
        ("id", "bigint"),
        ("at", "timestamp"),
        ("name", "string"),
        ("customer", "string"),
        ("price", "decimal(10,2)"),
        ("amount", "double"),
        ("paid", "boolean"),
        ("tags", "array<string>"),
        ("place", "struct<lat:double,lon:double>"),
        ("note", "string"),
    ];
    let columns: Vec<Value> =
        (0..).zip(columns).map(|(at, (name, text))| json!({"name": name, "type_text": text, "position": at})).collect();
    let info = json!({"name": "t", "catalog_name": "main", "schema_name": "a", "columns": columns});
    RowPlan::new(&Table::try_from(&serde_json::from_value::<TableInfo>(info).unwrap()).unwrap())
}

#[divan::bench]
fn serde_json_skips_the_text() {
    serde_json::from_str::<IgnoredAny>(divan::black_box(ROW)).unwrap();
}

#[divan::bench]
fn serde_json_makes_a_value() -> Value {
    serde_json::from_str(divan::black_box(ROW)).unwrap()
}

#[divan::bench]
fn a_plan_makes_a_row(bencher: divan::Bencher) {
    let plan = plan();
    bencher.bench_local(|| {
        let mut out = Encoder::with_capacity(512);
        plan.encode(&plan.json(divan::black_box(ROW)), &mut out).unwrap();
        out
    });
}

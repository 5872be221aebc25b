//! Whether the emulator is ready, and its counters: `/emulator/health` and `/metrics`.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header;
use serde_json::{Value, json};

use crate::app::App;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Answers `GET /emulator/health`: the emulator is ready as soon as it answers.
pub(crate) async fn health(State(app): State<App>) -> Json<Value> {
    Json(json!({ "status": "ready", "version": VERSION, "tables": app.catalog().entries().count() }))
}

/// Answers `GET /metrics`, in the text format of Prometheus.
pub(crate) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP zerobus_emulator_{name} {help}\n# TYPE zerobus_emulator_{name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "zerobus_emulator_{name}{labels} {value}");
        }
    };
    let plain = |value: u64| [(String::new(), value)];
    let counts = app.activity.counts();
    let of_tables = |count: fn(&crate::activity::TableCounts) -> u64| {
        let tables = counts.tables.iter();
        tables.map(|table| (format!("{{table=\"{}\"}}", label(&table.name)), count(table))).collect::<Vec<_>>()
    };
    metric("info", "gauge", "The version.", &[(format!("{{version=\"{VERSION}\"}}"), 1)]);
    metric("uptime_seconds", "gauge", "Since the start.", &plain(counts.up.as_secs()));
    metric("open_streams", "gauge", "Streams that are open.", &plain(counts.streams));
    metric("rows_total", "counter", "Rows received since the start.", &of_tables(|table| table.rows));
    metric("bytes_total", "counter", "Bytes of records received since the start.", &of_tables(|table| table.bytes));
    metric("refusals_total", "counter", "Requests and streams refused.", &plain(counts.refusals));
    metric("faults_total", "counter", "Faults that have struck.", &plain(app.faults.strikes()));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// A value, escaped for the quotes of a label.
fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

//! The emulator's own paths: what a test in any language asks of it.

use crate::support::{Call, http, tables};
use serde_json::{Value, json};
use zerobus_emulator::Emulator;

const ORDERS: &str = "main.sales.orders";
const CONTROL: &str = "x-zerobus-emulator";

fn order(id: i64) -> Value {
    json!({ "order_id": id, "placed_at": 1, "lines": [], "currency": "EUR" })
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

async fn get(emulator: &Emulator, path: &str) -> (u16, Value) {
    let url = format!("{}{path}", emulator.url());
    http(move |agent| agent.get(&url).call()).await
}

async fn post(emulator: &Emulator, path: &str, body: impl Into<String>) -> (u16, Value) {
    let (url, body) = (format!("{}{path}", emulator.url()), body.into());
    http(move |agent| agent.post(&url).header(CONTROL, "1").send(body)).await
}

async fn delete(emulator: &Emulator, path: &str) -> (u16, Value) {
    let url = format!("{}{path}", emulator.url());
    http(move |agent| agent.delete(&url).header(CONTROL, "1").call()).await
}

/// The ids of the rows that a path answers.
async fn ids(emulator: &Emulator, query: &str) -> Vec<i64> {
    let (status, body) = get(emulator, &format!("/emulator/tables/{ORDERS}/rows{query}")).await;
    assert_eq!(status, 200, "{body}");
    let text = match &body {
        Value::String(text) => text.clone(),
        // One line is JSON by itself.
        one => one.to_string(),
    };
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["order_id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn rows_are_read_from_an_offset_in_the_order_of_the_table() {
    on_each_sink(async |emulator| {
        assert_eq!(ids(&emulator, "").await, [0; 0]);
        let mut call = Call::json(&emulator, ORDERS).await;
        for offset in 0..5 {
            call.send_jsons(offset, &[order(2 * offset), order(2 * offset + 1)]).await;
        }
        call.finish().await.unwrap();
        assert_eq!(ids(&emulator, "").await, (0..10).collect::<Vec<_>>());
        assert_eq!(ids(&emulator, "?offset=7").await, [7, 8, 9]);
        assert_eq!(ids(&emulator, "?offset=3&limit=2").await, [3, 4]);
        assert_eq!(ids(&emulator, "?offset=10").await, [0; 0]);
        assert_eq!(ids(&emulator, "?limit=0").await, [0; 0]);
        assert_eq!(ids(&emulator, "?offset=18446744073709551615").await, [0; 0]);
        for query in ["?offset=-1", "?limit=x", "?ofset=1"] {
            let (status, body) = get(&emulator, &format!("/emulator/tables/{ORDERS}/rows{query}")).await;
            assert_eq!((status, &body["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")), "{query}: {body}");
        }
        let (status, body) = delete(&emulator, &format!("/emulator/tables/{ORDERS}")).await;
        assert_eq!((status, &body["error_code"]), (405, &json!("NOT_IMPLEMENTED")));
        assert!(body["message"].as_str().unwrap().contains("does not take DELETE"), "{body}");
    })
    .await;
}

#[tokio::test]
async fn rows_are_stored_as_an_array_or_line_by_line_all_or_none() {
    on_each_sink(async |emulator| {
        let path = format!("/emulator/tables/{ORDERS}/rows");
        let (status, body) = post(&emulator, &path, json!([order(0), order(1)]).to_string()).await;
        assert_eq!((status, &body["rows"]), (200, &json!(2)));
        let (status, body) = post(&emulator, &path, format!("{}\n\n{}\n", order(2), order(3))).await;
        assert_eq!((status, &body["rows"]), (200, &json!(2)));
        assert_eq!(post(&emulator, &path, "").await, (200, json!({ "rows": 0 })));
        for bad in [format!("{}\n{{\"x\":1}}", order(9)), format!("{}\n{{", order(9)), "[1]".to_owned(), "[".to_owned()]
        {
            let (status, body) = post(&emulator, &path, bad).await;
            assert_eq!((status, &body["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")), "{body}");
        }
        assert_eq!(ids(&emulator, "").await, [0, 1, 2, 3]);
    })
    .await;
}

#[tokio::test]
async fn a_table_is_emptied_under_a_stream_that_goes_on() {
    on_each_sink(async |emulator| {
        let mut call = Call::json(&emulator, ORDERS).await;
        for offset in 0..3 {
            call.send_json(offset, &order(offset)).await;
            call.acked(offset).await;
        }
        assert_eq!(delete(&emulator, &format!("/emulator/tables/{ORDERS}/rows")).await.0, 200);
        assert_eq!(ids(&emulator, "").await, [0; 0]);
        call.send_json(3, &order(3)).await;
        call.finish().await.unwrap();
        assert_eq!(ids(&emulator, "").await, [3]);
        assert_eq!(delete(&emulator, "/emulator/rows").await.0, 200);
        assert_eq!(ids(&emulator, "").await, [0; 0]);
        let (_, described) = get(&emulator, &format!("/emulator/tables/{ORDERS}")).await;
        assert_eq!(described["rows"], 0);
    })
    .await;
}

#[tokio::test]
async fn a_table_is_described() {
    on_each_sink(async |emulator| {
        let (_, body) = post(&emulator, &format!("/emulator/tables/{ORDERS}/rows"), order(0).to_string()).await;
        assert_eq!(body["rows"], 1);
        let (status, described) = get(&emulator, &format!("/emulator/tables/{ORDERS}")).await;
        assert_eq!(
            (status, &described["rows"], &described["columns"][0]["name"]),
            (200, &json!(1), &json!("order_id"))
        );
        assert_eq!(described["columns"][0]["type"], "BIGINT");
        if emulator.table_path(ORDERS).is_some() {
            assert_eq!((&described["version"], &described["files"]), (&json!(1), &json!(1)));
            assert!(described["bytes"].as_u64().unwrap() > 0);
        }
        for (table, status) in
            [("main.sales.nothing", 404), ("x", 404), ("main.edge.a_view", 400), ("..%2F..%2Fx", 404)]
        {
            assert_eq!(get(&emulator, &format!("/emulator/tables/{table}")).await.0, status, "{table}");
            assert_eq!(get(&emulator, &format!("/emulator/tables/{table}/rows")).await.0, status, "{table}");
            assert_eq!(delete(&emulator, &format!("/emulator/tables/{table}/rows")).await.0, status, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn health_and_metrics_tell_what_monitors_ask_for() {
    let emulator = Emulator::builder().schemas(tables()).start().await.unwrap();
    let (status, health) = get(&emulator, "/emulator/health").await;
    assert_eq!((status, &health["status"], &health["version"]), (200, &json!("ready"), &json!("0.1.0")));
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_jsons(0, &[order(0), order(1)]).await;
    call.acked(0).await;
    let (_, text) = get(&emulator, "/metrics").await;
    let text = text.as_str().unwrap().to_owned();
    for line in ["zerobus_emulator_rows_total{table=\"main.sales.orders\"} 2", "zerobus_emulator_open_streams 1"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    // What a monitor scrapes: a name, labels and a number on every line that is no comment.
    assert!(text.lines().filter(|line| !line.starts_with('#')).all(|line| {
        line.starts_with("zerobus_emulator_") && line.rsplit(' ').next().unwrap().parse::<f64>().is_ok()
    }));
    let (_, now) = get(&emulator, "/emulator/status").await;
    let history = now["history"].as_array().unwrap();
    assert_eq!(history.iter().map(|second| second["rows"].as_u64().unwrap()).sum::<u64>(), 2);
    assert!(history.iter().any(|second| second["ack_us_max"].as_u64().unwrap() > 0));
    call.finish().await.unwrap();
}

#[cfg(feature = "delta")]
#[tokio::test]
async fn tables_without_rows_are_on_the_disk_and_rows_are_counted_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let rows = async |emulator: &Emulator, table: &str| {
        let (_, now) = get(emulator, "/emulator/status").await;
        let tables = now["tables"].as_array().unwrap();
        tables.iter().find(|found| found["name"] == table).unwrap()["rows"].as_u64().unwrap()
    };
    for expected in [0, 3, 6] {
        let emulator = Emulator::builder().schemas(tables()).data(data.path()).start().await.unwrap();
        for table in [ORDERS, "main.geo.earthquakes"] {
            let log = emulator.table_path(table).unwrap().join("_delta_log/00000000000000000000.json");
            while !log.is_file() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
        while rows(&emulator, ORDERS).await < expected {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let seeded = json!([order(0), order(1), order(2)]).to_string();
        assert_eq!(post(&emulator, &format!("/emulator/tables/{ORDERS}/rows"), seeded).await.0, 200);
        emulator.shutdown().await;
    }
}

//! Rows from the wire to a table and back, with every type, in both encodings.

use std::path::Path;

use crate::support::{Call, every_type, record, table, tables};
use serde_json::{Value, json};
use zerobus_emulator::Emulator;

async fn on_disk(data: &Path) -> Emulator {
    Emulator::builder().schemas(tables()).data(data).start().await.unwrap()
}

async fn in_memory() -> Emulator {
    Emulator::builder().schemas(tables()).start().await.unwrap()
}

/// A row in which everything nullable is left out.
fn sparse() -> Value {
    let mut row = every_type();
    row.as_object_mut().unwrap().retain(|name, _| name.starts_with("c_"));
    row["c_array"] = json!([]);
    row["c_map"] = json!({});
    row
}

/// What the sparse row reads as: null, but for collections, which the wire cannot leave out.
fn sparse_read() -> Value {
    let mut row = sparse();
    for name in every_type().as_object().unwrap().keys().filter(|name| name.starts_with("n_")) {
        row[name] = match name.as_str() {
            "n_array" => json!([]),
            "n_map" => json!({}),
            _ => Value::Null,
        };
    }
    row
}

async fn send_every_type(emulator: &Emulator) {
    let every = table("main.types.every_type");
    let mut call = Call::proto(emulator, &every).await;
    call.send_proto(0, record(&every, &every_type())).await;
    call.send_protos(1, vec![record(&every, &sparse())]).await;
    assert_eq!(call.finish().await.unwrap(), Some(1));
    let mut call = Call::json(emulator, "main.types.every_type").await;
    call.send_json(0, &every_type()).await;
    call.send_jsons(1, &[sparse()]).await;
    assert_eq!(call.finish().await.unwrap(), Some(1));
    let stored = emulator.rows("main.types.every_type").await.unwrap();
    assert_eq!(stored, [every_type(), sparse_read(), every_type(), sparse_read()]);
}

#[tokio::test]
async fn every_type_comes_back_from_delta_as_it_was_sent() {
    let data = tempfile::tempdir().unwrap();
    let emulator = on_disk(data.path()).await;
    send_every_type(&emulator).await;
    emulator.shutdown().await;
}

#[tokio::test]
async fn every_type_comes_back_from_memory_as_it_was_sent() {
    let emulator = in_memory().await;
    send_every_type(&emulator).await;
    assert_eq!(emulator.table_path("main.types.every_type"), None);
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_restart_on_the_same_folder_goes_on() {
    let data = tempfile::tempdir().unwrap();
    for run in 0..3 {
        let emulator = on_disk(data.path()).await;
        let mut call = Call::json(&emulator, "main.sales.orders").await;
        for offset in 0..5 {
            call.send_json(offset, &order(run * 5 + offset)).await;
        }
        assert_eq!(call.finish().await.unwrap(), Some(4));
        let rows = emulator.rows("main.sales.orders").await.unwrap();
        let ids: Vec<i64> = rows.iter().map(|row| row["order_id"].as_i64().unwrap()).collect();
        assert_eq!(ids, (0..run * 5 + 5).collect::<Vec<_>>());
        emulator.shutdown().await;
    }
}

#[tokio::test]
async fn a_table_whose_making_was_cut_short_is_made_anew() {
    let data = tempfile::tempdir().unwrap();
    let log = data.path().join("main/sales/orders/_delta_log");
    std::fs::create_dir_all(&log).unwrap();
    std::fs::write(log.join("00000000000000000000.json#1"), "{\"commitInfo\":").unwrap();
    let emulator = on_disk(data.path()).await;
    assert_eq!(emulator.rows("main.sales.orders").await.unwrap(), Vec::<Value>::new());
    let mut call = Call::json(&emulator, "main.sales.orders").await;
    call.send_json(0, &order(1)).await;
    assert_eq!(call.finish().await.unwrap(), Some(0));
    assert_eq!(emulator.rows("main.sales.orders").await.unwrap().len(), 1);
    emulator.shutdown().await;
}

#[tokio::test]
async fn rows_of_one_table_lie_in_its_partitions() {
    let data = tempfile::tempdir().unwrap();
    let emulator = on_disk(data.path()).await;
    let mut call = Call::json(&emulator, "main.geo.earthquakes").await;
    call.send_jsons(0, &[quake("a", 20_000), quake("b", 20_001), quake("c", 20_000)]).await;
    assert_eq!(call.finish().await.unwrap(), Some(0));
    let path = emulator.table_path("main.geo.earthquakes").unwrap();
    assert_eq!(path, data.path().canonicalize().unwrap().join("main/geo/earthquakes"));
    assert!(path.join("event_date=2024-10-04").is_dir());
    assert!(path.join("event_date=2024-10-05").is_dir());
    let rows = emulator.rows("main.geo.earthquakes").await.unwrap();
    let mut dates: Vec<(&str, i64)> =
        rows.iter().map(|row| (row["id"].as_str().unwrap(), row["event_date"].as_i64().unwrap())).collect();
    dates.sort_unstable();
    assert_eq!(dates, [("a", 20_000), ("b", 20_001), ("c", 20_000)]);
    emulator.shutdown().await;
}

#[tokio::test]
async fn many_streams_and_commits_lose_nothing_and_keep_the_order_of_each_stream() {
    let data = tempfile::tempdir().unwrap();
    let emulator = on_disk(data.path()).await;
    let mut calls = Vec::new();
    for stream in 0..4 {
        let mut call = Call::json(&emulator, "main.sales.orders").await;
        for offset in 0..40 {
            call.send_json(offset, &order(stream * 1000 + offset)).await;
            if stream == 0 {
                // Waiting for each ack makes at least this many commits: enough for a checkpoint.
                call.acked(offset).await;
            }
        }
        calls.push(call);
    }
    for call in calls {
        call.finish().await.unwrap();
    }
    let rows = emulator.rows("main.sales.orders").await.unwrap();
    let ids: Vec<i64> = rows.iter().map(|row| row["order_id"].as_i64().unwrap()).collect();
    for stream in 0..4 {
        let of_stream: Vec<i64> = ids.iter().copied().filter(|id| id / 1000 == stream).collect();
        assert_eq!(of_stream, (stream * 1000..stream * 1000 + 40).collect::<Vec<_>>());
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_table_is_checkpointed_and_still_reads_in_order() {
    let data = tempfile::tempdir().unwrap();
    let mut checkpoint = false;
    for run in 0..2 {
        let builder = Emulator::builder().schemas(tables()).data(data.path()).linger(std::time::Duration::ZERO);
        let emulator = builder.start().await.unwrap();
        let mut call = Call::json(&emulator, "main.sales.orders").await;
        for offset in 0..60 {
            call.send_json(offset, &order(run * 60 + offset)).await;
            call.acked(offset).await;
        }
        call.finish().await.unwrap();
        let log = emulator.table_path("main.sales.orders").unwrap().join("_delta_log");
        assert!(!checkpoint);
        checkpoint = log.join("_last_checkpoint").is_file();
        let rows = emulator.rows("main.sales.orders").await.unwrap();
        let ids: Vec<i64> = rows.iter().map(|row| row["order_id"].as_i64().unwrap()).collect();
        assert_eq!(ids, (0..run * 60 + 60).collect::<Vec<_>>());
        emulator.shutdown().await;
    }
    assert!(checkpoint, "120 commits over two runs make one checkpoint");
}

fn order(id: i64) -> Value {
    json!({ "order_id": id, "placed_at": 1_700_000_000_000_000_i64 + id, "lines": [], "currency": "EUR" })
}

fn quake(id: &str, day: i32) -> Value {
    json!({
        "id": id, "time": i64::from(day) * 86_400_000_000, "event_date": day, "type": "earthquake",
        "status": "reviewed", "tsunami": false, "sig": 1, "ids": [id],
        "location": { "longitude": 1.0, "latitude": 2.0, "depth_km": 3.0 },
    })
}

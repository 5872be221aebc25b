//! A table that cannot be used: the emulator serves all others, refuses this one with the reason, and keeps its acked
//! rows until it was mended.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::program::start_with;
use crate::support::{Call, Credentials, http, tables};
use serde_json::{Value, json};
use tonic::Status;
use zerobus_emulator::{Builder, Emulator, Profile};
use zerobus_runtime::wire::RecordType;

const ORDERS: &str = "main.sales.orders";
const OTHER: &str = "main.types.every_type";
const HOUR: &str = "3600000";

/// What another program did to the table, and how that is taken back.
struct Damage {
    words: &'static str,
    /// Whether the rows that are in the table are still to be read.
    readable: bool,
    harm: fn(&Path),
    mend: fn(&Path),
}

fn table(data: &Path) -> PathBuf {
    data.join("main/sales/orders")
}

fn version(data: &Path, number: u64) -> PathBuf {
    table(data).join(format!("_delta_log/{number:020}.json"))
}

fn log(data: &Path) -> PathBuf {
    data.join(".zerobus-emulator.acked/main/sales/orders.ndjson")
}

fn aside(path: &Path) -> PathBuf {
    path.with_extension("aside")
}

fn set_aside(path: &Path) {
    fs::rename(path, aside(path)).unwrap();
}

fn put_back(path: &Path) {
    let _ = fs::remove_file(path);
    fs::rename(aside(path), path).unwrap();
}

const DAMAGES: [Damage; 5] = [
    Damage {
        words: "zorkFeature",
        readable: true,
        harm: |data| {
            let features = ["timestampNtz", "variantType"];
            let writer = [&features[..], &["zorkFeature"]].concat();
            let protocol = json!({ "protocol": {
                "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": writer,
            } });
            fs::write(version(data, 2), protocol.to_string()).unwrap();
        },
        mend: |data| fs::remove_file(version(data, 2)).unwrap(),
    },
    Damage {
        words: "cannot be opened",
        readable: false,
        harm: |data| {
            fs::copy(version(data, 0), aside(&version(data, 0))).unwrap();
            fs::write(version(data, 0), "{\"protocol\":").unwrap();
        },
        mend: |data| put_back(&version(data, 0)),
    },
    // What a folder without permissions is to a user who may not enter it; a test as root may.
    Damage {
        words: "main/sales/orders",
        readable: false,
        harm: |data| {
            set_aside(&table(data));
            fs::write(table(data), "").unwrap();
        },
        mend: |data| put_back(&table(data)),
    },
    Damage {
        words: "orders.ndjson",
        readable: true,
        harm: |data| {
            fs::copy(log(data), aside(&log(data))).unwrap();
            let text = fs::read(log(data)).unwrap();
            fs::write(log(data), [b"{}\n", &text[..]].concat()).unwrap();
        },
        mend: |data| put_back(&log(data)),
    },
    Damage {
        words: "orders.ndjson",
        readable: true,
        harm: |data| {
            set_aside(&log(data));
            fs::create_dir(log(data)).unwrap();
        },
        mend: |data| {
            fs::remove_dir(log(data)).unwrap();
            put_back(&log(data));
        },
    },
];

fn order(id: i64) -> Value {
    json!({ "order_id": id, "placed_at": 1, "lines": [], "currency": "EUR" })
}

fn builder(data: &Path, profile: Profile) -> Builder {
    Emulator::builder().schemas(tables()).data(data).profile(profile)
}

async fn ids(emulator: &Emulator) -> Vec<i64> {
    let rows = emulator.rows(ORDERS).await.unwrap();
    rows.iter().map(|row| row["order_id"].as_i64().unwrap()).collect()
}

/// Stores row 0 in the table, and leaves rows 1 to 5 and a row of the other table in the log.
async fn leave_acked_rows(data: &Path) {
    let first = builder(data, Profile::Fast).start().await.unwrap();
    send(&first, ORDERS, &[order(0)]).await;
    first.shutdown().await;
    let (running, credentials) = start_with(data, &["--profile", "service", "--commit-interval", HOUR]);
    let rows: Vec<Value> = (1..6).map(order).collect();
    send(&credentials, ORDERS, &rows).await;
    send(&credentials, OTHER, &[crate::support::every_type()]).await;
    running.kill();
}

async fn send(emulator: impl Into<Credentials>, table: &str, rows: &[Value]) {
    let mut call = Call::open(emulator, table, RecordType::Json, None).await.unwrap();
    call.send_jsons(0, rows).await;
    call.acked(0).await;
}

/// Sends one row on a stream of its own.
async fn offer(emulator: &Emulator, id: i64) -> Result<(), String> {
    let refused = |status: Status| status.message().to_owned();
    let mut call = Call::open(emulator, ORDERS, RecordType::Json, None).await.map_err(refused)?;
    call.send_json(0, &order(id)).await;
    call.next().await.map(drop).map_err(refused)
}

async fn status_of(emulator: &Emulator, table: &str) -> Value {
    let url = format!("{}/emulator/status", emulator.url());
    let (_, status) = http(move |agent| agent.get(&url).call()).await;
    status["tables"].as_array().unwrap().iter().find(|found| found["name"] == table).unwrap().clone()
}

#[tokio::test]
async fn one_unusable_table_stops_no_other_and_keeps_its_acked_rows_until_it_is_mended() {
    for Damage { words, readable, harm, mend } in DAMAGES {
        for profile in [Profile::Service, Profile::Fast] {
            let data = tempfile::tempdir().unwrap();
            leave_acked_rows(data.path()).await;
            harm(data.path());
            for _ in 0..2 {
                let emulator = builder(data.path(), profile).start().await.unwrap();
                assert_eq!(emulator.rows(OTHER).await.unwrap().len(), 1);
                let refusal = offer(&emulator, -1).await.unwrap_err();
                assert!(refusal.contains(words), "{refusal}");
                let status = status_of(&emulator, ORDERS).await;
                assert_eq!(status["problem"], refusal.as_str(), "{status}");
                let logged = if words.ends_with("ndjson") { Value::Null } else { json!(5) };
                assert_eq!(status["logged_rows"], logged, "{words}");
                assert_eq!(status_of(&emulator, OTHER).await["problem"], Value::Null);
                if readable {
                    assert_eq!(ids(&emulator).await, [0]);
                }
                emulator.shutdown().await;
            }
            mend(data.path());
            for _ in 0..2 {
                let emulator = builder(data.path(), profile).start().await.unwrap();
                assert_eq!(ids(&emulator).await, [0, 1, 2, 3, 4, 5], "{words}");
                let status = status_of(&emulator, ORDERS).await;
                assert_eq!((&status["problem"], &status["logged_rows"]), (&Value::Null, &json!(0)));
                emulator.shutdown().await;
            }
        }
    }
}

#[tokio::test]
async fn a_table_mended_under_a_running_emulator_takes_rows_again() {
    let data = tempfile::tempdir().unwrap();
    leave_acked_rows(data.path()).await;
    let damage = &DAMAGES[0];
    (damage.harm)(data.path());
    let emulator =
        builder(data.path(), Profile::Service).commit_interval(Duration::from_secs(3600)).start().await.unwrap();
    assert!(offer(&emulator, -1).await.unwrap_err().contains(damage.words));
    (damage.mend)(data.path());
    send(&emulator, ORDERS, &[order(6)]).await;
    assert_eq!(ids(&emulator).await, [0, 1, 2, 3, 4, 5]);
    emulator.shutdown().await;
    let emulator = builder(data.path(), Profile::Fast).start().await.unwrap();
    assert_eq!(ids(&emulator).await, [0, 1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn rows_are_refused_while_acked_ones_cannot_be_committed_and_are_taken_when_they_can() {
    let data = tempfile::tempdir().unwrap();
    let emulator =
        builder(data.path(), Profile::Service).commit_interval(Duration::from_millis(200)).start().await.unwrap();
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_json(0, &order(0)).await;
    call.acked(0).await;
    let (damage, begin) = (&DAMAGES[0], Instant::now());
    while ids(&emulator).await.is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(20));
    }
    (damage.harm)(data.path());
    call.send_json(1, &order(1)).await;
    call.acked(1).await;
    while status_of(&emulator, ORDERS).await["problem"].is_null() {
        assert!(begin.elapsed() < Duration::from_secs(20));
    }
    call.send_json(2, &order(2)).await;
    assert!(call.refusal().await.message().contains(damage.words));
    assert_eq!(status_of(&emulator, ORDERS).await["logged_rows"], 1);
    (damage.mend)(data.path());
    while offer(&emulator, 3).await.is_err() {
        assert!(begin.elapsed() < Duration::from_secs(20));
    }
    emulator.shutdown().await;
    let emulator = builder(data.path(), Profile::Fast).start().await.unwrap();
    assert_eq!(ids(&emulator).await, [0, 1, 3]);
}

#[tokio::test]
async fn a_table_that_cannot_be_emptied_leaves_the_others_to_be_emptied() {
    let data = tempfile::tempdir().unwrap();
    leave_acked_rows(data.path()).await;
    set_aside(&data.path().join("main/sales"));
    fs::write(data.path().join("main/sales"), "").unwrap();
    let emulator = builder(data.path(), Profile::Service).start().await.unwrap();
    assert_eq!(emulator.rows(OTHER).await.unwrap().len(), 1);
    let url = format!("{}/emulator/rows", emulator.url());
    let (code, answer) = http(move |agent| agent.delete(&url).header("x-zerobus-emulator", "1").call()).await;
    assert_eq!(code, 500, "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("main/sales/orders"), "{answer}");
    assert_eq!(emulator.rows(OTHER).await.unwrap().len(), 0);
    assert!(log(data.path()).is_file());
}

#[tokio::test]
async fn a_damaged_definition_of_one_table_leaves_it_the_given_one() {
    let data = tempfile::tempdir().unwrap();
    let given = fs::read_to_string(tables().join(format!("{ORDERS}.json"))).unwrap();
    let mut altered: Value = serde_json::from_str(&given).unwrap();
    let columns = altered["columns"].as_array_mut().unwrap();
    columns.push(json!({ "name": "more", "type_text": "int", "nullable": true, "position": columns.len() }));
    let emulator = builder(data.path(), Profile::Fast).start().await.unwrap();
    send(&emulator, ORDERS, &[order(0)]).await;
    let url = format!("{}/emulator/tables/{ORDERS}", emulator.url());
    let body = altered.to_string();
    let (code, answer) = http(move |agent| agent.put(&url).header("x-zerobus-emulator", "1").send(body)).await;
    assert_eq!(code, 200, "{answer}");
    emulator.shutdown().await;
    let record = data.path().join(".zerobus-emulator.altered/main%2esales%2eorders.json");
    let whole = fs::read(&record).unwrap();
    fs::write(&record, "{").unwrap();
    let emulator = builder(data.path(), Profile::Fast).start().await.unwrap();
    send(&emulator, OTHER, &[crate::support::every_type()]).await;
    assert!(offer(&emulator, -1).await.unwrap_err().contains("has other columns"));
    emulator.shutdown().await;
    fs::write(&record, whole).unwrap();
    let emulator = builder(data.path(), Profile::Fast).start().await.unwrap();
    send(&emulator, ORDERS, &[order(1)]).await;
    assert_eq!(ids(&emulator).await, [0, 1]);
}

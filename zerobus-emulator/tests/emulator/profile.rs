//! The profile `service`: rows are acked before they are in their table, and survive a kill in between.

use std::path::Path;
use std::time::Duration;

use crate::support::persistent::Persistent;
use crate::support::program::{Running, start_with};
use crate::support::{Call, Credentials, tables};
use serde_json::{Value, json};
use zerobus_emulator::{Builder, Emulator, Profile, StartError};
use zerobus_runtime::wire::RecordType;

const ORDERS: &str = "main.sales.orders";
const HOUR: &str = "3600000";

fn order(id: i64) -> Value {
    json!({ "order_id": id, "placed_at": 1, "lines": [], "currency": "EUR" })
}

fn service(data: &Path, interval: Duration) -> Builder {
    Emulator::builder().schemas(tables()).data(data).profile(Profile::Service).commit_interval(interval)
}

async fn ids(emulator: &Emulator) -> Vec<i64> {
    let rows = emulator.rows(ORDERS).await.unwrap();
    rows.iter().map(|row| row["order_id"].as_i64().unwrap()).collect()
}

/// The rows that the next emulator finds, of either profile.
async fn ids_after(data: &Path, profile: Profile) -> Vec<i64> {
    let emulator = Emulator::builder().schemas(tables()).data(data).profile(profile).start().await.unwrap();
    let ids = ids(&emulator).await;
    emulator.shutdown().await;
    ids
}

fn start(data: &Path) -> (Running, Credentials) {
    start_with(data, &["--profile", "service", "--commit-interval", HOUR])
}

#[tokio::test]
async fn an_acked_row_is_in_the_table_some_time_later() {
    let data = tempfile::tempdir().unwrap();
    let emulator = service(data.path(), Duration::from_millis(400)).start().await.unwrap();
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_json(0, &order(0)).await;
    call.acked(0).await;
    assert_eq!(ids(&emulator).await, [0; 0]);
    while ids(&emulator).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ids(&emulator).await, [0]);
    // A stream ends when all of it is acked, and does not wait for the table.
    call.send_json(1, &order(1)).await;
    assert_eq!(call.finish().await.unwrap(), Some(1));
    emulator.shutdown().await;
    assert_eq!(ids_after(data.path(), Profile::Fast).await, [0, 1]);
}

#[tokio::test]
async fn acked_rows_survive_a_kill_and_are_stored_once() {
    let data = tempfile::tempdir().unwrap();
    let mut expected = 0;
    for profile in [Profile::Service, Profile::Fast, Profile::Fast] {
        let (running, credentials) = start(data.path());
        let mut call = Call::open(&credentials, ORDERS, RecordType::Json, None).await.unwrap();
        for offset in 0..20 {
            call.send_json(offset, &order(expected + offset)).await;
        }
        call.acked(19).await;
        expected += 20;
        running.kill();
        assert_eq!(ids_after(data.path(), profile).await, (0..expected).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn every_type_survives_the_log() {
    let data = tempfile::tempdir().unwrap();
    let row = crate::support::every_type();
    let store = async |data: &Path, arguments: &[&str], kill: bool| {
        let (running, credentials) = start_with(data, arguments);
        let mut call = Call::open(&credentials, "main.types.every_type", RecordType::Json, None).await.unwrap();
        call.send_json(0, &row).await;
        call.acked(0).await;
        if kill {
            running.kill();
        } else {
            assert!(running.terminate());
        }
        let emulator = Emulator::builder().schemas(tables()).data(data).start().await.unwrap();
        emulator.rows("main.types.every_type").await.unwrap()
    };
    let through_the_log = store(data.path(), &["--profile", "service", "--commit-interval", HOUR], true).await;
    let other = tempfile::tempdir().unwrap();
    let straight = store(other.path(), &[], false).await;
    assert_eq!(through_the_log, straight);
    assert_eq!(straight.len(), 1);
}

#[tokio::test]
async fn a_persistent_stream_goes_on_behind_what_the_log_has() {
    let data = tempfile::tempdir().unwrap();
    let (running, credentials) = start(data.path());
    let (mut call, id) = Persistent::create(&credentials, ORDERS).await.unwrap();
    for offset in 0..5 {
        call.send_json(offset, &order(offset)).await;
    }
    call.acked(4).await.unwrap();
    let (mut call, committed) = Persistent::resume(&credentials, ORDERS, &id).await.unwrap();
    assert_eq!(committed, Some(4));
    call.send_json(5, &order(5)).await;
    call.acked(5).await.unwrap();
    running.kill();
    let (running, credentials) = start(data.path());
    let (call, committed) = Persistent::resume(&credentials, ORDERS, &id).await.unwrap();
    assert_eq!(committed, Some(5));
    call.finish().await.unwrap();
    assert!(running.terminate());
    assert_eq!(ids_after(data.path(), Profile::Service).await, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_torn_end_of_the_log_is_cut() {
    let data = tempfile::tempdir().unwrap();
    let (running, credentials) = start(data.path());
    let mut call = Call::open(&credentials, ORDERS, RecordType::Json, None).await.unwrap();
    for offset in 0..2 {
        call.send_json(offset, &order(offset)).await;
        call.acked(offset).await;
    }
    running.kill();
    let log = data.path().join(".zerobus-emulator.acked/main/sales/orders.ndjson");
    let whole = std::fs::read(&log).unwrap();
    std::fs::write(&log, &whole[..whole.len() - 3]).unwrap();
    assert_eq!(ids_after(data.path(), Profile::Service).await, [0]);
}

#[tokio::test]
async fn the_service_needs_a_data_folder_and_has_quotas() {
    let error = Emulator::builder().schemas(tables()).profile(Profile::Service).start().await.unwrap_err();
    assert!(matches!(error, StartError::NoData), "{error}");
}

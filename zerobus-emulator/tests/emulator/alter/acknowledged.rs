//! Acknowledged rows that no longer fit the altered table.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::support::program::start_with;
use zerobus_emulator::{Builder, Profile};

fn service(data: &Path, interval: Duration) -> Builder {
    Emulator::builder().schemas(tables()).data(data).profile(Profile::Service).commit_interval(interval)
}

const HOUR: Duration = Duration::from_secs(3_600);

async fn status(emulator: &Emulator) -> Value {
    let status = get(emulator, "/emulator/status").await;
    status["tables"].as_array().unwrap().iter().find(|table| table["name"] == ORDERS).unwrap().clone()
}

/// The files of rejected rows.
fn rejected(data: &Path) -> Vec<std::path::PathBuf> {
    let folder = data.join("main/sales/orders/_zerobus/table_rejected_parquets");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn rows_in_the_log_that_no_longer_fit_are_kept_beside_the_table_and_counted() {
    let data = tempfile::tempdir().unwrap();
    let emulator = service(data.path(), HOUR).start().await.unwrap();
    let mut call = Call::json(&emulator, ORDERS).await;
    let mut noted = order(1);
    noted["note"] = json!("x");
    call.send_json(0, &order(0)).await;
    call.send_jsons(1, &[noted, order(2)]).await;
    call.acked(1).await;
    altered(&emulator, without("note")).await;
    assert!(call.refusal().await.message().contains("Error Code: 8001"));
    emulator.shutdown().await;
    let mut other = without("note");
    let folder = tempfile::tempdir().unwrap();
    other["full_name"] = json!(ORDERS);
    std::fs::write(folder.path().join("orders.json"), other.to_string()).unwrap();
    let emulator = Emulator::builder().schemas(folder.path()).data(data.path()).start().await.unwrap();
    let ids = ids(&emulator).await;
    assert_eq!(ids, [0, 2]);
    assert_eq!(status(&emulator).await["rejected_rows"], 1);
    assert_eq!(get(&emulator, &format!("/emulator/tables/{ORDERS}")).await["rejected_rows"], 1);
    assert_eq!(rejected(data.path()).len(), 1);
    emulator.shutdown().await;
}

#[tokio::test]
async fn rows_in_the_log_meet_the_altered_table_after_a_kill_and_are_there_once() {
    let data = tempfile::tempdir().unwrap();
    let (running, credentials) = start_with(data.path(), &["--profile", "service", "--commit-interval", "3600000"]);
    let mut call = Call::open(&credentials, ORDERS, RecordType::Json, None).await.unwrap();
    let mut noted = order(1);
    noted["note"] = json!("x");
    call.send_jsons(0, &[order(0), noted]).await;
    call.acked(0).await;
    let (url, body) = (format!("{}/emulator/tables/{ORDERS}", credentials.url), without("note").to_string());
    let (status, answer) = http(move |agent| agent.put(&url).header("x-zerobus-emulator", "1").send(body)).await;
    assert_eq!(status, 200, "{answer}");
    running.kill();
    for profile in [Profile::Service, Profile::Fast] {
        let emulator = Emulator::builder().schemas(tables()).data(data.path()).profile(profile).start().await.unwrap();
        let ids = ids(&emulator).await;
        assert_eq!(ids, [0]);
        assert_eq!(rejected(data.path()).len(), 1);
        emulator.shutdown().await;
    }
}

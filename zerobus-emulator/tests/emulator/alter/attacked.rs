//! Alterations with hostile or unusual input.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::support::program::start_with;
use crate::support::token;
use tokio::sync::watch;

const QUAKES: &str = "main.geo.earthquakes";

async fn put_to(url: &str, table: &str, body: String) -> (u16, Value) {
    let url = format!("{url}/emulator/tables/{table}");
    http(move |agent| agent.put(&url).header("x-zerobus-emulator", "1").send(body)).await
}

#[tokio::test]
async fn a_table_of_2000_columns_and_one_of_more() {
    on_each_sink(async |emulator| {
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0, &order(0)).await;
        let mut wide = definition();
        let own = columns(&mut wide).len();
        let more = (own..2_000).map(|n| json!({ "name": format!("c{n}"), "type_text": "string", "position": n }));
        columns(&mut wide).extend(more);
        assert_eq!(altered(&emulator, &wide).await["severity"], "safe");
        send(&mut call, 1, &order(1)).await;
        let mut new = Call::json(&emulator, ORDERS).await;
        let mut row = order(2);
        row["c1999"] = json!("x");
        send(&mut new, 0, &row).await;
        assert_eq!(rows(&emulator).await[2]["c1999"], "x");
        columns(&mut wide).push(json!({ "name": "one_more", "type_text": "string", "position": 2_000 }));
        assert!(altered(&emulator, &wide).await["refused_because"].is_string());
        assert!(new.refusal().await.message().contains("Error Code: 8001"));
        altered(&emulator, definition()).await;
        assert_eq!(ids(&emulator).await, [0, 1, 2]);
        emulator.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn hostile_names_reach_neither_a_path_nor_the_rows() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("data");
    let emulator = Emulator::builder().schemas(tables()).data(&folder).start().await.unwrap();
    for name in ["../../../escaped", "<script>alert(1)</script>", "a\u{0}b", "\u{202e}x", "", "a/b", "ORDER_ID"] {
        let answer = altered(&emulator, with(plain(name, "string", true))).await;
        assert!(answer["refused_because"].is_string(), "{name}: {answer}");
    }
    let mut named = definition();
    named["catalog_name"] = json!("../main");
    assert_eq!(put(&emulator, &named).await.0, 400);
    altered(&emulator, definition()).await;
    let mut call = Call::json(&emulator, ORDERS).await;
    send(&mut call, 0, &order(0)).await;
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 1);
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_partition_column_is_made_a_plain_one_and_is_dropped() {
    let data = tempfile::tempdir().unwrap();
    let emulator = Emulator::builder().schemas(tables()).data(data.path()).start().await.unwrap();
    let quake = json!({
        "id": "q", "time": 1, "event_date": 1, "type": "t", "status": "s", "tsunami": false, "sig": 1, "ids": [],
        "location": { "longitude": 1.0, "latitude": 2.0 },
    });
    let mut call = Call::json(&emulator, QUAKES).await;
    send(&mut call, 0, &quake).await;
    let text = std::fs::read(tables().join(format!("{QUAKES}.json"))).unwrap();
    let mut definition: Value = serde_json::from_slice(&text).unwrap();
    let day = columns(&mut definition).iter_mut().find(|column| column["name"] == "event_date").unwrap();
    day["partition_index"] = json!(null);
    let (status, answer) = put_to(emulator.url(), QUAKES, definition.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    send(&mut call, 1, &quake).await;
    let found = emulator.rows(QUAKES).await.unwrap();
    assert_eq!(found.iter().map(|row| row["event_date"].clone()).collect::<Vec<_>>(), [json!(1), json!(1)]);
    columns(&mut definition).retain(|column| column["name"] != "event_date");
    let (status, answer) = put_to(emulator.url(), QUAKES, definition.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    assert!(emulator.rows(QUAKES).await.unwrap().iter().all(|row| row.get("event_date").is_none()));
    emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_of_an_alteration_loses_no_row() {
    let data = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(11);
    let definitions = [with(plain("channel", "string", true)), without("note"), definition()];
    let definitions: Arc<[String]> = definitions.iter().map(Value::to_string).collect();
    let (mut acknowledged, mut altered) = (Vec::new(), 0);
    for round in 0..6 {
        let profile = if round % 2 == 0 { "fast" } else { "service" };
        let (running, credentials) = start_with(data.path(), &["--profile", profile, "--commit-interval", "100"]);
        let (url, definitions) = (format!("{}/emulator/tables/{ORDERS}", credentials.url), definitions.clone());
        let ((alteration, mut alterations), (row, mut rows)) = (watch::channel(0), watch::channel(0));
        let altering = tokio::task::spawn_blocking(move || {
            until_killed(0.., &alteration, |agent, n| {
                let definition = &definitions[usize::try_from(n).unwrap() % definitions.len()];
                agent.put(&url).header("x-zerobus-emulator", "1").send(definition)
            })
        });
        let bearer = format!("Bearer {}", token(&credentials, Some(ORDERS)).await);
        let url = format!("{}/zerobus/v1/tables/{ORDERS}/insert", credentials.url);
        let inserting = tokio::task::spawn_blocking(move || {
            until_killed(round * 100_000.., &row, |agent, id| {
                let body = json!([order(id)]).to_string();
                let request = agent.post(&url).header("authorization", &bearer);
                request.header("content-type", "application/json").send(body)
            })
        });
        alterations.wait_for(|taken| *taken >= 1).await.unwrap();
        rows.wait_for(|taken| *taken >= 5).await.unwrap();
        tokio::time::sleep(Duration::from_millis(random.u64(0..600))).await;
        running.kill();
        altered += altering.await.unwrap().len();
        acknowledged.extend(inserting.await.unwrap());
    }
    let emulator = Emulator::builder().schemas(tables()).data(data.path()).start().await.unwrap();
    let found = ids(&emulator).await;
    assert!(acknowledged.len() > 20 && altered > 5, "{} rows, {altered} alterations", acknowledged.len());
    for id in acknowledged {
        assert_eq!(found.iter().filter(|found| **found == id).count(), 1, "row {id}");
    }
    emulator.shutdown().await;
}

/// Sends requests one after the other until the emulator is gone; returns the numbers of those that it accepted.
fn until_killed(
    numbers: impl Iterator<Item = i64>,
    count: &watch::Sender<usize>,
    send: impl Fn(&ureq::Agent, i64) -> Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Vec<i64> {
    let agent = ureq::Agent::new_with_config(ureq::config::Config::builder().http_status_as_error(false).build());
    let mut taken = Vec::new();
    for number in numbers {
        let Ok(mut answer) = send(&agent, number) else { break };
        let Ok(body) = answer.body_mut().read_to_string() else { break };
        assert_eq!(answer.status().as_u16(), 200, "request {number}: {body}");
        taken.push(number);
        count.send_replace(taken.len());
    }
    taken
}

//! A table that is altered while streams write to it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod support;

use serde_json::{Value, json};
use support::{Call, http, tables};
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

mod safe {
    use super::*;

    #[tokio::test]
    async fn a_new_nullable_column_leaves_open_streams_open_and_is_there_for_new_ones() {
        on_each_sink(async |emulator| {
            let table = support::table(ORDERS);
            let mut json = Call::json(&emulator, ORDERS).await;
            let mut proto = Call::proto(&emulator, &table).await;
            send(&mut json, 0, &order(0)).await;
            let answer = altered(&emulator, with(plain("channel", "string", true))).await;
            assert_eq!(answer["severity"], "safe");
            assert_eq!(answer["changes"][0]["kind"], "added");
            send(&mut json, 1, &order(1)).await;
            proto.send_proto(0, support::record(&table, &order(2))).await;
            proto.acked(0).await;
            let mut new = Call::json(&emulator, ORDERS).await;
            let mut row = order(3);
            row["channel"] = json!("web");
            send(&mut new, 0, &row).await;
            let found = rows(&emulator).await;
            assert_eq!(
                found.iter().map(|row| row["channel"].clone()).collect::<Vec<_>>(),
                [json!(null), json!(null), json!(null), json!("web")]
            );
            // An open stream still has the descriptor that it opened with.
            json.send_json(2, &row).await;
            assert_eq!(json.refusal().await.code(), Code::InvalidArgument);
            let described = get(&emulator, &format!("/emulator/tables/{ORDERS}")).await;
            assert!(described["columns"].as_array().unwrap().iter().any(|column| column["name"] == "channel"));
            proto.finish().await.unwrap();
            new.finish().await.unwrap();
            emulator.shutdown().await;
        })
        .await;
    }

    #[tokio::test]
    async fn safe_changes_of_every_kind_leave_a_stream_open() {
        on_each_sink(async |emulator| {
            let mut call = Call::json(&emulator, ORDERS).await;
            send(&mut call, 0, &order(0)).await;
            let mut comment = definition();
            column(&mut comment, "currency")["comment"] = json!("ISO 4217 <b>");
            let mut nullable = definition();
            column(&mut nullable, "placed_at")["nullable"] = json!(false);
            column(&mut nullable, "currency")["nullable"] = json!(true);
            let changes = [comment, nullable, retyped("currency", "string"), definition()];
            for (offset, change) in (1..).zip(changes) {
                altered(&emulator, &change).await;
                send(&mut call, offset, &order(offset)).await;
            }
            assert_eq!(rows(&emulator).await.len(), 5);
            call.finish().await.unwrap();
            emulator.shutdown().await;
        })
        .await;
    }
}

mod breaking {
    use super::*;

    #[tokio::test]
    async fn breaking_changes_end_streams_with_8001_and_keep_their_rows() {
        let breaking = [
            (without("currency"), "currency"),
            (retyped("order_id", "string"), "order_id"),
            (with(plain("region", "string", false)), "region"),
        ];
        for (definition, names) in breaking {
            on_each_sink(async |emulator| {
                let table = support::table(ORDERS);
                let mut json = Call::json(&emulator, ORDERS).await;
                let mut proto = Call::proto(&emulator, &table).await;
                if names == "currency" {
                    send(&mut json, 0, &order(7)).await;
                    proto.send_proto(0, support::record(&table, &order(8))).await;
                    proto.acked(0).await;
                }
                let answer = altered(&emulator, &definition).await;
                assert_eq!(answer["severity"], "breaking", "{answer}");
                assert_eq!(rows(&emulator).await.len(), if names == "currency" { 2 } else { 0 });
                for call in [json, proto] {
                    let refusal = call.refusal().await;
                    assert_eq!(refusal.code(), Code::InvalidArgument);
                    assert!(refusal.message().contains("Error Code: 8001"), "{}", refusal.message());
                    assert!(refusal.message().contains(names), "{}", refusal.message());
                }
                let again = Call::open(&emulator, ORDERS, RecordType::Proto, Some(&table.descriptor())).await;
                assert!(again.err().unwrap().message().contains("Error Code: 8001"));
                emulator.shutdown().await;
            })
            .await;
        }
    }

    #[tokio::test]
    async fn rows_are_brought_into_the_new_definition() {
        on_each_sink(async |emulator| {
            let mut call = Call::json(&emulator, ORDERS).await;
            for offset in 0..3 {
                send(&mut call, offset, &order(offset)).await;
            }
            altered(&emulator, without("currency")).await;
            assert!(rows(&emulator).await.iter().all(|row| row.get("currency").is_none()));
            // A column of the same name is another one, and has none of the old values.
            let mut other = retyped("currency", "int");
            column(&mut other, "currency")["nullable"] = json!(true);
            altered(&emulator, other).await;
            assert_eq!(ids(&emulator).await, [0, 1, 2]);
            let found = rows(&emulator).await;
            assert!(found.iter().all(|row| row["currency"].is_null()));
            emulator.shutdown().await;
        })
        .await;
    }

    #[tokio::test]
    async fn an_alteration_that_a_row_does_not_fit_is_refused_and_changes_nothing() {
        on_each_sink(async |emulator| {
            let mut call = Call::json(&emulator, ORDERS).await;
            send(&mut call, 0, &order(0)).await;
            for definition in
                [retyped("currency", "varchar(2)"), retyped("currency", "int"), with(plain("region", "string", false))]
            {
                let (status, answer) = put(&emulator, &definition).await;
                assert_eq!(status, 409, "{answer}");
                assert!(answer["message"].as_str().unwrap().contains("row 0"), "{answer}");
            }
            send(&mut call, 1, &order(1)).await;
            assert_eq!(rows(&emulator).await.len(), 2);
            call.finish().await.unwrap();
            emulator.shutdown().await;
        })
        .await;
    }

    #[tokio::test]
    async fn a_definition_that_takes_no_rows_ends_streams_and_the_next_goes_on() {
        on_each_sink(async |emulator| {
            let mut call = Call::json(&emulator, ORDERS).await;
            send(&mut call, 0, &order(0)).await;
            let mut view = definition();
            view["table_type"] = json!("VIEW");
            let answer = altered(&emulator, &view).await;
            assert!(answer["refused_because"].as_str().unwrap().contains("4024"), "{answer}");
            assert!(call.refusal().await.message().contains("Error Code: 4024"));
            altered(&emulator, with(plain("channel", "string", true))).await;
            let mut call = Call::json(&emulator, ORDERS).await;
            send(&mut call, 0, &order(1)).await;
            assert_eq!(rows(&emulator).await.len(), 2);
            emulator.shutdown().await;
        })
        .await;
    }
}

mod requests {
    use super::*;

    #[tokio::test]
    async fn bodies_that_are_no_definition_of_the_table_are_refused() {
        let emulator = Emulator::builder().schemas(tables()).start().await.unwrap();
        let mut renamed = definition();
        renamed["name"] = json!("other");
        for body in ["", "[]", "7", "{\"columns\":7}", "<html>", &renamed.to_string()] {
            let (status, answer) = put(&emulator, body).await;
            assert_eq!(status, 400, "{body}: {answer}");
        }
        let url = format!("{}/emulator/tables/main.sales.none", emulator.url());
        let (status, _) = http(move |agent| agent.put(&url).header("x-zerobus-emulator", "1").send("{}")).await;
        assert_eq!(status, 404);
        let url = format!("{}/emulator/tables/{ORDERS}", emulator.url());
        let (status, _) = http(move |agent| agent.put(&url).send("{}")).await;
        assert_eq!(status, 403);
        emulator.shutdown().await;
    }

    #[tokio::test]
    async fn the_same_definition_changes_nothing_and_names_are_compared_without_regard_to_case() {
        on_each_sink(async |emulator| {
            let mut call = Call::json(&emulator, ORDERS).await;
            send(&mut call, 0, &order(0)).await;
            let mut same = definition();
            same["name"] = json!("ORDERS");
            let answer = altered(&emulator, &same).await;
            assert_eq!((&answer["severity"], &answer["name"]), (&json!(null), &json!(ORDERS)));
            send(&mut call, 1, &order(1)).await;
            assert_eq!(rows(&emulator).await.len(), 2);
            emulator.shutdown().await;
        })
        .await;
    }

    #[cfg(feature = "ddl")]
    #[tokio::test]
    async fn a_table_is_altered_by_create_table() {
        on_each_sink(async |emulator| {
            let sql = format!("CREATE TABLE {ORDERS} (order_id BIGINT NOT NULL, note STRING)");
            altered(&emulator, sql).await;
            let mut call = Call::json(&emulator, ORDERS).await;
            send(&mut call, 0, &json!({ "order_id": 1, "note": "x" })).await;
            assert_eq!(rows(&emulator).await, [json!({ "order_id": 1, "note": "x" })]);
            emulator.shutdown().await;
        })
        .await;
    }

    #[tokio::test]
    async fn alterations_at_one_time_come_one_after_the_other() {
        on_each_sink(async |emulator| {
            let (one, two) = (with(plain("a", "string", true)), with(plain("b", "bigint", true)));
            for round in 0..5 {
                let ((first, _), (second, _)) = tokio::join!(put(&emulator, &one), put(&emulator, &two));
                assert_eq!((first, second), (200, 200));
                let mut call = Call::json(&emulator, ORDERS).await;
                send(&mut call, 0, &order(round)).await;
                call.finish().await.unwrap();
            }
            assert_eq!(ids(&emulator).await, [0, 1, 2, 3, 4]);
            let found = rows(&emulator).await;
            assert!(found.iter().all(|row| row.get("a").is_some() != row.get("b").is_some()));
            emulator.shutdown().await;
        })
        .await;
    }
}

#[cfg(feature = "delta")]
mod restart {
    use super::*;

    #[tokio::test]
    async fn an_altered_table_is_altered_after_a_restart() {
        let data = tempfile::tempdir().unwrap();
        let start = async || Emulator::builder().schemas(tables()).data(data.path()).start().await.unwrap();
        let definitions = [with(plain("channel", "string", true)), without("note"), without("customer"), definition()];
        for (id, definition) in (0..).zip(&definitions) {
            let emulator = start().await;
            altered(&emulator, definition).await;
            let mut call = Call::json(&emulator, ORDERS).await;
            send(&mut call, 0, &order(id)).await;
            call.finish().await.unwrap();
            emulator.shutdown().await;
            let emulator = start().await;
            let table = get_table(&emulator).await;
            let names = |table: &Value| -> Vec<Value> {
                table["columns"].as_array().unwrap().iter().map(|column| column["name"].clone()).collect()
            };
            assert_eq!(names(&table), names(definition));
            assert_eq!(ids(&emulator).await, (0..=id).collect::<Vec<i64>>());
            emulator.shutdown().await;
        }
        assert_eq!(std::fs::read_dir(data.path().join(".zerobus-emulator.altered")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn another_definition_that_is_given_at_the_start_is_the_newer_one() {
        let (data, schemas) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = schemas.path().join("orders.json");
        let start = async |definition: &Value| {
            std::fs::write(&file, definition.to_string()).unwrap();
            Emulator::builder().schemas(schemas.path()).data(data.path()).start().await.unwrap()
        };
        let emulator = start(&definition()).await;
        altered(&emulator, with(plain("channel", "string", true))).await;
        emulator.shutdown().await;
        // What `zerobus-codegen fetch` finds after the alteration.
        let mut fetched = with(plain("channel", "string", true));
        fetched["comment"] = json!("fetched");
        let emulator = start(&fetched).await;
        assert_eq!(get_table(&emulator).await["comment"], "fetched");
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0, &order(0)).await;
        emulator.shutdown().await;
    }

    /// The table, as the tables API answers.
    async fn get_table(emulator: &Emulator) -> Value {
        let token = support::token(emulator, None).await;
        let url = format!("{}/api/2.1/unity-catalog/tables/{ORDERS}", emulator.url());
        let bearer = format!("Bearer {token}");
        let (status, table) = http(move |agent| agent.get(&url).header("authorization", &bearer).call()).await;
        assert_eq!(status, 200, "{table}");
        table
    }
}

#[cfg(all(feature = "cli", feature = "delta"))]
mod acknowledged {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use support::program::start_with;
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
            let emulator =
                Emulator::builder().schemas(tables()).data(data.path()).profile(profile).start().await.unwrap();
            let ids = ids(&emulator).await;
            assert_eq!(ids, [0]);
            assert_eq!(rejected(data.path()).len(), 1);
            emulator.shutdown().await;
        }
    }
}

/// Alterations with hostile or unusual input.
#[cfg(all(feature = "cli", feature = "delta"))]
mod attacked {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use support::program::start_with;
    use support::token;
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
}

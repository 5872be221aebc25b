//! The request that alters a table: its bodies, and what it answers.

use super::*;

#[tokio::test]
async fn bodies_that_are_no_definition_of_the_table_are_refused() {
    let emulator = Emulator::builder().schemas(tables()).start().await.unwrap();
    let mut renamed = definition();
    renamed["name"] = json!("other");
    for body in ["", "[]", "7", "{}", "{\"columns\":[]}", "{\"columns\":7}", "<html>", &renamed.to_string()] {
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

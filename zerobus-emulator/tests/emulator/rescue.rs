//! The rescue column takes what fits no column of a JSON record; tags are read and set by paths of their own.

use crate::support::{Call, http, token};
use serde_json::{Value, json};
use zerobus_emulator::Emulator;

const EVENTS: &str = "main.app.events";

async fn emulator() -> Emulator {
    let folder = tempfile::tempdir().unwrap();
    let column = |name: &str, kind: &str, position: u32, nullable: bool| json!({ "name": name, "type_text": kind, "type_name": kind.to_uppercase(), "position": position, "nullable": nullable });
    let table = json!({
        "name": "events", "catalog_name": "main", "schema_name": "app", "table_type": "MANAGED",
        "data_source_format": "DELTA",
        "columns": [
            column("id", "bigint", 0, false),
            column("size", "tinyint", 1, true),
            column("rest", "variant", 2, true),
            column("other", "variant", 3, true),
        ],
    });
    let path = folder.path().join("events.json");
    std::fs::write(&path, table.to_string()).unwrap();
    Emulator::builder().schemas(path).start().await.unwrap()
}

async fn tag(emulator: &Emulator, column: &str, tags: Value) -> (u16, Value) {
    let url = format!("{}/emulator/tables/{EVENTS}/columns/{column}/tags", emulator.url());
    http(move |agent| agent.put(&url).header("x-zerobus-emulator", "1").send(tags.to_string())).await
}

async fn send(emulator: &Emulator, record: Value) -> Result<(), String> {
    let mut call = Call::json(emulator, EVENTS).await;
    call.send_json(0, &record).await;
    call.finish().await.map(drop).map_err(|status| status.message().to_owned())
}

#[tokio::test]
async fn what_fits_no_column_is_rescued_and_what_must_not_be_missing_is_not() {
    let emulator = emulator().await;
    assert!(send(&emulator, json!({ "id": 1, "new": true })).await.unwrap_err().contains("4044"));
    assert_eq!(tag(&emulator, "rest", json!({ "zerobus-rescue": "" })).await, (200, json!({})));
    send(&emulator, json!({ "id": 1, "size": 5 })).await.unwrap();
    send(&emulator, json!({ "id": 2, "size": 300, "new": { "a": [1] } })).await.unwrap();
    send(&emulator, json!({ "id": 3, "size": "big", "rest": null })).await.unwrap();
    let rows = emulator.rows(EVENTS).await.unwrap();
    let rescued: Vec<Value> = rows
        .iter()
        .map(|row| row["rest"].as_str().map_or(Value::Null, |text| serde_json::from_str(text).unwrap()))
        .collect();
    assert_eq!(rescued, [Value::Null, json!({ "size": 300, "new": { "a": [1] } }), json!({ "size": "big" })]);
    assert_eq!((&rows[0]["size"], &rows[1]["size"]), (&json!(5), &Value::Null));
    for (record, text) in [
        (json!({ "size": 1, "new": 1 }), "column id"),
        (json!({ "id": "x", "new": 1 }), "4044"),
        (json!({ "id": 4, "rest": "{}" }), "column rest: it is the rescue column"),
        (json!({ "id": 4, "rest": 7, "new": 1 }), "column rest: it is the rescue column"),
        (json!([1]), "4044"),
    ] {
        let refused = send(&emulator, record.clone()).await.unwrap_err();
        assert!(refused.contains(text), "{record}: {refused}");
    }
    assert_eq!(emulator.rows(EVENTS).await.unwrap().len(), 3);
}

#[tokio::test]
async fn tags_are_read_by_the_path_of_unity_catalog() {
    let emulator = emulator().await;
    let url = format!("{}/api/2.1/unity-catalog/entity-tag-assignments/columns/{EVENTS}.rest/tags", emulator.url());
    let bearer = format!("Bearer {}", token(&emulator, None).await);
    let get = move || {
        let (url, bearer) = (url.clone(), bearer.clone());
        http(move |agent| agent.get(&url).header("authorization", bearer).call())
    };
    assert_eq!(get().await, (200, json!({ "tag_assignments": [] })));
    tag(&emulator, "rest", json!({ "zerobus-rescue": "", "owner": "us" })).await;
    let (_, answer) = get().await;
    assert_eq!(answer["tag_assignments"][1]["tag_key"], "zerobus-rescue");
    assert_eq!(answer["tag_assignments"][0]["tag_value"], "us");
    for (column, tags, text) in [
        ("id", json!({ "zerobus-rescue": "" }), "no nullable VARIANT"),
        ("other", json!({ "zerobus-rescue": "" }), "rest"),
        ("missing", json!({}), "no column"),
        ("rest", json!([1]), "no object of texts"),
    ] {
        let (status, answer) = tag(&emulator, column, tags).await;
        assert_eq!(status, 400);
        assert!(answer["message"].as_str().unwrap().contains(text), "{answer}");
    }
    tag(&emulator, "rest", json!({})).await;
    assert!(send(&emulator, json!({ "id": 1, "new": true })).await.is_err(), "without the tag nothing is rescued");
}

//! Altered tables after a restart.

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
    let token = crate::support::token(emulator, None).await;
    let url = format!("{}/api/2.1/unity-catalog/tables/{ORDERS}", emulator.url());
    let bearer = format!("Bearer {token}");
    let (status, table) = http(move |agent| agent.get(&url).header("authorization", &bearer).call()).await;
    assert_eq!(status, 200, "{table}");
    table
}

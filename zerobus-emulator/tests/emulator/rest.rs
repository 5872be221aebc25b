//! The token endpoint and the tables API: answers and refusals in the service's shapes.

use crate::support::{ask_token, details, http, tables, token};
use serde_json::{Value, json};
use zerobus_emulator::{Emulator, Limits, TokenOperations};

async fn emulator() -> Emulator {
    Emulator::builder().schemas(tables()).start().await.unwrap()
}

/// A good form, changed.
fn form(emulator: &Emulator, change: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut form = vec![
        ("grant_type", "client_credentials".to_owned()),
        ("scope", "all-apis".to_owned()),
        ("client_id", emulator.client_id().to_owned()),
        ("client_secret", emulator.client_secret().to_owned()),
        ("resource", "api://databricks/workspaces/1/zerobusDirectWriteApi".to_owned()),
        ("authorization_details", details("main.sales.orders")),
    ];
    for (name, value) in change {
        form.retain(|(key, _)| key != name);
        form.push((name, (*value).to_owned()));
    }
    form
}

#[tokio::test]
async fn a_token_by_form_and_by_basic() {
    let emulator = emulator().await;
    let (status, body) = ask_token(&emulator, form(&emulator, &[])).await;
    assert_eq!((status, &body["token_type"], &body["expires_in"]), (200, &json!("Bearer"), &json!(3600)));
    let url = format!("{}/oidc/v1/token", emulator.url());
    let (id, secret) = (emulator.client_id(), emulator.client_secret());
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{id}:{secret}"));
    let (status, body) = http(move |agent| {
        agent
            .post(&url)
            .header("authorization", format!("Basic {basic}"))
            .send_form([("grant_type", "client_credentials"), ("scope", "all-apis")])
    })
    .await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn a_token_is_refused_as_the_service_does() {
    let emulator = emulator().await;
    let other_schema = details("main.sales.orders").replace("\"main.sales\"", "\"main.geo\"");
    let read_only = details("main.sales.orders").replace(",\"MODIFY\"", "");
    let other_operation = details("main.sales.orders").replace("zerobuswrite", "read");
    let deep = "[".repeat(100_000);
    let token_exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    for (change, status, error) in [
        (vec![("client_secret", "wrong")], 401, "invalid_client"),
        (vec![("client_id", "")], 401, "invalid_client"),
        (vec![("grant_type", "password")], 400, "unsupported_grant_type"),
        (vec![("grant_type", token_exchange), ("client_id", ""), ("client_secret", "")], 400, "unsupported_grant_type"),
        (vec![("grant_type", "")], 400, "invalid_request"),
        (vec![("scope", "sql")], 400, "invalid_scope"),
        (vec![("resource", "")], 400, "invalid_target"),
        (vec![("resource", "api://databricks/workspaces//zerobusDirectWriteApi")], 400, "invalid_target"),
        (vec![("authorization_details", "{")], 400, "invalid_authorization_details"),
        (vec![("authorization_details", "[]")], 400, "invalid_authorization_details"),
        (vec![("authorization_details", "null")], 400, "invalid_authorization_details"),
        (vec![("authorization_details", "{\"type\": 1}")], 400, "invalid_authorization_details"),
        (
            vec![("authorization_details", "[[], 7, {\"privileges\": \"SELECT\"}]")],
            400,
            "invalid_authorization_details",
        ),
        (vec![("authorization_details", &deep)], 400, "invalid_authorization_details"),
        (vec![("authorization_details", &other_operation)], 400, "invalid_authorization_details"),
        (vec![("authorization_details", &read_only)], 400, "invalid_authorization_details"),
        (vec![("authorization_details", &other_schema)], 400, "invalid_authorization_details"),
        (vec![("authorization_details", &details("main.sales.missing"))], 400, "invalid_authorization_details"),
    ] {
        let (found, body) = ask_token(&emulator, form(&emulator, &change)).await;
        assert_eq!((found, &body["error"]), (status, &json!(error)), "{change:?}: {body}");
        assert!(body["error_description"].as_str().is_some_and(|text| !text.is_empty()));
        assert!(!body.to_string().contains(emulator.client_secret()));
    }
}

#[tokio::test]
async fn operations_may_be_absent_unless_they_are_required() {
    let without = details("main.sales.orders").replace(",\"operations\":[\"zerobuswrite\"]", "");
    assert!(!without.contains("operations"));
    let emulator = emulator().await;
    let (status, body) = ask_token(&emulator, form(&emulator, &[("authorization_details", &without)])).await;
    assert_eq!(status, 200, "{body}");
    let mut limits = Limits::default();
    limits.token_operations = TokenOperations::Required;
    let strict = Emulator::builder().schemas(tables()).limits(limits).start().await.unwrap();
    let (status, body) = ask_token(&strict, form(&strict, &[("authorization_details", &without)])).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_authorization_details")));
    assert!(body["error_description"].as_str().unwrap().contains("zerobuswrite"));
    assert_eq!(ask_token(&strict, form(&strict, &[])).await.0, 200);
}

async fn get(emulator: &Emulator, token: &str, path: &str) -> (u16, Value) {
    let (url, header) = (format!("{}/api/2.1/unity-catalog/{path}", emulator.url()), format!("Bearer {token}"));
    http(move |agent| agent.get(&url).header("authorization", header).call()).await
}

#[tokio::test]
async fn a_table_is_served_with_every_key_it_was_given_with() {
    let emulator = emulator().await;
    let token = token(&emulator, None).await;
    let (status, body) = get(&emulator, &token, "tables/main.geo.earthquakes").await;
    let original = std::fs::read(tables().join("main.geo.earthquakes.json")).unwrap();
    assert_eq!((status, body), (200, serde_json::from_slice(&original).unwrap()));
    let (status, body) = get(&emulator, &token, "tables/main%2Egeo%2Eearthquakes").await;
    assert_eq!((status, &body["name"]), (200, &json!("earthquakes")));
}

#[tokio::test]
async fn pages_may_be_empty_and_still_go_on() {
    let emulator = emulator().await;
    let token = token(&emulator, None).await;
    let (mut names, mut page_token, mut empty) = (Vec::new(), String::new(), 0);
    loop {
        let path = format!("tables?catalog_name=main&schema_name=edge&max_results=2&page_token={page_token}");
        let (status, body) = get(&emulator, &token, &path).await;
        assert_eq!(status, 200, "{body}");
        let tables = body["tables"].as_array().unwrap();
        assert!(tables.len() <= 2);
        empty += usize::from(tables.is_empty());
        names.extend(tables.iter().map(|table| table["name"].as_str().unwrap().to_owned()));
        match body.get("next_page_token") {
            Some(next) => page_token = next.as_str().unwrap().to_owned(),
            None => break,
        }
    }
    assert_eq!(names, ["a_view", "generated_columns", "unsupported_nested_array", "unsupported_scalars"]);
    assert_eq!(empty, 1);
}

#[tokio::test]
async fn catalogs_and_schemas_are_listed() {
    let emulator = emulator().await;
    let token = token(&emulator, None).await;
    let (_, body) = get(&emulator, &token, "catalogs").await;
    assert_eq!(body["catalogs"][0]["name"], "main");
    let (_, body) = get(&emulator, &token, "schemas?catalog_name=main").await;
    let names: Vec<&str> = body["schemas"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["edge", "geo", "sales", "types"]);
}

#[tokio::test]
async fn the_rest_api_refuses_in_its_own_shape() {
    let emulator = emulator().await;
    let good = token(&emulator, None).await;
    let zerobus = token(&emulator, Some("main.sales.orders")).await;
    for (token, path, status, code) in [
        ("", "tables/main.geo.earthquakes", 401, "UNAUTHENTICATED"),
        (&zerobus, "tables/main.geo.earthquakes", 401, "UNAUTHENTICATED"),
        (&good, "tables/main.geo.missing", 404, "TABLE_DOES_NOT_EXIST"),
        (&good, "tables?schema_name=geo", 400, "INVALID_PARAMETER_VALUE"),
        (&good, "tables?catalog_name=main&schema_name=geo&max_results=x", 400, "INVALID_PARAMETER_VALUE"),
        (&good, "tables?catalog_name=main&schema_name=geo&page_token=x", 400, "INVALID_PARAMETER_VALUE"),
        (&good, "tables?catalog_name=main&schema_name=none", 404, "SCHEMA_DOES_NOT_EXIST"),
        (&good, "schemas?catalog_name=none", 404, "CATALOG_DOES_NOT_EXIST"),
        (&good, "volumes", 404, "ENDPOINT_NOT_FOUND"),
    ] {
        let (found, body) = get(&emulator, token, path).await;
        assert_eq!((found, &body["error_code"]), (status, &json!(code)), "{path}: {body}");
        assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()));
    }
}

async fn insert(emulator: &Emulator, token: &str, table: &str, body: String) -> (u16, Value) {
    let url = format!("{}/zerobus/v1/tables/{table}/insert", emulator.url());
    let header = format!("Bearer {token}");
    http(move |agent| {
        agent.post(&url).header("authorization", header).header("content-type", "application/json").send(body)
    })
    .await
}

#[tokio::test]
async fn rows_are_inserted_over_plain_http_all_or_none() {
    let emulator = emulator().await;
    let orders = "main.sales.orders";
    let token = token(&emulator, Some(orders)).await;
    let order = |id: i64| json!({ "order_id": id, "placed_at": 1, "lines": [], "currency": "EUR" });
    let answer = insert(&emulator, &token, orders, json!([order(1), order(2)]).to_string()).await;
    assert_eq!(answer, (200, json!({})));
    for (body, text) in [
        (json!([order(3), { "order_id": 4 }]).to_string(), "record 1"),
        ("{}".to_owned(), "the body is no JSON array"),
        (format!("[{}]", " ".repeat(11 << 20)), "more than 10485760"),
    ] {
        let (status, answer) = insert(&emulator, &token, orders, body).await;
        assert_eq!((status, &answer["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")), "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(text), "{answer}");
    }
    let (status, answer) = insert(&emulator, "made-up", orders, "[]".to_owned()).await;
    assert_eq!((status, &answer["error_code"]), (401, &json!("UNAUTHENTICATED")));
    let (status, answer) = insert(&emulator, &token, "main.geo.earthquakes", "[]".to_owned()).await;
    assert_eq!((status, &answer["error_code"]), (403, &json!("PERMISSION_DENIED")));
    assert_eq!(emulator.rows(orders).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_the_insert_path_does_not_do_is_refused_in_its_own_shape() {
    let emulator = emulator().await;
    let orders = "main.sales.orders";
    let header = format!("Bearer {}", token(&emulator, Some(orders)).await);
    let url = format!("{}/zerobus/v1/tables/{orders}/insert", emulator.url());
    let (avro_url, avro_header) = (url.clone(), header.clone());
    let avro = move |agent: &ureq::Agent| {
        agent.post(&avro_url).header("authorization", avro_header).header("content-type", "avro/binary").send("x")
    };
    let (status, answer) = http(avro).await;
    assert_eq!((status, &answer["error_code"]), (501, &json!("NOT_IMPLEMENTED")), "{answer}");
    let (status, answer) = http(move |agent| agent.get(&url).call()).await;
    assert_eq!((status, &answer["error_code"]), (501, &json!("NOT_IMPLEMENTED")), "{answer}");
    let url = format!("{}/zerobus/v2/rows", emulator.url());
    let (status, answer) = http(move |agent| agent.post(&url).send("[]")).await;
    assert_eq!((status, &answer["error_code"]), (404, &json!("NOT_FOUND")), "{answer}");
}

#[tokio::test]
async fn the_endpoints_can_be_discovered() {
    let emulator = emulator().await;
    for path in [".well-known/databricks-config", "oidc/.well-known/oauth-authorization-server"] {
        let url = format!("{}/{path}", emulator.url());
        let (status, body) = http(move |agent| agent.get(&url).call()).await;
        assert_eq!(status, 200);
        assert!(body.to_string().contains(&format!("{}/oidc", emulator.url())), "{body}");
    }
}

#[tokio::test]
async fn the_page_shows_tables_streams_rows_and_refusals() {
    let emulator = emulator().await;
    let orders = "main.sales.orders";
    let mut call = crate::support::Call::json(&emulator, orders).await;
    call.send_json(0, &json!({ "order_id": 7, "placed_at": 1, "lines": [], "currency": "EUR" })).await;
    call.acked(0).await;
    ask_token(&emulator, form(&emulator, &[("client_secret", "wrong")])).await;
    let status = |path: &'static str| {
        let url = format!("{}{path}", emulator.url());
        http(move |agent| agent.get(&url).call())
    };
    let (_, now) = status("/emulator/status").await;
    let table = |name: &str| now["tables"].as_array().unwrap().iter().find(|t| t["name"] == name).unwrap().clone();
    assert_eq!(table(orders)["rows"], 1);
    assert!(table("main.edge.a_view")["refused_because"].as_str().unwrap().contains("is of type VIEW"));
    assert_eq!((&now["streams"][0]["table"], &now["streams"][0]["acked"]), (&json!(orders), &json!(0)));
    assert!(now["refusals"][0]["text"].as_str().unwrap().contains("invalid_client"), "{now}");
    assert!(now["refusals"][0]["client"].as_str().unwrap().starts_with("127.0.0.1:"), "{now}");
    assert!(emulator.refusals()[0].contains("invalid_client"));
    call.finish().await.unwrap();
    let (_, page) = status("/").await;
    assert!(page.as_str().unwrap().contains("<title>Zerobus emulator</title>"));
}

#[tokio::test]
async fn a_fixed_token_opens_every_table_and_the_tables_api() {
    let emulator = Emulator::builder().schemas(tables()).fixed_token("test-token").start().await.unwrap();
    let mut call = crate::support::Call::start(emulator.url(), "test-token", "main.sales.orders").await.unwrap();
    call.create("main.sales.orders", zerobus_runtime::wire::RecordType::Json, None).await;
    assert!(call.next().await.unwrap().is_some());
    let url = format!("{}/api/2.1/unity-catalog/tables/main.sales.orders", emulator.url());
    let (status, _) = http(move |agent| agent.get(&url).header("authorization", "Bearer test-token").call()).await;
    assert_eq!(status, 200);
    let other = crate::support::Call::start(emulator.url(), "test-tokeN", "main.sales.orders").await;
    assert_eq!(other.err().unwrap().code(), tonic::Code::Unauthenticated);
}

//! The catalog client against a server that misbehaves by script.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::collections::HashSet;
use std::fs;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use scripted::{Reply, Request, Server};
use serde_json::{Value, json};
use zerobus_codegen::{Catalog, CatalogError, Credentials, Login, RetryPolicy, Secret, TableName, cli};

fn token() -> Credentials {
    Credentials::Token(Secret::new("dapi-s3cret"))
}

fn retry_policy(deadline: Duration) -> RetryPolicy {
    let mut retry_policy = RetryPolicy::default();
    (retry_policy.deadline, retry_policy.first_wait, retry_policy.longest_wait) =
        (deadline, Duration::from_millis(1), Duration::from_millis(4));
    retry_policy
}

fn catalog(server: &Server) -> Catalog {
    let login = Login::new(&server.url, token()).unwrap();
    Catalog::connect_with(login, retry_policy(Duration::from_secs(20))).unwrap()
}

fn table(name: &str) -> Value {
    let name: TableName = name.parse().unwrap();
    json!({
        "name": name.table(), "catalog_name": name.catalog(), "schema_name": name.schema(), "table_type": "MANAGED",
        "data_source_format": "DELTA",
        "columns": [{"name": "id", "type_text": "bigint", "type_name": "LONG", "position": 0, "nullable": false}],
    })
}

fn earthquakes() -> TableName {
    "main.geo.earthquakes".parse().unwrap()
}

/// The error for one response.
fn error_of(status: u16, body: impl Into<Vec<u8>>) -> CatalogError {
    let body: Vec<u8> = body.into();
    let server = Server::start(move |_, _| Reply::new(status, body.clone()));
    catalog(&server).table(&earthquakes()).unwrap_err()
}

fn fetch(server: &Server, names: &[&str], out: &std::path::Path) -> cli::Outcome {
    let out = out.to_str().unwrap();
    cli::run([&["zerobus-codegen", "fetch", "--host", &server.url, "--out", out], names].concat())
}

#[test]
fn a_table_is_requested_with_the_token_and_encoded_segments() {
    let server = Server::start(|_, _| Reply::new(200, table("main.größe.a%b").to_string()));
    catalog(&server).table(&"main.größe.a%b".parse().unwrap()).unwrap();
    let [request] = &server.requests()[..] else { panic!("one request") };
    assert_eq!(request.line, "GET /api/2.1/unity-catalog/tables/main.gr%C3%B6%C3%9Fe.a%25b");
    assert_eq!(request.header("authorization"), Some("Bearer dapi-s3cret"));
    assert!(request.header("user-agent").unwrap().starts_with("zerobus-codegen/"));
}

#[test]
fn oauth_credentials_are_changed_for_a_token_once() {
    let server = Server::start(|request, _| match request.line.as_str() {
        "POST /oidc/v1/token" => {
            Reply::new(200, r#"{"access_token": "minted", "token_type": "Bearer", "expires_in": "3600"}"#)
        }
        _ => Reply::new(200, table("main.geo.earthquakes").to_string()),
    });
    let credentials = Credentials::OAuth { client_id: "me".to_owned(), client_secret: Secret::new("s3cret") };
    let catalog = Catalog::connect(Login::new(&server.url, credentials).unwrap()).unwrap();
    catalog.table(&earthquakes()).unwrap();
    catalog.table(&earthquakes()).unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].body, "grant_type=client_credentials&scope=all-apis");
    assert_eq!(requests[0].header("authorization"), Some("Basic bWU6czNjcmV0"));
    assert!(requests[1..].iter().all(|request| request.header("authorization") == Some("Bearer minted")));
    let debug = format!("{catalog:?}");
    assert!(!debug.contains("minted") && !debug.contains("s3cret"), "{debug}");
}

#[test]
fn a_wrong_secret_is_reported_without_the_secret() {
    let server = Server::start(|_, _| {
        Reply::new(401, r#"{"error": "invalid_client", "error_description": "Client authentication failed"}"#)
    });
    let credentials = Credentials::OAuth { client_id: "me".to_owned(), client_secret: Secret::new("s3cret") };
    let error = Catalog::connect(Login::new(&server.url, credentials).unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "not allowed to read a token for the client me: Client authentication failed (invalid_client); check \
         DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, and that the secret has not expired"
    );
}

#[test]
fn each_shape_of_an_error_is_reported() {
    let not_found = error_of(404, r#"{"error_code": "TABLE_DOES_NOT_EXIST", "message": "Table does not exist."}"#);
    assert!(matches!(not_found, CatalogError::NotFound { .. }));
    for (error, expected) in [
        (not_found, "main.geo.earthquakes was not found, or is not visible with these credentials: Table does not"),
        (
            error_of(403, r#"{"error_code":"PERMISSION_DENIED","message":"no USE SCHEMA","details":[]}"#),
            "no USE SCHEMA",
        ),
        (error_of(403, ""), "status 403 without a message; grant USE CATALOG, USE SCHEMA and SELECT"),
        (error_of(401, r#"{"error": "invalid_token"}"#), "invalid_token; check that the token is complete"),
        (error_of(400, "<html><body>Bad Gateway</body></html>"), "status 400 with a web page"),
        (error_of(400, "plain\u{1b}[2J text"), "status 400: plain\\u{1b}[2J text"),
        (error_of(200, "<!DOCTYPE html><title>Log in</title>"), "got a web page; check that the host is the URL"),
        (error_of(200, "[]"), "got a response other than the expected JSON"),
        (
            error_of(200, *b"{\"name\": \"\xff\"}"),
            "got a response that is not UTF-8 text; check that the host is the URL",
        ),
        (error_of(400, *b"what\xff"), "status 400: what\u{fffd}"),
        (error_of(200, table("main.geo.other").to_string()), "got the table main.geo.other"),
    ] {
        assert!(error.to_string().contains(expected), "{expected} is not in: {error}");
    }
}

#[test]
fn a_busy_server_is_retried_after_the_time_it_names() {
    let server = Server::start(|_, number| match number {
        0 => Reply::new(429, r#"{"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slow down"}"#)
            .header("retry-after", 1),
        1 => Reply::new(503, "<html>busy</html>"),
        2 => Reply::new(500, ""),
        _ => Reply::new(200, table("main.geo.earthquakes").to_string()),
    });
    let started = Instant::now();
    catalog(&server).table(&earthquakes()).unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1), "Retry-After was 1 s");
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn retries_end_at_the_deadline() {
    let server = Server::start(|_, _| Reply::new(503, "busy"));
    let login = Login::new(&server.url, token()).unwrap();
    let catalog = Catalog::connect_with(login.clone(), retry_policy(Duration::from_millis(500))).unwrap();
    let error = catalog.table(&earthquakes()).unwrap_err();
    assert!(matches!(error, CatalogError::Timeout { .. }), "{error}");
    assert!(error.to_string().contains("status 503: busy; try again later"), "{error}");
    assert!(server.requests().len() > 5, "it was asked more than once");

    let server = Server::start(|_, _| Reply::new(429, "").header("retry-after", 3_600));
    let started = Instant::now();
    let login = Login::new(&server.url, token()).unwrap();
    let catalog = Catalog::connect_with(login, retry_policy(Duration::from_secs(60))).unwrap();
    assert!(matches!(catalog.table(&earthquakes()), Err(CatalogError::Timeout { .. })));
    assert!(started.elapsed() < Duration::from_secs(30), "an hour's wait is not begun");
}

#[test]
fn a_server_that_never_answers_ends_at_the_deadline() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let login = Login::new(&format!("http://{}", listener.local_addr().unwrap()), token()).unwrap();
    let catalog = Catalog::connect_with(login, retry_policy(Duration::from_millis(200))).unwrap();
    let error = catalog.table(&earthquakes()).unwrap_err();
    assert!(matches!(error, CatalogError::Unreachable { .. }), "{error}");
}

#[test]
fn a_host_that_is_not_there_is_named() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let login = Login::new(&format!("http://{unused}"), token()).unwrap();
    let catalog = Catalog::connect_with(login, retry_policy(Duration::from_secs(20))).unwrap();
    let error = catalog.table(&earthquakes()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot reach http://{unused}/")), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

/// A catalog of schemas and tables that responds page by page; some pages are empty.
fn pages(request: &Request) -> Reply {
    let page = |entries: Value, next: Option<&str>| {
        let mut page = entries;
        page["next_page_token"] = json!(next);
        Reply::new(200, page.to_string())
    };
    let path = request.line.strip_prefix("GET /api/2.1/unity-catalog/").unwrap_or_default();
    match path {
        "schemas?catalog_name=main&max_results=0&page_token=" => page(json!({}), Some("s 2")),
        "schemas?catalog_name=main&max_results=0&page_token=s%202" => {
            page(json!({"schemas": [{"name": "geo"}, {"name": "information_schema"}, {"name": "sales"}]}), Some(""))
        }
        "tables?catalog_name=main&schema_name=geo&max_results=0&page_token=" => page(json!({"tables": []}), Some("2")),
        "tables?catalog_name=main&schema_name=geo&max_results=0&page_token=2" => {
            page(json!({"tables": [table("main.geo.b"), table("main.geo.a")]}), Some("3"))
        }
        "tables?catalog_name=main&schema_name=geo&max_results=0&page_token=3" => page(json!({"tables": null}), None),
        "tables?catalog_name=main&schema_name=sales&max_results=0&page_token=" => {
            let mut view = table("main.sales.v");
            view["table_type"] = json!("VIEW");
            page(
                json!({"tables": [view, table("main.sales.c"), {"name": "../evil", "catalog_name": "main", "schema_name": "sales"}]}),
                None,
            )
        }
        "tables/main.sales.v" => {
            let mut view = table("main.sales.v");
            view["table_type"] = json!("VIEW");
            Reply::new(200, view.to_string())
        }
        path => match path.strip_prefix("tables/") {
            Some(name) => Reply::new(200, table(name).to_string()),
            None => Reply::new(404, ""),
        },
    }
}

fn files(folder: &std::path::Path) -> Vec<String> {
    let mut files: Vec<String> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    files
}

#[test]
fn a_schema_is_listed_past_empty_pages() {
    let (server, out) = (Server::start(|request, _| pages(request)), tempfile::tempdir().unwrap());
    let outcome = fetch(&server, &["main.geo.*"], out.path());
    assert_eq!((outcome.code, outcome.err.as_str()), (0, ""));
    assert_eq!(files(out.path()), ["main.geo.a.json", "main.geo.b.json"]);
}

#[test]
fn a_whole_catalog_leaves_out_what_cannot_be_written() {
    let (server, out) = (Server::start(|request, _| pages(request)), tempfile::tempdir().unwrap());
    let outcome = fetch(&server, &["main.*", "main.geo.a"], out.path());
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    let warning = "the catalog lists a table that cannot be requested: `main.sales.../evil` is not a table's full name";
    assert!(outcome.err.contains(warning), "{}", outcome.err);
    assert_eq!(files(out.path()), ["main.geo.a.json", "main.geo.b.json", "main.sales.c.json"]);
    assert!(outcome.out.contains("left out: table main.sales.v cannot be written"), "{}", outcome.out);
    let again = fetch(&server, &["main.*"], out.path());
    assert!(again.out.contains("main.geo.a: unchanged, 1 columns"), "{}", again.out);
}

#[test]
fn an_endless_listing_is_an_error() {
    let server = Server::start(|_, _| Reply::new(200, r#"{"tables": [], "next_page_token": "again"}"#));
    let error = catalog(&server).list(&"main.geo.*".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("the same page again and again"), "{error}");
}

#[test]
fn several_tables_are_requested_at_once() {
    // No request gets a response before eight are waiting, so a ninth that came too early would be seen.
    let gate = Arc::new((Mutex::new((0, 0)), Condvar::new()));
    let at_gate = Arc::clone(&gate);
    let server = Server::start(move |request, _| {
        let (lock, condvar) = &*at_gate;
        let mut state = lock.lock().unwrap();
        state.0 += 1;
        state.1 = state.1.max(state.0);
        condvar.notify_all();
        let (mut state, _) = condvar.wait_timeout_while(state, Duration::from_secs(10), |state| state.1 < 8).unwrap();
        state.0 -= 1;
        Reply::new(200, table(request.line.rsplit('/').next().unwrap()).to_string())
    });
    let names: Vec<TableName> = (0..40).map(|i| format!("main.geo.t{i}").parse().unwrap()).collect();
    let done = Mutex::new(HashSet::new());
    let answers = catalog(&server).tables(&names, &|name| {
        done.lock().unwrap().insert(name.to_string());
    });
    assert_eq!(done.lock().unwrap().len(), 40);
    for (name, answer) in names.iter().zip(answers) {
        assert_eq!(answer.unwrap().full_name(), name.to_string());
    }
    assert_eq!(gate.0.lock().unwrap().1, 8);
}

#[test]
fn a_snapshot_ignores_irrelevant_changes() {
    let plain = table("main.geo.a");
    let mut noisy = plain.clone();
    noisy["updated_at"] = json!(1_763_700_000_000_i64);
    noisy["properties"] = json!({"delta.lastUpdateVersion": "12"});
    noisy["comment"] = json!("");
    noisy["columns"][0]["type_precision"] = json!(0);
    noisy["columns"][0]["type_scale"] = json!(0);
    let field = |metadata: Value| json!({"name": "id", "type": "long", "nullable": false, "metadata": metadata});
    let mut plain = plain;
    plain["columns"][0]["type_json"] = json!(field(json!({"comment": "x"})).to_string());
    noisy["columns"][0]["type_json"] =
        json!(field(json!({"delta.columnMapping.id": 7, "comment": "x", "EXISTS_DEFAULT": "1"})).to_string());
    let text =
        |json: Value| serde_json::from_value::<zerobus_codegen::TableInfo>(json).unwrap().snapshot_text().unwrap();
    let expected = "{
  \"name\": \"a\",
  \"catalog_name\": \"main\",
  \"schema_name\": \"geo\",
  \"table_type\": \"MANAGED\",
  \"data_source_format\": \"DELTA\",
  \"columns\": [
    {
      \"name\": \"id\",
      \"type_text\": \"bigint\",
      \"type_name\": \"LONG\",
      \"type_json\": \"{\\\"metadata\\\":{\\\"comment\\\":\\\"x\\\"},\\\"name\\\":\\\"id\\\",\\\"nullable\\\":false,\\\"type\\\":\\\"long\\\"}\",
      \"position\": 0,
      \"nullable\": false
    }
  ]
}
";
    assert_eq!(text(plain), expected);
    assert_eq!(text(noisy), expected);
}

#[test]
fn live_drift_is_reported_by_the_exit_code() {
    let schemas = tempfile::tempdir().unwrap();
    let mut kept = table("main.geo.a");
    fs::write(schemas.path().join("main.geo.a.json"), kept.to_string()).unwrap();
    kept["columns"].as_array_mut().unwrap().push(json!({"name": "b", "type_text": "string", "position": 1}));
    let check = |reply: Reply| {
        let reply = Mutex::new(Some(reply));
        let server = Server::start(move |_, _| reply.lock().unwrap().take().unwrap());
        let folder = schemas.path().to_str().unwrap();
        cli::run(["zerobus-codegen", "check", "--live", "--schemas", folder, "--host", &server.url])
    };
    let same = check(Reply::new(200, table("main.geo.a").to_string()));
    assert_eq!((same.code, same.out.as_str()), (0, "main.geo.a: none\n"));
    let grown = check(Reply::new(200, kept.to_string()));
    assert_eq!(grown.code, 3, "{}", grown.out);
    let gone = check(Reply::new(404, r#"{"error_code": "TABLE_DOES_NOT_EXIST", "message": "no"}"#));
    assert_eq!(gone.code, 4, "{}", gone.out);
    assert!(gone.out.contains("the table is gone"), "{}", gone.out);
    assert_eq!(check(Reply::new(403, "")).code, 1);

    let busy = Server::start(|_, _| Reply::new(503, ""));
    let folder = schemas.path().to_str().unwrap();
    let given_up =
        cli::run(["zerobus-codegen", "check", "--live", "--schemas", folder, "--host", &busy.url, "--timeout", "1"]);
    assert_eq!(given_up.code, 1);
    assert!(given_up.err.contains("allow more time (--timeout)"), "{}", given_up.err);
}

/// The files that a run writes to a folder.
fn fetch_with(server: &Server, out: &std::path::Path, arguments: &[&str]) -> cli::Outcome {
    let out = out.to_str().unwrap();
    cli::run([&["zerobus-codegen", "fetch", "--host", &server.url, "--out", out], arguments].concat())
}

#[test]
fn what_matches_nothing_is_an_error() {
    let (server, out) = (Server::start(|request, _| pages(request)), tempfile::tempdir().unwrap());
    let empty = Server::start(|_, _| Reply::new(200, "{}"));
    let nothing = fetch_with(&empty, out.path(), &["main.geo.*"]);
    assert_eq!(nothing.code, 1);
    assert!(nothing.err.starts_with("error: main.geo.*: no table is there, or visible"), "{}", nothing.err);
    // The other tables are still fetched.
    let one = fetch_with(&server, out.path(), &["nowhere.at.*", "main.geo.*"]);
    assert_eq!((one.code, files(out.path())), (1, vec!["main.geo.a.json".to_owned(), "main.geo.b.json".to_owned()]));
}

#[test]
fn snapshots_are_checked_and_pruned() {
    let (server, out) = (Server::start(|request, _| pages(request)), tempfile::tempdir().unwrap());
    let file = |name: &str| out.path().join(name);
    let check = || fetch_with(&server, out.path(), &["main.geo.*", "--check", "--prune"]);
    let missing = check();
    assert_eq!((missing.code, files(out.path()).len()), (1, 0));
    assert!(
        missing.err.contains("main.geo.a.json: is missing; run `zerobus-codegen fetch main.geo.a`"),
        "{}",
        missing.err
    );
    assert_eq!(fetch_with(&server, out.path(), &["main.geo.*"]).code, 0);
    assert_eq!((check().code, check().err.as_str()), (0, ""));
    for name in ["main.geo.gone.json", "main.sales.other.json", "notes.json", "main.geo.gone.txt"] {
        fs::copy(file("main.geo.a.json"), file(name)).unwrap();
    }
    fs::write(file("main.geo.b.json"), "{}").unwrap();
    let stale = check();
    assert_eq!(stale.code, 1);
    assert!(stale.err.contains("main.geo.b.json: differs from the catalog"), "{}", stale.err);
    assert!(stale.err.contains("main.geo.gone.json: has no table"), "{}", stale.err);
    let pruned = fetch_with(&server, out.path(), &["main.geo.*", "--prune", "--format", "json"]);
    assert_eq!((pruned.code, pruned.err.as_str()), (0, ""));
    let json: Value = serde_json::from_str(&pruned.out).unwrap();
    let done: Vec<&str> = json["tables"].as_array().unwrap().iter().map(|t| t["snapshot"].as_str().unwrap()).collect();
    assert_eq!(done, ["unchanged", "written", "removed"]);
    let kept = ["main.geo.a.json", "main.geo.b.json", "main.geo.gone.txt", "main.sales.other.json", "notes.json"];
    assert_eq!(files(out.path()), kept);
}

#[test]
fn nothing_is_pruned_where_the_catalog_does_not_answer() {
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("main.geo.a.json"), table("main.geo.a").to_string()).unwrap();
    for (status, body) in [(200, "{}"), (403, ""), (404, "")] {
        let server = Server::start(move |_, _| Reply::new(status, body));
        assert_eq!(fetch_with(&server, out.path(), &["main.geo.*", "--prune"]).code, 1);
        assert_eq!(files(out.path()), ["main.geo.a.json"]);
    }
    // A named table no longer exists, which is a case for --prune.
    let server = Server::start(|_, _| Reply::new(404, ""));
    assert_eq!(fetch_with(&server, out.path(), &["main.geo.a", "--prune"]).code, 0);
    assert!(files(out.path()).is_empty());
}

#[test]
fn a_snapshot_that_is_kept_is_written_though_its_table_turned_bad() {
    let (server, out) = (Server::start(|request, _| pages(request)), tempfile::tempdir().unwrap());
    fs::write(out.path().join("main.sales.v.json"), table("main.sales.v").to_string()).unwrap();
    let outcome = fetch_with(&server, out.path(), &["main.sales.*"]);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert!(outcome.err.contains("it is of type VIEW"), "{}", outcome.err);
    assert!(fs::read_to_string(out.path().join("main.sales.v.json")).unwrap().contains("VIEW"));
}

#[test]
fn a_host_can_be_copied_from_a_browser() {
    let host = |text: &str| Login::new(text, token()).map(|login| (login.host, login.workspace_id));
    let with = |id: &str| ("https://dbc-1.cloud.databricks.com".to_owned(), (!id.is_empty()).then(|| id.to_owned()));
    for (text, id) in [
        ("dbc-1.cloud.databricks.com", ""),
        (" https://dbc-1.cloud.databricks.com/ ", ""),
        ("https://dbc-1.cloud.databricks.com/?o=123", "123"),
        ("https://dbc-1.cloud.databricks.com?o=123", "123"),
        ("https://dbc-1.cloud.databricks.com/explore/data/main/geo?o=123&x=o=4#frag", "123"),
        ("https://dbc-1.cloud.databricks.com/?x=1&o=123#job/7", "123"),
        ("https://dbc-1.cloud.databricks.com/#/o=123", "123"),
        ("dbc-1.cloud.databricks.com/login.html?o=", ""),
    ] {
        assert_eq!(host(text).unwrap(), with(id), "{text}");
    }
    for (text, expected) in [
        ("https://x.test/?o=1%0d%0aevil", "its ?o= is not a workspace's id"),
        ("https:///path", "write it as https://<instance>"),
        ("", "write it as https://<instance>"),
        ("http://x.test/?o=1", "credentials go over https only"),
        ("https://me:dapi-s3cret@x.test/?o=1", "it holds a user name"),
        ("ftp://x.test", "its scheme is neither"),
    ] {
        let error = host(text).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("s3cret"), "{text}: {error}");
    }
}

#[test]
fn the_workspace_is_named_where_one_host_serves_many() {
    let server = Server::start(|_, _| Reply::new(200, table("main.geo.earthquakes").to_string()));
    let login = Login::new(&format!("{}/explore?o=42", server.url), token()).unwrap();
    Catalog::connect_with(login, retry_policy(Duration::from_secs(20))).unwrap().table(&earthquakes()).unwrap();
    catalog(&server).table(&earthquakes()).unwrap();
    let [named, plain] = &server.requests()[..] else { panic!("two requests") };
    assert_eq!(named.line, "GET /api/2.1/unity-catalog/tables/main.geo.earthquakes");
    assert_eq!(named.header("x-databricks-workspace-id"), Some("42"));
    assert_eq!(named.header("x-databricks-org-id"), Some("42"));
    assert_eq!(plain.header("x-databricks-workspace-id"), None);
}

/// The program with only these variables among those that it reads.
fn program(variables: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_zerobus-codegen"))
        .env_clear()
        .envs(variables.iter().copied())
        .args(arguments)
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn certificates_are_the_systems_those_of_the_environment_or_of_a_file() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let server = scripted::Secure::start(&key, || Reply::new(200, table("main.geo.earthquakes").to_string()));
    let folder = tempfile::tempdir().unwrap();
    let (ca, out) = (folder.path().join("ca.pem"), folder.path().join("out"));
    fs::write(&ca, key.cert.pem()).unwrap();
    let [ca, out] = [&ca, &out].map(|path| path.to_str().unwrap());
    let fetch = ["fetch", "main.geo.earthquakes", "--host", &server.url, "--out", out, "--timeout", "5"];
    let with = |more: [&'static str; 1], value| [&fetch[..], &more, &[value]].concat();
    let (code, err) = program(&[], &fetch);
    assert!(code == 1 && err.contains("invalid peer certificate"), "{err}");
    assert_eq!(program(&[], &with(["--ca-file"], ca)), (0, String::new()));
    assert_eq!(program(&[("SSL_CERT_FILE", ca)], &fetch), (0, String::new()));
    let missing = folder.path().join("missing.pem");
    let missing = missing.to_str().unwrap();
    let (code, err) = program(&[], &with(["--ca-file"], missing));
    assert!(code == 1 && err.contains("missing.pem: cannot be read"), "{err}");
    let (code, err) = program(&[("SSL_CERT_FILE", missing)], &fetch);
    assert!(code == 1 && err.contains("missing.pem") && err.contains("SSL_CERT_FILE"), "{err}");
    fs::write(missing, "no certificate").unwrap();
    let (code, err) = program(&[], &with(["--ca-file"], missing));
    assert!(code == 1 && err.contains("it has no certificate"), "{err}");
}

#[test]
fn the_proxy_of_the_environment_is_used_except_for_loopback() {
    let proxy = Server::start(|_, _| Reply::new(502, "no way through"));
    let server = Server::start(|_, _| Reply::new(200, table("main.geo.earthquakes").to_string()));
    let out = tempfile::tempdir().unwrap();
    let out = out.path().to_str().unwrap();
    let fetch = |host: &str| {
        let arguments = ["fetch", "main.geo.earthquakes", "--host", host, "--out", out, "--timeout", "3"];
        program(&[("HTTPS_PROXY", &proxy.url), ("HTTP_PROXY", &proxy.url)], &arguments)
    };
    assert_eq!(fetch("https://workspace.invalid").0, 1);
    assert_eq!(proxy.requests()[0].line, "CONNECT workspace.invalid:443");
    let asked = proxy.requests().len();
    assert_eq!(fetch(&server.url), (0, String::new()));
    assert_eq!(proxy.requests().len(), asked);
}

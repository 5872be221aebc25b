//! `zerobus doctor`: each test breaks one layer, and exactly that layer fails, with one sentence and a command.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use crate::support::{Bench, DDL, Run, TABLE, bare, finish};
use serde_json::Value;

/// The layers that failed, each with its finding and command.
fn failed(run: &Run) -> Vec<(String, String, String)> {
    let document = run.json();
    let checks = document["checks"].as_array().unwrap().iter();
    let text = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
    checks
        .filter(|check| check["state"] == "failed")
        .map(|check| (text(check, "layer"), text(check, "found"), text(check, "command")))
        .collect()
}

/// Checks that this layer fails, and no other.
async fn fails_at(command: Command, secret: &str, layer: &str, found: &str, mends: &str) {
    let run = finish(command).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(!run.out.contains(secret) && !run.err.contains(secret), "the secret is printed: {run:?}");
    let failed = failed(&run);
    assert!(!failed.is_empty() && failed.iter().all(|(name, ..)| name == layer), "{layer}: {failed:?}");
    let (_, sentence, command) = &failed[0];
    assert!(sentence.contains(found), "{layer}: {sentence}");
    assert!(command.contains(mends), "{layer}: {command}");
    // Layers that depend on it are not checked.
    let document = run.json();
    let states: Vec<&str> =
        document["checks"].as_array().unwrap().iter().map(|check| check["state"].as_str().unwrap()).collect();
    let place = states.iter().position(|state| *state == "failed").unwrap();
    assert!(states[..place].iter().all(|state| *state != "failed"), "{document:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_setup_has_nothing_that_fails() {
    let bench = Bench::new().await;
    let run = bench.run(&["doctor", TABLE, "--open", "--json", "--schemas", "tables.sql"]).await;
    assert_eq!(run.code, 0, "{run:?}");
    let document = run.json();
    assert_eq!((document["ok"].as_bool(), document["table"].as_str()), (Some(true), Some(TABLE)));
    let checks = document["checks"].as_array().unwrap();
    let state = |layer: &str| checks.iter().find(|check| check["layer"] == layer).unwrap()["state"].as_str().unwrap();
    for layer in [
        "environment",
        "endpoint",
        "name",
        "connection",
        "clock",
        "workspace-token",
        "table",
        "grants",
        "table-token",
        "table-kind",
        "drift",
        "stream",
    ] {
        assert_eq!(state(layer), "ok", "{layer}: {document:#}");
    }
    assert_eq!((state("tls"), state("proxy")), ("skipped", "skipped"));
    assert!(bench.rows().await.is_empty(), "it reads only");
    // As text, and without a table.
    let run = bench.run(&["doctor"]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("ok       workspace-token  the workspace knows zerobus-emulator\n"), "{}", run.out);
    assert!(run.out.contains("skipped  table            no table was named\n"), "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_was_not_asked_for_says_so_even_if_another_fails() {
    let bench = Bench::new().await;
    let run = bench.run(&["doctor", "main.geo.no_such_table"]).await;
    assert_eq!(run.code, 1, "{run:?}");
    for line in [
        "skipped  proxy            no proxy is set\n",
        "skipped  grants           it cannot be judged while `table` fails\n",
        "skipped  drift            no snapshot was named with --schemas\n",
        "skipped  stream           --open was not given\n",
    ] {
        assert!(run.out.contains(line), "{line} is not in {}", run.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_layer_that_is_broken_is_the_one_that_fails() {
    let bench = Bench::new().await;
    let secret = bench.emulator.client_secret().to_owned();
    let arguments = ["doctor", TABLE, "--json", "--open"];
    let without = |name: &str| {
        let mut command = bench.program(&arguments);
        command.env_remove(name);
        command
    };
    let with = |name: &str, value: &str| {
        let mut command = bench.program(&arguments);
        command.env(name, value);
        command
    };
    let fails = |command, layer: &'static str, found: &'static str, mends: &'static str| {
        fails_at(command, &secret, layer, found, mends)
    };
    fails(
        without("ZEROBUS_SERVER_ENDPOINT"),
        "environment",
        "ZEROBUS_SERVER_ENDPOINT is not set",
        "export ZEROBUS_SERVER_ENDPOINT=",
    )
    .await;
    fails(without("DATABRICKS_HOST"), "environment", "no workspace is named", "export DATABRICKS_HOST=").await;
    fails(without("DATABRICKS_CLIENT_SECRET"), "environment", "without its secret", "export DATABRICKS_CLIENT_ID=")
        .await;
    fails(
        with("DATABRICKS_TOKEN", "dapi123"),
        "environment",
        "both a token and a client secret",
        "unset DATABRICKS_TOKEN",
    )
    .await;
    fails(
        with("ZEROBUS_SERVER_ENDPOINT", "acme.cloud.databricks.com"),
        "endpoint",
        "is not <workspace-id>.zerobus.<region>",
        "export ZEROBUS_SERVER_ENDPOINT=",
    )
    .await;
    fails(
        with("DATABRICKS_HOST", "https://workspace.invalid"),
        "name",
        "workspace.invalid is not known",
        "nslookup workspace.invalid",
    )
    .await;
    // A port on which nothing listens.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    fails(
        with("ZEROBUS_SERVER_ENDPOINT", &format!("http://{closed}")),
        "connection",
        "cannot be reached",
        "nc -vz 127.0.0.1",
    )
    .await;
    fails(
        with("ZEROBUS_SERVER_ENDPOINT", &bench.emulator.url().replace("http://", "https://")),
        "tls",
        "does not speak TLS",
        "openssl s_client",
    )
    .await;
    fails(
        with("DATABRICKS_CLIENT_SECRET", "wrong"),
        "workspace-token",
        "zerobus-emulator",
        "export DATABRICKS_CLIENT_ID=",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_is_named_by_who_signed_it() {
    let certificates = tempfile::tempdir().unwrap();
    let bench = Bench::with(DDL, |builder| builder.tls(certificates.path())).await;
    let secret = bench.emulator.client_secret().to_owned();
    let arguments = ["doctor", "--json"];
    fails_at(bench.program(&arguments), &secret, "tls", "which is not trusted", "export SSL_CERT_FILE=").await;
    let authority = certificates.path().join("ca.pem");
    let mut trusting = bench.program(&arguments);
    trusting.env("SSL_CERT_FILE", &authority);
    let run = finish(trusting).await;
    let document = run.json();
    let tls = document["checks"].as_array().unwrap().iter().find(|check| check["layer"] == "tls").unwrap().clone();
    assert_eq!(tls["state"], "ok", "{document:#}");
}

/// A proxy that answers each request with this status, and after a 200 connects to this address.
fn proxy(status: &'static str, target: Option<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            assert!(head.starts_with(b"CONNECT "), "{}", String::from_utf8_lossy(&head));
            let _ = client.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes());
            if let Some(target) = &target {
                let mut server = TcpStream::connect(target).unwrap();
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                std::thread::spawn(move || std::io::copy(&mut server, &mut client));
            }
        }
    });
    address.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_refuses_the_way_is_the_layer_that_fails() {
    let certificates = tempfile::tempdir().unwrap();
    let bench = Bench::with(DDL, |builder| builder.tls(certificates.path())).await;
    let server = bench.emulator.url().replace("https://", "");
    let fails = async |proxy: &str, layer, found, mends| {
        let mut command = bench.program(&["doctor", TABLE, "--json"]);
        command
            .env("ZEROBUS_SERVER_ENDPOINT", "123.zerobus.us-west-2.cloud.databricks.com")
            .env("DATABRICKS_HOST", "https://acme.cloud.databricks.com")
            .env("HTTPS_PROXY", format!("http://user:hidden@{proxy}"));
        fails_at(command, "hidden", layer, found, mends).await;
    };
    fails("proxy.invalid:3128", "name", "the proxy proxy.invalid is not known", "nslookup proxy.invalid").await;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    fails(&closed, "connection", "cannot be reached", "nc -vz 127.0.0.1").await;
    fails(
        &proxy("403 Forbidden", None),
        "proxy",
        "does not connect to 123.zerobus.us-west-2.cloud.databricks.com:443: it answered \"HTTP/1.1 403 Forbidden\"",
        "curl -v --proxy http://127.0.0.1:",
    )
    .await;
    fails(
        &proxy("407 Proxy Authentication Required", None),
        "proxy",
        "rejected the credentials in its address",
        "export HTTPS_PROXY=http://<user>:<password>@127.0.0.1:",
    )
    .await;
    // Behind a proxy that opens the tunnel, TLS is checked as without a proxy.
    let open = proxy("200 Connection established", Some(server));
    fails(&open, "tls", "which is not trusted", "export SSL_CERT_FILE=").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_table_comes_with_the_statement_that_mends_it() {
    let ddl =
        "CREATE TABLE main.shop.fed (id BIGINT) USING DELTA TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true');
        CREATE TABLE main.shop.checked (id BIGINT, CONSTRAINT positive CHECK (id > 0)) USING DELTA;
        CREATE TABLE main.shop.odd (id BIGINT, gap INTERVAL DAY) USING DELTA;
        CREATE TABLE main.shop.deep (place STRUCT<gap: INTERVAL DAY>, `a b` BIGINT) USING DELTA;
        CREATE TABLE main.shop.moved (id STRING, more INT) USING DELTA;";
    let bench = Bench::with(ddl, |builder| builder).await;
    let secret = bench.emulator.client_secret().to_owned();
    bench.write("old.sql", "CREATE TABLE main.shop.moved (id BIGINT) USING DELTA;");
    let program = |table: &str| bench.program(&["doctor", table, "--json"]);
    fails_at(
        program("main.shop.none"),
        &secret,
        "table",
        "was not found",
        "GRANT USE CATALOG ON CATALOG `main` TO `zerobus-emulator`;",
    )
    .await;
    fails_at(
        program("main.shop.fed"),
        &secret,
        "table-kind",
        "a change data feed",
        "ALTER TABLE `main`.`shop`.`fed` SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'false');",
    )
    .await;
    fails_at(
        program("main.shop.checked"),
        &secret,
        "table-kind",
        "CHECK constraint",
        "ALTER TABLE `main`.`shop`.`checked` DROP CONSTRAINT `",
    )
    .await;
    fails_at(
        program("main.shop.odd"),
        &secret,
        "table-kind",
        "gap: type INTERVAL DAY, which Zerobus does not support; store it as a BIGINT",
        "ALTER TABLE `main`.`shop`.`odd` DROP COLUMN `gap`; -- its values are lost",
    )
    .await;
    // For a problem inside a column or with its name, the command does not drop the column.
    let found = failed(&finish(program("main.shop.deep")).await);
    let commands: Vec<&str> = found.iter().map(|(_, _, command)| command.as_str()).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(commands.iter().all(|command| command.starts_with("# ")), "{found:?}");
    let drifted = bench.program(&["doctor", "main.shop.moved", "--json", "--schemas", "old.sql"]);
    fails_at(drifted, &secret, "drift", "id: ", "zerobus fetch main.shop.moved").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_or_stream_comes_with_the_grants_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let granted = folder.path().join("grants.sql");
    std::fs::write(&granted, "GRANT SELECT, MODIFY ON TABLE main.shop.orders TO somebody;").unwrap();
    let bench = Bench::with(DDL, |builder| builder.grants(granted)).await;
    let secret = bench.emulator.client_secret().to_owned();
    let command = bench.program(&["doctor", TABLE, "--json", "--open"]);
    let grants = "GRANT USE SCHEMA ON SCHEMA `main`.`shop` TO `zerobus-emulator`;";
    fails_at(command, &secret, "table-token", "refused the token", grants).await;
    let bench = Bench::new().await;
    let secret = bench.emulator.client_secret().to_owned();
    bench.emulator.inject("open-status=PERMISSION_DENIED/3".parse().unwrap());
    let command = bench.program(&["doctor", TABLE, "--json", "--open"]);
    fails_at(
        command,
        &secret,
        "stream",
        "permission",
        "GRANT SELECT, MODIFY ON TABLE `main`.`shop`.`orders` TO `zerobus-emulator`;",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_serves_as_well_as_the_environment() {
    let bench = Bench::new().await;
    let mut profiles = std::fs::File::create(bench.path(".databrickscfg")).unwrap();
    let (url, id, secret) = (bench.emulator.url(), bench.emulator.client_id(), bench.emulator.client_secret());
    write!(profiles, "[work]\nhost = {url}\nclient_id = {id}\nclient_secret = {secret}\n").unwrap();
    let mut command = bare(bench.folder.path(), &["doctor", TABLE, "--open", "--profile", "work", "--endpoint", url]);
    command.env("NO_COLOR", "1");
    let run = finish(command).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("from profile [work]"), "{}", run.out);
    assert!(!run.out.contains(secret), "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_missing_grant_is_the_statement_to_run() {
    let grants = |statements: &str| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("grants.sql");
        std::fs::write(&file, statements).unwrap();
        (folder, file)
    };
    let catalog = "GRANT USE CATALOG ON CATALOG main TO `zerobus-emulator`;";
    let schema = "GRANT USE SCHEMA ON SCHEMA main.shop TO `zerobus-emulator`;";
    let select = "GRANT SELECT ON TABLE main.shop.orders TO `zerobus-emulator`;";
    let inherited = "GRANT MODIFY ON SCHEMA main.shop TO `zerobus-emulator`;";
    for (granted, missing) in [
        ([catalog, schema, select, inherited], "GRANT MODIFY ON TABLE `main`.`shop`.`orders` TO `zerobus-emulator`;"),
        (
            [catalog, schema, inherited, ""],
            "GRANT SELECT, MODIFY ON TABLE `main`.`shop`.`orders` TO `zerobus-emulator`;",
        ),
        (
            [catalog, select, "GRANT MODIFY ON TABLE main.shop.orders TO `zerobus-emulator`;", ""],
            "GRANT USE SCHEMA ON SCHEMA `main`.`shop` TO `zerobus-emulator`;",
        ),
    ] {
        let (_folder, file) = grants(&granted.concat());
        let bench = Bench::with(DDL, |builder| builder.grants(file)).await;
        let run = bench.run(&["doctor", TABLE, "--json", "--open"]).await;
        let document = run.json();
        let checks = document["checks"].as_array().unwrap();
        let check = |layer: &str| checks.iter().find(|check| check["layer"] == layer).unwrap();
        assert_eq!(
            (&check("grants")["state"], &check("grants")["command"]),
            (&"warning".into(), &missing.into()),
            "{document:#}"
        );
        // The statement is the same for each of the layers that the service refuses.
        for refused in [check("table-token"), check("stream")].into_iter().filter(|check| check["state"] == "failed") {
            assert_eq!(refused["command"], missing, "{document:#}");
        }
    }
}

/// A workspace that gives this response about its caller and forwards all other requests to the emulator. It lives as
/// long as the test's process.
fn workspace(emulator: &str, status: &'static str, me: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let emulator = emulator.trim_start_matches("http://").to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, emulator) = (client.unwrap(), emulator.clone());
            std::thread::spawn(move || {
                let mut start = [0; 4096];
                let read = client.read(&mut start).unwrap_or_default();
                if start.starts_with(b"GET /api/2.0/preview/scim/v2/Me ") {
                    let length = me.len();
                    let head = "content-type: application/json\r\nconnection: close";
                    let _ = write!(client, "HTTP/1.1 {status}\r\n{head}\r\ncontent-length: {length}\r\n\r\n{me}");
                    return;
                }
                let mut server = TcpStream::connect(emulator).unwrap();
                // One request per connection, so that each is seen.
                let line = start.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                for part in [&start[..line], b"connection: close\r\n", &start[line..read]] {
                    server.write_all(part).unwrap();
                }
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                let _ = std::io::copy(&mut server, &mut client);
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entitlement_is_judged_by_what_the_workspace_says_of_its_caller() {
    let bench = Bench::new().await;
    let secret = bench.emulator.client_secret().to_owned();
    let program = |status, me| {
        let mut command = bench.program(&["doctor", TABLE, "--json"]);
        command.env("DATABRICKS_HOST", workspace(bench.emulator.url(), status, me));
        command
    };
    for (me, state, found, mends) in [
        (r#"{"id":"7","entitlements":[{"value":"workspace-access"}]}"#, "ok", "has Workspace access", ""),
        (
            r#"{"id":"7","entitlements":[{"value":"databricks-sql-access"}],"groups":[{"display":"writers"}]}"#,
            "warning",
            "unless one of its groups has it: writers",
            "databricks service-principals patch 7 --json '{",
        ),
        (r#"{"id":"7; rm -rf /"}"#, "warning", "was not given Workspace access", "patch <id> --json"),
    ] {
        let run = finish(program("200 OK", me)).await;
        assert_eq!(run.code, 0, "{run:?}");
        let document = run.json();
        let checks = document["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["layer"] == "entitlement").unwrap();
        assert_eq!(check["state"], state, "{check}");
        assert!(check["found"].as_str().unwrap().contains(found), "{check}");
        assert!(check["command"].as_str().unwrap_or_default().contains(mends), "{check}");
    }
    let refusal = r#"{"error_code":"PERMISSION_DENIED","message":"This API needs the workspace-access entitlement"}"#;
    let refused = program("403 Forbidden", refusal);
    fails_at(refused, &secret, "entitlement", "lacks Workspace access", "databricks service-principals list").await;
    // If only this request is refused, the layer is skipped and does not fail.
    let run = finish(program("403 Forbidden", r#"{"error_code":"PERMISSION_DENIED","message":"no"}"#)).await;
    assert_eq!(run.code, 0, "{run:?}");
}

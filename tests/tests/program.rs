//! The program `zerobus-codegen` against the emulator's catalog: snapshots, code and tables over the life of a
//! repository.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use zerobus_emulator::Emulator;

const BEFORE: &str = "
    CREATE TABLE main.geo.quakes (id BIGINT NOT NULL, place VARCHAR(40), at TIMESTAMP, depth STRUCT<km: FLOAT>);
    CREATE TABLE main.geo.gone (id BIGINT);
    CREATE TABLE main.sales.orders (id BIGINT NOT NULL, total DECIMAL(10, 2));
    CREATE TABLE main.sales.stock (id BIGINT, counted INT);";

const AFTER: &str = "
    CREATE TABLE main.geo.quakes (id BIGINT NOT NULL, place VARCHAR(20), at TIMESTAMP, depth STRUCT<km: FLOAT, by: STRING>);
    CREATE TABLE main.geo.come (id BIGINT);
    CREATE TABLE main.sales.orders (id BIGINT NOT NULL, total DECIMAL(12, 2));
    CREATE TABLE main.sales.stock (id BIGINT, counted DATE);";

/// A repository, and the catalog with its tables.
struct Repository {
    folder: tempfile::TempDir,
    emulator: Emulator,
}

/// The output of the program.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Repository {
    async fn of(tables: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let emulator = serve(folder.path(), tables).await;
        Self { folder, emulator }
    }

    /// Replaces the catalog's tables with these.
    async fn alter(self, tables: &str) -> Self {
        self.emulator.shutdown().await;
        let emulator = serve(self.folder.path(), tables).await;
        Self { emulator, ..self }
    }

    fn schemas(&self) -> PathBuf {
        self.folder.path().join("schemas")
    }

    /// The snapshots in the repository.
    fn snapshots(&self) -> Vec<String> {
        let names =
            fs::read_dir(self.schemas()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codegen-under-test"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("DATABRICKS_HOST", self.emulator.url());
        command.env("DATABRICKS_CLIENT_ID", self.emulator.client_id());
        command.env("DATABRICKS_CLIENT_SECRET", self.emulator.client_secret());
        let output = tokio::task::block_in_place(|| command.output()).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

async fn serve(folder: &Path, tables: &str) -> Emulator {
    let file = folder.join("catalog.sql");
    fs::write(&file, tables).unwrap();
    Emulator::builder().ddl(file).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_follow_the_catalog() {
    let repository = Repository::of(BEFORE).await;
    let fetched = repository.run(&["fetch", "main.*"]);
    assert_eq!((fetched.code, fetched.err.as_str()), (0, ""), "{}", fetched.out);
    assert!(fetched.out.contains("main.geo.quakes: written, 4 columns\n"), "{}", fetched.out);
    let before = ["main.geo.gone.json", "main.geo.quakes.json", "main.sales.orders.json", "main.sales.stock.json"];
    assert_eq!(repository.snapshots(), before);
    let again = repository.run(&["fetch", "main.*", "--format", "json"]);
    let again: Value = serde_json::from_str(&again.out).unwrap();
    assert!(again["tables"].as_array().unwrap().iter().all(|table| table["snapshot"] == "unchanged"), "{again:#}");
    assert_eq!(repository.run(&["fetch", "main.*", "--prune", "--check"]).code, 0);

    let repository = repository.alter(AFTER).await;
    let stale = repository.run(&["fetch", "main.*", "--prune", "--check"]);
    assert_eq!(stale.code, 1);
    for told in
        ["main.geo.come.json: is missing", "main.geo.gone.json: has no table", "main.sales.orders.json: differs"]
    {
        assert!(stale.err.contains(told), "{}", stale.err);
    }
    assert_eq!(repository.snapshots(), before, "--check writes nothing");
    let kept = repository.run(&["fetch", "main.*"]);
    assert!(kept.code == 0 && repository.snapshots().contains(&before[0].to_owned()), "{}", kept.err);
    let pruned = repository.run(&["fetch", "main.*", "--prune", "--quiet"]);
    assert_eq!((pruned.code, pruned.out.as_str(), pruned.err.as_str()), (0, "", ""));
    let after = ["main.geo.come.json", "main.geo.quakes.json", "main.sales.orders.json", "main.sales.stock.json"];
    assert_eq!(repository.snapshots(), after);
    assert_eq!(repository.run(&["fetch", "main.*", "--prune", "--check"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_of_live_tables_is_reported_by_class_and_judged_by_the_policy() {
    let repository = Repository::of(BEFORE).await;
    assert_eq!(repository.run(&["fetch", "main.*"]).code, 0);
    let same = repository.run(&["check", "--schemas", "schemas", "--live"]);
    assert_eq!((same.code, same.err.as_str()), (0, ""), "{}", same.out);

    let repository = repository.alter(AFTER).await;
    let drifted = repository.run(&["check", "--schemas", "schemas", "--live", "--format", "json"]);
    assert_eq!(drifted.code, 4, "{}", drifted.err);
    let json: Value = serde_json::from_str(&drifted.out).unwrap();
    let class = |name: &str| {
        let tables = json["tables"].as_array().unwrap();
        tables.iter().find(|table| table["table"] == name).unwrap()["drift"].as_str().unwrap().to_owned()
    };
    assert_eq!(class("main.geo.gone"), "breaking");
    assert_eq!(class("main.geo.quakes"), "some-rows-refused");
    assert_eq!(class("main.sales.orders"), "safe");
    assert_eq!(class("main.sales.stock"), "silently-wrong");

    let policy = r#"
        [drift]
        fail-on = "silently-wrong"
        [[drift.allow]]
        change = "table_dropped"
        path = "main.geo.gone"
        reason = "its writer is switched off"
        until = 9999-12-31
        [[drift.allow]]
        change = "retyped"
        path = "main.sales.stock.counted"
        reason = "nothing is written there"
        until = 9999-12-31"#;
    fs::write(repository.folder.path().join("zerobus.toml"), policy).unwrap();
    let judged = repository.run(&["check", "--schemas", "schemas", "--live"]);
    assert_eq!(judged.code, 0, "{}{}", judged.out, judged.err);
    assert!(judged.out.contains("its writer is switched off"), "{}", judged.out);
    let strict = repository.run(&["check", "--schemas", "schemas", "--live", "--fail-on", "some-rows-refused"]);
    assert_eq!(strict.code, 5, "{}{}", strict.out, strict.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_input_is_an_error_that_shows_no_secret() {
    let repository = Repository::of(BEFORE).await;
    for name in ["main.geo.volcanoes", "main.sea.*", "nowhere.*"] {
        let missing = repository.run(&["fetch", name]);
        assert_eq!(missing.code, 1, "{name}");
        assert!(missing.err.contains(name.trim_end_matches(".*")), "{}", missing.err);
    }
    let secret = repository.emulator.client_secret();
    let mut wrong = Command::new(env!("CARGO_BIN_EXE_codegen-under-test"));
    wrong
        .args(["fetch", "main.*", "--host", repository.emulator.url()])
        .current_dir(repository.folder.path())
        .env_clear();
    wrong
        .env("DATABRICKS_CLIENT_ID", repository.emulator.client_id())
        .env("DATABRICKS_CLIENT_SECRET", format!("{secret}x"));
    let output = tokio::task::block_in_place(|| wrong.output()).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("DATABRICKS_CLIENT_SECRET") && !err.contains(secret), "{err}");
}

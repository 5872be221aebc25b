//! A test bench: the program, and an emulator that keeps its rows in memory.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use zerobus_emulator::{Builder, Emulator};

/// A table with most types that files are likely to hold.
pub(crate) const DDL: &str = "CREATE TABLE main.shop.orders (
    id BIGINT NOT NULL, name STRING, price DECIMAL(10,2), at TIMESTAMP, day DATE,
    tags ARRAY<STRING>, place STRUCT<lat: DOUBLE, lon: DOUBLE>, extra VARIANT
) USING DELTA;";

pub(crate) const TABLE: &str = "main.shop.orders";

/// A folder and an emulator; programs run in the folder.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) emulator: Emulator,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(DDL, |builder| builder).await
    }

    pub(crate) async fn with(ddl: &str, build: impl FnOnce(Builder) -> Builder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tables.sql"), ddl).unwrap();
        let builder = Emulator::builder().ddl(folder.path().join("tables.sql"));
        Self { emulator: build(builder).start().await.unwrap(), folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program with only the environment variables for the emulator.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = bare(self.folder.path(), arguments);
        command
            .env("ZEROBUS_SERVER_ENDPOINT", self.emulator.url())
            .env("DATABRICKS_HOST", self.emulator.url())
            .env("DATABRICKS_CLIENT_ID", self.emulator.client_id())
            .env("DATABRICKS_CLIENT_SECRET", self.emulator.client_secret());
        command
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Run {
        finish(self.program(arguments)).await
    }

    pub(crate) async fn rows(&self) -> Vec<Value> {
        self.emulator.rows(TABLE).await.unwrap()
    }

    /// The ids of all rows, sorted.
    pub(crate) async fn ids(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = self.rows().await.iter().map(|row| row["id"].as_i64().unwrap()).collect();
        ids.sort_unstable();
        ids
    }
}

/// The program with an empty environment.
pub(crate) fn bare(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zerobus"));
    command.args(arguments).current_dir(folder).env_clear().env("HOME", folder).stdin(Stdio::null());
    command
}

/// Rows as NDJSON.
pub(crate) fn lines(ids: std::ops::Range<i64>) -> String {
    let mut lines = String::new();
    for id in ids {
        writeln!(lines, "{{\"id\": {id}, \"name\": \"n{id}\"}}").unwrap();
    }
    lines
}

/// Rows read, durable and refused.
pub(crate) fn figures(run: &Run) -> (u64, u64, u64) {
    let receipt = run.json();
    let figure = |name: &str| receipt[name].as_u64().unwrap();
    (figure("rows_read"), figure("rows_durable"), figure("rows_refused"))
}

/// The output and exit code of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

pub(crate) async fn finish(mut command: Command) -> Run {
    tokio::task::spawn_blocking(move || command.output().unwrap().into()).await.unwrap()
}

#[cfg(unix)]
pub(crate) fn signal(child: &std::process::Child, name: &str) {
    assert!(std::process::Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

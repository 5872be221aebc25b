//! Figures of the program that a user would notice: how large a folder grows, how much memory it takes, how long it
//! takes.
//!
//! `cargo bench -p zerobus-emulator --features cli --bench figures [-- NAME [NUMBER]]` prints one line a figure. Names:
//! `commits`, `sparse`, `partitions`, `start`, `tables`, `soak`. `PROGRAM` names another build of the program, for figures
//! side by side; `KEEP` a folder for the data of `commits`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark's panic is its verdict")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "figures/soak.rs"]
mod soak;
#[path = "../tests/emulator/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use support::{Call, Credentials};
use zerobus_runtime::wire::RecordType;

const MIB: f64 = 1_048_576.0;

/// The program, killed when the figure is taken.
struct Program {
    child: Child,
    credentials: Credentials,
    started: f64,
}

impl Program {
    fn start(folder: &Path) -> Self {
        let begin = Instant::now();
        let program = std::env::var_os("PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_zerobus-emulator").into());
        let mut child = Command::new(program)
            .arg("--schemas")
            .arg(folder.join("schemas"))
            .arg("--data")
            .arg(folder.join("data"))
            .args(["--port", "0"])
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut exported = std::collections::HashMap::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
            if line.starts_with("# ready") {
                break;
            }
            if let Some((name, value)) = line.strip_prefix("export ").and_then(|line| line.split_once('=')) {
                exported.insert(name.to_owned(), value.trim_matches('\'').to_owned());
            }
        }
        let credentials = Credentials {
            url: exported["ZEROBUS_SERVER_ENDPOINT"].clone(),
            client_id: exported["DATABRICKS_CLIENT_ID"].clone(),
            client_secret: exported["DATABRICKS_CLIENT_SECRET"].clone(),
        };
        Self { child, credentials, started: begin.elapsed().as_secs_f64() }
    }

    /// The memory that the process has in RAM, now and at its peak, in MiB.
    fn memory(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kib = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
        };
        (kib("VmRSS:") / 1024.0, kib("VmHWM:") / 1024.0)
    }

    fn stop(mut self) {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn table(folder: &Path, name: &str, columns: &[Value]) {
    let schemas = folder.join("schemas");
    std::fs::create_dir_all(&schemas).unwrap();
    let columns: Vec<Value> = (0..)
        .zip(columns)
        .map(|(position, column)| {
            let mut column = column.clone();
            column["position"] = json!(position);
            column
        })
        .collect();
    let info = json!({ "name": name, "catalog_name": "main", "schema_name": "bench", "columns": columns });
    std::fs::write(schemas.join(format!("{name}.json")), info.to_string()).unwrap();
}

fn column(name: &str, kind: &str) -> Value {
    json!({ "name": name, "type_text": kind, "nullable": name != "id" })
}

fn readings(folder: &Path, name: &str) {
    let columns = [
        column("id", "bigint"),
        column("device", "string"),
        column("at", "timestamp"),
        column("temperature", "double"),
        column("humidity", "double"),
        column("pressure", "double"),
        column("battery", "int"),
        column("ok", "boolean"),
        column("place", "string"),
        column("note", "string"),
    ];
    table(folder, name, &columns);
}

fn reading(id: i64) -> Value {
    json!({
        "id": id, "device": format!("sensor-{:08}", id % 10_000), "at": 1_760_000_000_000_000 + id,
        "temperature": 20.0 + (id % 100) as f64 / 7.0, "humidity": 0.55, "pressure": 1013.25, "battery": id % 100,
        "ok": id % 17 != 0, "place": "hall 7, row 12", "note": "calibrated at the beginning of the shift, ok",
    })
}

/// Bytes below a folder: of data files, and of everything; and the number of files.
fn sizes(folder: &Path) -> (u64, u64, u64) {
    let (mut data, mut all, mut files) = (0, 0, 0);
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // The emulator removes old files all the time.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => panic!("{}: {error}", entry.path().display()),
        };
        if metadata.is_dir() {
            let (inner, whole, count) = sizes(&entry.path());
            (data, all, files) = (data + inner, all + whole, files + count);
        } else {
            let is_data = entry.file_name().to_str().unwrap().starts_with("part-");
            (data, all, files) = (data + if is_data { metadata.len() } else { 0 }, all + metadata.len(), files + 1);
        }
    }
    (data, all, files)
}

async fn open(program: &Program, table: &str) -> Call {
    Call::open(&program.credentials, table, RecordType::Json, None).await.unwrap()
}

/// One row a commit, each acked before the next is sent. A stream ends well before its lifetime does.
async fn commits(number: i64) {
    const OF_A_STREAM: i64 = 10_000;

    let folder = tempfile::tempdir().unwrap();
    readings(folder.path(), "readings");
    let program = Program::start(folder.path());
    let mut call = open(&program, "main.bench.readings").await;
    let begin = Instant::now();
    let mut early = 0.0;
    for id in 0..number {
        let offset = id % OF_A_STREAM;
        if id > 0 && offset == 0 {
            call.finish().await.unwrap();
            call = open(&program, "main.bench.readings").await;
        }
        call.send_json(offset, &reading(id)).await;
        call.acked(offset).await;
        if id == 999 {
            early = program.memory().0;
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let (late, peak) = program.memory();
    let (data, all, files) = sizes(&folder.path().join("data"));
    println!(
        "{number} commits of one row: {:.0} a second; memory {early:.0} MiB after 1,000, {late:.0} MiB at the end, {peak:.0} MiB at its peak",
        number as f64 / seconds
    );
    println!("  at once: {files} files, data {:.1} MiB, all {:.1} MiB", data as f64 / MIB, all as f64 / MIB);
    call.finish().await.unwrap();
    program.stop();
    let (data, all, files) = sizes(&folder.path().join("data"));
    println!("  after the stop: {files} files, data {:.1} MiB, all {:.1} MiB", data as f64 / MIB, all as f64 / MIB);
    if let Ok(keep) = std::env::var("KEEP") {
        Command::new("cp").arg("-r").arg(folder.path().join("data")).arg(keep).status().unwrap();
    }
}

/// Sparse rows of a wide table.
async fn sparse(number: i64) {
    let folder = tempfile::tempdir().unwrap();
    let columns: Vec<Value> =
        (0..2_000).map(|i| if i == 0 { column("id", "bigint") } else { column(&format!("c{i}"), "string") }).collect();
    table(folder.path(), "wide", &columns);
    let program = Program::start(folder.path());
    let mut call = open(&program, "main.bench.wide").await;
    let begin = Instant::now();
    let rows: Vec<Value> = (0..number).map(|id| json!({ "id": id })).collect();
    for (offset, rows) in (0..).zip(rows.chunks(10_000)) {
        call.send_jsons(offset, rows).await;
    }
    call.finish().await.unwrap();
    println!(
        "{number} sparse rows of 2,000 columns: {:.1} s, peak memory {:.0} MiB",
        begin.elapsed().as_secs_f64(),
        program.memory().1
    );
    program.stop();
}

/// Many partitions in one request.
async fn partitions(number: i64) {
    let folder = tempfile::tempdir().unwrap();
    let mut day = column("day", "int");
    day["partition_index"] = json!(0);
    table(folder.path(), "days", &[column("id", "bigint"), day]);
    let program = Program::start(folder.path());
    let mut call = open(&program, "main.bench.days").await;
    let begin = Instant::now();
    let rows: Vec<Value> = (0..number).map(|id| json!({ "id": id, "day": id })).collect();
    call.send_jsons(0, &rows).await;
    call.finish().await.unwrap();
    println!("{number} partitions in a request: {:.1} s", begin.elapsed().as_secs_f64());
    program.stop();
}

fn many_tables(folder: &Path, number: i64) {
    for table in 0..number {
        let mut name = String::from("t");
        write!(name, "{table}").unwrap();
        readings(folder, &name);
    }
}

/// A start with many tables.
fn start(number: i64) {
    let folder = tempfile::tempdir().unwrap();
    many_tables(folder.path(), number);
    for what in ["first", "second"] {
        let program = Program::start(folder.path());
        println!("{what} start with {number} tables: {:.2} s", program.started);
        program.stop();
    }
}

/// One row into each of many tables, one after the other.
async fn tables(number: i64) {
    let folder = tempfile::tempdir().unwrap();
    many_tables(folder.path(), number);
    let program = Program::start(folder.path());
    let begin = Instant::now();
    for id in 0..number {
        let mut call = open(&program, &format!("main.bench.t{id}")).await;
        call.send_json(0, &reading(id)).await;
        call.finish().await.unwrap();
    }
    let (memory, _) = program.memory();
    println!("{number} tables with one row each: {:.1} s, memory {memory:.0} MiB", begin.elapsed().as_secs_f64());
    program.stop();
}

#[tokio::main]
async fn main() {
    // `cargo bench` passes `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let name = arguments.next();
    let number = arguments.next().map(|number| number.parse::<i64>().unwrap());
    let is = |figure: &str| name.as_deref().is_none_or(|name| name == figure);
    if is("start") {
        start(number.unwrap_or(2_000));
    }
    if is("tables") {
        tables(number.unwrap_or(2_000)).await;
    }
    if is("sparse") {
        sparse(number.unwrap_or(20_000)).await;
    }
    if is("partitions") {
        partitions(number.unwrap_or(5_000)).await;
    }
    if is("commits") {
        commits(number.unwrap_or(10_000)).await;
    }
    if name.as_deref() == Some("soak") {
        soak::soak(number.unwrap_or(30)).await;
    }
}

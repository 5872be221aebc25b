//! A program and an emulator that are killed at random, again and again: every row that the program was promised is in
//! the Delta table once, and no row is there twice.
//!
//! `ZEROBUS_KILLS=300 cargo test -p zerobus-emulator --features cli --test emulator exactly_once` kills more often: the program
//! that many times, and the emulator a third of that. `ZEROBUS_KILLS_FOLDER` puts spool and table on another disk, such
//! as a small tmpfs, which is then filled to its end now and then.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::program::{Running, program as emulator_program};
use crate::support::tables;
use serde_json::json;
use zerobus_emulator::Emulator;
use zerobus_runtime::{Client, SpoolLevel};

const ORDERS: &str = "main.sales.orders";
const SECRET: &str = "a secret for tests";

/// Between the first rows of two programs.
const STEP: u64 = 10_000_000;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The program: sends rows from a number on, and prints those that it was promised.
#[tokio::test]
#[ignore = "the program that the other test kills"]
async fn program() {
    let Some(url) = variable("ZEROBUS_KILLS_URL") else { return };
    let client = Client::builder().endpoint(&url).workspace_url(&url).credentials("zerobus-emulator", SECRET).build();
    let level = match variable("ZEROBUS_KILLS_LEVEL").unwrap().as_str() {
        "power" => SpoolLevel::Power,
        "interval" => SpoolLevel::Interval(Duration::from_millis(10)),
        _ => SpoolLevel::Process,
    };
    let stream = client.unwrap().json_stream(ORDERS).spool(variable("ZEROBUS_KILLS_SPOOL").unwrap());
    let stream = stream.spool_level(level).exactly_once().max_spool_bytes(4 * 1024 * 1024);
    let stream = stream.backoff(Duration::from_millis(5), Duration::from_millis(50)).open().await.unwrap();
    if variable("ZEROBUS_KILLS_ENDS").is_some() {
        stream.retire().await.unwrap();
        return;
    }
    let from: u64 = variable("ZEROBUS_KILLS_FROM").unwrap().parse().unwrap();
    for n in from.. {
        let row = json!({ "order_id": n, "placed_at": 1, "lines": [], "currency": "EUR" });
        let offset = stream.send(&row).await.unwrap();
        if n % 64 == 0 {
            stream.spooled(offset).await.unwrap();
            println!("\nspooled {n}");
            // So that the table stays small enough to be read as a whole.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Where everything is.
struct Place {
    url: String,
    port: String,
    spool: PathBuf,
    data: PathBuf,
    /// The disk is filled to its end now and then.
    fills: bool,
}

impl Place {
    fn program(&self, level: &str, from: u64) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "exactly_once::program", "--ignored", "--nocapture"]);
        command.env("ZEROBUS_KILLS_URL", &self.url).env("ZEROBUS_KILLS_SPOOL", &self.spool);
        command.env("ZEROBUS_KILLS_LEVEL", level).env("ZEROBUS_KILLS_FROM", from.to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    fn emulator(&self) -> Running {
        let mut command = emulator_program();
        command.args(["--client-secret", SECRET, "--port", &self.port, "--linger", "5", "--data"]).arg(&self.data);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let running = Running(child);
        assert!(lines.any(|line| line.starts_with("# ready on")), "the emulator does not start");
        running
    }

    /// Fills the disk to its end; it has room again when the file is removed.
    fn fill(&self) -> PathBuf {
        let ballast = self.spool.with_file_name("ballast");
        let mut file = File::create(&ballast).unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            let block = vec![1; size];
            while file.write_all(&block).is_ok() {}
        }
        ballast
    }
}

/// Kills the program some time after its first promise, or at its start; the row up to which it was promised.
fn kill(mut child: Child, waits: bool, random: &mut fastrand::Rng) -> Option<u64> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let promise = |line: String| line.strip_prefix("spooled ").and_then(|n| n.parse().ok());
    let mut last = None;
    if waits {
        last = lines.by_ref().map_while(Result::ok).find_map(promise);
    }
    std::thread::sleep(Duration::from_micros(random.u64(..60_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    // The last line may be cut off.
    let rest: Vec<_> = lines.map_while(Result::ok).collect();
    let whole = rest.len().saturating_sub(1);
    rest.into_iter().take(whole).filter_map(promise).next_back().or(last)
}

/// Kills one after the other; the rows that were promised, and how often the emulator was killed.
fn kill_again_and_again(place: &Place, kills: u64) -> (Vec<RangeInclusive<u64>>, u64) {
    let mut random = fastrand::Rng::new();
    let (mut promised, mut emulator, mut emulator_kills) = (Vec::new(), place.emulator(), 0);
    for n in 0..kills {
        let level = ["process", "interval", "power"][usize::try_from(n % 3).unwrap()];
        let fills = place.fills && n % 10 == 9;
        let ballast = fills.then(|| place.fill());
        let child = place.program(level, n * STEP).spawn().unwrap();
        if n % 3 == 2 {
            std::thread::sleep(Duration::from_micros(random.u64(..60_000)));
            emulator.kill();
            emulator_kills += 1;
            if let Some(ballast) = &ballast {
                // An emulator that has no room for its own files does not start, as any server.
                std::fs::remove_file(ballast).unwrap();
            }
            emulator = place.emulator();
        }
        let waits = !fills && random.u8(..4) > 0;
        promised.extend(kill(child, waits, &mut random).map(|last| n * STEP..=last));
        if let Some(ballast) = ballast {
            // It is gone where the emulator was killed.
            let _ = std::fs::remove_file(ballast);
        }
    }
    let mut last = place.program("process", kills * STEP);
    assert!(last.env("ZEROBUS_KILLS_ENDS", "1").stdout(Stdio::null()).status().unwrap().success());
    assert!(emulator.terminate());
    (promised, emulator_kills)
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_promised_row_is_in_the_table_once_whoever_is_killed() {
    let kills: u64 = variable("ZEROBUS_KILLS").map_or(9, |kills| kills.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let own = variable("ZEROBUS_KILLS_FOLDER").map(PathBuf::from);
    let folder = own.as_deref().unwrap_or(temporary.path());
    let port = free_port();
    let place = Place {
        url: format!("http://127.0.0.1:{port}"),
        port: port.to_string(),
        spool: folder.join("spool"),
        data: folder.join("data"),
        fills: own.is_some(),
    };
    let data = place.data.clone();
    let (promised, emulator_kills) =
        tokio::task::spawn_blocking(move || kill_again_and_again(&place, kills)).await.unwrap();
    judge(&data, &promised, kills, emulator_kills).await;
}

async fn judge(data: &Path, promised: &[RangeInclusive<u64>], kills: u64, emulator_kills: u64) {
    let emulator = Emulator::builder().schemas(tables()).data(data).start().await.unwrap();
    let mut table = BTreeMap::<u64, u32>::new();
    for row in emulator.rows(ORDERS).await.unwrap() {
        *table.entry(row["order_id"].as_u64().unwrap()).or_default() += 1;
    }
    emulator.shutdown().await;
    let rows: u64 = promised.iter().map(|rows| rows.end() - rows.start() + 1).sum();
    let twice = table.values().filter(|count| **count > 1).count();
    let missing = promised.iter().flat_map(Clone::clone).filter(|row| !table.contains_key(row)).count();
    println!(
        "{kills} kills of the program and {emulator_kills} of the emulator: {rows} rows promised, {} rows in the table, \
         {missing} missing, {twice} twice",
        table.len()
    );
    assert!(rows > kills, "the programs came to send");
    assert_eq!((missing, twice), (0, 0));
}

mod in_process {
    use super::*;
    use zerobus_emulator::{Builder, Fault, Limits};
    use zerobus_runtime::{Error, Json, StreamBuilder, StreamEvent};

    fn builder(data: &Path) -> Builder {
        Emulator::builder().schemas(tables()).data(data).linger(Duration::from_millis(1)).seed(7)
    }

    fn stream(emulator: &Emulator, spool: &Path) -> StreamBuilder<Json> {
        let client = Client::builder()
            .endpoint(emulator.url())
            .workspace_url(emulator.url())
            .credentials(emulator.client_id(), emulator.client_secret());
        let stream = client.build().unwrap().json_stream(ORDERS).spool(spool).exactly_once();
        stream.backoff(Duration::from_millis(1), Duration::from_millis(5)).max_batch_rows(10)
    }

    fn order(id: u64) -> serde_json::Value {
        json!({ "order_id": id, "placed_at": 1, "lines": [], "currency": "EUR" })
    }

    async fn ids(emulator: &Emulator) -> Vec<u64> {
        let rows = emulator.rows(ORDERS).await.unwrap();
        let mut ids: Vec<_> = rows.iter().map(|row| row["order_id"].as_u64().unwrap()).collect();
        ids.sort_unstable();
        ids
    }

    async fn send(stream: &zerobus_runtime::IngestStream<Json>, ids: std::ops::Range<u64>) -> Result<(), Error> {
        for id in ids {
            stream.send(&order(id)).await?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn rows_are_in_the_table_once_over_faults_of_every_kind() {
        let folder = tempfile::tempdir().unwrap();
        let emulator = builder(&folder.path().join("data")).start().await.unwrap();
        for fault in ["reset chance=0.05", "end chance=0.03", "ack-drop chance=0.1", "ack-delay=3ms chance=0.2"] {
            emulator.inject(fault.parse().unwrap());
        }
        emulator.inject(Fault::close_signal(Duration::from_millis(50)).chance(0.02));
        emulator.inject(Fault::disk_full().chance(0.02));
        let spool = folder.path().join("spool");
        for n in 0..4 {
            let stream = stream(&emulator, &spool).ack_timeout(Duration::from_millis(300)).open().await.unwrap();
            send(&stream, n * 500..(n + 1) * 500).await.unwrap();
            // The next one goes on wherever this one came to.
            let _ = stream.close_within(Duration::from_millis(20)).await;
        }
        emulator.clear_faults();
        let stream = stream(&emulator, &spool).open().await.unwrap();
        stream.close().await.unwrap();
        assert_eq!(ids(&emulator).await, (0..2000).collect::<Vec<_>>());
        assert!(!emulator.struck_faults().is_empty());
        emulator.shutdown().await;
    }

    #[tokio::test]
    async fn a_stream_whose_life_ends_on_the_server_goes_on_with_another_call() {
        let folder = tempfile::tempdir().unwrap();
        let mut limits = Limits::default();
        limits.stream_lifetime = Duration::from_millis(40);
        let emulator = builder(&folder.path().join("data")).limits(limits).start().await.unwrap();
        let stream = stream(&emulator, &folder.path().join("spool")).open().await.unwrap();
        let mut sent = 0;
        while stream.stats().opened < 4 {
            send(&stream, sent..sent + 20).await.unwrap();
            stream.flush().await.unwrap();
            sent += 20;
        }
        stream.close().await.unwrap();
        assert_eq!(ids(&emulator).await, (0..sent).collect::<Vec<_>>());
        emulator.shutdown().await;
    }

    #[tokio::test]
    async fn a_refused_row_takes_its_request_along_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let emulator = builder(&folder.path().join("data")).start().await.unwrap();
        let stream = stream(&emulator, &folder.path().join("spool")).open().await.unwrap();
        send(&stream, 0..35).await.unwrap();
        stream.send(&json!({ "order_id": "no number", "placed_at": 1, "lines": [], "currency": "EUR" })).await.unwrap();
        send(&stream, 36..100).await.unwrap();
        let error = stream.close().await.unwrap_err();
        let returned: Vec<u64> = error.undelivered().unwrap().rows().map(|row| row.offset.value()).collect();
        assert!(returned.contains(&35) && returned.len() <= 10, "{returned:?}");
        let left: Vec<u64> = (0..100).filter(|id| !returned.contains(id)).collect();
        assert_eq!(ids(&emulator).await, left);
        emulator.shutdown().await;
    }

    #[tokio::test]
    async fn a_stream_whose_folder_is_in_use_is_not_retired() {
        let folder = tempfile::tempdir().unwrap();
        let emulator = builder(&folder.path().join("data")).start().await.unwrap();
        let spool = folder.path().join("spool");
        let first = stream(&emulator, &spool).open().await.unwrap();
        send(&first, 0..10).await.unwrap();
        first.close().await.unwrap();
        let next = stream(&emulator, &spool).open().await.unwrap();
        first.retire().await.unwrap_err();
        send(&next, 10..20).await.unwrap();
        next.close().await.unwrap();
        let last = stream(&emulator, &spool).open().await.unwrap();
        send(&last, 20..30).await.unwrap();
        assert_eq!(last.retire().await.unwrap().rows, 10);
        assert_eq!(ids(&emulator).await, (0..30).collect::<Vec<_>>());
        emulator.shutdown().await;
    }

    #[tokio::test]
    async fn a_retired_stream_is_followed_by_another() {
        let folder = tempfile::tempdir().unwrap();
        let emulator = builder(&folder.path().join("data")).start().await.unwrap();
        let spool = folder.path().join("spool");
        let mut names = Vec::new();
        for n in 0..3 {
            let opened = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
            let heard = std::sync::Arc::clone(&opened);
            let stream = stream(&emulator, &spool).on_event(move |event| {
                if let StreamEvent::Opened { stream_id, .. } = event {
                    heard.lock().unwrap().push(stream_id.to_string());
                }
            });
            let stream = stream.open().await.unwrap();
            send(&stream, n * 10..(n + 1) * 10).await.unwrap();
            // The first is closed and goes on, the second is retired.
            let report = if n == 1 { stream.retire().await.unwrap() } else { stream.close().await.unwrap() };
            assert_eq!(report.rows, 10);
            assert_eq!(spool.join("stream.json").exists(), n != 1);
            names.push(opened.lock().unwrap()[0].clone());
        }
        assert_eq!(names[0], names[1]);
        assert_ne!(names[1], names[2]);
        assert_eq!(ids(&emulator).await, (0..30).collect::<Vec<_>>());
        emulator.shutdown().await;
    }
}

//! A program that is killed at random, again and again, while it sends: every row that it was promised is durable in
//! the end.
//!
//! `ZEROBUS_SPOOL_KILLS=300 cargo test -p zerobus-runtime --features spool --test spool_kills` kills more often, and
//! `ZEROBUS_SPOOL_FOLDER` puts the spool on another disk, such as a small one that runs full.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod scripted;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use scripted::{Call, Row, Scripted, client};
use tonic::Status;
use zerobus_runtime::SpoolLevel;

/// Between the first rows of two programs.
const STEP: u64 = 10_000_000;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The program: sends rows from a number on, and prints those that it was promised.
#[tokio::test]
#[ignore = "the program that the other test kills"]
async fn program() {
    let Some(url) = variable("ZEROBUS_SPOOL_TEST_URL") else { return };
    let folder = PathBuf::from(variable("ZEROBUS_SPOOL_TEST_FOLDER").unwrap());
    let from: u64 = variable("ZEROBUS_SPOOL_TEST_FROM").unwrap().parse().unwrap();
    let level = match variable("ZEROBUS_SPOOL_TEST_LEVEL").unwrap().as_str() {
        "power" => SpoolLevel::Power,
        "interval" => SpoolLevel::Interval(Duration::from_millis(10)),
        _ => SpoolLevel::Process,
    };
    let stream = client(&url).build().unwrap().stream::<Row>().spool(folder).spool_level(level);
    let stream = stream.max_spool_bytes(4 * 1024 * 1024).max_unacked_bytes(1024 * 1024).open().await.unwrap();
    if variable("ZEROBUS_SPOOL_TEST_ENDS").is_some() {
        stream.close().await.unwrap();
        return;
    }
    for n in from.. {
        let offset = stream.send(&Row::padded(n, 200)).await.unwrap();
        if n % 64 == 0 {
            stream.spooled(offset).await.unwrap();
            println!("\nspooled {n}");
        }
    }
}

fn start(url: &str, folder: &Path, level: &str, from: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "program", "--ignored", "--nocapture"]);
    command.env("ZEROBUS_SPOOL_TEST_URL", url).env("ZEROBUS_SPOOL_TEST_FOLDER", folder);
    command.env("ZEROBUS_SPOOL_TEST_LEVEL", level).env("ZEROBUS_SPOOL_TEST_FROM", from.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Kills the program some time after its first promise, or at its start; the row up to which it was promised.
fn kill(mut child: Child, random: &mut fastrand::Rng) -> Option<u64> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let promise = |line: String| line.strip_prefix("spooled ").and_then(|n| n.parse().ok());
    let mut last = None;
    if random.u8(..4) > 0 {
        last = lines.by_ref().map_while(Result::ok).find_map(promise);
    }
    std::thread::sleep(Duration::from_micros(random.u64(..40_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    // The last line may be cut off.
    let rest: Vec<_> = lines.map_while(Result::ok).collect();
    let whole = rest.len().saturating_sub(1);
    rest.into_iter().take(whole).filter_map(promise).next_back().or(last)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_that_a_killed_program_was_promised_is_durable() {
    let kills: u64 = variable("ZEROBUS_SPOOL_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let server = Scripted::new(|mut call: Call| async move {
        call.create().await;
        let mut left = fastrand::u32(1..400);
        while let Some(received) = call.batch().await {
            call.keep(&received);
            left -= 1;
            if left == 0 {
                return call.fail(Status::unavailable("gone")).await;
            }
            call.ack(received.offset).await;
        }
    });
    let server = server.start().await;
    let temporary = tempfile::tempdir().unwrap();
    let folder = variable("ZEROBUS_SPOOL_FOLDER").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let url = server.url.clone();
    let judged = tokio::task::spawn_blocking(move || {
        let mut random = fastrand::Rng::new();
        let mut promised = Vec::new();
        for n in 0..kills {
            let level = ["process", "interval", "power"][usize::try_from(n % 3).unwrap()];
            let child = start(&url, &folder, level, n * STEP).spawn().unwrap();
            promised.extend(kill(child, &mut random).map(|last| n * STEP..=last));
        }
        let mut last = start(&url, &folder, "process", kills * STEP);
        let ended = last.env("ZEROBUS_SPOOL_TEST_ENDS", "1").stdout(Stdio::null()).status().unwrap();
        assert!(ended.success());
        promised
    });
    let promised = judged.await.unwrap();
    let durable = server.records.durable();
    let in_table: BTreeSet<u64> = durable.iter().copied().collect();
    let rows: u64 = promised.iter().map(|rows| rows.end() - rows.start() + 1).sum();
    println!(
        "{kills} kills, {rows} rows promised, {} rows durable, {} of them twice",
        in_table.len(),
        durable.len() - in_table.len()
    );
    assert!(rows > kills, "the programs came to send");
    for n in promised.into_iter().flatten() {
        assert!(in_table.contains(&n), "row {n} was promised and is not durable");
    }
    let mut seen = BTreeSet::new();
    let first: Vec<u64> = durable.into_iter().filter(|row| seen.insert(*row)).collect();
    assert!(first.is_sorted(), "the rows come in their order");
}

//! What a spool costs and how fast it is: `cargo bench -p zerobus-runtime --features spool --bench spool`.
//!
//! `SPOOL_BENCH_FOLDER` says on which disk, `SPOOL_BENCH_MB` how many bytes are written (200 by default), and
//! `SPOOL_BENCH_BACKLOG_MB` how large the backlog is that is recovered and drained (1000 by default).
//!
//! `benches/spool_instructions` counts the instructions of a row without a spool and with one: it runs this program as
//! a server, and under callgrind as a client.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench stops where something fails"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

#[path = "../tests/scripted/mod.rs"]
mod scripted;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use scripted::{Call, Row, Scripted, Server, client};
use zerobus_runtime::{Client, SpoolLevel};

/// A row of 120 bytes on the wire.
const PAD: usize = 112;
const REQUEST: usize = 256 * 1024;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(default)
}

fn away() -> Client {
    client("http://127.0.0.1:9").build().unwrap()
}

fn megabytes_a_second(bytes: u64, time: Duration) -> u64 {
    (bytes as f64 / 1e6 / time.as_secs_f64()) as u64
}

/// Writes and syncs requests of the usual size, as fast as the disk takes them.
fn bare(folder: &Path, bytes: u64) -> Duration {
    let mut file = std::fs::File::create(folder.join("bare")).unwrap();
    let request = vec![7; REQUEST];
    let start = Instant::now();
    for _ in 0..bytes / REQUEST as u64 {
        file.write_all(&request).unwrap();
        file.sync_data().unwrap();
    }
    let time = start.elapsed();
    std::fs::remove_file(folder.join("bare")).unwrap();
    time
}

/// Spools rows while the service is away; the time until all are spooled.
async fn spool(folder: &Path, level: SpoolLevel, bytes: u64) -> Duration {
    let stream = away().stream::<Row>().spool(folder).spool_level(level).max_spool_bytes(1 << 40).open().await.unwrap();
    let mut row = Row::padded(0, PAD);
    let start = Instant::now();
    let mut last = None;
    for n in 0..bytes / 120 {
        row.n = n;
        last = Some(stream.send(&row).await.unwrap());
    }
    stream.spooled(last.unwrap()).await.unwrap();
    let time = start.elapsed();
    drop(stream.close_within(Duration::ZERO).await);
    time
}

/// A server that counts rows, and acknowledges each request.
async fn counting(rows: Arc<AtomicU64>, first: Arc<std::sync::Mutex<Option<Instant>>>) -> Server {
    let server = Scripted::new(move |mut call: Call| {
        let (rows, first) = (Arc::clone(&rows), Arc::clone(&first));
        async move {
            call.create().await;
            while let Some(received) = call.batch().await {
                first.lock().unwrap().get_or_insert_with(Instant::now);
                rows.fetch_add(received.rows.len() as u64, Ordering::Relaxed);
                call.ack(received.offset).await;
            }
        }
    });
    server.start().await
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kb| kb.parse().ok()).unwrap_or(0)
}

async fn drain(folder: &Path) {
    let (rows, first) = (Arc::new(AtomicU64::new(0)), Arc::default());
    let server = counting(Arc::clone(&rows), Arc::clone(&first)).await;
    let start = Instant::now();
    let stream = server.client().stream::<Row>().spool(folder).max_spool_bytes(1 << 40).open().await.unwrap();
    let found = stream.stats().rows_recovered;
    let (mut most, mut most_kb) = (0, 0);
    let watch = async {
        loop {
            most = stream.stats().bytes_in_flight.max(most);
            most_kb = resident_kb().max(most_kb);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        report = stream.close() => drop(report.unwrap()),
        () = watch => {}
    }
    let time = start.elapsed();
    let begins = first.lock().unwrap().expect("a row came").duration_since(start);
    let sent = rows.load(Ordering::Relaxed);
    assert!(sent >= found, "{sent} of {found} rows came");
    println!("recovered rows            {found}");
    println!("first row at the server   {begins:?} after open");
    println!("drained in                {time:?}, {} rows/s", (sent as f64 / time.as_secs_f64()) as u64);
    println!("most bytes in memory      {} KiB of rows, {most_kb} KiB resident, server included", most / 1024);
}

/// A server for a client in another process.
async fn serve() {
    let server = counting(Arc::default(), Arc::default()).await;
    println!("{}", server.url);
    std::future::pending::<()>().await;
}

/// A client that sends rows of 120 bytes, with a spool if one is named.
async fn send(url: &str) {
    let stream = client(url).build().unwrap().stream::<Row>();
    let stream = match std::env::var("SPOOL_BENCH_SPOOL") {
        Ok(folder) => stream.spool(folder),
        Err(_) => stream,
    };
    let stream = stream.open().await.unwrap();
    let mut row = Row::padded(0, PAD);
    for n in 0..number("SPOOL_BENCH_ROWS", 100_000) {
        row.n = n;
        stream.send(&row).await.unwrap();
    }
    stream.close().await.unwrap();
}

fn main() {
    let one = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match std::env::var("SPOOL_BENCH_SIDE").as_deref() {
        Ok("server") => return one().block_on(serve()),
        Ok(url) => return one().block_on(send(url)),
        Err(_) => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let parent = std::env::var("SPOOL_BENCH_FOLDER").unwrap_or_else(|_| env!("CARGO_TARGET_TMPDIR").to_owned());
    let folder = tempfile::tempdir_in(parent).unwrap();
    let bytes = number("SPOOL_BENCH_MB", 200) * 1_000_000;
    for round in 0..3 {
        let of = |name: &str| folder.path().join(format!("{name}-{round}"));
        let bare = bare(folder.path(), bytes);
        let power = runtime.block_on(spool(&of("power"), SpoolLevel::Power, bytes));
        let process = runtime.block_on(spool(&of("process"), SpoolLevel::Process, bytes));
        let interval = SpoolLevel::Interval(Duration::from_secs(1));
        let interval = runtime.block_on(spool(&of("interval"), interval, bytes));
        println!(
            "MB/s: write and fdatasync {}, Power {}, Interval(1 s) {}, Process {}",
            megabytes_a_second(bytes, bare),
            megabytes_a_second(bytes, power),
            megabytes_a_second(bytes, interval),
            megabytes_a_second(bytes, process),
        );
        for name in ["power", "process", "interval"] {
            std::fs::remove_dir_all(of(name)).unwrap();
        }
    }
    let backlog = folder.path().join("backlog");
    runtime.block_on(spool(&backlog, SpoolLevel::Process, number("SPOOL_BENCH_BACKLOG_MB", 1000) * 1_000_000));
    runtime.block_on(drain(&backlog));
}

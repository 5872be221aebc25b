//! Steady load for minutes: small and large rows into eight tables, with connections that are reset.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::support::{Call, Credentials};
use super::{MIB, Program, open, reading, readings, sizes};

const TABLES: i64 = 8;
/// The chance that a request resets its connection.
const RESETS: &str = "reset chance=0.002";
const SAMPLE: Duration = Duration::from_secs(10);

/// What a writer has sent, and what was acknowledged.
#[derive(Default)]
struct Counts {
    sent: i64,
    acked: i64,
    resets: i64,
}

/// The load on one table.
struct Writer {
    credentials: Credentials,
    table: String,
    rows: Vec<Value>,
    pause: Duration,
}

impl Writer {
    /// Every second table takes single small rows, the others batches of large ones.
    fn new(credentials: Credentials, number: i64) -> Self {
        let table = format!("main.bench.{}", name(number));
        if number % 2 == 0 {
            return Self { credentials, table, rows: vec![reading(number)], pause: Duration::from_millis(100) };
        }
        let large = |id| {
            let mut row = reading(id);
            row["note"] = json!("the sensor was replaced, and its readings compared with its neighbour's; ".repeat(60));
            row
        };
        Self { credentials, table, rows: (0..50).map(large).collect(), pause: Duration::from_millis(500) }
    }

    /// Writes until the time is up; a stream that was cut is opened again.
    async fn run(self, end: Instant) -> Counts {
        let mut counts = Counts::default();
        let rows = i64::try_from(self.rows.len()).unwrap();
        let mut ticks = interval(self.pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while Instant::now() < end {
            let Ok(mut call) = Call::open(&self.credentials, &self.table, super::RecordType::Json, None).await else {
                counts.resets += 1;
                continue;
            };
            let mut offset = 0;
            while Instant::now() < end {
                ticks.tick().await;
                call.send_jsons(offset, &self.rows).await;
                counts.sent += rows;
                if call.next().await.is_err() {
                    counts.resets += 1;
                    break;
                }
                counts.acked += rows;
                offset += 1;
            }
        }
        counts
    }
}

fn name(number: i64) -> String {
    format!("soak_{number}")
}

/// The memory every ten seconds, a line a minute.
async fn watch(program: &Program, folder: &Path, minutes: i64) -> Vec<f64> {
    let mut samples = Vec::new();
    let mut ticks = interval(SAMPLE);
    ticks.tick().await;
    for minute in 1..=minutes {
        let from = samples.len();
        for _ in 0..6 {
            ticks.tick().await;
            samples.push(program.memory().0);
        }
        let (least, most) = range(&samples[from..]);
        let (_, all, files) = sizes(folder);
        println!("minute {minute}: memory {least:.0} to {most:.0} MiB, {files} files, {:.0} MiB", all as f64 / MIB);
    }
    samples
}

fn range(samples: &[f64]) -> (f64, f64) {
    samples.iter().fold((f64::MAX, 0.0), |(least, most), &sample| (least.min(sample), most.max(sample)))
}

fn mean(samples: &[f64]) -> f64 {
    samples.iter().sum::<f64>() / samples.len() as f64
}

/// The rows that the emulator counts in the tables.
fn stored(credentials: &Credentials) -> i64 {
    let rows = |number| {
        let url = format!("{}/emulator/tables/main.bench.{}", credentials.url, name(number));
        let body: Value = ureq::get(&url).call().unwrap().body_mut().read_json().unwrap();
        body["rows"].as_i64().unwrap()
    };
    (0..TABLES).map(rows).sum()
}

pub(super) async fn soak(minutes: i64) {
    let folder = tempfile::tempdir().unwrap();
    (0..TABLES).for_each(|number| readings(folder.path(), &name(number)));
    let program = Program::start(folder.path());
    drop(open(&program, "main.bench.soak_0").await);
    let faults = format!("{}/emulator/faults", program.credentials.url);
    ureq::post(&faults).header("x-zerobus-emulator", "1").send(RESETS).unwrap();
    let end = Instant::now() + Duration::from_secs(60 * u64::try_from(minutes).unwrap());
    let mut writers = JoinSet::new();
    for number in 0..TABLES {
        writers.spawn(Writer::new(program.credentials.clone(), number).run(end));
    }
    let samples = watch(&program, &folder.path().join("data"), minutes).await;
    let mut total = Counts::default();
    while let Some(counts) = writers.join_next().await {
        let counts = counts.unwrap();
        total.sent += counts.sent;
        total.acked += counts.acked;
        total.resets += counts.resets;
    }
    let stored = stored(&program.credentials);
    assert!(
        (total.acked..=total.sent).contains(&stored),
        "{} acked, {stored} stored, {} sent",
        total.acked,
        total.sent
    );
    let sixth = (samples.len() / 6).max(1);
    println!(
        "soak of {minutes} minutes: {} rows acked, {stored} stored, {} resets; memory by sixths of the time: {} MiB; at most {:.0} MiB",
        total.acked,
        total.resets,
        samples.chunks(sixth).map(|part| format!("{:.0}", mean(part))).collect::<Vec<_>>().join(", "),
        range(&samples).1,
    );
    program.stop();
}

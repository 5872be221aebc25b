//! At-least-once delivery over a bad network, and how stamps identify the resulting duplicates.
//!
//! The emulator, in this process, drops connections and acknowledgements, and the producer is stopped and started again
//! while rows are in flight. Every row is in the table, some more than once. All copies of a row have the same stamps,
//! so the view that `zerobus-codegen ddl --dedup` prints has each row once:
//!
//! ```console
//! cargo run -p duplicates-example
//! zerobus-codegen ddl --schemas examples/duplicates/schemas --config examples/duplicates/zerobus.toml --dedup
//! ```

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zerobus_emulator::Emulator;
use zerobus_runtime::{Client, ZerobusMessage};

zerobus_runtime::include_tables!();
use main::iot::Readings;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The folder of the emulator's tables and the stream's spool; every run starts with an empty one.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/duplicates");
const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/readings.sql");
const TABLE: &str = match Readings::TABLE {
    Some(table) => table,
    None => "",
};
const RUNS: u32 = 5;
const ROWS_PER_RUN: u32 = 1_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let data = PathBuf::from(DATA);
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    let emulator = Emulator::builder().ddl(SCHEMAS).data(data.join("tables")).seed(7).start().await?;
    emulator.inject("reset chance=0.02".parse()?);
    emulator.inject("ack-drop chance=0.2".parse()?);
    let client = Client::builder()
        .endpoint(emulator.url())
        .workspace_url(emulator.url())
        .credentials(emulator.client_id(), emulator.client_secret())
        .build()?;
    for run in 0..RUNS {
        if run + 1 == RUNS {
            emulator.clear_faults();
        }
        send_some(&client, &data.join("spool"), run).await?;
    }
    show(&emulator).await?;
    emulator.shutdown().await;
    Ok(())
}

/// One run of a producer. All runs but the last end before their rows are durable, and leave the rest in the spool.
async fn send_some(client: &Client, spool: &Path, run: u32) -> Result<(), Failure> {
    let stream = client
        .stream::<Readings>()
        .spool(spool)
        .producer("gateway-7")
        .max_batch_rows(20)
        .ack_timeout(Duration::from_millis(100))
        .backoff(Duration::from_millis(1), Duration::from_millis(10))
        .open()
        .await?;
    for number in 0..ROWS_PER_RUN {
        let celsius = Some(f64::from(number) / 10.0);
        stream.send(&Readings { device: format!("meter-{}", number % 10), celsius, ..Readings::default() }).await?;
    }
    if run + 1 == RUNS {
        stream.close().await?;
    } else if let Err(error) = stream.close_within(Duration::from_millis(200)).await {
        eprintln!("run {run}: {error}");
    }
    Ok(())
}

/// Counts the rows in the table, and the distinct stamps.
async fn show(emulator: &Emulator) -> Result<(), Failure> {
    let rows = emulator.rows(TABLE).await?;
    let stamps: HashSet<_> =
        rows.iter().map(|row| ["producer", "epoch", "sequence"].map(|name| row[name].to_string())).collect();
    println!("rows sent          {}", RUNS * ROWS_PER_RUN);
    println!("rows in the table  {}", rows.len());
    println!("rows by stamps     {}", stamps.len());
    println!("the table          {}", emulator.table_path(TABLE).ok_or("the emulator has no such table")?.display());
    Ok(())
}

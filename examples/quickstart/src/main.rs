//! Sends a week of real earthquakes to a Delta table, using types that `build.rs` generated from the table's schema.
//!
//! By default it runs against the emulator, in this process. With `ZEROBUS_SERVER_ENDPOINT`,
//! `DATABRICKS_WORKSPACE_URL`, `DATABRICKS_CLIENT_ID` and `DATABRICKS_CLIENT_SECRET` set, it writes to a real
//! workspace.

mod facts;
mod feed;

use std::path::PathBuf;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use zerobus_emulator::Emulator;
use zerobus_runtime::{Client, ZerobusMessage};

zerobus_runtime::include_tables!();
use main::geo::Earthquakes;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The folder of the emulator's tables; every run starts with an empty one.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/quickstart");
const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas");
const TABLE: &str = match Earthquakes::TABLE {
    Some(table) => table,
    None => "",
};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    if std::env::var_os("ZEROBUS_SERVER_ENDPOINT").is_some() {
        send_all(&Client::from_env()?).await?;
        println!("ask the workspace   SELECT count(*), min(time), max(time) FROM {TABLE}");
        return Ok(());
    }
    let emulator = start_emulator().await?;
    let client = Client::builder()
        .endpoint(emulator.url())
        .workspace_url(emulator.url())
        .credentials(emulator.client_id(), emulator.client_secret())
        .build()?;
    send_all(&client).await?;
    show_table(&emulator).await?;
    emulator.shutdown().await;
    Ok(())
}

async fn start_emulator() -> Result<Emulator, Failure> {
    let data = PathBuf::from(DATA);
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    Ok(Emulator::builder().schemas(SCHEMAS).data(data).start().await?)
}

/// Sends every event of the feed and closes the stream; then every row is durable.
async fn send_all(client: &Client) -> Result<(), Failure> {
    let rows = feed::rows()?;
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} rows")?;
    let progress = ProgressBar::new(rows.len() as u64).with_style(style);
    let start = Instant::now();
    let stream = client.stream::<Earthquakes>().open().await?;
    for row in &rows {
        stream.send(row).await?;
        progress.inc(1);
    }
    let report = stream.close().await?;
    let elapsed = start.elapsed();
    progress.finish();
    println!("rows sent          {}", rows.len());
    println!("rows durable       {}", report.rows);
    println!("rows/s             {}", rows.len() as u128 * 1_000_000 / elapsed.as_micros().max(1));
    Ok(())
}

/// Reads the table back, and prints how to read it with other tools.
async fn show_table(emulator: &Emulator) -> Result<(), Failure> {
    let path = emulator.table_path(TABLE).ok_or("the emulator has no such table")?.canonicalize()?;
    println!("{}", facts::Facts::of(&emulator.rows(TABLE).await?)?);
    let path = path.display();
    println!("the table          {path}");
    println!("open it in DuckDB  duckdb -c \"SELECT * FROM delta_scan('{path}') LIMIT 5\"");
    println!(
        "or in Python       python -c \"import deltalake; print(deltalake.DeltaTable('{path}').to_pyarrow_table())\""
    );
    Ok(())
}

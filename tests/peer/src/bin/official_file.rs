//! The official client with a file of JSON lines: a minimal producer that sends a thousand rows per call.
//!
//! It checks nothing: each line is sent unchanged.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use databricks_zerobus_ingest_sdk::{JsonString, ZerobusSdk};
use zerobus_peer::Failure;
use zerobus_peer::headers::Headers;

const BATCH: usize = 1000;

/// The file, the table and the server.
#[derive(Parser)]
struct Arguments {
    url: String,
    table: String,
    file: PathBuf,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let Arguments { url, table, file } = Arguments::parse();
    let table: &'static str = table.leak();
    let sdk = ZerobusSdk::builder().endpoint(&url).build()?;
    let builder = sdk.stream_builder().table(table).headers_provider(Arc::new(Headers(table)));
    let mut stream = builder.json().build().await?;
    let mut lines = BufReader::with_capacity(256 * 1024, File::open(file)?).lines();
    let mut rows = 0;
    loop {
        let batch = lines.by_ref().take(BATCH).collect::<Result<Vec<_>, _>>()?;
        if batch.is_empty() {
            break;
        }
        rows += batch.len();
        stream.ingest_records_offset(batch.into_iter().map(JsonString)).await?;
    }
    stream.flush().await?;
    stream.close().await?;
    println!("{rows} rows");
    Ok(())
}

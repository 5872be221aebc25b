//! The program `zerobus-emulator`: a thin door over the library.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use zerobus_emulator::{Emulator, Fault, Limits, StartError};

/// Unity Catalog and Zerobus on this machine, writing Delta tables.
///
/// Prints on standard output what a client's shell has to export, and a line that starts with `# ready` once it
/// listens. SIGTERM and SIGINT end it after everything that has arrived is stored.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// A table's JSON, or a folder of such files (`zerobus-codegen fetch catalog.schema.table` writes them).
    #[arg(long, required = true)]
    schemas: Vec<PathBuf>,
    /// Where the Delta tables stand; without it rows are kept in memory.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The port of 127.0.0.1; 0 is a free one.
    #[arg(long, default_value_t = 8471)]
    port: u16,
    /// The client that gets tokens.
    #[arg(long, env = "DATABRICKS_CLIENT_ID", default_value = "zerobus-emulator")]
    client_id: String,
    /// The client's secret; by chance if it is not given.
    #[arg(long, env = "DATABRICKS_CLIENT_SECRET", hide_env_values = true)]
    client_secret: Option<String>,
    /// Misbehaviour, such as `reset after=3 times=2`, `ack-delay=50ms`, `status=UNAVAILABLE/6006 chance=0.1`; more can be
    /// posted to /emulator/faults while the emulator runs.
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<Fault>,
    /// The seed of faults that strike by chance; by chance itself if it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// After how many seconds a stream is asked to close.
    #[arg(long, default_value_t = 900)]
    stream_lifetime_s: u64,
    /// How many seconds a token is good.
    #[arg(long, default_value_t = 3600)]
    token_lifetime_s: u64,
    /// How many milliseconds a commit waits for more rows.
    #[arg(long, default_value_t = 2)]
    linger_ms: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("zerobus_emulator=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = std::error::Error::source(&*error);
            while let Some(cause) = source {
                eprintln!("  caused by: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let emulator = start(arguments).await?;
    println!("export DATABRICKS_HOST={}", emulator.url());
    println!("export DATABRICKS_WORKSPACE_URL={}", emulator.url());
    println!("export ZEROBUS_SERVER_ENDPOINT={}", emulator.url());
    println!("export DATABRICKS_CLIENT_ID={}", emulator.client_id());
    println!("export DATABRICKS_CLIENT_SECRET={}", emulator.client_secret());
    println!("# ready on {}, {} tables", emulator.url(), emulator.tables().count());
    stop_signal().await?;
    tracing::info!("stopping");
    emulator.shutdown().await;
    Ok(())
}

async fn start(arguments: Arguments) -> Result<Emulator, StartError> {
    let mut limits = Limits::default();
    limits.stream_lifetime = Duration::from_secs(arguments.stream_lifetime_s);
    limits.token_lifetime = Duration::from_secs(arguments.token_lifetime_s);
    let linger = Duration::from_millis(arguments.linger_ms);
    let mut builder =
        Emulator::builder().port(arguments.port).client_id(arguments.client_id).linger(linger).limits(limits);
    builder = arguments.schemas.into_iter().fold(builder, zerobus_emulator::Builder::schemas);
    builder = arguments.faults.into_iter().fold(builder, zerobus_emulator::Builder::fault);
    if let Some(path) = arguments.data {
        builder = builder.data(path);
    }
    if let Some(secret) = arguments.client_secret.filter(|secret| !secret.is_empty()) {
        builder = builder.client_secret(secret);
    }
    if let Some(seed) = arguments.seed {
        builder = builder.seed(seed);
    }
    builder.start().await
}

async fn stop_signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

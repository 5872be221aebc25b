//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::{Builder, Emulator, Fault, Limits, TokenOperations};

/// Unity Catalog and Zerobus on this machine, writing Delta tables.
///
/// Prints on standard output what a client's shell has to export, and a line that starts with `# ready` once it
/// listens. SIGTERM and SIGINT end it after everything that has arrived is stored.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    /// A table's JSON, or a folder of such files (`zerobus-codegen fetch catalog.schema.table` writes them); may be
    /// given more than once. Without this and `--ddl` it is the folder `schemas`.
    #[arg(long, global = true, value_name = "PATH")]
    schemas: Vec<PathBuf>,
    /// A file of CREATE TABLE statements in Databricks SQL; may be given more than once.
    #[arg(long, global = true, value_name = "FILE")]
    ddl: Vec<PathBuf>,
    /// Where the Delta tables stand; without it rows are kept in memory.
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// The port of 127.0.0.1; 0 is a free one, which is what `exec` takes unless told otherwise.
    #[arg(long, global = true)]
    port: Option<u16>,
    /// Serves HTTPS beside HTTP, with certificates that are kept in this folder and made there at first.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(super) tls: Option<PathBuf>,
    /// The client that gets tokens.
    #[arg(long, global = true, default_value = "zerobus-emulator")]
    client_id: String,
    /// The client's secret; by chance if it is not given.
    #[arg(long, global = true, env = "ZEROBUS_EMULATOR_CLIENT_SECRET", hide_env_values = true)]
    client_secret: Option<String>,
    /// Misbehaviour, such as `reset after=3 times=2`, `ack-delay=50ms`, `status=UNAVAILABLE/6006 chance=0.1`; may be
    /// given more than once, and more can be posted to /emulator/faults while the emulator runs.
    #[arg(long = "fault", global = true, value_name = "FAULT")]
    faults: Vec<Fault>,
    /// The seed of faults that strike by chance; by chance itself if it is not given.
    #[arg(long, global = true)]
    seed: Option<u64>,
    /// After how many seconds a stream is asked to close.
    #[arg(long, global = true, default_value_t = 900, value_name = "SECONDS")]
    stream_lifetime: u64,
    /// How many seconds a token is good.
    #[arg(long, global = true, default_value_t = 3600, value_name = "SECONDS")]
    token_lifetime: u64,
    /// Refuses tokens to clients that do not ask for the operation `zerobuswrite`, as old ones do not.
    #[arg(long, global = true)]
    require_operations: bool,
    /// How many milliseconds a commit waits for more rows.
    #[arg(long, global = true, default_value_t = 2, value_name = "MILLISECONDS")]
    linger: u64,
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum Command {
    /// Runs a command with the environment set, and ends with its exit code.
    Exec {
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

/// The port that the documentation names.
const PORT: u16 = 8471;

const EXAMPLES: &str = "\
Examples:
  zerobus-emulator --schemas schemas --data data
  zerobus-emulator exec --schemas schemas -- cargo test
  zerobus-emulator --fault 'reset after=3' --fault 'ack-delay=50ms chance=0.2' --seed 7";

impl Arguments {
    pub(super) fn builder(self) -> Builder {
        let limits = Limits {
            stream_lifetime: Duration::from_secs(self.stream_lifetime),
            token_lifetime: Duration::from_secs(self.token_lifetime),
            token_operations: if self.require_operations {
                TokenOperations::Required
            } else {
                TokenOperations::Optional
            },
            ..Limits::default()
        };
        let port = self.port.unwrap_or(if self.command.is_some() { 0 } else { PORT });
        let mut builder = Emulator::builder()
            .port(port)
            .client_id(self.client_id)
            .linger(Duration::from_millis(self.linger))
            .limits(limits);
        if self.schemas.is_empty() && self.ddl.is_empty() {
            builder = builder.schemas("schemas");
        }
        builder = self.schemas.into_iter().fold(builder, Builder::schemas);
        builder = self.ddl.into_iter().fold(builder, Builder::ddl);
        builder = self.faults.into_iter().fold(builder, Builder::fault);
        if let Some(path) = self.data {
            builder = builder.data(path);
        }
        if let Some(folder) = self.tls {
            builder = builder.tls(folder);
        }
        if let Some(secret) = self.client_secret.filter(|secret| !secret.is_empty()) {
            builder = builder.client_secret(secret);
        }
        if let Some(seed) = self.seed {
            builder = builder.seed(seed);
        }
        builder
    }
}

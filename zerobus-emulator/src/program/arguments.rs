//! The command line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::conformance;
use crate::{Builder, Emulator, Fault, Limits, Profile, TokenOperations};

/// Unity Catalog and Zerobus on this machine, writing Delta tables.
///
/// Prints on standard output what a client's shell has to export, and a line that starts with `# ready` once it
/// listens. SIGTERM and SIGINT end it after everything that has arrived is stored.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) serve: Serve,
    /// Continues in the background once the emulator is ready, and exports `ZEROBUS_EMULATOR_PID` for `kill`.
    #[arg(long)]
    pub(super) detach: bool,
    /// The log file of an emulator in the background; a new file in the temporary folder if omitted.
    #[arg(long, value_name = "FILE", requires = "detach")]
    pub(super) log: Option<PathBuf>,
}

/// The options of an emulator.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// A table's JSON, or a folder of such files (`zerobus-codegen fetch catalog.schema.table` writes them); may be
    /// given more than once. Without this and `--ddl` it is the folder `schemas`.
    #[arg(long, value_name = "PATH")]
    schemas: Vec<PathBuf>,
    /// A file of CREATE TABLE statements in Databricks SQL; may be given more than once.
    #[arg(long, value_name = "FILE")]
    ddl: Vec<PathBuf>,
    /// The folder of the Delta tables; rows are kept in memory if omitted.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// `fast` acks rows once they are in their table; `service` acks them after about 150 ms, commits them to the table
    /// some seconds later, and has the quotas of the service.
    #[arg(long, value_enum, default_value_t = ProfileName::Fast)]
    profile: ProfileName,
    /// With `--profile service`, the milliseconds between the ack of a row and its commit to the table.
    #[arg(long, default_value_t = 4500, value_name = "MILLISECONDS")]
    commit_interval: u64,
    /// The address to listen on. On one that other machines can reach, as containers need (`0.0.0.0`), requests for any
    /// host name are served, and the page and the control paths require a token.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: IpAddr,
    /// The token of the page and the control paths. If omitted it is random with `--host`; without, none is required.
    #[arg(long, env = "ZEROBUS_EMULATOR_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The port; 0 picks a free one, which is the default of `exec`.
    #[arg(long)]
    port: Option<u16>,
    /// Serves HTTPS beside HTTP. The certificates are kept in this folder, and created if missing.
    #[arg(long, value_name = "FOLDER")]
    pub(super) tls: Option<PathBuf>,
    /// Writes a client's environment to this file once the emulator is ready, one `NAME=value` per line. The file is
    /// removed when the emulator ends.
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Option<PathBuf>,
    /// The client that gets tokens.
    #[arg(long, default_value = "zerobus-emulator")]
    client_id: String,
    /// The client's secret; random if omitted.
    #[arg(long, env = "ZEROBUS_EMULATOR_CLIENT_SECRET", hide_env_values = true)]
    client_secret: Option<String>,
    /// A token that is always valid, for every table and for the tables API. For clients whose headers are set by the
    /// test.
    #[arg(long, value_name = "TOKEN")]
    fixed_token: Option<String>,
    /// Another client that gets tokens, as `ID:SECRET`; may be given more than once.
    #[arg(long = "principal", value_name = "ID:SECRET", value_parser = principal)]
    principals: Vec<(String, String)>,
    /// A file of GRANT statements; may be given more than once. Principals have the granted privileges and no others.
    /// Without it every principal may write to every table.
    #[arg(long, value_name = "FILE")]
    grants: Vec<PathBuf>,
    /// A client without the entitlement Workspace access: its streams and rows are refused; may be given more than
    /// once.
    #[arg(long, value_name = "ID")]
    without_workspace_access: Vec<String>,
    /// A fault, such as `reset after=3 times=2`, `ack-delay=50ms`, `status=UNAVAILABLE/6006 chance=0.1`; may be given
    /// more than once. Further faults can be posted to /emulator/faults while the emulator runs.
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<Fault>,
    /// The seed of faults that strike at random; random if omitted.
    #[arg(long)]
    seed: Option<u64>,
    /// The seconds after which a stream is asked to close.
    #[arg(long, default_value_t = 900, value_name = "SECONDS")]
    stream_lifetime: u64,
    /// How long a token is valid.
    #[arg(long, default_value_t = 3600, value_name = "SECONDS")]
    token_lifetime: u64,
    /// Refuses tokens to clients that do not request the operation `zerobuswrite`; old clients do not.
    #[arg(long)]
    require_operations: bool,
    /// The longest time that a commit waits for more rows, in milliseconds. The wait adapts: a client that waits for
    /// each ack is not delayed.
    #[arg(long, default_value_t = 20, value_name = "MILLISECONDS")]
    linger: u64,
    /// The memory for rows that are not committed yet, in MiB; streams wait while it is exhausted.
    #[arg(long, default_value_t = 128, value_name = "MIB")]
    memory: usize,
    /// How long old versions of a table stay readable, for time travel. If omitted, they stay long enough for running
    /// queries.
    #[arg(long, value_name = "SECONDS")]
    history: Option<u64>,
    /// How many partitions of a table may be written within five seconds; no limit unless given.
    #[arg(long, value_name = "NUMBER")]
    partitions_per_table: Option<usize>,
}

/// [`Profile`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProfileName {
    Fast,
    Service,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Fast => Self::Fast,
            ProfileName::Service => Self::Service,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Probes an endpoint for every rule of the service that a client can observe.
    ///
    /// The endpoint comes from the environment, as for every client: `ZEROBUS_SERVER_ENDPOINT`,
    /// `DATABRICKS_WORKSPACE_URL`, `DATABRICKS_CLIENT_ID`, `DATABRICKS_CLIENT_SECRET`. The report compares the endpoint
    /// with the emulator; it contains no secret and no name of the workspace. The exit code is 0 if they agree, 1 if
    /// something differs, 2 if nothing could be probed.
    #[command(after_help = conformance::EXAMPLES)]
    Conformance(conformance::Options),
    /// Exits with 0 if a running emulator is ready. For the health check of a container.
    Health {
        /// Where the emulator listens.
        #[arg(long, default_value = "http://127.0.0.1:8471")]
        url: String,
    },
    /// Runs a command with the client's environment, and exits with its exit code.
    Exec {
        #[command(flatten)]
        serve: Box<Serve>,
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

/// The port that the documentation names.
pub(super) const PORT: u16 = 8471;

const EXAMPLES: &str = "\
Examples:
  zerobus-emulator --schemas schemas --data data
  eval \"$(zerobus-emulator --schemas schemas --detach)\"
  zerobus-emulator exec --schemas schemas -- cargo test
  zerobus-emulator --fault 'reset after=3' --fault 'ack-delay=50ms chance=0.2' --seed 7";

fn principal(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((id, secret)) if !id.is_empty() && !secret.is_empty() => Ok((id.to_owned(), secret.to_owned())),
        // The text itself may contain a secret.
        _ => Err("a principal is an id and a secret, with a colon in between".to_owned()),
    }
}

impl Serve {
    /// An emulator of these options; `port` is the default.
    pub(super) fn builder(self, port: u16) -> Builder {
        let limits = Limits {
            partitions_per_table: self.partitions_per_table,
            stream_lifetime: Duration::from_secs(self.stream_lifetime),
            token_lifetime: Duration::from_secs(self.token_lifetime),
            token_operations: if self.require_operations {
                TokenOperations::Required
            } else {
                TokenOperations::Optional
            },
            ..Limits::default()
        };
        let mut builder = Emulator::builder()
            .address(SocketAddr::new(self.host, self.port.unwrap_or(port)))
            .client_id(self.client_id)
            .profile(self.profile.into())
            .commit_interval(Duration::from_millis(self.commit_interval))
            .linger(Duration::from_millis(self.linger))
            .memory(self.memory.saturating_mul(1 << 20))
            .limits(limits);
        if self.schemas.is_empty() && self.ddl.is_empty() {
            builder = builder.schemas("schemas");
        }
        builder = self.schemas.into_iter().fold(builder, Builder::schemas);
        builder = self.ddl.into_iter().fold(builder, Builder::ddl);
        builder = self.grants.into_iter().fold(builder, Builder::grants);
        builder = self.without_workspace_access.into_iter().fold(builder, Builder::without_workspace_access);
        builder = self.principals.into_iter().fold(builder, |builder, (id, secret)| builder.principal(id, secret));
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
        if let Some(token) = self.fixed_token.filter(|token| !token.is_empty()) {
            builder = builder.fixed_token(token);
        }
        if let Some(token) = self.token.filter(|token| !token.is_empty()) {
            builder = builder.control_token(token);
        }
        if let Some(seconds) = self.history {
            builder = builder.history(Duration::from_secs(seconds));
        }
        if let Some(seed) = self.seed {
            builder = builder.seed(seed);
        }
        builder
    }
}

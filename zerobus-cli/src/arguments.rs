//! The commands, their arguments and their help.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use zerobus_codegen::TableName;
use zerobus_runtime::dynamic::TimeUnit;

/// Send files to Databricks tables through Zerobus.
///
/// `doctor` finds out why rows do not arrive; `send` sends the rows of NDJSON, CSV, Parquet and Arrow files to a table;
/// `replay` sends rows again that were refused or returned.
#[derive(Debug, Parser)]
#[command(
    name = "zerobus",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  zerobus doctor main.geo.earthquakes                        what is wrong, and what to do
  zerobus send main.geo.earthquakes quakes.ndjson            rows of a file
  zcat quakes.csv.gz | zerobus send main.geo.earthquakes - --format csv
  zerobus replay dead.ndjson                                 again, after the cause is fixed

The environment sets the addresses and the credentials:
  ZEROBUS_SERVER_ENDPOINT   <workspace-id>.zerobus.<region>.cloud.databricks.com
  DATABRICKS_HOST           https://<instance>.cloud.databricks.com (or DATABRICKS_WORKSPACE_URL)
  DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET   a service principal; or a profile of ~/.databrickscfg"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print only errors, warnings and the requested output.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Doctor(Doctor),
    Replay(Replay),
    Send(Send),
    #[cfg(feature = "codegen")]
    #[command(flatten)]
    Codegen(zerobus_codegen::cli::Command),
    Emulator(Emulator),
    Completions(Completions),
    Man(Man),
}

/// Reads the arguments of the process; exits if they are invalid or ask for help.
pub(crate) fn parse() -> Arguments {
    let mut command = program();
    let mut matches = command.get_matches_mut();
    match Arguments::from_arg_matches_mut(&mut matches) {
        Ok(arguments) => arguments,
        Err(error) => error.format(&mut command).exit(),
    }
}

/// The arguments that the program accepts.
pub(crate) fn program() -> clap::Command {
    let program = Arguments::command();
    #[cfg(feature = "codegen")]
    let program = with_own_name(program);
    program
}

/// A text of `zerobus-codegen` that names a command, with the command of this program.
#[cfg(feature = "codegen")]
pub(crate) fn with_own_commands(text: &str) -> String {
    text.replace("`zerobus-codegen ", "`zerobus ")
}

/// Puts this program's name into the examples of the commands of `zerobus-codegen`.
#[cfg(feature = "codegen")]
fn with_own_name(command: clap::Command) -> clap::Command {
    command.mut_subcommands(|command| match command.get_after_help().map(ToString::to_string) {
        Some(help) => command.after_help(help.replace("zerobus-codegen ", "zerobus ")),
        None => command,
    })
}

/// Find out why rows do not arrive: environment, network, credentials, grants, table.
///
/// It changes nothing. Each layer is one line: what was found and, if it fails, a command that fixes it or shows more.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  zerobus doctor                                   the setup alone
  zerobus doctor main.geo.earthquakes              and the table
  zerobus doctor main.geo.earthquakes --open       and a stream, opened and closed
  zerobus doctor main.geo.earthquakes --schemas schemas --json

Exit codes:
  0  nothing fails
  1  a layer fails")]
pub(crate) struct Doctor {
    /// The table: catalog.schema.table.
    pub(crate) table: Option<TableName>,
    /// A folder of snapshots, or a single one, to compare the table with; may be given more than once.
    #[arg(long, value_name = "PATH")]
    pub(crate) schemas: Vec<PathBuf>,
    /// Open a stream as well, and close it without a row.
    #[arg(long, requires = "table")]
    pub(crate) open: bool,
    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) login: Login,
}

/// The addresses of workspace and service, and the credentials.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The workspace's URL, instead of `DATABRICKS_HOST`.
    #[arg(long, value_name = "URL")]
    pub(crate) host: Option<String>,
    /// The profile of ~/.databrickscfg, instead of `DATABRICKS_CONFIG_PROFILE`.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The address of the service, instead of `ZEROBUS_SERVER_ENDPOINT`.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) endpoint: Option<String>,
    /// A certificate authority to trust besides the system's: a PEM file.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// Send the rows of files to a table.
///
/// NDJSON has one JSON object per line; CSV has a header of column names; Parquet and Arrow files name their own
/// columns. Names are compared without regard to case. Files compressed with gzip or zstd are recognised. Rows are
/// checked against the table before they are sent.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  zerobus send main.geo.earthquakes quakes.ndjson
  zerobus send main.geo.earthquakes 'days/*.csv.gz' --dead-letters dead.ndjson --max-rejected 100
  zerobus send main.nyc.trips 'trips/*.parquet'
  zerobus send main.geo.earthquakes quakes.ndjson --checkpoint quakes.state      continues after a kill
  tail -f app.ndjson | zerobus send main.logs.app - --spool spool
  zerobus send main.geo.earthquakes quakes.ndjson --ddl tables.sql               without the catalog

What a column accepts:
  TIMESTAMP  RFC 3339, or 2026-01-31 12:00:00.5, which is UTC; an integer with --time-unit
  DATE       2026-01-31              DECIMAL  digits, read exactly
  BINARY     base64                  VARIANT, STRUCT, ARRAY, MAP  JSON, also in a CSV cell
An empty CSV cell is NULL; in a NOT NULL column of text it is the empty text.

Exit codes:
  0  every row is durable
  1  it failed; rows that are not durable are counted and, with --dead-letters, kept
  3  some rows were refused, and all others are durable")]
pub(crate) struct Send {
    /// The table: catalog.schema.table.
    pub(crate) table: TableName,
    /// Files, or patterns of files; `-` is standard input, which is also the default.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// The format of the files; by default it follows from their names (.ndjson, .jsonl, .json, .csv, .tsv, .parquet,
    /// .parq, .arrow, .arrows, .ipc, .feather).
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) rows: Rows,
    #[command(flatten)]
    pub(crate) cells: Cells,
    /// Append refused rows to this file, one per line.
    #[arg(long, value_name = "FILE")]
    pub(crate) dead_letters: Option<PathBuf>,
    /// How many rows may be refused before the command stops.
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    pub(crate) max_rejected: u64,
    /// Record in this file how many rows are durable; the same command continues from there.
    ///
    /// A last row without a line end is sent as it is. If the file grows there, the next run sends the whole row.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Keep rows in this folder until they are durable; the next run first sends what a killed run left there.
    ///
    /// This is for standard input, which cannot be read twice; for files use --checkpoint.
    #[arg(long, value_name = "DIR", conflicts_with = "checkpoint")]
    pub(crate) spool: Option<PathBuf>,
    /// How long rows may take to become durable after Ctrl-C or SIGTERM.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) grace: Duration,
    /// The number of streams; with more than one, the rows of a file may arrive out of order.
    #[arg(long, value_name = "STREAMS", default_value = "1", value_parser = lanes)]
    pub(crate) lanes: NonZeroUsize,
    /// The maximum number of rows to send per second.
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,
    /// Print the receipt as one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) login: Login,
}

/// The source of the schema, and how rows are matched with it.
#[derive(Debug, Args)]
pub(crate) struct Rows {
    /// A folder of snapshots, or a single one, instead of the catalog; may be given more than once.
    #[arg(long, value_name = "PATH")]
    pub(crate) schemas: Vec<PathBuf>,
    /// A file of CREATE TABLE statements instead of the catalog; may be given more than once.
    #[arg(long, value_name = "FILE")]
    pub(crate) ddl: Vec<PathBuf>,
    /// The unit of times that are integers; without it such times are refused.
    #[arg(long, value_enum, value_name = "UNIT")]
    pub(crate) time_unit: Option<Unit>,
    /// Drop values that have no column in the table, instead of refusing the row.
    #[arg(long)]
    pub(crate) ignore_unknown: bool,
}

/// The heading of [`Cells`] in the help; `next_help_heading` would also apply to every option after them.
const CSV: &str = "Options of CSV";

/// How CSV cells are written.
#[derive(Debug, Args)]
pub(crate) struct Cells {
    /// The separator between cells; by default the most frequent one in the header: `,`, `;`, a tab or `|`.
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter, help_heading = CSV)]
    pub(crate) delimiter: Option<u8>,
    /// Read a comma as the decimal mark: 1,5.
    #[arg(long, help_heading = CSV)]
    pub(crate) decimal_comma: bool,
    /// A text that means NULL, besides the empty cell: `NULL`, `\N`.
    #[arg(long, value_name = "TEXT", help_heading = CSV)]
    pub(crate) null: Option<String>,
}

/// Send rows again that were refused or returned, after the cause is fixed.
///
/// The file was written by `send --dead-letters` or `Undelivered::write_to`. Rows that become durable are removed from
/// it; rows that fail again stay. Rows that the file holds only in part (`partial`) are not sent: send them from their
/// source. A row that was sent before and not acknowledged may be in the table twice; the receipt counts these. A run that
/// is killed leaves the file as it was, so the next one sends all of its rows again.
///
/// If the table's columns have changed since, rows are sent by the names of their columns. To mend a row by hand, edit
/// `json` and remove `row`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  zerobus replay dead.ndjson
  zerobus replay dead.ndjson --time-unit millis

Exit codes:
  0  every row is durable, and the file is empty
  1  it failed
  3  some rows were refused again and stay in the file")]
pub(crate) struct Replay {
    /// The file.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) rows: Rows,
    /// How long rows may take to become durable after Ctrl-C or SIGTERM.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) grace: Duration,
    /// Print the receipt as one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) login: Login,
}

/// Emulate Unity Catalog and Zerobus on this machine; runs the program `zerobus-emulator`, if it is installed.
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    after_help = "\
Examples:
  zerobus emulator --help
  zerobus emulator exec --ddl tables.sql -- zerobus send main.geo.earthquakes quakes.ndjson"
)]
pub(crate) struct Emulator {
    /// The arguments of `zerobus-emulator`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    pub(crate) arguments: Vec<OsString>,
}

/// Print a script that completes this program's arguments in a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  zerobus completions bash > ~/.local/share/bash-completion/completions/zerobus
  zerobus completions zsh > ~/.zfunc/_zerobus")]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Print the manual page of this program or of one of its commands.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  zerobus man > zerobus.1
  zerobus man send | man -l -")]
pub(crate) struct Man {
    /// The command.
    pub(crate) command: Option<String>,
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Arrow IPC, as a file or as a stream.
    #[cfg(feature = "parquet")]
    Arrow,
    /// Cells of text below a header.
    Csv,
    /// One JSON object per line.
    Ndjson,
    /// Parquet.
    #[cfg(feature = "parquet")]
    Parquet,
}

/// The unit of a time that is an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unit {
    /// Microseconds.
    Micros,
    /// Milliseconds.
    Millis,
    /// Nanoseconds.
    Nanos,
    /// Seconds.
    Secs,
}

impl From<Unit> for TimeUnit {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::Micros => Self::Micros,
            Unit::Millis => Self::Millis,
            Unit::Nanos => Self::Nanos,
            Unit::Secs => Self::Secs,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn lanes(text: &str) -> Result<NonZeroUsize, String> {
    let lanes = text.parse().ok().filter(|lanes: &NonZeroUsize| lanes.get() <= 64);
    lanes.ok_or_else(|| "expected a number from 1 to 64".to_owned())
}

fn delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("\\t" | "tab", _) => Ok(b'\t'),
        (_, [byte]) if byte.is_ascii() => Ok(*byte),
        _ => Err("expected one ASCII character, or `tab`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        program().debug_assert();
    }
}

//! The commands, their arguments and their help.

mod judging;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::{Error, Files, Flavor, Options, Policy, Skip, StampedColumns, TablePattern, Visibility};
pub use judging::Verbosity;
pub(super) use judging::{Format, Judging, ReportFormat};

/// Generate Rust types and protobuf descriptors for Zerobus from Unity Catalog tables.
///
/// A snapshot of a table's schema lives in your repository; builds read it offline. `fetch` writes it, `build.rs` or
/// `generate` generates code from it, and `check` detects in CI when table, snapshot and code differ.
#[derive(Debug, Parser)]
#[command(
    name = "zerobus-codegen",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  zerobus-codegen fetch main.geo.earthquakes --out schemas                take a snapshot
  zerobus-codegen generate --schemas schemas --rust-out src/generated     generate code from it
  zerobus-codegen check --schemas schemas --live                          in CI: has the table drifted?
  zerobus-codegen ddl --schemas schemas                                   create the table elsewhere

Each command's --help has more."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: ProgramCommand,
    /// Print only errors, warnings and the requested output.
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum ProgramCommand {
    #[command(flatten)]
    OfTables(Box<Command>),
    Completions(Completions),
    Man(Man),
}

/// The commands for tables, which another program can add to its own: clap flattens them.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
#[expect(missing_docs, reason = "clap would print a variant's docs in place of those of its arguments")]
pub enum Command {
    Check(Check),
    Ddl(Ddl),
    Diff(Diff),
    Fetch(Fetch),
    Generate(Generate),
}

/// Write snapshots of tables from a catalog into a folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  zerobus-codegen fetch main.geo.earthquakes --out schemas
  zerobus-codegen fetch 'main.geo.*' main.sales.orders       every table of a schema, and one more
  zerobus-codegen fetch 'main.*'                             every table of a catalog
  zerobus-codegen fetch main.geo.earthquakes --host http://127.0.0.1:8080
  zerobus-codegen fetch 'main.geo.*' --prune                 also remove snapshots of dropped tables
  zerobus-codegen fetch 'main.geo.*' --prune --check         in CI: is every snapshot up to date?

Tables of a pattern that Zerobus cannot write to are left out with a note. A name or pattern that matches no table
is an error.

The host may be copied from a browser; its ?o= sets the workspace's id, as does DATABRICKS_WORKSPACE_ID. HTTPS_PROXY, HTTP_PROXY,
ALL_PROXY and NO_PROXY are read.

Exit codes:
  0  every snapshot is written, or with --check matches the catalog
  1  an error, or with --check a snapshot that differs

Credentials; the first of these that is set:
  DATABRICKS_TOKEN                                    a token
  DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET   a service principal, by OAuth
  --profile NAME or DATABRICKS_CONFIG_PROFILE         a profile of ~/.databrickscfg
  [DEFAULT] of ~/.databrickscfg")]
pub struct Fetch {
    /// The tables: catalog.schema.table, catalog.schema.* or catalog.*.
    #[arg(required = true, value_name = "NAME")]
    pub(super) names: Vec<TablePattern>,
    /// The output folder, with one file per table: `<catalog.schema.table>.json`.
    #[arg(long, value_name = "DIR", default_value = "schemas")]
    pub(super) out: PathBuf,
    /// Write nothing; fail if a snapshot differs from the catalog.
    #[arg(long)]
    pub(super) check: bool,
    /// Remove snapshots that match a name or pattern and whose table no longer exists.
    #[arg(long)]
    pub(super) prune: bool,
    /// The format of the output.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(super) format: ReportFormat,
    #[command(flatten)]
    pub(super) config: Config,
    #[command(flatten)]
    pub(super) login: Login,
}

/// Print a script that completes this program's arguments in a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  zerobus-codegen completions bash > ~/.local/share/bash-completion/completions/zerobus-codegen
  zerobus-codegen completions zsh > ~/.zfunc/_zerobus-codegen")]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub(super) shell: clap_complete::Shell,
}

/// Print the manual page of this program or of one of its commands.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  zerobus-codegen man > zerobus-codegen.1
  zerobus-codegen man fetch | man -l -")]
pub(super) struct Man {
    /// The command.
    pub(super) command: Option<String>,
}

/// The workspace and the credentials.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// The workspace's URL, instead of `DATABRICKS_HOST`.
    #[arg(long, value_name = "URL")]
    pub(super) host: Option<String>,
    /// The profile of ~/.databrickscfg, instead of `DATABRICKS_CONFIG_PROFILE`.
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// A PEM file of certificate authorities to trust in addition to the system's, or to those of `SSL_CERT_FILE`.
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// The total time allowed for requests to the catalog, including retries.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) timeout: u64,
}

/// Write Rust types, .proto files and descriptors from snapshots.
///
/// Valid tables are written even if others have problems; the exit code is then 1.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  zerobus-codegen generate --schemas schemas --rust-out src/generated
  zerobus-codegen generate --schemas schemas --proto-out proto --descriptor-out descriptors
  zerobus-codegen generate --schemas schemas            only reports problems
  zerobus-codegen generate --ddl tables.sql --rust-out src/generated --derive .=::serde::Serialize

Output:
  --rust-out        zerobus_tables.rs, all tables in modules of their catalog and schema;
                    with --files per-table the tables themselves in the folder zerobus_tables
  --proto-out       <catalog.schema.table>.proto, proto2
  --descriptor-out  <catalog.schema.table>.binpb, the serialized DescriptorProto of the row")]
pub struct Generate {
    #[command(flatten)]
    pub(super) outputs: Outputs,
    /// The format of the output.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(super) format: ReportFormat,
}

/// The options file.
#[derive(Debug, Args)]
pub(super) struct Config {
    /// The options file, instead of zerobus.toml or [package.metadata.zerobus] in the working directory.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Config {
    /// The options of the file.
    pub(super) fn options(&self) -> Result<Options, Error> {
        match &self.config {
            Some(file) => Options::read_file(file),
            None => Ok(Options::read(Path::new("."))?.0),
        }
    }
}

/// Options of the generated Rust; they extend and override those of the file.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of --rust-out, as in zerobus.toml")]
pub(super) struct Rust {
    #[command(flatten)]
    config: Config,
    /// The flavor of the generated types.
    #[arg(long, value_enum)]
    flavor: Option<Flavor>,
    /// A module around all generated code.
    #[arg(long, value_name = "PATH")]
    module: Option<String>,
    /// The visibility of the generated items.
    #[arg(long, value_enum)]
    visibility: Option<Visibility>,
    /// One file for all tables, or one per table.
    #[arg(long, value_enum)]
    files: Option<Files>,
    /// Derive serde's `Serialize` and `Deserialize`.
    #[arg(long)]
    serde: bool,
    /// Generate a method `with_<field>` for each field.
    #[arg(long)]
    setters: bool,
    /// The path of the runtime in generated code.
    #[arg(long, value_name = "PATH")]
    runtime: Option<String>,
    /// Use `BTreeMap` instead of `HashMap` at a path such as `main.geo`; `.` is everything.
    #[arg(long, value_name = "PATH")]
    btree_map: Vec<String>,
    /// Use `Bytes` instead of `Vec<u8>` for BINARY at a path.
    #[arg(long, value_name = "PATH")]
    bytes: Vec<String>,
    /// Add a derive to structs, as in `.=::serde::Serialize`.
    #[arg(long, value_name = "PATH=DERIVE", value_parser = pair)]
    derive: Vec<(String, String)>,
    /// Use another type, as in `main.geo.earthquakes.time=::std::time::SystemTime`.
    #[arg(long, value_name = "PATH=TYPE", value_parser = pair)]
    extern_type: Vec<(String, String)>,
    /// Add an attribute to fields.
    #[arg(long, value_name = "PATH=ATTRIBUTE", value_parser = pair)]
    field_attribute: Vec<(String, String)>,
    /// Omit a table or a nullable column, as in `main.geo.earthquakes.shape`.
    #[arg(long, value_name = "PATH")]
    skip: Vec<String>,
    /// Have the stream fill in columns of the tables at a path, as in `main.iot=producer,epoch,sequence`.
    #[arg(long, value_name = "PATH=PRODUCER,EPOCH,SEQUENCE", value_parser = stamps)]
    stamp: Vec<(String, StampedColumns)>,
    /// Add an attribute to structs.
    #[arg(long, value_name = "PATH=ATTRIBUTE", value_parser = pair)]
    type_attribute: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (path, value) = text.split_once('=').ok_or("expected PATH=VALUE")?;
    Ok((path.to_owned(), value.to_owned()))
}

fn stamps(text: &str) -> Result<(String, StampedColumns), String> {
    let (path, columns) = pair(text)?;
    let [producer, epoch, sequence] = columns.split(',').collect::<Vec<_>>()[..] else {
        return Err("expected PATH=PRODUCER,EPOCH,SEQUENCE".to_owned());
    };
    let [producer, epoch, sequence] = [producer, epoch, sequence].map(str::to_owned);
    Ok((path, StampedColumns { producer, epoch, sequence }))
}

fn lists(pairs: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, value) in pairs {
        lists.entry(path.clone()).or_default().push(value.clone());
    }
    lists
}

impl Rust {
    /// The options of the file, overridden by the arguments.
    pub(super) fn options(&self) -> Result<Options, Error> {
        Ok(self.config.options()?.merged(Options {
            btree_maps: self.btree_map.clone(),
            bytes: self.bytes.clone(),
            derives: lists(&self.derive),
            drift: Policy::default(),
            extern_types: self.extern_type.iter().cloned().collect(),
            flavor: self.flavor,
            files: self.files,
            field_attributes: lists(&self.field_attribute),
            module: self.module.clone(),
            runtime: self.runtime.clone(),
            schemas: None,
            serde: self.serde.then_some(true),
            setters: self.setters.then_some(true),
            skip: Skip::new(self.skip.iter().cloned()),
            stamps: self.stamp.iter().cloned().collect(),
            type_attributes: lists(&self.type_attribute),
            visibility: self.visibility,
        }))
    }
}

impl Outputs {
    /// All sources of tables.
    pub(super) fn sources(&self) -> impl Iterator<Item = &PathBuf> {
        self.schemas.iter().chain(&self.ddl)
    }
}

/// The sources and the output folders.
#[derive(Debug, Args)]
pub(super) struct Outputs {
    /// A folder of snapshots (*.json) or of migrations (*.sql), or a single file; can be repeated.
    #[arg(long, required_unless_present = "ddl", value_name = "DIR")]
    pub(super) schemas: Vec<PathBuf>,
    /// A file of SQL statements, or a folder of migrations (*.sql), as further tables; can be repeated.
    #[arg(long, value_name = "FILE")]
    pub(super) ddl: Vec<PathBuf>,
    /// The folder for Rust.
    #[arg(long, value_name = "DIR")]
    pub(super) rust_out: Option<PathBuf>,
    /// The folder for .proto files.
    #[arg(long, value_name = "DIR")]
    pub(super) proto_out: Option<PathBuf>,
    /// The folder for descriptors.
    #[arg(long, value_name = "DIR")]
    pub(super) descriptor_out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) rust: Rust,
}

/// Check that generated files and tables match the snapshots.
///
/// Without --live only files are read: each file that `generate` would write must exist with the same content.
/// With --live every table is fetched, and its drift since the snapshot is reported.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  zerobus-codegen check --schemas schemas --rust-out src/generated
  zerobus-codegen check --schemas schemas --live
  zerobus-codegen check --schemas schemas --live --format github      in a workflow

Exit codes:
  0  no drift
  1  an error: a stale file, a broken snapshot, a catalog that cannot be reached
  3  safe drift: a nullable column was added, a column was made nullable or wider
  4  breaking drift: a column was dropped, renamed, retyped or moved, NOT NULL was added
  5  some rows refused: a column was made narrower
  6  silently wrong: a column was given another meaning, such as INT to DATE

The worst class decides. With --fail-on, or fail-on in [drift] of zerobus.toml, lesser classes exit with 0.")]
pub struct Check {
    #[command(flatten)]
    pub(super) outputs: Outputs,
    /// Also compare the snapshots with the tables of the catalog.
    #[arg(long)]
    pub(super) live: bool,
    #[command(flatten)]
    pub(super) login: Login,
    #[command(flatten)]
    pub(super) judging: Judging,
}

/// Report the changes from one snapshot, or folder of snapshots, to another.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  zerobus-codegen diff old/main.geo.earthquakes.json schemas/main.geo.earthquakes.json
  zerobus-codegen diff schemas-of-production schemas --format json
  zerobus-codegen diff --git origin/main                   what a branch changes
  zerobus-codegen diff --git v1.4.0 schemas --format markdown

Exit codes:
  0  no drift
  1  an error: a broken or missing snapshot
  3  safe drift: a nullable column was added, a column was made nullable or wider
  4  breaking drift: a column was dropped, renamed, retyped or moved, NOT NULL was added
  5  some rows refused: a column was made narrower
  6  silently wrong: a column was given another meaning, such as INT to DATE

The worst class decides. With --fail-on, or fail-on in [drift] of zerobus.toml, lesser classes exit with 0.")]
pub struct Diff {
    /// The older snapshot, or folder of snapshots, that a deployed program was built from, and the newer one; with
    /// --git only the newer one, by default `schemas` of zerobus.toml.
    #[arg(value_name = "PATH", num_args = 0..=2)]
    pub(super) paths: Vec<PathBuf>,
    /// Compare with the same path in this commit, branch or tag of git.
    #[arg(long, value_name = "REF")]
    pub(super) git: Option<String>,
    #[command(flatten)]
    pub(super) judging: Judging,
    #[command(flatten)]
    pub(super) config: Config,
}

/// Print the statements that create the tables of snapshots, and the grants needed to write to them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  zerobus-codegen ddl --schemas schemas
  zerobus-codegen ddl --schemas schemas/main.geo.earthquakes.json --grantee 0b1c2d3e-service-principal
  zerobus-codegen ddl --schemas schemas --dedup --stamped producer epoch sequence")]
pub struct Ddl {
    /// A folder of snapshots, or a single one; can be repeated.
    #[arg(long, required = true, value_name = "DIR")]
    pub(super) schemas: Vec<PathBuf>,
    /// The principal to grant to: a service principal by application id, a group or a user by name.
    #[arg(long, value_name = "NAME", default_value = "application id of the service principal")]
    pub(super) grantee: String,
    /// Print SQL that removes duplicates of rows that the runtime stamps: a view, a flow of a pipeline, and a query for
    /// missing rows.
    #[arg(long)]
    pub(super) dedup: bool,
    /// The stamped columns for a row's producer, the producer's run, and the row's number; by default those of `stamps`
    /// in the options file, or `producer`, `epoch` and `sequence`.
    #[arg(long, num_args = 3, value_names = ["PRODUCER", "EPOCH", "SEQUENCE"], requires = "dedup")]
    pub(super) stamped: Vec<String>,
    #[command(flatten)]
    pub(super) config: Config,
}

//! `zerobus-emulator conformance`: the probes against an endpoint, or against an emulator of their own.

use std::env;
use std::error::Error;
use std::process::ExitCode;

use clap::Args;

use crate::Emulator;
use crate::conformance::{self, Target};
use crate::error_chain::ErrorChain;

/// The options on the command line.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Prints the statements that create the probes' tables and grant what they need.
    #[arg(long, conflicts_with_all = ["json", "emulator"])]
    ddl: bool,
    /// The schema of these tables.
    #[arg(long, value_name = "CATALOG.SCHEMA", default_value = "main.zerobus_conformance")]
    schema: String,
    /// Probes an emulator of its own.
    #[arg(long)]
    emulator: bool,
    /// Prints the report as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  zerobus-emulator conformance --ddl | less          what to run in a SQL editor first
  zerobus-emulator conformance > report.md           with the environment of a workspace
  zerobus-emulator conformance --emulator";

/// Something differs.
const DIFFERENT: u8 = 1;
/// Nothing could be probed.
const NOTHING_PROBED: u8 = 2;

/// Prints the tables' statements, or probes and prints the report.
pub(super) async fn run(options: Options) -> ExitCode {
    let done = if options.ddl { print_ddl(&options.schema) } else { probe(options).await };
    done.unwrap_or_else(|error| {
        eprintln!("error: {}", ErrorChain(&*error));
        ExitCode::from(NOTHING_PROBED)
    })
}

/// The grantee is the client of the environment.
fn print_ddl(schema: &str) -> Result<ExitCode, Box<dyn Error>> {
    let grantee = env::var("DATABRICKS_CLIENT_ID").ok().filter(|id| !id.trim().is_empty());
    print!("{}", conformance::ddl(schema, grantee.as_deref().unwrap_or("<application id of the service principal>"))?);
    Ok(ExitCode::SUCCESS)
}

async fn probe(options: Options) -> Result<ExitCode, Box<dyn Error>> {
    let own = if options.emulator { Some(emulator(&options.schema).await?) } else { None };
    let target = match &own {
        Some(emulator) => Target::of_emulator(emulator, &options.schema)?,
        None => Target::from_env(options.schema)?,
    };
    let report = conformance::run(&target, |probe| tracing::info!(probe = probe.name, "probing")).await;
    if options.json {
        println!("{:#}", report.json());
    } else {
        print!("{}", report.text());
    }
    if let Some(emulator) = own {
        emulator.shutdown().await;
    }
    Ok(if report.different().next().is_some() { ExitCode::from(DIFFERENT) } else { ExitCode::SUCCESS })
}

/// Starts an emulator in memory with the tables.
async fn emulator(schema: &str) -> Result<Emulator, Box<dyn Error>> {
    let folder = Folder::new()?;
    for (name, json) in conformance::schemas(schema)? {
        std::fs::write(folder.0.join(format!("{name}.json")), json)?;
    }
    Ok(Emulator::builder().schemas(&folder.0).start().await?)
}

/// A temporary folder, removed when the emulator has read it.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let path = env::temp_dir().join(format!("zerobus-conformance-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // At worst a few kilobytes stay in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

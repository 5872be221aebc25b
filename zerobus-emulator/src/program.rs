//! The program: runs an emulator until a signal arrives or a command has ended.

mod arguments;
mod conformance;
mod detach;
mod environment;
mod exec;
mod signals;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::Emulator;
use crate::error_chain::ErrorChain;
use arguments::{Arguments, Command, PORT, Serve};
use environment::Environment;
use signals::Signals;

/// How long a health check waits.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Runs the program with the arguments of the process.
pub async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("zerobus_emulator=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", ErrorChain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    match arguments.command {
        None if arguments.detach => Ok(detach::run(arguments.log)?),
        None => serve(arguments.serve).await,
        Some(Command::Conformance(options)) => Ok(conformance::run(options).await),
        Some(Command::Health { url }) => health(&url),
        Some(Command::Exec { serve, command }) => {
            let mut signals = Signals::listen()?;
            let (emulator, environment) = start(*serve, 0).await?;
            let ended = exec::run(&command, environment.variables(), &mut signals).await;
            shut_down(emulator, &mut signals).await;
            Ok(ended?)
        }
    }
}

fn health(url: &str) -> Result<ExitCode, Box<dyn Error>> {
    let agent = ureq::Agent::new_with_config(ureq::config::Config::builder().timeout_global(Some(TIMEOUT)).build());
    let answer = agent.get(format!("{}/emulator/health", url.trim_end_matches('/'))).call();
    answer.map_err(|error| format!("the emulator at {url} is not ready: {error}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Serves until a signal arrives.
async fn serve(options: Serve) -> Result<ExitCode, Box<dyn Error>> {
    let mut signals = Signals::listen()?;
    let (emulator, environment) = start(options, PORT).await?;
    let page = emulator.control_token().map(|token| format!(", page at {}/#token={token}", emulator.url()));
    let ready = format!("# ready on {}, {} tables", emulator.url(), emulator.tables().count());
    environment.print(&format!("{ready}{}", page.unwrap_or_default()))?;
    signals.next().await;
    tracing::info!("stopping; a second signal stops at once");
    shut_down(emulator, &mut signals).await;
    Ok(ExitCode::SUCCESS)
}

/// Starts an emulator; returns it with the environment of its clients.
async fn start(options: Serve, port: u16) -> Result<(Emulator, Environment), Box<dyn Error>> {
    let (folder, file) = (options.tls.clone(), options.env_file.clone());
    let emulator = options.builder(port).start().await?;
    let mut environment = Environment::of(&emulator, folder.as_deref())?;
    if let Some(file) = file {
        environment.write(&file).map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    }
    Ok((emulator, environment))
}

/// Stores what has arrived; another signal stops at once.
async fn shut_down(emulator: Emulator, signals: &mut Signals) {
    tokio::select! {
        () = emulator.shutdown() => {}
        _ = signals.next() => tracing::warn!("stopped at once; rows that were not acked may be lost"),
    }
}

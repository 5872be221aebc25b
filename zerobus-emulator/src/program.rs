//! The program: arguments in, an emulator until a signal comes or a command has ended, an exit code out.

mod arguments;
mod conformance;
mod exec;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::error_chain::ErrorChain;
use crate::{Emulator, tls};
use arguments::{Arguments, Command, PORT, Serve};

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
        None => serve(arguments.serve).await,
        Some(Command::Conformance(options)) => Ok(conformance::run(options).await),
        Some(Command::Exec { serve, command }) => {
            let (emulator, environment) = start(*serve, 0).await?;
            let ended = exec::run(&command, &environment).await;
            emulator.shutdown().await;
            Ok(ended?)
        }
    }
}

/// Serves until a signal comes.
async fn serve(options: Serve) -> Result<ExitCode, Box<dyn Error>> {
    let (emulator, environment) = start(options, PORT).await?;
    for (name, value) in environment {
        println!("export {name}={value}");
    }
    println!("# ready on {}, {} tables", emulator.url(), emulator.tables().count());
    stop_signal().await?;
    tracing::info!("stopping");
    emulator.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// An emulator, and what a client's environment has to hold.
async fn start(options: Serve, port: u16) -> Result<(Emulator, Vec<(&'static str, String)>), Box<dyn Error>> {
    let folder = options.tls.clone();
    let emulator = options.builder(port).start().await?;
    // Other programs run elsewhere, so they need the whole path.
    let authority = folder.map(|folder| tls::authority(&folder).canonicalize()).transpose()?;
    let environment = environment(&emulator, authority.as_deref());
    Ok((emulator, environment))
}

/// What a client's environment has to hold.
fn environment(emulator: &Emulator, authority: Option<&Path>) -> Vec<(&'static str, String)> {
    let mut environment: Vec<(&'static str, String)> = [
        ("DATABRICKS_HOST", emulator.url()),
        ("DATABRICKS_WORKSPACE_URL", emulator.url()),
        ("ZEROBUS_SERVER_ENDPOINT", emulator.url()),
        ("DATABRICKS_CLIENT_ID", emulator.client_id()),
        ("DATABRICKS_CLIENT_SECRET", emulator.client_secret()),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    if let Some(authority) = authority {
        for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] {
            environment.push((name, authority.display().to_string()));
        }
    }
    environment
}

/// Ends when the process is asked to stop.
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

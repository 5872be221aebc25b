//! A command run with the emulator's environment.

use std::io;
use std::process::{ExitCode, ExitStatus};

use tokio::process::Command;
use zerobus_codegen::Printable;

use super::stop_signal;

/// Why the command has no exit code.
#[derive(Debug, thiserror::Error)]
#[error("the command `{}` cannot be run", Printable(.command))]
pub(super) struct ExecError {
    command: String,
    source: io::Error,
}

/// Runs the command to its end; a signal that asks us to stop ends it.
pub(super) async fn run(command: &[String], environment: &[(&str, String)]) -> Result<ExitCode, ExecError> {
    let [program, arguments @ ..] = command else { return Ok(ExitCode::SUCCESS) };
    let failed = |source| ExecError { command: program.clone(), source };
    let mut child = Command::new(program)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (*name, value)))
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    tokio::select! {
        status = child.wait() => status.map(code).map_err(failed),
        stopped = stop_signal() => {
            stopped.map_err(failed)?;
            child.kill().await.map_err(failed)?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// As a shell tells it: 128 and the signal's number for a command that a signal has ended.
fn code(status: ExitStatus) -> ExitCode {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX));
        }
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

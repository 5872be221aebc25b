//! Runs a command with the emulator's environment.

use std::io::{self, IsTerminal as _};
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use tokio::process::{Child, Command};
use zerobus_codegen::Printable;

use super::signals::{Signals, Stop};

/// How long the command may take to end before the next signal.
const GRACE: Duration = Duration::from_secs(10);

/// The command could not be run.
#[derive(Debug, thiserror::Error)]
#[error("the command `{}` cannot be run", Printable(.command))]
pub(super) struct ExecError {
    command: String,
    source: io::Error,
}

/// Runs the command to its end.
///
/// A signal to stop is forwarded to the command, which then has time to end. SIGTERM and SIGKILL follow if it does not;
/// a second signal to the emulator sends the next one at once.
pub(super) async fn run(
    command: &[String],
    environment: &[(&str, String)],
    signals: &mut Signals,
) -> Result<ExitCode, ExecError> {
    let [program, arguments @ ..] = command else { return Ok(ExitCode::SUCCESS) };
    let failed = |source| ExecError { command: program.clone(), source };
    let mut child = Command::new(program)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (*name, value)))
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let status = tokio::select! {
        status = child.wait() => status,
        stop = signals.next() => end(&mut child, stop, signals).await,
    };
    status.map(code).map_err(failed)
}

async fn end(child: &mut Child, stop: Stop, signals: &mut Signals) -> io::Result<ExitStatus> {
    // Ctrl-C in a terminal reaches the command as well, and commands often take a second one as "stop at once".
    if stop != Stop::Interrupt || !io::stdin().is_terminal() {
        send(child, stop);
    }
    if let Some(status) = wait(child, signals).await {
        return status;
    }
    if stop != Stop::Terminate {
        send(child, Stop::Terminate);
        if let Some(status) = wait(child, signals).await {
            return status;
        }
    }
    child.kill().await?;
    child.wait().await
}

/// Waits for the command; `None` after the grace period or at another signal.
async fn wait(child: &mut Child, signals: &mut Signals) -> Option<io::Result<ExitStatus>> {
    tokio::select! {
        status = child.wait() => Some(status),
        () = tokio::time::sleep(GRACE) => None,
        _ = signals.next() => None,
    }
}

#[cfg(unix)]
fn send(child: &Child, stop: Stop) {
    use rustix::process::{Pid, Signal, kill_process};
    let signal = match stop {
        Stop::HangUp => Signal::HUP,
        Stop::Interrupt => Signal::INT,
        Stop::Terminate => Signal::TERM,
    };
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = kill_process(pid, signal)
    {
        tracing::debug!(%error, ?stop, "the command got no signal");
    }
}

#[cfg(not(unix))]
fn send(_: &Child, _: Stop) {}

/// The exit code as in a shell: 128 plus the signal's number if a signal ended the command.
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

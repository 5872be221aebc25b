//! Starts the program again in the background, and ends as soon as that one is ready.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use crate::random;

/// Starts the program with the same arguments, and prints what it prints until it is ready.
pub(super) fn run(log: Option<PathBuf>) -> io::Result<ExitCode> {
    let is_ours = log.is_none();
    let log = log.unwrap_or_else(|| std::env::temp_dir().join(format!("zerobus-emulator-{}.log", random::text(8))));
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
    #[cfg(unix)]
    // Ctrl-C in the terminal must not reach it.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn()?;
    let lines = child.stdout.take().map(BufReader::new).into_iter().flat_map(io::BufRead::lines);
    let mut out = io::stdout().lock();
    for line in lines {
        let line = line?;
        if line.starts_with("# ready") {
            writeln!(out, "export ZEROBUS_EMULATOR_PID={}\n{line}, log at {}", child.id(), log.display())?;
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(out, "{line}")?;
    }
    let status = child.wait()?;
    // The log has the reason of the failed start.
    io::stderr().write_all(&std::fs::read(&log).unwrap_or_default())?;
    if is_ours {
        // It was printed, and the user does not know its name.
        let _ = std::fs::remove_file(&log);
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0);
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The arguments of this program without `--detach` and `--log`.
fn arguments() -> Vec<std::ffi::OsString> {
    let mut arguments = Vec::new();
    let mut given = std::env::args_os().skip(1);
    while let Some(argument) = given.next() {
        match argument.to_str() {
            Some("--detach") => {}
            Some("--log") => drop(given.next()),
            Some(text) if text.starts_with("--log=") => {}
            _ => arguments.push(argument),
        }
    }
    arguments
}

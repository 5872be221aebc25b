//! `emulator`: runs the program `zerobus-emulator`, which is beside this one or on the PATH.
//!
//! It is a separate program so that users who only send rows need not compile a server and Delta.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{self, ExitCode};

use crate::failure::Failure;

/// The name of the program.
const NAME: &str = "zerobus-emulator";

/// Runs the emulator with these arguments, and returns its exit code.
pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let mut command = process::Command::new(program());
    command.args(arguments);
    run_to_its_end(&mut command).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::text(format!(
            "{NAME} is neither beside this program nor on the PATH; `cargo install {NAME} --features cli` installs it"
        )),
        _ => Failure::new(format_args!("cannot start {NAME}"), error),
    })
}

/// The one beside this program, which has the same version, or else the one on the PATH.
fn program() -> PathBuf {
    let name = format!("{NAME}{}", env::consts::EXE_SUFFIX);
    let beside = env::current_exe().ok().map(|own| own.with_file_name(&name));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| name.into())
}

/// Replaces this process, so that signals reach the emulator.
#[cfg(unix)]
fn run_to_its_end(command: &mut process::Command) -> io::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec())
}

#[cfg(not(unix))]
fn run_to_its_end(command: &mut process::Command) -> io::Result<ExitCode> {
    let code = command.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

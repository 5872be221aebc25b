//! `emulator`: the program `zerobus-emulator`, beside this one or on the PATH.
//!
//! It is a program of its own, so that whoever only sends rows compiles neither a server nor Delta.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{self, ExitCode};

use crate::failure::Failure;

/// What the program is called.
const NAME: &str = "zerobus-emulator";

/// Runs the emulator with these arguments; its exit code is ours.
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

/// The one beside this program, which is of the same version, or whichever the PATH has.
fn program() -> PathBuf {
    let name = format!("{NAME}{}", env::consts::EXE_SUFFIX);
    let beside = env::current_exe().ok().map(|own| own.with_file_name(&name));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| name.into())
}

/// Takes this process's place, so that signals reach it.
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

//! The program `zerobus-codegen` for `tests/program.rs`. Cargo builds only a package's own programs for its tests.

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = zerobus_codegen::cli::run(std::env::args_os());
    let written = io::stdout().write_all(outcome.out.as_bytes()).and(io::stderr().write_all(outcome.err.as_bytes()));
    if written.is_err() { ExitCode::FAILURE } else { ExitCode::from(outcome.code) }
}

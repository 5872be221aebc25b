//! The program `zerobus-codegen`: a door to `zerobus_codegen::cli`.

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = zerobus_codegen::cli::run(std::env::args_os());
    // Whoever reads may have gone away (`| head`): the exit code is still theirs.
    let _ = io::stdout().write_all(outcome.out.as_bytes());
    let _ = io::stderr().write_all(outcome.err.as_bytes());
    ExitCode::from(outcome.code)
}

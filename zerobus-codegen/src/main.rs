//! The program `zerobus-codegen`: it runs `zerobus_codegen::cli` and prints its output.

use std::io::{self, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = zerobus_codegen::cli::run(std::env::args_os());
    // The reader may be gone (`| head`); the exit code still counts.
    let _ = io::stdout().write_all(outcome.out.as_bytes());
    let _ = io::stderr().write_all(outcome.err.as_bytes());
    ExitCode::from(outcome.code)
}

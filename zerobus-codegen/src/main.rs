//! The program `zerobus-codegen`: a door to `zerobus_codegen::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = zerobus_codegen::cli::run(std::env::args_os());
    print!("{}", outcome.out);
    eprint!("{}", outcome.err);
    ExitCode::from(outcome.code)
}

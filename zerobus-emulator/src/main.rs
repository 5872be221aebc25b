//! The program `zerobus-emulator`: a thin door over the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    zerobus_emulator::program::main().await
}

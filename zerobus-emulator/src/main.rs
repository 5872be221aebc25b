//! The program `zerobus-emulator`: a thin door over the library.

use std::process::ExitCode;

/// Commits allocate on a dozen threads. glibc keeps the freed memory of each thread, and grows for hours; jemalloc
/// returns it.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    zerobus_emulator::program::main().await
}

//! The program `zerobus-emulator`: a thin door over the library.

use std::process::ExitCode;

/// A dozen threads allocate for commits. glibc keeps the memory that each of them has freed, and grows for hours;
/// jemalloc returns it.
#[cfg(unix)]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    zerobus_emulator::program::main().await
}

//! The neutral server as a program.

use clap::Parser;
use zerobus_peer::{Failure, server};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    server::run(server::Options::parse()).await
}

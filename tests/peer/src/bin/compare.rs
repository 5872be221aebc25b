//! Runs the comparison and prints its tables.

use clap::Parser;
use zerobus_peer::{Failure, compare};

fn main() -> Result<(), Failure> {
    compare::run(&compare::Options::parse())
}

//! The program of the own client that is measured.

use zerobus_peer::plan::Plan;
use zerobus_peer::{Failure, ours};

fn main() -> Result<(), Failure> {
    Plan::run(ours::run)
}

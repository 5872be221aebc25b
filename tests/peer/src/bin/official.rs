//! The program of the official client that is measured.

use zerobus_peer::plan::Plan;
use zerobus_peer::{Failure, official};

fn main() -> Result<(), Failure> {
    Plan::run(official::run)
}

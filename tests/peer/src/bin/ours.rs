//! Our client as a program, for measurements.

#[path = "../../clients/ours.rs"]
mod ours;

use zerobus_peer::Failure;
use zerobus_peer::plan::Plan;

fn main() -> Result<(), Failure> {
    Plan::run(ours::run)
}

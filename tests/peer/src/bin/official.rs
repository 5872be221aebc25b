//! The official client as a program, for measurements.

#[path = "../../clients/official.rs"]
mod official;

use zerobus_peer::Failure;
use zerobus_peer::plan::Plan;

fn main() -> Result<(), Failure> {
    Plan::run(official::run)
}

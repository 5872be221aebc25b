//! Our client as a program that counts its allocations. It is separate because counting distorts the other figures.

#[path = "../../clients/ours.rs"]
mod ours;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use zerobus_peer::Failure;
use zerobus_peer::plan::Plan;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<(), Failure> {
    Plan::run(ours::run)
}

//! Tests of the program `zerobus` against the emulator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod batches;
mod doctor;
mod input;
mod manual;
mod replay;
mod send;
mod support;

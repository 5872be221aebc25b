//! The emulator from outside: over the wire, by its program, and after its kills.
//!
//! One binary for every file: each of its own would link the Delta kernel again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod alter;
mod conformance;
mod control;
#[cfg(feature = "delta")]
mod durable;
#[cfg(all(feature = "cli", feature = "delta"))]
mod exactly_once;
mod faults;
mod grants;
mod guard;
#[cfg(feature = "delta")]
mod ingest;
#[cfg(feature = "delta")]
mod lifetime;
#[cfg(feature = "delta")]
mod other_writers;
mod persistent;
#[cfg(all(feature = "cli", feature = "delta"))]
mod profile;
#[cfg(feature = "cli")]
mod program;
mod refusals;
mod rescue;
mod rest;
#[cfg(feature = "ddl")]
mod stamps;
mod support;
#[cfg(feature = "tls")]
mod tls;
#[cfg(all(feature = "cli", feature = "delta"))]
mod unusable;

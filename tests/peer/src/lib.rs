//! This workspace held against the official client.
//!
//! `tests/descriptors.rs` compares what both make of a table, `tests/wire` what both put on the wire. The programs
//! compare what a row costs: a neutral server, and for each client a program of its own, so that what is measured is
//! one client and nothing else.
//!
//! | file | what it owns |
//! |---|---|
//! | `rows` | the rows, as our types and as prost's |
//! | `plan` | what a client is to do: how many rows of which shape, how |
//! | `headers` | the headers of the official client's calls |
//! | `../clients` | the two clients, which only their programs compile |
//! | `measure` | CPU, memory, allocations, latency of this process |
//! | `scan` | requests read from the wire without decoding a row |
//! | `server` | the neutral server |
//! | `recorder` | a server that takes down what a client sends |
//! | `compare` | alternating runs of the programs, medians, the tables |

pub mod compare;
pub mod headers;
pub mod measure;
pub mod plan;
pub mod recorder;
pub mod rows;
pub mod scan;
pub mod server;

/// The types of `schemas/`, as zerobus-codegen writes them.
pub mod tables {
    zerobus_runtime::include_tables!();
}

/// Why a program failed.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

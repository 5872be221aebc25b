//! Comparison of this workspace with the official client.
//!
//! `tests/descriptors.rs` compares the descriptors of tables, `tests/wire` the bytes on the wire. The programs compare
//! the cost of a row: a neutral server, and a separate program for each client, so that each measurement covers one
//! client only.
//!
//! | file | what it owns |
//! |---|---|
//! | `rows` | the rows, in our types and in prost's |
//! | `plan` | the plan of a client: how many rows of which shape it sends, and how |
//! | `headers` | the headers of the official client's calls |
//! | `../clients` | the two clients, which only their programs compile |
//! | `measure` | CPU, memory, allocations and latency of this process |
//! | `scan` | reading requests from the wire without decoding rows |
//! | `server` | the neutral server |
//! | `recorder` | a server that records what a client sends |
//! | `compare` | alternating runs of the programs, medians and tables |

pub mod compare;
pub mod headers;
pub mod measure;
pub mod plan;
pub mod recorder;
pub mod rows;
pub mod scan;
pub mod server;

/// The types that zerobus-codegen generates from `schemas/`.
pub mod tables {
    zerobus_runtime::include_tables!();
}

/// Why a program failed.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

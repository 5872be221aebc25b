#![doc = include_str!("../README.md")]
//!
//! ## Files
//!
//! | file | what it owns |
//! |---|---|
//! | `emulator` | the emulator in process: builder, start, shutdown |
//! | `server` | the one port: connections, and the router |
//! | `app` | the handlers' shared state |
//! | `tls` | HTTPS with the emulator's own certificate authority |
//! | `catalog` | the tables, from their JSON |
//! | `definitions` | the catalog at run time: alterations, and who is notified of them |
//! | `credentials` | the client id and secret of a principal |
//! | `oauth`, `tokens` | the token endpoint, and the tokens that it has issued |
//! | `tables_api` | the REST API that describes tables |
//! | `permissions_api` | the REST API that reports grants |
//! | `discovery` | where a client finds the endpoints |
//! | `stream` | one EphemeralStream call |
//! | `rest_insert` | rows over plain HTTP |
//! | `client_descriptor`, `schema_check` | a client's descriptor, and whether it fits the table |
//! | `control` | the emulator's own paths |
//! | `decode`, `row` | a record on the wire to a checked row |
//! | `refit` | converting rows to another definition of their table |
//! | `lease` | which connection may write to a persistent stream |
//! | `tags`, `tags_api` | tags of columns, and the REST API that reports them |
//! | `sink` | where rows go: Delta tables, or memory |
//! | `rows` | rows as JSON |
//! | `faults` | misbehaviour on demand |
//! | `connection` | one TCP connection: cut by a fault, closed when idle |
//! | `grants` | what principals may do |
//! | `guard` | who may call |
//! | `activity`, `page` | counters of streams and tables, and the page that shows them |
//! | `profile` | how closely an emulator follows the service's timing |
//! | `partition_quota` | how many partitions of a table may be written within five seconds |
//! | `limits` | limits of streams, requests and tokens |
//! | `random` | random text for tokens, secrets and names |
//! | `refusal` | every refusal: status, code, text |
//! | `error_chain` | an error with all its causes |
//! | `conformance` | the rules that a client can observe, as probes against any endpoint |
//! | `program` | the program |

#![cfg_attr(
    not(feature = "delta"),
    allow(clippy::unused_async, clippy::unused_self, reason = "a sink in memory has nothing to wait for")
)]

mod activity;
mod app;
mod catalog;
mod client_descriptor;
#[cfg(feature = "cli")]
mod conformance;
mod connection;
mod control;
mod credentials;
mod decode;
mod definitions;
mod discovery;
mod emulator;
mod error_chain;
mod faults;
mod grants;
mod guard;
mod lease;
mod limits;
mod oauth;
mod page;
mod partition_quota;
mod permissions_api;
#[cfg(feature = "delta")]
mod profile;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod program;
mod random;
mod refit;
mod refusal;
mod rest_insert;
mod row;
mod rows;
mod schema_check;
mod server;
mod sink;
mod stream;
mod tables_api;
mod tags;
mod tags_api;
#[cfg(feature = "tls")]
mod tls;
mod tokens;
mod unknown;

pub use catalog::CatalogError;
pub use emulator::{Builder, Emulator, RowsError, StartError};
pub use faults::{Fault, FaultError};
pub use grants::GrantsError;
pub use limits::{Limits, TokenOperations};
#[cfg(feature = "delta")]
pub use profile::Profile;
pub use schema_check::ColumnOrder;
pub use sink::StorageError;
#[cfg(feature = "tls")]
pub use tls::TlsError;

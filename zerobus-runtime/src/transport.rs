//! The gRPC call of a stream, over a dedicated connection.
//!
//! | file | what it owns |
//! |---|---|
//! | `endpoint` | the service's address: its parts, and which are allowed |
//! | `connection` | the byte stream below TLS, and how a program can replace it |
//! | `dial` | connecting to an endpoint, with TLS for https |
//! | `socket` | the TCP connection: direct or through a proxy |
//! | `tunnel` | a connection through a proxy |
//! | `coalescing` | frames that share a system call |
//! | `envelope` | the bytes before a batch on the wire |
//! | `requests` | the call's request side: a body that pulls batches from the core on demand |
//! | `call` | the call itself |
//! | `responses` | the server's messages on it |
//! | `retire` | the call that permanently ends a persistent stream |

mod call;
mod coalescing;
mod connection;
mod dial;
mod endpoint;
mod envelope;
mod requests;
mod responses;
#[cfg(feature = "spool")]
mod retire;
mod socket;
mod tunnel;

pub(crate) use call::{Call, CallParts, begin, connect};
pub use connection::{Connection, Dial, DialFuture};
pub(crate) use dial::{DialOptions, Dialer, Transport};
pub(crate) use endpoint::{Endpoint, PlainHttp};
pub(crate) use envelope::{create_request, first_message};
#[cfg(feature = "spool")]
pub(crate) use retire::retire;

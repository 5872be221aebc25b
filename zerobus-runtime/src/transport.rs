//! The one gRPC call, over a connection of its own.
//!
//! | file | what it owns |
//! |---|---|
//! | `endpoint` | the service's address: its parts, and which are allowed |
//! | `dial` | how a connection is made: TCP and TLS, or what a test puts in its place |
//! | `socket` | the TCP connection: straight to the service or through a proxy |
//! | `tunnel` | a connection by way of a proxy |
//! | `coalescing` | frames that share a system call |
//! | `envelope` | what stands on the wire before a batch |
//! | `requests` | the call's request side: a body that takes batches from the core when the connection asks |
//! | `call` | the call itself |
//! | `responses` | what the server says on it |
//! | `retire` | the call that ends a persistent stream for good |

mod call;
mod coalescing;
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
pub use dial::{Connection, Dial, DialFuture};
pub(crate) use dial::{DialOptions, Dialer, Transport};
pub(crate) use endpoint::{Endpoint, PlainHttp};
pub(crate) use envelope::{create_request, first_message};
#[cfg(feature = "spool")]
pub(crate) use retire::retire;

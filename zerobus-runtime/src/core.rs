//! The streaming core: a state machine that knows no I/O, no clock, no tokio and no tonic.
//!
//! Events go in ([`Session::hear`], [`Session::push`], [`Session::pull`], [`Session::tick`]), actions come out
//! ([`Session::next_action`]); the time is an argument, counted from the start of the session.
//!
//! | file | what it owns |
//! |---|---|
//! | `settings` | the limits and times that a stream is made with |
//! | `batch` | the batch that rows are written into, and the batches that are cut from it |
//! | `pace` | how fast rows come |
//! | `rate` | how many rows and bytes a second may be sent |
//! | `window` | the batches that are not yet durable: which are sent, which offset each has on the wire |
//! | `allowance` | how much may be under way where connections are lost |
//! | `suspects` | the search for a row that the server refuses |
//! | `spooled` | which rows are on disk, where a session keeps them there |
//! | `ledger` | where every accepted row is, and the sum that must hold |
//! | `retry` | backoff with jitter, and the budget of attempts between two acknowledgements |
//! | `returned` | the rows that are returned |
//! | `event` | what goes in and what comes out |
//! | `session` | the session: rows in, and the questions that handle and driver ask |
//! | `requests` | what goes to the transport when it can take something |
//! | `transitions` | what each event does to the states below |
//! | `deadlines` | the times at which something is due |
//!
//! A session makes one *call* after the other; each has a *generation*, and what an older one says is void.
//!
//! ```text
//!                     a row comes                              opened
//!   Dormant ------------------------------> Opening -------------------------> Streaming
//!      ^                                     |   ^  ^                           |   |
//!      | nothing is left to deliver   ended, |   |  | CloseStreamSignal: the    |   | close() and nothing is left
//!      |                              not in |   |  | call drains, and the next |   v
//!      |                               time  v   |  +-- is opened beside it ----+  HalfClosed --> Closed
//!      +----------------------------------- Waiting <---------------------------+
//!                                          the pause is over      ended, no acknowledgement in time, violation
//!
//!   from every state: not worth a retry, budget used up, a row not durable in time ----> Failed
//! ```
//!
//! A call that drains is acknowledged to its end and then half-closed. The next one sends nothing before that, so rows
//! keep their order. `Ending` is a session that closes while only such a call is left.
//!
//! `Closed` and `Failed` are final. In `Failed` the rows that are not durable stay until they are taken.

mod allowance;
mod batch;
mod deadlines;
mod event;
mod ledger;
mod pace;
#[cfg_attr(not(feature = "spool"), expect(dead_code, reason = "the spool is a feature"))]
mod persistent;
mod rate;
mod requests;
mod retry;
mod returned;
mod session;
mod settings;
#[cfg_attr(not(feature = "spool"), expect(dead_code, reason = "the spool is a feature"))]
mod spooled;
#[cfg(feature = "spool")]
mod stamper;
mod suspects;
mod transitions;
mod window;

#[cfg(test)]
mod tests;

pub(crate) use batch::Batch;
pub(crate) use event::{Action, Heard, Over, Pull, Refused};

pub(crate) use ledger::Ledger;
use pace::Pace;
pub(crate) use persistent::{Begin, ExactlyOnce};
#[cfg_attr(not(feature = "spool"), expect(unused_imports, reason = "the spool is a feature"))]
pub(crate) use persistent::{Otherwise, StreamNote};
pub(crate) use returned::ReturnedBatch;
pub(crate) use session::Session;
pub(crate) use settings::Settings;
use spooled::Spooled;
#[cfg_attr(not(feature = "spool"), expect(unused_imports, reason = "the spool is a feature"))]
pub(crate) use spooled::{Found, Job, Schema, Wanted};
#[cfg(feature = "spool")]
pub(crate) use stamper::{Columns, Stamper};
pub(crate) use window::Outgoing;
use window::Window;

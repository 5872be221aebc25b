//! The streaming core: a state machine without I/O, clock, tokio or tonic.
//!
//! Events go in ([`Session::hear`], [`Session::push`], [`Session::pull`], [`Session::tick`]), actions come out
//! ([`Session::next_action`]). Time is an argument, counted from the start of the session.
//!
//! | file | what it owns |
//! |---|---|
//! | `settings` | the limits and timeouts of a stream |
//! | `batch` | the batch that rows are written into, and the batches that are cut from it |
//! | `pace` | the rate at which rows arrive |
//! | `rate` | the limit of rows and bytes per second |
//! | `window` | the batches that are not yet durable: which are sent, and which offset each has on the wire |
//! | `allowance` | how much may be in flight after lost connections |
//! | `suspects` | the search for a row that the server refuses |
//! | `found` | what a session finds at its start: rows on disk, and their persistent stream |
//! | `spooled`, `disk` | which rows are on disk, and the work on disk, for a session with a spool |
//! | `job` | the work that a session wants done on disk |
//! | `persistent`, `exactly_once` | a persistent stream, and what a session does with it |
//! | `stamper` | the columns that identify each row |
//! | `dropping` | rows that a full spool drops |
//! | `ledger` | where every accepted row is, and the sum that must hold |
//! | `retry` | backoff with jitter, and the budget of attempts between two acknowledgements |
//! | `returned` | rows that are returned to the caller |
//! | `event` | events in, actions out |
//! | `session` | the session: accepting rows, and queries of handle and driver |
//! | `requests` | the next request for the transport |
//! | `transitions` | the effect of each event on the states below |
//! | `deadlines` | timers |
//!
//! A session makes one *call* after another. Each has a *generation*; events of older generations are ignored.
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
#[cfg_attr(not(feature = "spool"), expect(dead_code, reason = "the spool is a feature"))]
mod disk;
#[cfg_attr(not(feature = "spool"), expect(dead_code, reason = "the spool is a feature"))]
mod dropping;
mod event;
#[cfg_attr(not(feature = "spool"), expect(dead_code, reason = "the spool is a feature"))]
mod exactly_once;
#[cfg_attr(not(feature = "spool"), expect(dead_code, reason = "the spool is a feature"))]
mod found;
#[cfg_attr(not(feature = "spool"), expect(dead_code, reason = "the spool is a feature"))]
mod job;
mod ledger;
mod pace;
mod persistent;
mod rate;
mod requests;
mod retry;
mod returned;
mod session;
mod settings;
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
pub(crate) use found::{Begin, ExactlyOnce};
pub(crate) use found::{Found, Otherwise, Schema, StreamNote};
pub(crate) use job::{Job, Wanted};
pub(crate) use ledger::Ledger;
use pace::Pace;
pub(crate) use returned::ReturnedBatch;
pub(crate) use session::Session;
pub(crate) use settings::Settings;
#[cfg(not(feature = "spool"))]
pub(crate) use settings::SpoolOverflow;
#[cfg(feature = "spool")]
pub use settings::SpoolOverflow;
use spooled::Spooled;
#[cfg(feature = "spool")]
pub(crate) use stamper::{Columns, Stamper};
pub(crate) use window::Outgoing;
use window::Window;

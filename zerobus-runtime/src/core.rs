//! The streaming core: a state machine that knows no I/O, no clock, no tokio and no tonic.
//!
//! Events go in ([`Session::handle`], [`Session::push`], [`Session::pull`]), actions come out
//! ([`Session::next_action`]); the time of day is an argument, counted from the start of the session.
//!
//! | file | what it owns |
//! |---|---|
//! | `settings` | the limits and times that a stream is made with |
//! | `batch` | the batch that rows are written into, and the batches that are cut from it |
//! | `pace` | how fast rows come |
//! | `window` | the batches that are not yet durable: which are sent, which offset each has on the wire |
//! | `ledger` | where every accepted row is, and the sum that must hold |
//! | `retry` | backoff with jitter, and the budget of attempts between two acknowledgements |
//! | `returned` | the rows that are handed back |
//! | `event` | what goes in and what comes out |
//! | `session` | the session: rows in, requests out, and the questions that handle and driver ask |
//! | `transitions` | what each event does to the states below |
//! | `deadlines` | the times at which something is due |
//!
//! ```text
//!                        a row comes                                  opened
//!   Dormant ------------------------------------------> Opening ----------------> Streaming
//!      ^                                                 |   ^                    |  |   |
//!      | nothing is left to deliver      ended, refused, |   | the pause is over  |  |   | CloseStreamSignal
//!      |                                 not in time     v   |                    |  |   v
//!      +------------------------------------------------ Waiting <----------------+  |  Draining
//!      |                                                 ^   ^   ended, no ack in    |   |  all that was sent is
//!      |                                                 |   |   time, violation     |   |  acknowledged, or the
//!      |                     rows are left: at once      |   |                       |   v  time is over
//!      +-------------------------------------------------+---|-----------------------|- HalfClosed
//!                                                            |                       |   |  the server ended
//!                                                            +-- ended with an error-|---+  its side
//!                                                                                    v
//!                          close() and nothing is left:  HalfClosed ----------> Closed
//!
//!   from every state: not worth a retry, budget used up, a row not durable in time ----> Failed
//! ```
//!
//! A connection that ends because the server refuses a row is followed by another at once, on which the rows that were
//! under way go one request at a time, until the row is found and handed back.
//!
//! `Closed` and `Failed` are final. In `Failed` the rows that are not durable stay until they are handed back.

mod batch;
mod deadlines;
mod event;
mod ledger;
mod pace;
mod retry;
mod returned;
mod session;
mod settings;
mod transitions;
mod window;

#[cfg(test)]
mod tests;

pub(crate) use batch::Batch;
pub(crate) use event::{Action, Event, Pull, Refused, TokenAge};
use ledger::Ledger;
use pace::Pace;
pub(crate) use returned::ReturnedBatch;
pub(crate) use session::Session;
pub(crate) use settings::Settings;
use window::Window;

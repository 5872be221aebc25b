//! The core's events and actions.

use std::sync::Arc;
use std::time::Duration;

use super::Begin;
use super::Schema;
use super::window::Outgoing;
use crate::error::{Error, Violation};
use crate::event::StreamEvent;

/// An event of a connection.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The server acknowledged every offset up to this one.
    Acked(Option<i64>),
    /// The server asks to end this server stream.
    CloseSignal(Duration),
    /// The connection ended; without an error if the server ended it with OK.
    Ended(Option<Error>),
    /// The server created the stream with this id.
    Opened(Arc<str>),
    /// The server resumed the stream, and has every offset up to this one.
    Resumed(Option<i64>),
    /// The server broke the protocol in a way that does not concern acknowledgements.
    Violated(Violation),
}

/// An action for the driver.
#[derive(Debug)]
pub(crate) enum Action {
    /// Open a call of this generation.
    Open { generation: u64, over: Over, schema: Schema, begin: Begin },
    /// Drop the call of this generation.
    Reset { generation: u64 },
    /// The session is over.
    Stop,
    /// Report an event.
    Tell(StreamEvent),
}

/// Which connection carries a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// A new connection.
    NewConnection,
    /// The connection of the previous call, which is still open.
    SameConnection,
}

/// The transport's next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pull {
    /// The request side must be closed.
    End,
    /// There is nothing to send.
    Idle,
    Request(Outgoing),
}

/// Why a row was not accepted.
#[derive(Debug)]
pub(crate) enum Refused {
    Closed,
    Failed(Error),
    /// There is no room for it now.
    Full,
    /// It cannot be encoded.
    Row(Error),
    TooLarge {
        bytes: usize,
        limit: usize,
    },
}

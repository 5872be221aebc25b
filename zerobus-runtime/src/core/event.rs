//! What goes into the core and what comes out of it.

use std::sync::Arc;
use std::time::Duration;

use super::Schema;
use super::persistent::Begin;
use super::window::Outgoing;
use crate::error::{Error, Violation};
use crate::event::StreamEvent;

/// What a connection says.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The server acknowledged every offset up to this one.
    Acked(Option<i64>),
    /// The server asks for an end of this server stream.
    CloseSignal(Duration),
    /// The connection is over; without an error if the server ended it with OK.
    Ended(Option<Error>),
    /// The server created the stream, and calls it this.
    Opened(Arc<str>),
    /// The server goes on with the stream, and has every offset up to this one.
    Resumed(Option<i64>),
    /// The server broke the protocol in a way that does not concern acknowledgements.
    Violated(Violation),
}

/// What a session wants done.
#[derive(Debug)]
pub(crate) enum Action {
    /// Open a call of this generation.
    Open { generation: u64, over: Over, schema: Schema, begin: Begin },
    /// Drop the call of this generation.
    Reset { generation: u64 },
    /// It is over.
    Stop,
    /// Tell those who watch.
    Tell(StreamEvent),
}

/// Which connection carries a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// One of its own.
    NewConnection,
    /// That of the call before it, which is still there.
    SameConnection,
}

/// What the transport gets when it can take something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pull {
    /// The request side is to be closed.
    End,
    /// Nothing is there to be sent.
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
    /// It cannot be written.
    Row(Error),
    TooLarge {
        bytes: usize,
        limit: usize,
    },
}

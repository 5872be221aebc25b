//! What goes into the core and what comes out of it.

use std::time::Duration;

use super::window::Outgoing;
use crate::error::{Error, Violation};
use crate::event::StreamEvent;

/// What happens to a session.
#[derive(Debug)]
pub(crate) enum Event {
    /// The server acknowledged every offset up to this one.
    Acked(Option<i64>),
    /// The server asks for an end of this server stream.
    CloseSignal(Duration),
    /// Time has passed.
    Elapsed,
    /// The connection is over; without an error if the server ended it with OK.
    Ended(Option<Error>),
    /// The server created the stream.
    Opened,
    /// The server broke the protocol in a way that does not concern acknowledgements.
    Violated(Violation),
}

/// What a session wants done.
#[derive(Debug)]
pub(crate) enum Action {
    /// Open a connection of this generation; an older one is void.
    Open { generation: u64, token: TokenAge },
    /// Drop the connection.
    Reset,
    /// It is over.
    Stop,
    /// Tell those who watch.
    Tell(StreamEvent),
}

/// Which token opens a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenAge {
    /// One that is at hand, if it is good by its age.
    Any,
    /// A new one, since the server rejected the last.
    New,
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
pub(crate) enum Refused<E> {
    Closed,
    Failed(Error),
    /// There is no room for this many bytes.
    Full {
        needed: usize,
    },
    TooLarge {
        bytes: usize,
        limit: usize,
    },
    Write(E),
}

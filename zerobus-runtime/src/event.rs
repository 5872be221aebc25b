//! What a stream tells those who watch it.

use std::time::Duration;

use crate::error::Error;
use crate::offset::Offset;

/// Something that happened to a stream.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StreamEvent {
    /// The stream was closed, and every row is durable.
    Closed,
    /// The server asks for a new connection and takes what is in flight for this long.
    Closing {
        /// How long the server goes on.
        grace: Duration,
    },
    /// The stream gave up; the rows that are not durable are handed back.
    Failed {
        /// Why it gave up.
        error: Error,
    },
    /// A connection is open.
    Opened {
        /// How many rows were sent or waited before, and are sent on this connection.
        replays: u64,
    },
    /// The connection was lost, or refused, and the next attempt follows.
    Reconnecting {
        /// What went wrong.
        reason: Error,
        /// How long it waits before the attempt.
        pause: Duration,
    },
    /// The server refused a single row, which is handed back; all others go on.
    Rejected {
        /// The row's offset.
        offset: Offset,
        /// Why the server refused it.
        reason: Error,
    },
}

/// What is called for every event of a stream.
pub(crate) type OnEvent = dyn Fn(&StreamEvent) + Send + Sync;

//! What a stream reports to those who watch it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::offset::Offset;

/// Something that happened to a stream.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StreamEvent {
    /// The stream was closed, and every row is settled.
    #[non_exhaustive]
    Closed {
        /// How many rows are durable.
        durable: u64,
        /// How many rows the server refused; they are returned.
        returned: u64,
    },
    /// The server asks for a new connection and takes what is in flight for this long.
    #[non_exhaustive]
    Closing {
        /// How long the server goes on.
        grace: Duration,
    },
    /// The stream gave up; the rows that are not durable are returned.
    #[non_exhaustive]
    Failed {
        /// Why it gave up.
        error: Error,
    },
    /// The service has no persistent streams: rows are delivered at least once, as `exactly_once_if_available` asks for.
    #[non_exhaustive]
    AtLeastOnce {
        /// What the service said.
        reason: Error,
    },
    /// The spool held rows of another process, which are sent first.
    #[non_exhaustive]
    Recovered {
        /// How many rows there are.
        rows: u64,
        /// How many bytes they take on disk.
        bytes: u64,
        /// How long ago the oldest of them was accepted.
        age: Option<Duration>,
        /// How many bytes at the end were cut off: the rest of a row that was not spooled.
        cut: u64,
    },
    /// A server stream is open.
    #[non_exhaustive]
    Opened {
        /// The server's id of it, by which the workspace's system tables know it.
        stream_id: Arc<str>,
        /// How many rows were sent or waited before, and are sent on this connection.
        replays: u64,
    },
    /// The connection was lost, or refused, and the next attempt follows.
    #[non_exhaustive]
    Reconnecting {
        /// What went wrong.
        reason: Error,
        /// How long it waits before the attempt.
        pause: Duration,
    },
    /// The server refused a single row, which is returned; all others go on.
    #[non_exhaustive]
    Rejected {
        /// The row's offset.
        offset: Offset,
        /// Why the server refused it.
        reason: Error,
    },
    /// Rows of the spool cannot be read; the files that hold them are kept under another name.
    #[non_exhaustive]
    SpoolDamaged {
        /// How many rows.
        rows: u64,
    },
    /// The disk of the spool fails or is full; it is tried again, and `send` waits when the memory is used up.
    #[non_exhaustive]
    SpoolFailing {
        /// What went wrong.
        reason: Error,
    },
    /// The disk of the spool takes rows again.
    SpoolRecovered,
    /// A damaged file of the spool was set aside; everything else goes on.
    #[non_exhaustive]
    SpoolSetAside {
        /// The name that it has now.
        file: String,
        /// How many rows it held, where that is known.
        rows: Option<u64>,
    },
}

/// What a program wants to be called for.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_event: Option<Arc<OnEvent>>,
    pub(crate) on_ack: Option<Arc<OnAck>>,
}

pub(crate) type OnEvent = dyn Fn(&StreamEvent) + Send + Sync;
pub(crate) type OnAck = dyn Fn(Offset) + Send + Sync;

impl Hooks {
    pub(crate) const fn wants_acks(&self) -> bool {
        self.on_ack.is_some()
    }

    /// Something has happened.
    pub(crate) fn told(&mut self, event: &StreamEvent) {
        if let Some(hook) = self.on_event.clone()
            && !runs(|| hook(event))
        {
            self.on_event = None;
        }
    }

    /// Every row up to this one is settled.
    pub(crate) fn acked(&mut self, up_to: Offset) {
        if let Some(hook) = self.on_ack.clone()
            && !runs(|| hook(up_to))
        {
            self.on_ack = None;
        }
    }
}

/// Whether a hook returns; one that panics is reported and not called again, and the stream goes on.
fn runs(hook: impl FnOnce()) -> bool {
    let returned = catch_unwind(AssertUnwindSafe(hook)).is_ok();
    if !returned {
        tracing::error!(name: "zerobus.hook.panicked", "a hook of the stream panicked and is not called again");
    }
    returned
}

//! Events and hooks of a stream.

mod log;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use log::log;

use crate::error::Error;
use crate::offset::Offset;

/// An event of a stream.
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
    /// The server asks for a new connection, and accepts the rows in flight for this long.
    #[non_exhaustive]
    Closing {
        /// How long the server keeps the connection open.
        grace: Duration,
    },
    /// The sink for [dead letters](crate::DeadLetters) did not take a refused row, which stays with
    /// [`take_rejected`](crate::IngestStream::take_rejected), or with the caller of `send` that refused it.
    #[non_exhaustive]
    DeadLetterFailed {
        /// The row's offset; `None` if `send` refused it.
        offset: Option<Offset>,
        /// Why the sink did not take it.
        reason: Error,
    },
    /// The stream gave up; the rows that are not durable are returned.
    #[non_exhaustive]
    Failed {
        /// Why the stream gave up.
        error: Error,
    },
    /// The service has no persistent streams: rows are delivered at least once, as `exactly_once_if_available`
    /// allows.
    #[non_exhaustive]
    AtLeastOnce {
        /// The service's error.
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
        /// How many bytes were cut off at the end: a partial row that was not spooled.
        cut: u64,
    },
    /// A server stream was opened.
    #[non_exhaustive]
    Opened {
        /// The server's id of the stream, as in the workspace's system tables.
        stream_id: Arc<str>,
        /// How many rows, sent or waiting before, are sent on this connection.
        replays: u64,
    },
    /// The connection was lost or refused; another attempt follows.
    #[non_exhaustive]
    Reconnecting {
        /// The reason.
        reason: Error,
        /// The pause before the attempt.
        pause: Duration,
    },
    /// The server refused a single row. It is returned; all others are delivered.
    #[non_exhaustive]
    Rejected {
        /// The row's offset.
        offset: Offset,
        /// Why the server refused it.
        reason: Error,
    },
    /// Rows of the spool cannot be read; their files are kept under another name.
    #[non_exhaustive]
    SpoolDamaged {
        /// How many rows.
        rows: u64,
    },
    /// The spool is full, and rows were dropped, as its [`SpoolOverflow`](crate::SpoolOverflow) says.
    #[non_exhaustive]
    SpoolDropped {
        /// How many rows since the last event of this kind.
        rows: u64,
    },
    /// The disk of the spool fails or is full. Writes are retried, and `send` waits when memory is exhausted.
    #[non_exhaustive]
    SpoolFailing {
        /// The reason.
        reason: Error,
    },
    /// The disk of the spool works again.
    SpoolRecovered,
    /// A damaged file of the spool was set aside; the rest is used.
    #[non_exhaustive]
    SpoolSetAside {
        /// Its new name.
        file: String,
        /// How many rows it held, if known.
        rows: Option<u64>,
    },
}

/// The hooks that a program has set.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_event: Option<Arc<OnEvent>>,
    pub(crate) on_ack: Option<Arc<OnAck>>,
}

pub(crate) type OnEvent = dyn Fn(&StreamEvent) + Send + Sync;
pub(crate) type OnAck = dyn Fn(Offset) + Send + Sync;

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

impl Hooks {
    pub(crate) const fn wants_acks(&self) -> bool {
        self.on_ack.is_some()
    }

    /// Calls the event hook.
    pub(crate) fn emit(&mut self, event: &StreamEvent) {
        if let Some(hook) = self.on_event.clone()
            && !runs(|| hook(event))
        {
            self.on_event = None;
        }
    }

    /// Calls the ack hook: every row up to this one is settled.
    pub(crate) fn acked(&mut self, up_to: Offset) {
        if let Some(hook) = self.on_ack.clone()
            && !runs(|| hook(up_to))
        {
            self.on_ack = None;
        }
    }
}

/// Runs a hook; returns whether it returned. A hook that panics is logged and not called again, and the stream
/// continues.
fn runs(hook: impl FnOnce()) -> bool {
    let returned = catch_unwind(AssertUnwindSafe(hook)).is_ok();
    if !returned {
        tracing::error!(name: "zerobus.hook.panicked", "a hook of the stream panicked and is not called again");
    }
    returned
}

//! What a session finds at its start: rows on disk, and their persistent stream.

use std::sync::Arc;

/// The number of a schema that rows were written for; 0 is the program's own.
pub(crate) type Schema = usize;

/// The rows that a session finds on disk.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Found {
    /// The rows on disk.
    pub(crate) first: u64,
    pub(crate) end: u64,
    /// The schema of the first of them.
    pub(crate) schema: Schema,
}

/// The settings of a session that delivers exactly once.
#[derive(Debug, Clone)]
pub(crate) struct ExactlyOnce {
    pub(crate) found: Option<StreamNote>,
    pub(crate) otherwise: Otherwise,
}

/// What a session does where the service has no persistent streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Otherwise {
    AtLeastOnce,
    Fail,
}

/// The spool's note of a persistent stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamNote {
    /// The server's name of the stream.
    pub(crate) stream_id: Arc<str>,
    /// The sequence of the request whose offset is 0; all before it is settled.
    pub(crate) base: u64,
    /// Where the log ended when a process opened it, until the server reports what it has.
    pub(crate) end: Option<u64>,
}

impl StreamNote {
    /// The note for a process that finds a log with this end: the log may have ended later for one that was killed
    /// before the server was asked.
    pub(crate) fn at_start(self, end: u64) -> Self {
        Self { end: Some(self.end.map_or(end, |before| before.min(end))), ..self }
    }
}

/// How a call starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Begin {
    /// With a stream that ends with the call.
    Ephemeral,
    /// With a new persistent stream.
    Create,
    /// With the persistent stream of this name.
    Resume(Arc<str>),
}

//! The work that a session wants done on disk.

use std::time::Duration;

use super::{Batch, StreamNote};

/// The work to do on disk.
#[derive(Debug)]
pub(crate) struct Job {
    /// The note of the persistent stream to store before anything is written.
    pub(crate) note: Option<StreamNote>,
    pub(crate) write: Vec<Batch>,
    /// Every row below is settled.
    pub(crate) settled: u64,
    /// What to read back.
    pub(crate) read: Option<Wanted>,
    /// When to ask again, unless woken before.
    pub(crate) until: Option<Duration>,
    /// The session is over; this is its last job.
    pub(crate) is_last: bool,
}

/// The rows to read from disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) most_bytes: usize,
    /// One batch is wanted even if it is larger: nothing else is in memory.
    pub(crate) at_least_one: bool,
    /// The end of the rows to read: later rows are in memory.
    pub(crate) end: u64,
}

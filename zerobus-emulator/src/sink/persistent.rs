//! A persistent stream as the sink knows it: its id, and up to which offset its requests are stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The offset before the first.
const NOTHING: i64 = -1;

/// A persistent stream that requests may come on; shared by them and by the writer of their table.
#[derive(Debug)]
pub(crate) struct PersistentStream {
    id: String,
    /// Only the writer of the table moves it, in the order of the commits.
    committed: AtomicI64,
}

/// What a table knows of a persistent stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamState {
    /// Every offset up to this one is stored; -1 before the first.
    Open(i64),
    Retired,
    Unknown,
}

/// What is to be done with the persistent stream of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamAction {
    Create,
    Find,
    Retire,
}

impl PersistentStream {
    pub(crate) fn new(id: String, committed: i64) -> Arc<Self> {
        Arc::new(Self { id, committed: AtomicI64::new(committed) })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn committed(&self) -> i64 {
        self.committed.load(Ordering::Acquire)
    }

    pub(crate) fn advance(&self, offset: i64) {
        self.committed.store(offset, Ordering::Release);
    }
}

impl StreamState {
    pub(crate) const NEW: Self = Self::Open(NOTHING);

    /// The state that the action leads to.
    pub(crate) const fn after(self, action: StreamAction) -> Self {
        match (action, self) {
            (StreamAction::Create, _) => Self::NEW,
            (StreamAction::Retire, Self::Open(_)) => Self::Retired,
            (StreamAction::Find | StreamAction::Retire, state) => state,
        }
    }
}

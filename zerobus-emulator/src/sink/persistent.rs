//! A persistent stream in the sink: its id, and the last stored offset.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The offset before the first.
const NOTHING: i64 = -1;

/// An open persistent stream, shared by its requests and the writer of their table.
#[derive(Debug)]
pub(crate) struct PersistentStream {
    id: String,
    /// Advanced by the table's writer only, in commit order.
    committed: AtomicI64,
}

/// The state of a persistent stream in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamState {
    /// Every offset up to this one is stored; -1 before the first.
    Open(i64),
    Retired,
    Unknown,
}

/// An action on a persistent stream.
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

    /// The state after the action.
    pub(crate) const fn after(self, action: StreamAction) -> Self {
        match (action, self) {
            (StreamAction::Create, _) => Self::NEW,
            (StreamAction::Retire, Self::Open(_)) => Self::Retired,
            (StreamAction::Find | StreamAction::Retire, state) => state,
        }
    }
}

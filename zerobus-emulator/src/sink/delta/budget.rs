//! Memory that rows may take between their request and their commit: of all tables together, and of each.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes of one permit.
const UNIT: usize = 1 << 10;

/// The memory of one table, which is a part of the memory of all.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
    /// The permits of one table; a request that is larger takes all of them.
    most: u32,
}

/// Memory that is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

/// The memory of all tables.
pub(super) fn all(bytes: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new((bytes / UNIT).clamp(2, Semaphore::MAX_PERMITS.min(u32::MAX as usize))))
}

impl Budget {
    /// Half of the memory, so that a table whose disk is slow leaves room for others.
    pub(super) fn of_table(all: &Arc<Semaphore>, bytes: usize) -> Self {
        let most = u32::try_from(bytes / UNIT / 2).unwrap_or(u32::MAX).max(1);
        Self { all: Arc::clone(all), own: Arc::new(Semaphore::new(most as usize)), most }
    }

    /// Waits until there is room; none once the table takes no more.
    pub(super) async fn take(&self, bytes: usize) -> Option<Share> {
        let permits = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.most);
        let own = Arc::clone(&self.own).acquire_many_owned(permits).await.ok()?;
        let all = Arc::clone(&self.all).acquire_many_owned(permits).await.ok()?;
        Some(Share { _all: all, _own: own })
    }
}

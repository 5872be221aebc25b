//! The queue before a table: what all streams bring within a short while becomes one commit.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::kernel::Kernel;
use super::table::DeltaTable;
use crate::error_chain::ErrorChain;
use crate::row::Row;
use crate::sink::{Append, StorageError, Stored};

/// Bytes of records that may wait before a table; more make their streams wait.
const QUEUE_BYTES: usize = 32 << 20;
/// Rows that make a commit without further waiting.
const COMMIT_ROWS: usize = 200_000;

/// The task that owns one Delta table.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<Queue>,
    task: Option<JoinHandle<()>>,
}

/// The end of the queue that a stream holds.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    sender: mpsc::UnboundedSender<Queued>,
    budget: Arc<Semaphore>,
}

/// A request, and its share of the budget until it is committed.
type Queued = (Append, OwnedSemaphorePermit);

impl Queue {
    pub(crate) async fn append(&self, append: Append) -> Result<(), StorageError> {
        let bytes = u32::try_from(append.bytes.min(QUEUE_BYTES)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.budget).acquire_many_owned(bytes).await.map_err(|_| StorageError::Stopping)?;
        self.sender.send((append, permit)).map_err(|_| StorageError::Stopping)
    }
}

impl Writer {
    pub(super) fn start(kernel: &Kernel, table: DeltaTable, linger: Duration) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let blocking = kernel.handle();
        let task = kernel.spawn(run(table, receiver, linger, blocking));
        let queue = Queue { sender, budget: Arc::new(Semaphore::new(QUEUE_BYTES)) };
        Self { queue: Some(queue), task: Some(task) }
    }

    /// None once the writer has ended.
    pub(super) fn queue(&self) -> Option<Queue> {
        self.queue.clone().filter(|queue| !queue.sender.is_closed())
    }

    /// Ends when every stream has let go of the queue and all of it is committed.
    pub(super) async fn close(&mut self) {
        self.queue = None;
        if let Some(task) = self.task.take() {
            // An aborted task has nothing left to wait for.
            let _ = task.await;
        }
    }
}

/// What goes into one commit.
#[derive(Default)]
struct Group {
    rows: Vec<Row>,
    /// The highest offset of each stream in the group.
    offsets: Vec<(Stored, i64)>,
    permits: Option<OwnedSemaphorePermit>,
}

impl Group {
    fn add(&mut self, (append, permit): Queued) {
        self.rows.extend(append.rows);
        match &mut self.permits {
            Some(permits) => permits.merge(permit),
            none => *none = Some(permit),
        }
        match self.offsets.iter_mut().find(|(stored, _)| stored.same_channel(&append.stored)) {
            Some((_, offset)) => *offset = append.offset,
            None => self.offsets.push((append.stored, append.offset)),
        }
    }

    fn report(self, result: &Result<(), StorageError>) {
        for (stored, offset) in self.offsets {
            // A stream that has gone needs no report.
            let _ = stored.send(result.clone().map(|()| offset));
        }
    }
}

async fn run(
    mut table: DeltaTable,
    mut queue: mpsc::UnboundedReceiver<Queued>,
    linger: Duration,
    blocking: tokio::runtime::Handle,
) {
    while let Some(first) = queue.recv().await {
        let group = gather(first, &mut queue, linger).await;
        let committed = blocking.spawn_blocking(move || {
            let result = if group.rows.is_empty() { Ok(()) } else { table.append(&group.rows) };
            if let Err(error) = &result {
                tracing::error!(error = %ErrorChain(error), "a commit failed");
            }
            group.report(&result);
            table.maintain();
            table
        });
        match committed.await {
            Ok(back) => table = back,
            // A panic in the commit: the streams see their reports vanish, and fail.
            Err(_) => return,
        }
    }
}

/// The first request and all that follow it within the linger.
async fn gather(first: Queued, queue: &mut mpsc::UnboundedReceiver<Queued>, linger: Duration) -> Group {
    let mut group = Group::default();
    group.add(first);
    let deadline = Instant::now() + linger;
    while group.rows.len() < COMMIT_ROWS {
        match queue.try_recv() {
            Ok(queued) => group.add(queued),
            Err(_) => match tokio::time::timeout_at(deadline, queue.recv()).await {
                Ok(Some(queued)) => group.add(queued),
                Ok(None) | Err(_) => break,
            },
        }
    }
    group
}

//! The queue before a table: what all streams bring within a short while becomes one commit.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use delta_kernel::KernelResult;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::budget::{Budget, Share};
use super::gather::Gather;
use super::kernel::Kernel;
use super::merge::Merged;
use super::table::DeltaTable;
use crate::sink::{Append, StorageError, StreamAction, StreamState};

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
    budget: Budget,
}

/// What stands in the queue.
#[derive(Debug)]
pub(super) enum Queued {
    Command(Command),
    Request(Request),
}

/// A request, and its share of the memory until it is committed.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) append: Append,
    pub(super) _share: Share,
}

/// Something to do with a persistent stream, and who waits for it.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) id: String,
    pub(super) action: StreamAction,
    pub(super) reply: oneshot::Sender<Result<StreamState, StorageError>>,
}

impl Queue {
    pub(crate) async fn append(&self, append: Append) -> Result<(), StorageError> {
        let share = self.budget.take(append.weight).await.ok_or(StorageError::Stopping)?;
        self.send(Queued::Request(Request { append, _share: share }))
    }

    pub(crate) async fn stream(&self, id: &str, action: StreamAction) -> Result<StreamState, StorageError> {
        let (reply, answer) = oneshot::channel();
        self.send(Queued::Command(Command { id: id.to_owned(), action, reply }))?;
        answer.await.map_err(|_| StorageError::Stopping)?
    }

    fn send(&self, queued: Queued) -> Result<(), StorageError> {
        self.sender.send(queued).map_err(|_| StorageError::Stopping)
    }
}

impl Writer {
    pub(super) fn start(
        kernel: &Arc<Kernel>,
        table: DeltaTable,
        linger: Duration,
        budget: Budget,
        merges: Arc<Semaphore>,
    ) -> Self {
        let (sender, queue) = mpsc::unbounded_channel();
        let (gather, merging) = (Gather::new(linger), None);
        let run = Run { kernel: Arc::clone(kernel), queue, gather, merges, merging, due: None };
        let task = kernel.spawn(run.run(table));
        Self { queue: Some(Queue { sender, budget }), task: Some(task) }
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

/// A large merge that goes on beside the commits.
struct Merging {
    job: JoinHandle<KernelResult<Merged>>,
    _turn: OwnedSemaphorePermit,
}

struct Run {
    kernel: Arc<Kernel>,
    queue: mpsc::UnboundedReceiver<Queued>,
    gather: Gather,
    /// Large merges of all tables take turns, so that they leave a core to the commits.
    merges: Arc<Semaphore>,
    merging: Option<Merging>,
    /// When old files are to be removed.
    due: Option<Instant>,
}

/// What wakes the writer up.
enum Event {
    Closed,
    CleanUp,
    Merged(KernelResult<Merged>),
    Queued(Queued),
}

impl Run {
    async fn run(mut self, mut table: DeltaTable) {
        loop {
            let done = match self.next().await {
                Event::Closed => break,
                Event::CleanUp => self.with(table, |_| {}).await,
                Event::Merged(merged) => self.with(table, |table| table.finish_merge(merged)).await,
                Event::Queued(first) => {
                    let group = self.gather.group(first, &mut self.queue).await;
                    self.with(table, |table| group.commit(table)).await
                }
            };
            match done {
                ControlFlow::Continue(back) => table = back,
                ControlFlow::Break(()) => return,
            }
        }
        if let Some(merging) = self.merging.take() {
            // The files of a merge that is not committed are removed at the next start.
            merging.job.abort();
        }
        // A panic was logged, and nothing is left to do.
        let _ = self.kernel.run(move || table.close()).await;
    }

    async fn next(&mut self) -> Event {
        let due = self.due.map(tokio::time::Instant::from_std);
        tokio::select! {
            biased;
            queued = self.queue.recv() => queued.map_or(Event::Closed, Event::Queued),
            merged = merged(&mut self.merging) => {
                self.merging = None;
                Event::Merged(merged)
            }
            () = async { tokio::time::sleep_until(due.unwrap_or_else(tokio::time::Instant::now)).await }, if due.is_some() => Event::CleanUp,
        }
    }

    /// Does the work on a thread where it may block, then what the table needs to stay small.
    async fn with(
        &mut self,
        mut table: DeltaTable,
        work: impl FnOnce(&mut DeltaTable) + Send + 'static,
    ) -> ControlFlow<(), DeltaTable> {
        let turn = if self.merging.is_none() { Arc::clone(&self.merges).try_acquire_owned().ok() } else { None };
        let may_merge = self.merging.is_none();
        let done = self.kernel.run(move || {
            work(&mut table);
            let large = if may_merge { maintain(&mut table, turn) } else { None };
            table.checkpoint_if_due();
            let due = table.clean_up();
            (table, large, due)
        });
        // A panic: the streams see their reports vanish, and fail.
        let Ok((table, large, due)) = done.await else { return ControlFlow::Break(()) };
        if let Some((merge, turn)) = large {
            self.merging = Some(Merging { job: self.kernel.spawn_blocking(move || merge.run()), _turn: turn });
        }
        self.due = due;
        ControlFlow::Continue(table)
    }
}

/// Merges small files at once; gives a large merge back if it has a turn.
fn maintain(
    table: &mut DeltaTable,
    mut turn: Option<OwnedSemaphorePermit>,
) -> Option<(super::merge::Merge, OwnedSemaphorePermit)> {
    while let Some(merge) = table.next_merge() {
        if !merge.is_small() {
            if let Some(turn) = turn.take() {
                return Some((merge, turn));
            }
            table.postpone(&merge);
            return None;
        }
        table.finish_merge(merge.run());
    }
    None
}

async fn merged(merging: &mut Option<Merging>) -> KernelResult<Merged> {
    match merging {
        Some(merging) => {
            (&mut merging.job).await.unwrap_or_else(|panic| Err(delta_kernel::KernelError::generic(panic)))
        }
        None => std::future::pending().await,
    }
}

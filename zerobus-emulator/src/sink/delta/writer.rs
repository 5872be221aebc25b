//! The task that owns a table: the requests that come within a short time become one commit.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use delta_kernel::KernelResult;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::budget::Budget;
use super::commit::Open;
use super::gather::Gather;
use super::kernel::Kernel;
use super::merge::Merged;
use super::queue::{Queue, Queued};
use super::table::DeltaTable;
use super::wal::Wal;

/// The task that owns one Delta table.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<Queue>,
    task: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(
        kernel: &Arc<Kernel>,
        open: Open,
        gather: Gather,
        budget: Budget,
        merges: Arc<Semaphore>,
    ) -> Self {
        let (sender, queue) = Queue::new(budget);
        let due = open.log.as_ref().and_then(Wal::due);
        let run = Run { kernel: Arc::clone(kernel), queue, gather, merges, merging: None, clean_up: None, commit: due };
        let task = kernel.spawn(run.run(open));
        Self { queue: Some(sender), task: Some(task) }
    }

    /// None once the writer has ended.
    pub(super) fn queue(&self) -> Option<Queue> {
        self.queue.clone().filter(|queue| !queue.is_closed())
    }

    /// Takes no more; the task ends once every stream has dropped its queue and everything is committed.
    pub(super) fn end(&mut self) -> Option<JoinHandle<()>> {
        self.queue = None;
        self.task.take()
    }
}

/// A large merge that runs beside the commits.
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
    clean_up: Option<Instant>,
    /// When acked rows are to be committed.
    commit: Option<Instant>,
}

/// What wakes the writer up.
enum Event {
    Closed,
    CleanUp,
    Commit,
    Merged(KernelResult<Merged>),
    Queued(Queued),
}

impl Run {
    async fn run(mut self, mut open: Open) {
        loop {
            let done = match self.next().await {
                Event::Closed => break,
                Event::CleanUp => self.with(open, |_| {}).await,
                // A failure is logged, and tried again later.
                Event::Commit => self.with(open, |open| drop(open.flush())).await,
                Event::Merged(merged) => self.with(open, |open| open.table.finish_merge(merged)).await,
                Event::Queued(first) => {
                    let group = self.gather.group(first, &mut self.queue).await;
                    self.with(open, |open| group.commit(open)).await
                }
            };
            match done {
                ControlFlow::Continue(back) => open = back,
                ControlFlow::Break(()) => return,
            }
        }
        if let Some(merging) = self.merging.take() {
            // The files of a merge that is not committed are removed at the next start.
            merging.job.abort();
        }
        let closed = self.kernel.run(move || {
            let flushed = open.flush();
            if open.folder.is_held() {
                open.table.close();
            }
            flushed
        });
        // A panic or a failure was logged, and nothing is left to do.
        let _ = closed.await;
    }

    async fn next(&mut self) -> Event {
        tokio::select! {
            biased;
            // First, or a steady stream of requests would postpone it forever.
            () = at(self.commit) => Event::Commit,
            queued = self.queue.recv() => queued.map_or(Event::Closed, Event::Queued),
            merged = merged(&mut self.merging) => {
                self.merging = None;
                Event::Merged(merged)
            }
            () = at(self.clean_up) => Event::CleanUp,
        }
    }

    /// Runs the work on a thread where it may block, then the maintenance that keeps the table small.
    async fn with(&mut self, mut open: Open, work: impl FnOnce(&mut Open) + Send + 'static) -> ControlFlow<(), Open> {
        let turn = if self.merging.is_none() { Arc::clone(&self.merges).try_acquire_owned().ok() } else { None };
        let may_merge = self.merging.is_none();
        let done = self.kernel.run(move || {
            work(&mut open);
            if !open.folder.is_held() {
                return (open, None, None);
            }
            let large = if may_merge { maintain(&mut open.table, turn) } else { None };
            open.table.checkpoint_if_due();
            let clean_up = open.table.clean_up();
            (open, large, clean_up)
        });
        // A panic: the streams' reports are dropped, and the streams fail.
        let Ok((open, large, clean_up)) = done.await else { return ControlFlow::Break(()) };
        if let Some((merge, turn)) = large {
            self.merging = Some(Merging { job: self.kernel.spawn_blocking(move || merge.run()), _turn: turn });
        }
        self.clean_up = clean_up;
        self.commit = open.log.as_ref().and_then(Wal::due);
        ControlFlow::Continue(open)
    }
}

/// Runs small merges; returns a large one if it is this table's turn.
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

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

async fn merged(merging: &mut Option<Merging>) -> KernelResult<Merged> {
    match merging {
        Some(merging) => {
            (&mut merging.job).await.unwrap_or_else(|panic| Err(delta_kernel::KernelError::generic(panic)))
        }
        None => std::future::pending().await,
    }
}

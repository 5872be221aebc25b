//! The queue before a table: the requests and commands of all its streams, in their order.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use zerobus_codegen::Table;

use super::budget::{Budget, Share};
use crate::sink::{Append, StorageError, StreamAction, StreamState};

/// The end of the queue that a stream holds.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    sender: mpsc::UnboundedSender<Queued>,
    budget: Budget,
}

/// An entry of the queue.
#[derive(Debug)]
pub(super) enum Queued {
    Command(Command),
    Request(Request),
}

/// A request, and its share of the memory until it is committed.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) append: Append,
    pub(super) share: Share,
}

/// Work that runs after all earlier requests, and where to report its result.
#[derive(Debug)]
pub(super) enum Command {
    /// Remove every row.
    Reset(Reply<()>),
    /// Give the table another definition.
    Alter(Arc<Table>, Reply<()>),
    /// Do something with the persistent stream of this id.
    Stream(String, StreamAction, Reply<StreamState>),
}

type Reply<T> = oneshot::Sender<Result<T, StorageError>>;

impl Request {
    /// Reports to the stream that its rows are durable.
    pub(super) fn stored(&self) {
        if let Some(stream) = &self.append.stream {
            stream.advance(self.append.offset);
        }
        self.append.report(Ok(()));
    }

    pub(super) fn report(&self, result: Result<(), StorageError>) {
        self.append.report(result);
    }
}

impl Queue {
    pub(super) fn new(budget: Budget) -> (Self, mpsc::UnboundedReceiver<Queued>) {
        let (sender, queue) = mpsc::unbounded_channel();
        (Self { sender, budget }, queue)
    }

    pub(crate) async fn append(&self, append: Append) -> Result<(), StorageError> {
        let share = self.budget.take(append.weight).await.ok_or(StorageError::Stopping)?;
        self.send(Queued::Request(Request { append, share }))
    }

    pub(crate) async fn stream(&self, id: &str, action: StreamAction) -> Result<StreamState, StorageError> {
        let (reply, answer) = oneshot::channel();
        self.send(Queued::Command(Command::Stream(id.to_owned(), action, reply)))?;
        answer.await.map_err(|_| StorageError::Stopping)?
    }

    pub(super) async fn alter(&self, to: &Arc<Table>) -> Result<(), StorageError> {
        let (reply, answer) = oneshot::channel();
        self.send(Queued::Command(Command::Alter(Arc::clone(to), reply)))?;
        answer.await.map_err(|_| StorageError::Stopping)?
    }

    pub(super) async fn reset(&self) -> Result<(), StorageError> {
        let (reply, answer) = oneshot::channel();
        self.send(Queued::Command(Command::Reset(reply)))?;
        answer.await.map_err(|_| StorageError::Stopping)?
    }

    /// Whether the table's task has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    fn send(&self, queued: Queued) -> Result<(), StorageError> {
        self.sender.send(queued).map_err(|_| StorageError::Stopping)
    }
}

//! The outcome of one row, as a future that borrows nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::error::{Error, Fault};
use crate::offset::Offset;
use crate::shared::{Inner, Settled, Shared};

type Answer = Box<dyn FnMut(&mut Inner) -> Option<Result<(), Error>> + Send + Sync>;

/// A row's receipt: ready when the row is durable or has failed.
///
/// It borrows nothing, so it can be stored, moved to another task, or dropped without losing the row. It does not keep
/// the stream open.
///
/// ```no_run
/// # async fn f<T: zerobus_runtime::ZerobusMessage>(stream: zerobus_runtime::IngestStream<T>, row: T) -> Result<(), zerobus_runtime::Error> {
/// let receipt = stream.receipt(stream.send(&row).await?);
/// tokio::spawn(async move {
///     match receipt.await {
///         Ok(offset) => println!("{offset} is durable"),
///         Err(error) => eprintln!("{error}"),
///     }
/// });
/// # Ok(())
/// # }
/// ```
#[must_use = "a receipt does nothing until it is awaited"]
pub struct Receipt {
    offset: Offset,
    settled: Settled<Arc<Shared>, Answer>,
}

impl Receipt {
    pub(super) fn new(shared: Arc<Shared>, offset: Offset) -> Self {
        shared.expect(offset);
        let answer: Answer = Box::new(move |inner| {
            if offset.0 >= inner.session.ledger().accepted {
                return Some(Err(Fault::UnknownOffset { offset }.into()));
            }
            inner.outcome(offset.0)
        });
        Self { offset, settled: Settled::new(shared, offset.0, answer) }
    }

    /// The row's offset.
    #[must_use]
    pub const fn offset(&self) -> Offset {
        self.offset
    }
}

impl Future for Receipt {
    type Output = Result<Offset, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let offset = self.offset;
        Pin::new(&mut self.settled).poll(cx).map(|settled| settled.map(|()| offset))
    }
}

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receipt").field("offset", &self.offset).finish_non_exhaustive()
    }
}

//! The outcome of one row, followed across lanes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::super::receipt::Receipt;
use super::LaneOffset;
use super::set::LaneSet;
use crate::error::Error;

/// The receipt of a row of [`Lanes`](super::Lanes): ready when the row is durable or has failed.
///
/// It follows the row to another lane if its lane gives up. Like [`Receipt`], it borrows nothing.
#[must_use = "a receipt does nothing until it is awaited"]
pub struct LaneReceipt {
    set: Arc<LaneSet>,
    row: LaneOffset,
    receipt: Receipt,
}

impl LaneReceipt {
    pub(super) fn new(set: Arc<LaneSet>, row: LaneOffset) -> Self {
        let receipt = Receipt::new(Arc::clone(set.shared(row.lane)), row.offset);
        Self { set, row, receipt }
    }

    /// The row's current position.
    #[must_use]
    pub const fn offset(&self) -> LaneOffset {
        self.row
    }
}

impl Future for LaneReceipt {
    type Output = Result<LaneOffset, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let error = match Pin::new(&mut this.receipt).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(_)) => return Poll::Ready(Ok(this.row)),
                Poll::Ready(Err(error)) => error,
            };
            // A row that the server refused does not move.
            let Some(row) = this.set.moved(this.row) else { return Poll::Ready(Err(error)) };
            this.row = row;
            this.receipt = Receipt::new(Arc::clone(this.set.shared(row.lane)), row.offset);
        }
    }
}

impl fmt::Debug for LaneReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaneReceipt").field("row", &self.row).finish_non_exhaustive()
    }
}

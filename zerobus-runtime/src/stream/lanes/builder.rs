//! The options of lanes.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::super::StreamBuilder;
use super::LaneOffset;

/// The options of several streams into one table. [`open`](Self::open) opens them.
#[must_use = "call `open` to open the lanes"]
pub struct LanesBuilder<T> {
    pub(super) stream: Arc<StreamBuilder<T>>,
    pub(super) lanes: NonZeroUsize,
    pub(super) on_ack: Option<Arc<dyn Fn(LaneOffset) + Send + Sync>>,
}

impl<T> StreamBuilder<T> {
    /// Opens this many streams into the table; rows of one key keep their order.
    ///
    /// The service accepts about 100 MB/s per stream, and a hundred times that per table.
    pub fn lanes(self, lanes: NonZeroUsize) -> LanesBuilder<T> {
        LanesBuilder::new(self, lanes)
    }
}

impl<T> LanesBuilder<T> {
    fn new(stream: StreamBuilder<T>, lanes: NonZeroUsize) -> Self {
        Self { stream: Arc::new(stream), lanes, on_ack: None }
    }

    /// Calls `hook` after acknowledgements with the offset up to which every row of a lane is settled, on the lane's
    /// task; it must not block. It replaces the hook of [`StreamBuilder::on_ack`], which does not receive the lane.
    ///
    /// The rows of a lane that gave up get new offsets on another lane; a [`LaneReceipt`](super::LaneReceipt) follows
    /// its row there.
    pub fn on_ack(mut self, hook: impl Fn(LaneOffset) + Send + Sync + 'static) -> Self {
        self.on_ack = Some(Arc::new(hook));
        self
    }
}

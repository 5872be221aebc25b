//! The opening of many streams into one table.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::super::builder::{FirstOpen, Prepared, opened};
use super::super::opening::Opening;
use super::super::{BlockingLanes, Handle, StreamBuilder};
use super::set::LaneSet;
use super::{LaneOffset, Lanes};
use crate::driver::{Driver, Heir};
use crate::error::Error;
use crate::event::OnAck;

/// Between the openings of two lanes, at random up to this: many at the same instant look like an attack.
const STAGGER: Duration = Duration::from_millis(50);

/// The options of many streams into one table; [`open`](Self::open) opens them.
#[must_use = "lanes are opened by `open`"]
pub struct LanesBuilder<T> {
    stream: Arc<StreamBuilder<T>>,
    lanes: NonZeroUsize,
    on_ack: Option<Arc<dyn Fn(LaneOffset) + Send + Sync>>,
}

/// Lanes whose drivers do not run yet.
pub(in super::super) struct PreparedLanes<T> {
    pub(in super::super) lanes: Lanes<T>,
    pub(in super::super) drivers: Vec<Driver>,
    pub(in super::super) first_opens: Vec<FirstOpen>,
}

impl<T> LanesBuilder<T> {
    pub(in super::super) fn new(stream: StreamBuilder<T>, lanes: NonZeroUsize) -> Self {
        Self { stream: Arc::new(stream), lanes, on_ack: None }
    }

    /// Calls `hook` after acknowledgements with the offset up to which every row of a lane is settled, on the lane's
    /// task: it must not block. It replaces the hook of [`StreamBuilder::on_ack`], which does not learn the lane.
    ///
    /// The rows of a lane that gave up get new offsets on another lane; a [`LaneReceipt`](super::LaneReceipt) follows
    /// its row there.
    pub fn on_ack(mut self, hook: impl Fn(LaneOffset) + Send + Sync + 'static) -> Self {
        self.on_ack = Some(Arc::new(hook));
        self
    }

    /// Opens every lane, the one a little after the other.
    ///
    /// # Errors
    /// As [`StreamBuilder::open`], if one of them cannot be opened; the others are closed then.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn open(self) -> Result<Lanes<T>, Error> {
        Arc::new(self).open_again().await
    }

    pub(super) async fn open_again(self: &Arc<Self>) -> Result<Lanes<T>, Error> {
        let PreparedLanes { lanes, drivers, first_opens } = self.prepare()?;
        for driver in drivers {
            driver.spawn();
        }
        for first_open in first_opens {
            opened(first_open.await)?;
        }
        Ok(lanes)
    }

    /// Opens every lane for a program without async; one thread drives them all.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if no thread can be started.
    pub fn open_blocking(self) -> Result<BlockingLanes<T>, Error> {
        BlockingLanes::open(&Arc::new(self))
    }

    pub(in super::super) fn prepare(self: &Arc<Self>) -> Result<PreparedLanes<T>, Error> {
        #[cfg(feature = "spool")]
        self.stream.check_lanes(self.lanes)?;
        let (mut handles, mut drivers, mut first_opens) = (Vec::<Handle>::new(), Vec::new(), Vec::new());
        for lane in 0..self.lanes.get() {
            let opened = Opening::new(&self.stream)?.finish_blocking()?;
            let Prepared { stream, mut driver, first_open } = Arc::clone(&self.stream).prepare(opened, Some(lane))?;
            if let Some(hook) = self.on_ack.clone() {
                driver.hooks.on_ack = Some(Arc::new(move |offset| hook(LaneOffset { lane, offset })) as Arc<OnAck>);
            }
            handles.push(stream.handle);
            drivers.push(driver);
            first_opens.push(first_open);
        }
        let set = Arc::new(LaneSet::new(handles.iter().map(|handle| Arc::clone(handle.shared())).collect()));
        let mut delay = Duration::ZERO;
        for driver in &mut drivers {
            driver.heir = Some(Arc::clone(&set) as Arc<dyn Heir>);
            driver.delay = delay;
            delay += STAGGER.mul_f64(fastrand::f64());
        }
        Ok(PreparedLanes { lanes: Lanes::new(handles, set, Arc::clone(self)), drivers, first_opens })
    }
}

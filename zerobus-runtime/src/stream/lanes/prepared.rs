//! Opening several streams into one table.

#[cfg(feature = "spool")]
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::super::Handle;
#[cfg(feature = "spool")]
use super::super::opening::off_the_runtime;
use super::super::opening::{Opened, Opening};
use super::super::prepared::{FirstOpen, Prepared, opened};
use super::set::LaneSet;
use super::{LaneOffset, Lanes, LanesBuilder};
use crate::driver::{Driver, Heir};
use crate::error::Error;
use crate::event::OnAck;

/// The longest random pause between opening two lanes, if they are few: opening many at once looks like an attack.
const STAGGER: Duration = Duration::from_millis(50);

/// Lanes whose spools are not opened yet.
pub(in super::super) struct Openings {
    lanes: Vec<Opening>,
    /// The folder that holds each lane's folder.
    #[cfg(feature = "spool")]
    folder: Option<(std::path::PathBuf, NonZeroUsize)>,
}

/// Lanes that are ready to start.
pub(in super::super) struct OpenedLanes {
    lanes: Vec<Opened>,
    /// The salt of the hash that assigns keys to lanes.
    salt: u64,
}

impl Openings {
    /// Opens the spools, which can block, off the runtime's threads.
    #[cfg_attr(not(feature = "spool"), expect(clippy::unused_async, reason = "the spool is a feature"))]
    async fn finish(self) -> Result<OpenedLanes, Error> {
        #[cfg(feature = "spool")]
        if self.folder.is_some() {
            return off_the_runtime(move || self.finish_blocking()).await;
        }
        self.finish_blocking()
    }

    /// Opens the spools, which can block.
    pub(in super::super) fn finish_blocking(self) -> Result<OpenedLanes, Error> {
        #[cfg(feature = "spool")]
        let salt = match &self.folder {
            Some((folder, lanes)) => crate::spool::lanes::salt(folder, *lanes)?,
            None => fastrand::u64(..),
        };
        #[cfg(not(feature = "spool"))]
        let salt = fastrand::u64(..);
        let lanes = self.lanes.into_iter().map(Opening::finish_blocking).collect::<Result<_, _>>()?;
        Ok(OpenedLanes { lanes, salt })
    }
}

/// Lanes whose drivers are not running yet.
pub(in super::super) struct PreparedLanes<T> {
    pub(in super::super) lanes: Lanes<T>,
    pub(in super::super) drivers: Vec<Driver>,
    pub(in super::super) first_opens: Vec<FirstOpen>,
}

impl<T> LanesBuilder<T> {
    /// Opens every lane, with a short pause between them.
    ///
    /// # Errors
    /// As [`StreamBuilder::open`](crate::StreamBuilder::open), if any lane cannot be opened; the others are then
    /// closed.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn open(self) -> Result<Lanes<T>, Error> {
        Arc::new(self).open_again().await
    }

    pub(super) async fn open_again(self: &Arc<Self>) -> Result<Lanes<T>, Error> {
        let opened_lanes = self.openings()?.finish().await?;
        let PreparedLanes { lanes, drivers, first_opens } = self.prepare(opened_lanes);
        for driver in drivers {
            driver.spawn();
        }
        lanes.opened(first_opens).await?;
        Ok(lanes)
    }

    /// The lanes, with valid options, before their spools are opened.
    pub(in super::super) fn openings(&self) -> Result<Openings, Error> {
        let opening = |lane| Opening::new(&self.stream).map(|opening| opening.of_lane(lane));
        let lanes = (0..self.lanes.get()).map(opening).collect::<Result<_, _>>()?;
        Ok(Openings {
            lanes,
            #[cfg(feature = "spool")]
            folder: self.stream.spool.as_ref().map(|spool| (spool.folder.clone(), self.lanes)),
        })
    }

    pub(in super::super) fn prepare(self: &Arc<Self>, opened: OpenedLanes) -> PreparedLanes<T> {
        let OpenedLanes { lanes, salt } = opened;
        let (mut handles, mut drivers, mut first_opens) = (Vec::<Handle>::new(), Vec::new(), Vec::new());
        for (lane, opened) in lanes.into_iter().enumerate() {
            let Prepared { stream, mut driver, first_open } = Arc::clone(&self.stream).prepare(opened, Some(lane));
            if let Some(hook) = self.on_ack.clone() {
                driver.hooks.on_ack = Some(Arc::new(move |offset| hook(LaneOffset { lane, offset })) as Arc<OnAck>);
            }
            handles.push(stream.handle);
            drivers.push(driver);
            first_opens.push(first_open);
        }
        let set = Arc::new(LaneSet::new(handles.iter().map(|handle| Arc::clone(handle.shared())).collect()));
        let longest_pause = longest_pause(self.lanes.get(), self.stream.settings.open_timeout);
        let mut delay = Duration::ZERO;
        for driver in &mut drivers {
            driver.guard.heir = Some(Arc::clone(&set) as Arc<dyn Heir>);
            driver.delay = delay;
            delay += longest_pause.mul_f64(fastrand::f64());
        }
        PreparedLanes { lanes: Lanes::new(handles, set, salt, Arc::clone(self)), drivers, first_opens }
    }
}

/// The longest pause between opening two of this many lanes: the last lane keeps half of the time in which each must be
/// open.
fn longest_pause(lanes: usize, open_timeout: Option<Duration>) -> Duration {
    let lanes = u32::try_from(lanes).unwrap_or(u32::MAX).saturating_mul(2);
    open_timeout.map_or(STAGGER, |timeout| STAGGER.min(timeout / lanes.max(1)))
}

impl<T> Lanes<T> {
    /// Waits until every lane is open. If one fails, the others end as well, so that all folders are free.
    pub(in super::super) async fn opened(&self, first_opens: Vec<FirstOpen>) -> Result<(), Error> {
        for first_open in first_opens {
            if let Err(error) = opened(first_open.await) {
                self.give_up(&error).await;
                return Err(error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lane_has_half_of_its_time_left_however_many_there_are() {
        let second = Duration::from_secs(1);
        assert_eq!(longest_pause(4, None), STAGGER);
        assert_eq!(longest_pause(10, Some(second)), STAGGER);
        for lanes in [11, 64, 100_000] {
            let last = longest_pause(lanes, Some(second)) * u32::try_from(lanes).unwrap();
            assert!(last <= second / 2, "{lanes} lanes: {last:?}");
        }
    }
}

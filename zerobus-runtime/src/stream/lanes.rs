//! Many streams into one table, with the order kept by key.
//!
//! A key has a home lane by its hash, and a home has a route to the lane that takes its rows: itself, until that lane
//! gives up. Then what the lane hands back goes to another lane in its order, and only after the last of these rows is
//! the route changed, so that rows of one key stay in order.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Mutex;

use super::builder::Prepared;
use super::{Accepts, Handle, StreamBuilder};
use crate::core::ReturnedBatch;
use crate::error::{Error, Fault};
use crate::stats::{Report, Stats};
use crate::undelivered::{Persisted, Undelivered};

/// Many streams into one table: for more than one stream's quota.
///
/// Rows of one key keep their order; rows of different keys may overtake each other. If a lane gives up, its rows that
/// are not durable move to another lane, and so do its keys; rows are handed back only when no lane is left. Memory is
/// bounded by the byte budget of each lane.
///
/// ```no_run
/// # async fn f<T: zerobus_runtime::ZerobusMessage>(client: zerobus_runtime::Client, row: T) -> Result<(), zerobus_runtime::Error> {
/// let lanes = client.stream::<T>().lanes(4.try_into().unwrap()).open().await?;
/// lanes.send("sensor-17", &row).await?;
/// lanes.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Lanes<T> {
    streams: Vec<super::IngestStream<T>>,
    /// By home: the lane that takes its rows.
    routes: Vec<AtomicUsize>,
    hasher: RandomState,
    /// Held while rows move.
    stranded: Mutex<Stranded>,
}

/// Rows on their way from a lane that gave up to another.
///
/// They stay here until the other lane has accepted them, so that a caller who goes away in the middle loses none.
#[derive(Debug, Default)]
struct Stranded {
    rows: VecDeque<ReturnedBatch>,
    /// Where they move, once that has begun.
    target: Option<usize>,
    /// The lanes that are empty and gone.
    gone: Vec<usize>,
    /// Rows that the server refused; no lane could deliver them.
    refused: Vec<ReturnedBatch>,
}

/// The options of many streams into one table; [`open`](Self::open) opens them.
#[must_use = "lanes are opened by `open`"]
pub struct LanesBuilder<T> {
    stream: StreamBuilder<T>,
    lanes: NonZeroUsize,
}

impl<T> LanesBuilder<T> {
    pub(super) const fn new(stream: StreamBuilder<T>, lanes: NonZeroUsize) -> Self {
        Self { stream, lanes }
    }

    /// Opens every lane.
    ///
    /// # Errors
    /// As [`StreamBuilder::open`], if one of them cannot be opened.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn open(self) -> Result<Lanes<T>, Error> {
        let mut openings = Vec::with_capacity(self.lanes.get());
        for _ in 0..self.lanes.get() {
            let Prepared { stream, driver, first_open } = self.stream.clone().prepare()?;
            driver.spawn();
            openings.push((stream, first_open));
        }
        let mut streams = Vec::with_capacity(openings.len());
        for (stream, first_open) in openings {
            first_open.await.unwrap_or_else(|_| Err(Fault::ShutDown.into()))?;
            streams.push(stream);
        }
        let routes = (0..streams.len()).map(AtomicUsize::new).collect();
        Ok(Lanes { streams, routes, hasher: RandomState::new(), stranded: Mutex::default() })
    }
}

impl<T> Lanes<T> {
    /// Accepts a row, and waits before while the byte budget of its key's lane is used up.
    ///
    /// # Errors
    /// If the row cannot be taken, as [`IngestStream::send`](super::IngestStream::send), or every lane gave up.
    pub async fn send<R: ?Sized>(&self, key: &(impl Hash + ?Sized), row: &R) -> Result<(), Error>
    where
        T: Accepts<R>,
    {
        let home = self.home(key);
        loop {
            let lane = self.routes[home].load(Ordering::Acquire);
            match self.streams[lane].send(row).await {
                Ok(_) => return Ok(()),
                Err(_) if self.handle(lane).error().is_some() => self.move_rows().await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Accepts a row if there is room for it now.
    ///
    /// # Errors
    /// As [`send`](Self::send), and of the kind [`Full`](crate::ErrorKind::Full) if there is no room; if the key's lane
    /// gave up, the next `send` or `flush` moves its rows.
    pub fn try_send<R: ?Sized>(&self, key: &(impl Hash + ?Sized), row: &R) -> Result<(), Error>
    where
        T: Accepts<R>,
    {
        let lane = self.routes[self.home(key)].load(Ordering::Acquire);
        self.streams[lane].try_send(row).map(drop)
    }

    /// Waits until every row that was accepted so far is durable.
    ///
    /// # Errors
    /// If the server refused a row, which is told once, or every lane gave up.
    pub async fn flush(&self) -> Result<(), Error> {
        let mut refused = Ok(());
        let mut lane = 0;
        while lane < self.streams.len() {
            match self.handle(lane).flush().await {
                Err(_) if self.handle(lane).error().is_some() && self.is_routed(lane) => {
                    self.move_rows().await?;
                    // The rows went to a lane that was flushed before, maybe.
                    lane = 0;
                    continue;
                }
                Err(error) if self.handle(lane).error().is_none() => refused = Err(error),
                Ok(()) | Err(_) => {}
            }
            lane += 1;
        }
        refused
    }

    /// What each lane has done so far.
    #[must_use]
    pub fn stats(&self) -> Vec<Stats> {
        self.streams.iter().map(super::IngestStream::stats).collect()
    }

    /// Delivers every row that was accepted, ends every lane, and tells what each has done.
    ///
    /// # Errors
    /// If rows could not be delivered: [`Error::undelivered`] holds each of them, with its offset on the lane that
    /// accepted it last.
    pub async fn close(self) -> Result<Vec<Report>, Error> {
        // What goes wrong here shows in the rows that are handed back.
        let _ = self.flush().await;
        let mut reports = Vec::new();
        let mut reason = None;
        let Stranded { rows, refused: mut parts, .. } = self.stranded.into_inner();
        parts.extend(rows);
        for lane in self.streams {
            match lane.close().await {
                Ok(report) => reports.push(report),
                Err(error) => {
                    reason = Some(error.clone_without_rows());
                    parts.extend(error.into_undelivered().into_iter().flat_map(Undelivered::into_parts));
                }
            }
        }
        let Some(undelivered) = Undelivered::new(parts) else { return Ok(reports) };
        let error = reason.or_else(|| undelivered.last_reason().cloned());
        Err(error.unwrap_or_else(|| Fault::Ended.into()).with_undelivered(undelivered))
    }

    fn handle(&self, lane: usize) -> &Handle {
        &self.streams[lane].handle
    }

    fn home(&self, key: &(impl Hash + ?Sized)) -> usize {
        let homes = self.routes.len() as u64;
        usize::try_from(self.hasher.hash_one(key) % homes).unwrap_or(0)
    }

    fn is_routed(&self, lane: usize) -> bool {
        self.routes.iter().any(|route| route.load(Ordering::Acquire) == lane)
    }

    /// Moves what the lanes that gave up hand back to one that lives, and their keys after it.
    async fn move_rows(&self) -> Result<(), Error> {
        let mut stranded = self.stranded.lock().await;
        loop {
            self.take_failed(&mut stranded);
            let target = match stranded.target {
                Some(target) => target,
                None => self.living().ok_or_else(|| self.last_error())?,
            };
            stranded.target = Some(target);
            if self.move_to(target, &mut stranded).await.is_err() {
                // What this lane had taken comes back before what it had not.
                stranded.target = None;
                continue;
            }
            for route in &self.routes {
                if stranded.gone.contains(&route.load(Ordering::Acquire)) {
                    route.store(target, Ordering::Release);
                }
            }
            stranded.target = None;
            return Ok(());
        }
    }

    /// Takes what the lanes that gave up since the last time hand back.
    fn take_failed(&self, stranded: &mut Stranded) {
        for lane in 0..self.streams.len() {
            let Some(error) = self.handle(lane).error().filter(|_| !stranded.gone.contains(&lane)) else { continue };
            stranded.gone.push(lane);
            let (refused, left): (Vec<_>, Vec<_>) =
                self.handle(lane).take_returned().into_iter().partition(|part| part.reason.fault().refuses_rows());
            stranded.refused.extend(refused);
            let rows: Vec<_> = left.into_iter().flat_map(single_rows).collect();
            tracing::warn!(name: "zerobus.lane.moved", lane, rows = rows.len(), %error, "a lane gave up, its rows move");
            for row in rows.into_iter().rev() {
                stranded.rows.push_front(row);
            }
        }
    }

    /// Moves the rows one by one; each is let go when the other lane has accepted it.
    async fn move_to(&self, target: usize, stranded: &mut Stranded) -> Result<(), Error> {
        while let Some(row) = stranded.rows.front() {
            let persisted = if row.batch.attempts == 0 { Persisted::No } else { Persisted::Possibly };
            let record = row.batch.records().next().unwrap_or_default();
            self.handle(target).send_again(&record, persisted).await?;
            stranded.rows.pop_front();
        }
        Ok(())
    }

    /// The lane that lives and has the least to do.
    fn living(&self) -> Option<usize> {
        (0..self.streams.len())
            .filter(|lane| self.handle(*lane).error().is_none())
            .min_by_key(|lane| self.handle(*lane).stats().bytes_in_flight)
    }

    fn last_error(&self) -> Error {
        let error = self.streams.iter().rev().find_map(|lane| lane.handle.error());
        error.unwrap_or_else(|| Fault::ShutDown.into())
    }
}

fn single_rows(part: ReturnedBatch) -> impl Iterator<Item = ReturnedBatch> {
    let ReturnedBatch { batch, reason } = part;
    batch.single_rows().map(move |batch| ReturnedBatch { batch, reason: reason.clone() })
}

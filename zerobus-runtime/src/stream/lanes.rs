//! Several streams into one table, with the order kept by key.
//!
//! | file | what it owns |
//! |---|---|
//! | `builder` | options |
//! | `prepared` | opening |
//! | `offset` | the position of a row |
//! | `set` | the lanes of a table, and where the rows of each have moved |
//! | `receipt` | the outcome of one row, across lanes |

mod builder;
mod offset;
mod prepared;
mod receipt;
mod set;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

pub use builder::LanesBuilder;
pub use offset::LaneOffset;
pub(super) use prepared::PreparedLanes;
pub use receipt::LaneReceipt;
use set::LaneSet;

use super::close_error::CloseError;
use super::handle::Handle;
use super::row::{Of, Row};
use super::{Accepts, Unsent};
use crate::core::{Batch, Refused};
use crate::error::{Error, ErrorKind, Fault};
use crate::offset::Offset;
use crate::persisted::Persisted;
use crate::scratch;
use crate::shared::Place;
use crate::stats::{Report, Stats};
use crate::undelivered::Undelivered;

/// Several streams into one table, for more throughput than one stream's quota.
///
/// Rows of one key keep their order; rows of different keys may overtake each other. If a lane gives up, its keys and
/// its rows that are not durable move to another lane. Rows are returned only when no lane is left, or when the server
/// refuses them. Memory is bounded by the byte budget of each lane.
///
/// With a [spool](super::StreamBuilder::spool) each lane has a folder in the stream's folder, and a key belongs to the
/// same lane in every process. The rows of a lane that gave up stay on its disk, and so do its keys: a row with one of
/// them is refused until the lanes are opened again. The number of lanes cannot change while rows are left.
///
/// The guarantees are those of a [stream](super::IngestStream): clones are cheap, every accepted row ends as durable or
/// returned, and dropping a handle or cancelling a future loses nothing.
///
/// ```no_run
/// # async fn f<T: zerobus_runtime::ZerobusMessage>(client: zerobus_runtime::Client, row: T) -> Result<(), Box<dyn std::error::Error>> {
/// let lanes = client.stream::<T>().lanes(4.try_into().unwrap()).open().await?;
/// let offset = lanes.send("sensor-17", &row).await?;
/// lanes.wait(offset).await?;
/// lanes.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct Lanes<T> {
    inner: Arc<Inner>,
    /// The options they were opened with, for `reopen`.
    options: Arc<LanesBuilder<T>>,
}

/// State shared by the clones, dropped with the last of them.
#[derive(Debug)]
struct Inner {
    handles: Vec<Handle>,
    set: Arc<LaneSet>,
    /// Random per instance, so that nobody can choose keys that all hash to one lane.
    salt: u64,
    /// The lane tried first for the next row without a key.
    next: AtomicUsize,
    /// `close` was called: no more rows are accepted, but the lanes run until all rows are settled.
    is_closing: AtomicBool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.set.abandon();
    }
}

impl<T> Lanes<T> {
    fn new(handles: Vec<Handle>, set: Arc<LaneSet>, salt: u64, options: Arc<LanesBuilder<T>>) -> Self {
        let (next, is_closing) = (AtomicUsize::new(0), AtomicBool::new(false));
        let inner = Inner { handles, set, salt, next, is_closing };
        Self { inner: Arc::new(inner), options }
    }

    /// Accepts a row, waiting first if the byte budget of its key's lane is exhausted.
    ///
    /// # Errors
    /// As [`IngestStream::send`](super::IngestStream::send); [`GaveUp`](crate::ErrorKind::GaveUp) only once every lane
    /// has given up.
    pub async fn send<R: ?Sized>(&self, key: &(impl Hash + ?Sized), row: &R) -> Result<LaneOffset, Error>
    where
        T: Accepts<R>,
    {
        let home = self.inner.home(key);
        self.inner.send_home(home, Of::<T, R>::new(row)).await
    }

    /// Accepts a row without a key on any lane that has room, waiting if none has.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_unkeyed<R: ?Sized>(&self, row: &R) -> Result<LaneOffset, Error>
    where
        T: Accepts<R>,
    {
        self.inner.send_unkeyed(Of::<T, R>::new(row)).await
    }

    /// Accepts a row if there is room for it now.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`Full`](crate::ErrorKind::Full) if there is no room.
    pub fn try_send<R: ?Sized>(&self, key: &(impl Hash + ?Sized), row: &R) -> Result<LaneOffset, Error>
    where
        T: Accepts<R>,
    {
        self.inner.try_send(self.inner.home(key), Of::<T, R>::new(row))
    }

    /// Accepts a row, waiting up to `timeout` if the byte budget of its key's lane is exhausted.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`Timeout`](crate::ErrorKind::Timeout) if there was no room in time.
    pub async fn send_timeout<R: ?Sized>(
        &self,
        key: &(impl Hash + ?Sized),
        row: &R,
        timeout: Duration,
    ) -> Result<LaneOffset, Error>
    where
        T: Accepts<R>,
    {
        let sent = tokio::time::timeout(timeout, self.send(key, row)).await;
        sent.unwrap_or_else(|_| Err(Fault::SendTimeout { after: timeout }.into()))
    }

    /// Accepts every row of an iterator, each with its key, in order.
    ///
    /// # Errors
    /// As [`send`](Self::send). [`Unsent`] has the number of accepted rows and holds the rest.
    pub async fn send_all<K, R, I>(&self, rows: I) -> Result<(), Unsent<I::IntoIter>>
    where
        I: IntoIterator<Item = (K, R)>,
        K: Hash,
        T: Accepts<R>,
    {
        let (mut rows, mut accepted) = (rows.into_iter(), 0);
        while let Some((key, row)) = rows.next() {
            match self.send(&key, &row).await {
                Ok(_) => accepted += 1,
                Err(error) if self.inner.has_letter(&error).await => {}
                Err(error) => return Err(Unsent::new(error, accepted, (key, row), rows)),
            }
        }
        Ok(())
    }

    /// Whether the sink has the row of this refusal, so that the next row can be sent.
    pub(super) async fn has_letter(&self, error: &Error) -> bool {
        self.inner.has_letter(error).await
    }

    /// Accepts rows that another stream of the table returned: see
    /// [`IngestStream::send_undelivered`](super::IngestStream::send_undelivered).
    ///
    /// Their keys are unknown, so all are sent on one lane, in order. Wait for them before sending rows with the same
    /// keys.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`Configuration`](crate::ErrorKind::Configuration) if the rows are for another
    /// table, or have another encoding or schema.
    pub async fn send_undelivered(&self, rows: &mut Undelivered) -> Result<Option<LaneOffset>, Error> {
        self.inner.check_open()?;
        self.inner.handles[0].check_origin(rows)?;
        let home = self.inner.next_home();
        loop {
            let lane = self.inner.set.route(home);
            match self.inner.handles[lane].send_undelivered(rows).await {
                Ok(last) => return Ok(last.map(|offset| LaneOffset { lane, offset })),
                Err(error) => self.inner.after(lane, error)?,
            }
        }
    }

    /// Waits until this row is durable, even if it moves to another lane.
    ///
    /// # Errors
    /// If the server refused the row, or the last lane gave up first.
    pub async fn wait(&self, row: LaneOffset) -> Result<(), Error> {
        self.receipt(row).await.map(drop)
    }

    /// As [`wait`](Self::wait), but the future borrows nothing.
    pub fn receipt(&self, row: LaneOffset) -> LaneReceipt {
        // An offset with an unknown lane is from other lanes; lane 0 then reports that it has no such row.
        let row = if row.lane < self.inner.set.len() { row } else { LaneOffset { lane: 0, offset: Offset(u64::MAX) } };
        LaneReceipt::new(Arc::clone(&self.inner.set), row)
    }

    /// Waits until every row accepted so far is durable.
    ///
    /// # Errors
    /// If the server refused a row, which is reported once, or the last lane gave up.
    pub async fn flush(&self) -> Result<(), Error> {
        self.inner.flush().await
    }

    /// The figures of each lane so far.
    #[must_use]
    pub fn stats(&self) -> Vec<Stats> {
        self.inner.handles.iter().map(Handle::stats).collect()
    }

    /// Whether no more rows are accepted because the lanes were closed or all gave up.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.is_closing.load(Ordering::Acquire) || self.inner.handles.iter().all(Handle::is_closed)
    }

    /// Why the last lane gave up, if all lanes have.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.inner.set.last_error()
    }

    /// Takes the rows that the server refused individually: see
    /// [`IngestStream::take_rejected`](super::IngestStream::take_rejected).
    ///
    /// Each offset is that on the lane that last accepted the row.
    #[must_use]
    pub fn take_rejected(&self) -> Option<Undelivered> {
        let lanes = self.inner.handles.iter();
        let parts: Vec<_> = lanes.flat_map(|handle| handle.shared().take_rejected()).collect();
        self.inner.set.shared(0).undelivered(parts)
    }

    /// Delivers every accepted row, ends every lane, and returns a report for each.
    ///
    /// No clone accepts rows from then on. `close` can be called again, also after it was cancelled.
    ///
    /// # Errors
    /// If rows could not be delivered; [`CloseError::undelivered`] holds them, each with its offset on the lane that
    /// last accepted it.
    pub async fn close(&self) -> Result<Vec<Report>, CloseError> {
        self.close_all().await;
        self.closed(Ok(())).await
    }

    /// As [`close`](Self::close), but returns the rows that are not durable after `timeout`.
    ///
    /// # Errors
    /// As `close`, and [`Timeout`](crate::ErrorKind::Timeout) if the rows were not durable in time.
    pub async fn close_within(&self, timeout: Duration) -> Result<Vec<Report>, CloseError> {
        let closed = tokio::time::timeout(timeout, self.close_all()).await;
        self.closed(closed.map_err(|_| timeout)).await
    }

    /// Opens other lanes with the same options and sends the rows that these could not deliver on one of them, in
    /// order.
    ///
    /// This is for lanes that gave up. If they are open, the result is a clone; if they were closed, they are reopened
    /// once their rows are settled. The keys of the remaining rows are unknown: where the order of a key matters, call
    /// [`flush`](Self::flush) before sending its next row. Rows that the server refused stay with
    /// [`take_rejected`](Self::take_rejected) of these lanes.
    ///
    /// # Errors
    /// As [`open`](LanesBuilder::open); the rows then stay with these lanes, and `reopen` can be called again.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn reopen(&self) -> Result<Self, Error> {
        if !self.is_closed() {
            return Ok(self.clone());
        }
        self.close_all().await;
        let lanes = self.options.open_again().await?;
        lanes.inherit(self);
        Ok(lanes)
    }

    /// Takes over the rows that other lanes had not delivered when they gave up.
    pub(super) fn inherit(&self, other: &Self) {
        self.inner.set.adopt(other.inner.set.take_stranded());
    }

    #[cfg(feature = "spool")]
    pub(super) fn handles(&self) -> &[Handle] {
        &self.inner.handles
    }

    pub(super) const fn options(&self) -> &Arc<LanesBuilder<T>> {
        &self.options
    }

    /// Ends every lane once the rows of all lanes are settled.
    pub(super) async fn close_all(&self) {
        self.inner.close_all().await;
    }

    /// The reports of closed lanes; ends the lanes that were not closed in time.
    pub(super) async fn closed(&self, closed: Result<(), Duration>) -> Result<Vec<Report>, CloseError> {
        if let Err(after) = closed {
            self.give_up(&Fault::CloseTimeout { after }.into()).await;
        }
        self.inner.report()
    }

    /// Ends every lane. With a spool, the rows in memory are written to disk, and its folders are free for others.
    pub(super) async fn give_up(&self, error: &Error) {
        self.inner.set.fail_all(error);
        for handle in &self.inner.handles {
            handle.over().await;
        }
    }
}

impl Inner {
    fn home(&self, key: &(impl Hash + ?Sized)) -> usize {
        let homes = self.handles.len() as u64;
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.salt);
        key.hash(&mut hasher);
        usize::try_from(hasher.finish() % homes).unwrap_or(0)
    }

    fn next_home(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed) % self.handles.len()
    }

    fn check_open(&self) -> Result<(), Error> {
        if self.is_closing.load(Ordering::Acquire) {
            return Err(Fault::Closed { table: self.handles[0].table() }.into());
        }
        Ok(())
    }

    /// Accepts a row on the lane that its home routes to.
    async fn send_home(&self, home: usize, row: impl Row) -> Result<LaneOffset, Error> {
        self.check_open()?;
        loop {
            let lane = self.set.route(home);
            match self.handles[lane].send(row).await {
                Ok(offset) => return Ok(LaneOffset { lane, offset }),
                Err(error) => self.after(lane, error)?,
            }
        }
    }

    fn try_send(&self, home: usize, row: impl Row) -> Result<LaneOffset, Error> {
        self.check_open()?;
        loop {
            let lane = self.set.route(home);
            match self.handles[lane].try_send(row) {
                Ok(offset) => return Ok(LaneOffset { lane, offset }),
                Err(error) => self.after(lane, error)?,
            }
        }
    }

    async fn send_unkeyed(&self, row: impl Row) -> Result<LaneOffset, Error> {
        self.check_open()?;
        let first = self.next_home();
        let placed = scratch::encode(|out| row.write(out), |bytes| self.push_anywhere(first, bytes));
        match placed.unwrap_or_else(|error| Err(Refused::Row(error))) {
            Ok(Ok(offset)) => Ok(offset),
            Ok(Err(bytes)) => self.wait_anywhere(&bytes).await,
            // Every lane has the sink.
            Err(refused) => Err(self.handles[self.set.route(first)].refuse(refused, row)),
        }
    }

    /// Accepts a row on the first lane that has room; returns the row if none has.
    fn push_anywhere(&self, first: usize, row: &[u8]) -> Result<Result<LaneOffset, Box<[u8]>>, Refused> {
        for home in (first..self.handles.len()).chain(0..first) {
            let lane = self.set.route(home);
            match self.handles[lane].shared().push_row(row, Persisted::No) {
                Ok(offset) => return Ok(Ok(LaneOffset { lane, offset })),
                Err(Refused::Full | Refused::Failed(_)) => {}
                Err(refused) => return Err(refused),
            }
        }
        Ok(Err(row.into()))
    }

    /// Waits for room on all lanes at once, so that a stalled lane blocks no row, and accepts the row on the first with
    /// room.
    async fn wait_anywhere(&self, row: &[u8]) -> Result<LaneOffset, Error> {
        let bytes = Batch::record_len(row.len());
        loop {
            let lanes: BTreeSet<usize> = (0..self.handles.len()).map(|home| self.set.route(home)).collect();
            let place = |lane: usize| (lane, Place::new(self.handles[lane].shared(), bytes));
            let mut places: Vec<_> = lanes.into_iter().map(place).collect();
            let (lane, mut place) = poll_fn(|cx| {
                let granted = places.iter_mut().position(|(_, place)| place.is_granted(cx.waker()));
                granted.map_or(Poll::Pending, |granted| Poll::Ready(places.swap_remove(granted)))
            })
            .await;
            match self.handles[lane].shared().push_placed(&mut place, row, Persisted::No) {
                Ok(offset) => return Ok(LaneOffset { lane, offset }),
                Err(refused) => self.after(lane, self.handles[lane].dropped_or(refused))?,
            }
        }
    }

    /// Whether the lanes' sink has the row of this refusal, so that the next row can be sent.
    async fn has_letter(&self, error: &Error) -> bool {
        // A lane that has not seen the refusal returns `true`.
        for handle in &self.handles {
            if !handle.has_letter(error).await {
                return false;
            }
        }
        true
    }

    /// Continues on another lane if this lane gave up; otherwise returns the error.
    fn after(&self, lane: usize, error: Error) -> Result<(), Error> {
        // No other lane would accept a row that is itself at fault, and the sink has it.
        let is_to_blame = error.kind() == ErrorKind::Rejected;
        let goes_on = !is_to_blame && self.set.error(lane).is_some() && self.set.go_on_after(lane).is_ok();
        if goes_on { Ok(()) } else { Err(error) }
    }

    async fn flush(&self) -> Result<(), Error> {
        let mut refused = Ok(());
        loop {
            let moves = self.set.moves_so_far();
            for (lane, handle) in self.handles.iter().enumerate() {
                match handle.flush().await {
                    Err(_) if self.set.error(lane).is_some() => self.set.go_on_after(lane)?,
                    Err(error) => refused = Err(error),
                    Ok(()) => {}
                }
            }
            // Rows of a lane that gave up meanwhile may have moved to a lane that was already flushed.
            if self.set.moves_so_far() == moves {
                return refused;
            }
        }
    }

    /// Ends every lane once the rows of all are settled; until then one may have to take over the rows of another.
    async fn close_all(&self) {
        self.is_closing.store(true, Ordering::Release);
        // Failures appear in the returned rows.
        let _ = self.flush().await;
        for handle in &self.handles {
            handle.shared().close();
        }
        for handle in &self.handles {
            handle.over().await;
        }
    }

    /// The reports of finished lanes, or an error with the rows that they return.
    fn report(&self) -> Result<Vec<Report>, CloseError> {
        let mut parts = self.set.take_stranded();
        let mut reports = Vec::new();
        for handle in &self.handles {
            parts.extend(handle.shared().take_returned());
            let stats = handle.stats();
            reports.push(Report { rows: stats.rows_durable, stats });
        }
        let error = self.kept().or_else(|| self.set.last_error());
        let Some(returned) = self.set.shared(0).undelivered(parts) else {
            return error.map_or(Ok(reports), |error| Err(error.into()));
        };
        let error = error.or_else(|| returned.last_reason().cloned());
        Err(CloseError::new(error.unwrap_or_else(|| Fault::Ended.into()), returned))
    }
}

impl Inner {
    /// Whether rows stay in the spools of lanes that gave up.
    fn kept(&self) -> Option<Error> {
        let kept = self.handles.iter().filter_map(|handle| handle.shared().lock().kept());
        let (rows, cause) = kept.reduce(|(rows, cause), (more, _)| (rows + more, cause))?;
        Some(Fault::SpoolKeeps { rows, cause }.into())
    }
}

impl<T> Clone for Lanes<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), options: Arc::clone(&self.options) }
    }
}

impl<T> fmt::Debug for Lanes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes")
            .field("table", &self.inner.handles[0].table())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

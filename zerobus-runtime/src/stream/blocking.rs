//! Streams and lanes for programs without async.
//!
//! The calling thread encodes its rows itself, as a task would. Only work that waits for the network runs on the
//! stream's dedicated thread.

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::lanes::PreparedLanes;
use super::opening::Opening;
use super::prepared::{Prepared, opened};
use super::row::Of;
use super::{
    Accepts, CloseError, IngestStream, LaneOffset, LaneReceipt, Lanes, LanesBuilder, Receipt, StreamBuilder, Unsent,
};
use crate::driver::Driver;
use crate::error::{Error, Fault};
use crate::offset::{Offset, Offsets};
use crate::shared::is_in_a_sink;
use crate::stats::{Report, Stats};
use crate::undelivered::Undelivered;

/// An [`IngestStream`] for programs without async: the same guarantees, with blocking calls.
///
/// It is cheap to clone, and all clones share one stream. Dropping the last clone waits until its rows are delivered,
/// at most until the delivery timeout, because they would be lost if the program ended; rows that fail are logged at
/// ERROR.
///
/// ```no_run
/// # fn f(client: zerobus_runtime::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let stream = client.json_stream("main.geo.earthquakes").open_blocking()?;
/// stream.send(&serde_json::json!({"id": "us7000n0bq", "mag": 4.2}))?;
/// stream.close()?;
/// # Ok(())
/// # }
/// ```
pub struct BlockingStream<T> {
    driven: Arc<Driven<IngestStream<T>>>,
}

/// [`Lanes`] for programs without async: the same guarantees, with blocking calls.
///
/// Cloning and dropping work as for a [`BlockingStream`].
///
/// ```no_run
/// # fn f(client: zerobus_runtime::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let lanes = client.json_stream("main.geo.earthquakes").lanes(4.try_into().unwrap()).open_blocking()?;
/// lanes.send("us", &serde_json::json!({"id": "us7000n0bq", "mag": 4.2}))?;
/// lanes.close()?;
/// # Ok(())
/// # }
/// ```
pub struct BlockingLanes<T> {
    driven: Arc<Driven<Lanes<T>>>,
}

/// A runtime on this thread, for the waits of a program without async.
pub(crate) fn current_thread() -> Result<Runtime, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|source| Fault::Thread { source }.into())
}

/// A handle and the thread that drives it.
struct Driven<H> {
    /// `None` only inside `drop`.
    handle: Option<H>,
    thread: Option<JoinHandle<()>>,
}

impl<H> Driven<H> {
    /// Starts the thread; without it the handle's streams have failed.
    fn start(handle: H, drivers: Vec<Driver>) -> Result<Arc<Self>, (H, Error)> {
        let runtime = match current_thread() {
            Ok(runtime) => runtime,
            Err(error) => return Err((handle, error)),
        };
        let drive = async move {
            let tasks: Vec<_> = drivers.into_iter().map(|driver| tokio::spawn(driver.run())).collect();
            for task in tasks {
                // A driver that panicked has logged the lost rows.
                let _ = task.await;
            }
        };
        let run = move || {
            runtime.block_on(drive);
            // Only blocking user code can remain, for a token that is no longer needed.
            runtime.shutdown_background();
        };
        match thread::Builder::new().name("zerobus".to_owned()).spawn(run) {
            Ok(thread) => Ok(Arc::new(Self { handle: Some(handle), thread: Some(thread) })),
            Err(source) => Err((handle, Fault::Thread { source }.into())),
        }
    }

    /// Calls `ask` with the handle.
    fn with<R, E: From<Error>>(&self, ask: impl FnOnce(&H) -> Result<R, E>) -> Result<R, E> {
        self.handle.as_ref().map_or_else(|| Err(Error::from(Fault::ShutDown).into()), ask)
    }

    fn peek<R: Default>(&self, ask: impl FnOnce(&H) -> R) -> R {
        self.handle.as_ref().map(ask).unwrap_or_default()
    }
}

impl<H> Drop for Driven<H> {
    fn drop(&mut self) {
        // The drivers end once the handle is dropped and its rows are settled.
        self.handle.take();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
            && !is_in_a_sink()
        {
            // A thread that panicked has logged the lost rows.
            let _ = thread.join();
        }
    }
}

impl<T> StreamBuilder<T> {
    /// Opens the stream for a program without async; a dedicated thread drives it.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if the thread cannot be started.
    pub fn open_blocking(self) -> Result<BlockingStream<T>, Error> {
        BlockingStream::open(&Arc::new(self))
    }
}

impl<T> BlockingStream<T> {
    #[cfg(feature = "spool")]
    pub(super) fn with<R, E: From<Error>>(&self, ask: impl FnOnce(&IngestStream<T>) -> Result<R, E>) -> Result<R, E> {
        self.driven.with(ask)
    }

    pub(super) fn open(options: &Arc<StreamBuilder<T>>) -> Result<Self, Error> {
        let disk = Opening::new(&**options)?.finish_blocking()?;
        let Prepared { stream, driver, first_open } = Arc::clone(options).prepare(disk, None);
        let driven = Driven::start(stream, vec![driver]).map_err(|(stream, error)| {
            block_on(stream.handle.over());
            error
        })?;
        opened(block_on(first_open))?;
        Ok(Self { driven })
    }

    /// Accepts a row, waiting first if the byte budget is exhausted: see [`IngestStream::send`].
    ///
    /// # Errors
    /// As [`IngestStream::send`].
    pub fn send<R: ?Sized>(&self, row: &R) -> Result<Offset, Error>
    where
        T: Accepts<R>,
    {
        self.driven.with(|stream| block_on(stream.handle.send_at_once(Of::<T, R>::new(row))))
    }

    /// Accepts a row if there is room for it now.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`Full`](crate::ErrorKind::Full) if there is no room.
    pub fn try_send<R: ?Sized>(&self, row: &R) -> Result<Offset, Error>
    where
        T: Accepts<R>,
    {
        self.driven.with(|stream| stream.try_send(row))
    }

    /// Accepts the first of these rows, or more of them in order: see [`IngestStream::try_send_many`].
    ///
    /// # Errors
    /// As [`IngestStream::try_send_many`].
    pub fn try_send_many<R>(&self, rows: &[R]) -> Result<Option<Offsets>, Error>
    where
        T: Accepts<R>,
    {
        self.driven.with(|stream| stream.try_send_many(rows))
    }

    /// Accepts a row, waiting up to `timeout` if the byte budget is exhausted.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`Timeout`](crate::ErrorKind::Timeout) if there was no room in time.
    pub fn send_timeout<R: ?Sized>(&self, row: &R, timeout: Duration) -> Result<Offset, Error>
    where
        T: Accepts<R>,
    {
        self.driven.with(|stream| {
            let send = stream.handle.send_at_once(Of::<T, R>::new(row));
            block_on_for(send, timeout).unwrap_or_else(|| Err(Fault::SendTimeout { after: timeout }.into()))
        })
    }

    /// Accepts every row of an iterator, in order, and returns the offset of the last: see [`IngestStream::send_all`].
    ///
    /// # Errors
    /// As [`send`](Self::send). [`Unsent`] has the number of accepted rows and holds the rest.
    pub fn send_all<I>(&self, rows: I) -> Result<Option<Offset>, Unsent<I::IntoIter>>
    where
        I: IntoIterator,
        T: Accepts<I::Item>,
    {
        let (mut rows, mut accepted, mut last) = (rows.into_iter(), 0, None);
        while let Some(row) = rows.next() {
            match self.send(&row) {
                Ok(offset) => (accepted, last) = (accepted + 1, Some(offset)),
                Err(error) if self.driven.peek(|stream| block_on(stream.handle.has_letter(&error))) => {}
                Err(error) => return Err(Unsent::new(error, accepted, row, rows)),
            }
        }
        Ok(last)
    }

    /// Accepts rows that another stream returned: see [`IngestStream::send_undelivered`].
    ///
    /// # Errors
    /// As [`IngestStream::send_undelivered`].
    pub fn send_undelivered(&self, rows: &mut Undelivered) -> Result<Option<Offset>, Error> {
        self.driven.with(|stream| block_on(stream.send_undelivered(rows)))
    }

    /// Waits until the row at this offset is durable: see [`IngestStream::wait`].
    ///
    /// # Errors
    /// As [`IngestStream::wait`].
    pub fn wait(&self, offset: Offset) -> Result<(), Error> {
        self.driven.with(|stream| block_on(stream.wait(offset)))
    }

    /// As [`wait`](Self::wait), for at most `timeout`.
    ///
    /// # Errors
    /// As `wait`, and [`Timeout`](crate::ErrorKind::Timeout) if the row was not settled in time; it is then still in
    /// flight.
    pub fn wait_timeout(&self, offset: Offset, timeout: Duration) -> Result<(), Error> {
        self.driven.with(|stream| {
            let late = || Err(Fault::WaitTimeout { after: timeout, offset }.into());
            block_on_for(stream.wait(offset), timeout).unwrap_or_else(late)
        })
    }

    /// The outcome of a row as a future that borrows nothing, for programs that are partly async.
    ///
    /// # Errors
    /// Never while the stream exists.
    pub fn receipt(&self, offset: Offset) -> Result<Receipt, Error> {
        self.driven.with(|stream| Ok(stream.receipt(offset)))
    }

    /// Waits until every row accepted so far is durable: see [`IngestStream::flush`].
    ///
    /// # Errors
    /// As [`IngestStream::flush`].
    pub fn flush(&self) -> Result<(), Error> {
        self.driven.with(|stream| block_on(stream.flush()))
    }

    /// Takes the rows that the server refused individually: see [`IngestStream::take_rejected`].
    #[must_use]
    pub fn take_rejected(&self) -> Option<Undelivered> {
        self.driven.peek(IngestStream::take_rejected)
    }

    /// The offset up to which every row is durable, except rows that the server refused.
    #[must_use]
    pub fn acked(&self) -> Option<Offset> {
        self.driven.peek(IngestStream::acked)
    }

    /// The stream's figures so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.driven.peek(IngestStream::stats)
    }

    /// Whether the stream accepts no more rows because it was closed or gave up.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.driven.handle.as_ref().is_none_or(IngestStream::is_closed)
    }

    /// Why the stream gave up, if it has.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.driven.peek(IngestStream::error)
    }

    /// Delivers every accepted row, ends the stream, and returns a report: see [`IngestStream::close`].
    ///
    /// # Errors
    /// If rows could not be delivered; [`CloseError::undelivered`] holds them.
    pub fn close(&self) -> Result<Report, CloseError> {
        self.driven.with(|stream| block_on(stream.close()))
    }

    /// As [`close`](Self::close), but returns the rows that are not durable after `timeout`.
    ///
    /// # Errors
    /// As `close`, and [`Timeout`](crate::ErrorKind::Timeout) if the rows were not durable in time.
    pub fn close_within(&self, timeout: Duration) -> Result<Report, CloseError> {
        self.driven.with(|stream| {
            stream.handle.shared().close();
            if block_on_for(stream.handle.over(), timeout).is_none() {
                block_on(stream.handle.expire(timeout));
            }
            stream.handle.report()
        })
    }

    /// Opens another stream with the same options and sends the rows that this one could not deliver: see
    /// [`IngestStream::reopen`].
    ///
    /// # Errors
    /// As [`StreamBuilder::open_blocking`]; the rows then stay with this stream, and `reopen` can be called again.
    pub fn reopen(&self) -> Result<Self, Error> {
        self.driven.with(|stream| {
            if !stream.is_closed() {
                return Ok(self.clone());
            }
            block_on(stream.handle.over());
            let next = Self::open(&stream.options)?;
            next.driven.with(|next| {
                next.handle.inherit(&stream.handle);
                Ok::<_, Error>(())
            })?;
            Ok(next)
        })
    }
}

impl<T> LanesBuilder<T> {
    /// Opens every lane for a program without async; one thread drives them all.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if the thread cannot be started.
    pub fn open_blocking(self) -> Result<BlockingLanes<T>, Error> {
        BlockingLanes::open(&Arc::new(self))
    }
}

impl<T> BlockingLanes<T> {
    #[cfg(feature = "spool")]
    pub(super) fn with<R>(&self, ask: impl FnOnce(&Lanes<T>) -> Result<R, Error>) -> Result<R, Error> {
        self.driven.with(ask)
    }

    pub(super) fn open(options: &Arc<LanesBuilder<T>>) -> Result<Self, Error> {
        let PreparedLanes { lanes, drivers, first_opens } = options.prepare(options.openings()?.finish_blocking()?);
        let driven = Driven::start(lanes, drivers).map_err(|(lanes, error)| {
            block_on(lanes.give_up(&error));
            error
        })?;
        driven.with(|lanes| block_on(lanes.opened(first_opens)))?;
        Ok(Self { driven })
    }

    /// Accepts a row, waiting first if the byte budget of its key's lane is exhausted: see [`Lanes::send`].
    ///
    /// # Errors
    /// As [`Lanes::send`].
    pub fn send<R: ?Sized>(&self, key: &(impl Hash + ?Sized), row: &R) -> Result<LaneOffset, Error>
    where
        T: Accepts<R>,
    {
        self.driven.with(|lanes| block_on(lanes.send(key, row)))
    }

    /// Accepts a row without a key: see [`Lanes::send_unkeyed`].
    ///
    /// # Errors
    /// As [`Lanes::send`].
    pub fn send_unkeyed<R: ?Sized>(&self, row: &R) -> Result<LaneOffset, Error>
    where
        T: Accepts<R>,
    {
        self.driven.with(|lanes| block_on(lanes.send_unkeyed(row)))
    }

    /// Accepts a row if there is room for it now.
    ///
    /// # Errors
    /// As [`Lanes::try_send`].
    pub fn try_send<R: ?Sized>(&self, key: &(impl Hash + ?Sized), row: &R) -> Result<LaneOffset, Error>
    where
        T: Accepts<R>,
    {
        self.driven.with(|lanes| lanes.try_send(key, row))
    }

    /// Accepts a row, waiting up to `timeout` if the byte budget of its key's lane is exhausted.
    ///
    /// # Errors
    /// As [`Lanes::send_timeout`].
    pub fn send_timeout<R: ?Sized>(
        &self,
        key: &(impl Hash + ?Sized),
        row: &R,
        timeout: Duration,
    ) -> Result<LaneOffset, Error>
    where
        T: Accepts<R>,
    {
        self.driven.with(|lanes| {
            let late = || Err(Fault::SendTimeout { after: timeout }.into());
            block_on_for(lanes.send(key, row), timeout).unwrap_or_else(late)
        })
    }

    /// Accepts every row of an iterator, each with its key: see [`Lanes::send_all`].
    ///
    /// # Errors
    /// As [`send`](Self::send). [`Unsent`] has the number of accepted rows and holds the rest.
    pub fn send_all<K, R, I>(&self, rows: I) -> Result<(), Unsent<I::IntoIter>>
    where
        I: IntoIterator<Item = (K, R)>,
        K: Hash,
        T: Accepts<R>,
    {
        let (mut rows, mut accepted) = (rows.into_iter(), 0);
        while let Some((key, row)) = rows.next() {
            match self.send(&key, &row) {
                Ok(_) => accepted += 1,
                Err(error) if self.driven.peek(|lanes| block_on(lanes.has_letter(&error))) => {}
                Err(error) => return Err(Unsent::new(error, accepted, (key, row), rows)),
            }
        }
        Ok(())
    }

    /// Accepts rows that another stream returned: see [`Lanes::send_undelivered`].
    ///
    /// # Errors
    /// As [`Lanes::send_undelivered`].
    pub fn send_undelivered(&self, rows: &mut Undelivered) -> Result<Option<LaneOffset>, Error> {
        self.driven.with(|lanes| block_on(lanes.send_undelivered(rows)))
    }

    /// Waits until this row is durable, even if it moves to another lane.
    ///
    /// # Errors
    /// As [`Lanes::wait`].
    pub fn wait(&self, row: LaneOffset) -> Result<(), Error> {
        self.driven.with(|lanes| block_on(lanes.wait(row)))
    }

    /// As [`wait`](Self::wait), for at most `timeout`.
    ///
    /// # Errors
    /// As `wait`, and [`Timeout`](crate::ErrorKind::Timeout) if the row was not settled in time; it is then still in
    /// flight.
    pub fn wait_timeout(&self, row: LaneOffset, timeout: Duration) -> Result<(), Error> {
        self.driven.with(|lanes| {
            let late = || Err(Fault::WaitTimeout { after: timeout, offset: row.offset }.into());
            block_on_for(lanes.wait(row), timeout).unwrap_or_else(late)
        })
    }

    /// The outcome of a row as a future that borrows nothing, for programs that are partly async.
    ///
    /// # Errors
    /// Never while the lanes exist.
    pub fn receipt(&self, row: LaneOffset) -> Result<LaneReceipt, Error> {
        self.driven.with(|lanes| Ok(lanes.receipt(row)))
    }

    /// Waits until every row accepted so far is durable: see [`Lanes::flush`].
    ///
    /// # Errors
    /// As [`Lanes::flush`].
    pub fn flush(&self) -> Result<(), Error> {
        self.driven.with(|lanes| block_on(lanes.flush()))
    }

    /// Takes the rows that the server refused individually: see [`Lanes::take_rejected`].
    #[must_use]
    pub fn take_rejected(&self) -> Option<Undelivered> {
        self.driven.peek(Lanes::take_rejected)
    }

    /// The figures of each lane so far.
    #[must_use]
    pub fn stats(&self) -> Vec<Stats> {
        self.driven.peek(Lanes::stats)
    }

    /// Whether no more rows are accepted because the lanes were closed or all gave up.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.driven.handle.as_ref().is_none_or(Lanes::is_closed)
    }

    /// Why the last lane gave up, if all lanes have.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.driven.peek(Lanes::error)
    }

    /// Delivers every accepted row, ends every lane, and returns a report for each: see [`Lanes::close`].
    ///
    /// # Errors
    /// As [`Lanes::close`].
    pub fn close(&self) -> Result<Vec<Report>, CloseError> {
        self.driven.with(|lanes| block_on(lanes.close()))
    }

    /// As [`close`](Self::close), but returns the rows that are not durable after `timeout`.
    ///
    /// # Errors
    /// As [`Lanes::close_within`].
    pub fn close_within(&self, timeout: Duration) -> Result<Vec<Report>, CloseError> {
        self.driven.with(|lanes| {
            let closed = block_on_for(lanes.close_all(), timeout);
            block_on(lanes.closed(closed.is_some().then_some(()).ok_or(timeout)))
        })
    }

    /// Opens other lanes with the same options and sends the rows that these could not deliver: see [`Lanes::reopen`].
    ///
    /// # Errors
    /// As [`LanesBuilder::open_blocking`]; the rows then stay with these lanes, and `reopen` can be called again.
    pub fn reopen(&self) -> Result<Self, Error> {
        self.driven.with(|lanes| {
            if !lanes.is_closed() {
                return Ok(self.clone());
            }
            block_on(lanes.close_all());
            let next = Self::open(lanes.options())?;
            next.driven.with(|next| {
                next.inherit(lanes);
                Ok::<_, Error>(())
            })?;
            Ok(next)
        })
    }
}

impl<T> Clone for BlockingStream<T> {
    fn clone(&self) -> Self {
        Self { driven: Arc::clone(&self.driven) }
    }
}

impl<T> Clone for BlockingLanes<T> {
    fn clone(&self) -> Self {
        Self { driven: Arc::clone(&self.driven) }
    }
}

impl<T> fmt::Debug for BlockingStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BlockingStream").field(&self.driven.handle).finish()
    }
}

impl<T> fmt::Debug for BlockingLanes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BlockingLanes").field(&self.driven.handle).finish()
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future that needs no runtime.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        // Without a deadline this always returns `Some`.
        if let Some(answer) = block_on_until(future.as_mut(), None) {
            return answer;
        }
    }
}

/// As `block_on`, or `None` after `timeout`. A deadline beyond the clock's range is no deadline.
fn block_on_for<F: Future>(future: F, timeout: Duration) -> Option<F::Output> {
    block_on_until(future, Instant::now().checked_add(timeout))
}

fn block_on_until<F: Future>(future: F, until: Option<Instant>) -> Option<F::Output> {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut cx) {
            return Some(answer);
        }
        match until {
            None => thread::park(),
            Some(until) => {
                let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
                thread::park_timeout(left);
            }
        }
    }
}

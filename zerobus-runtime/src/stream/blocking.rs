//! A stream for programs without async.
//!
//! The thread of a caller writes its rows by itself, as a task would; only what has to wait for the network runs on
//! the stream's own thread.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Accepts, IngestStream};
use crate::driver::Driver;
use crate::error::{Error, Fault};
use crate::offset::Offset;
use crate::stats::{Report, Stats};
use crate::undelivered::Undelivered;

/// An [`IngestStream`] for programs without async: the same guarantees, and calls that block.
///
/// Dropping it waits until its rows are delivered, at most until the delivery timeout, since a program that ends
/// would take them along; what fails then is logged at ERROR.
///
/// ```no_run
/// # fn f(client: zerobus_runtime::Client) -> Result<(), zerobus_runtime::Error> {
/// let stream = client.json_stream("main.geo.earthquakes").open_blocking()?;
/// stream.send(&serde_json::json!({"id": "us7000n0bq", "mag": 4.2}))?;
/// stream.close()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BlockingStream<T> {
    /// Gone when the stream is closed or dropped.
    stream: Option<IngestStream<T>>,
    driver: Option<JoinHandle<()>>,
}

impl<T> BlockingStream<T> {
    pub(super) fn start(
        stream: IngestStream<T>,
        driver: Driver,
        first_open: oneshot::Receiver<Result<(), Error>>,
    ) -> Result<Self, Error> {
        let thread = |source| Error::from(Fault::Thread { source });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(thread)?;
        let driver = thread::Builder::new()
            .name("zerobus".to_owned())
            .spawn(move || runtime.block_on(driver.run()))
            .map_err(thread)?;
        let stream = Self { stream: Some(stream), driver: Some(driver) };
        block_on(first_open).unwrap_or_else(|_| Err(Fault::ShutDown.into()))?;
        Ok(stream)
    }

    /// Accepts a row, and waits before while the byte budget is used up: see [`IngestStream::send`].
    ///
    /// # Errors
    /// If the stream gave up, the row is above the limit, or it does not serialize; the row is then not accepted.
    pub fn send<R: ?Sized>(&self, row: &R) -> Result<Offset, Error>
    where
        T: Accepts<R>,
    {
        block_on(self.stream()?.handle.send_at_once(|out| T::write(row, out)))
    }

    /// Accepts a row if there is room for it now.
    ///
    /// # Errors
    /// As [`send`](Self::send), and of the kind [`Full`](crate::ErrorKind::Full) if there is no room.
    pub fn try_send<R: ?Sized>(&self, row: &R) -> Result<Offset, Error>
    where
        T: Accepts<R>,
    {
        self.stream()?.try_send(row)
    }

    /// Accepts a row, and waits before for at most this long while the byte budget is used up.
    ///
    /// # Errors
    /// As [`send`](Self::send), and of the kind [`Timeout`](crate::ErrorKind::Timeout) if no room came in time.
    pub fn send_timeout<R: ?Sized>(&self, row: &R, timeout: Duration) -> Result<Offset, Error>
    where
        T: Accepts<R>,
    {
        let send = self.stream()?.handle.send_at_once(|out| T::write(row, out));
        block_on_until(send, Some(Instant::now() + timeout))
            .unwrap_or_else(|| Err(Fault::SendTimeout { after: timeout }.into()))
    }

    /// Accepts every row of an iterator in its order; the offset of the last.
    ///
    /// # Errors
    /// As [`send`](Self::send); the rows before the failing one were accepted.
    pub fn send_all<I>(&self, rows: I) -> Result<Option<Offset>, Error>
    where
        I: IntoIterator,
        T: Accepts<I::Item>,
    {
        let mut last = None;
        for row in rows {
            last = Some(self.send(&row)?);
        }
        Ok(last)
    }

    /// Accepts rows that another stream handed back: see [`IngestStream::send_undelivered`].
    ///
    /// # Errors
    /// As [`send`](Self::send); the rows from the failing one on were not accepted.
    pub fn send_undelivered(&self, rows: &Undelivered) -> Result<Option<Offset>, Error> {
        let mut last = None;
        for row in rows.rows() {
            last = Some(block_on(self.stream()?.handle.send_again(&row.bytes, row.persisted))?);
        }
        Ok(last)
    }

    /// Waits until the row of this offset is durable: see [`IngestStream::wait`].
    ///
    /// # Errors
    /// If the server refused the row or the stream gave up before.
    pub fn wait(&self, offset: Offset) -> Result<(), Error> {
        block_on(self.stream()?.wait(offset))
    }

    /// Waits until every row that was accepted so far is durable: see [`IngestStream::flush`].
    ///
    /// # Errors
    /// If the server refused a row, which is told once, or the stream gave up.
    pub fn flush(&self) -> Result<(), Error> {
        block_on(self.stream()?.flush())
    }

    /// Takes the single rows that the server refused: see [`IngestStream::take_rejected`].
    #[must_use]
    pub fn take_rejected(&self) -> Option<Undelivered> {
        self.stream.as_ref().and_then(IngestStream::take_rejected)
    }

    /// The offset up to which every row is durable, but for single rows that the server refused.
    #[must_use]
    pub fn acked(&self) -> Option<Offset> {
        self.stream.as_ref().and_then(IngestStream::acked)
    }

    /// What the stream has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stream.as_ref().map(IngestStream::stats).unwrap_or_default()
    }

    /// Delivers every row that was accepted, ends the stream, and tells what it has done.
    ///
    /// # Errors
    /// If rows could not be delivered: [`Error::undelivered`] holds each of them.
    pub fn close(mut self) -> Result<Report, Error> {
        match self.stream.take() {
            Some(stream) => block_on(stream.close()),
            None => Ok(Report::default()),
        }
    }

    /// The stream; it is gone only inside of `close` and `drop`.
    fn stream(&self) -> Result<&IngestStream<T>, Error> {
        self.stream.as_ref().ok_or_else(|| Fault::ShutDown.into())
    }
}

impl<T> Drop for BlockingStream<T> {
    fn drop(&mut self) {
        // The driver ends when the stream is gone and its rows are settled.
        self.stream.take();
        if let Some(driver) = self.driver.take() {
            // A driver that panicked has said what is lost.
            let _ = driver.join();
        }
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        // Without an end, there is an answer.
        if let Some(answer) = block_on_until(future.as_mut(), None) {
            return answer;
        }
    }
}

/// The answer of a future that needs no runtime, or nothing at the end of the time.
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

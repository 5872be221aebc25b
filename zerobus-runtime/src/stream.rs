//! The handles: what a program sends rows with.
//!
//! | file | what it owns |
//! |---|---|
//! | `builder` | the options of a stream, and its opening |
//! | `accepts` | which rows a stream takes, and how they are written |
//! | `handle` | a stream without the type of its rows: room, turns, the wait for acknowledgements |
//! | `sending` | the future of a row that is sent |
//! | `blocking` | a stream for programs without async |
//! | `lanes` | many streams into one table, with the order kept by key |

mod accepts;
mod blocking;
mod builder;
mod handle;
mod lanes;
mod sending;

use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

pub use accepts::{Accepts, Encoded, Json};
pub use blocking::BlockingStream;
pub use builder::StreamBuilder;
use handle::Handle;
pub use lanes::{Lanes, LanesBuilder};

use crate::error::Error;
use crate::offset::Offset;
use crate::stats::{Report, Stats};
use crate::undelivered::Undelivered;

/// A stream of rows into one table.
///
/// A row is *accepted* when `send` gives its offset. From then on it ends in exactly one state: durable in the table,
/// or handed back with the reason. `accepted == durable + returned + in flight` holds at every moment, and
/// [`close`](Self::close) leaves nothing in flight.
///
/// - **A row that the server refuses** does not take others with it: the rows that were under way go again one request
///   at a time, until that row is found. It alone is handed back, by `close` or before by
///   [`take_rejected`](Self::take_rejected).
/// - **Order** is that in which rows were accepted. Delivery is at least once: after a lost connection, rows that were
///   sent and not acknowledged are sent again.
/// - **Memory** is bounded in bytes: `send` waits while the accepted rows that are not durable fill the budget.
/// - **Dropping** a stream does not drop its rows: they are delivered in the background until the delivery timeout,
///   and what fails then is logged at ERROR. So is what is lost when the runtime shuts down before.
/// - **Cancelling** any future of a stream loses nothing: a `send` that is dropped before it is ready has not accepted
///   its row, `wait` and `flush` may be asked again, and a `close` that is dropped goes on as a drop does.
///
/// All methods take `&self`; an `Arc` shares a stream between tasks.
#[derive(Debug)]
pub struct IngestStream<T> {
    handle: Handle,
    /// Covariant, so that one stream takes rows of every lifetime; and `Send` whatever `T` is.
    rows: PhantomData<fn() -> T>,
}

/// A stream of rows that serialize as JSON.
pub type JsonStream = IngestStream<Json>;

/// A stream of rows that are encoded already.
pub type EncodedStream = IngestStream<Encoded>;

impl<T> IngestStream<T> {
    const fn new(handle: Handle) -> Self {
        Self { handle, rows: PhantomData }
    }

    /// Accepts a row, and waits before while the byte budget is used up.
    ///
    /// Rows of a [`JsonStream`] must serialize as a JSON object of the table's columns: TIMESTAMP and DATE as integers
    /// (microseconds and days since 1970), DECIMAL and VARIANT as strings, BINARY as base64, as this crate's own value
    /// types do. Rows of an [`EncodedStream`] must be messages of its descriptor; they are not looked at.
    ///
    /// # Errors
    /// If the stream gave up, the row is above the limit, it does not serialize, or a value of it does not fit its column
    /// (a `SystemTime` beyond the year 9999); the row is then not accepted.
    ///
    /// ```no_run
    /// # async fn f<T: zerobus_runtime::ZerobusMessage>(stream: zerobus_runtime::IngestStream<T>, row: T) -> Result<(), zerobus_runtime::Error> {
    /// let offset = stream.send(&row).await?;
    /// stream.wait(offset).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub fn send<R: ?Sized>(&self, row: &R) -> impl Future<Output = Result<Offset, Error>>
    where
        T: Accepts<R>,
    {
        self.handle.send(|out| T::write(row, out))
    }

    /// Accepts a row if there is room for it now.
    ///
    /// # Errors
    /// As [`send`](Self::send), and of the kind [`Full`](crate::ErrorKind::Full) if there is no room.
    #[inline]
    pub fn try_send<R: ?Sized>(&self, row: &R) -> Result<Offset, Error>
    where
        T: Accepts<R>,
    {
        self.handle.try_send(|out| T::write(row, out))
    }

    /// Accepts a row, and waits before for at most this long while the byte budget is used up.
    ///
    /// # Errors
    /// As [`send`](Self::send), and of the kind [`Timeout`](crate::ErrorKind::Timeout) if no room came in time.
    pub async fn send_timeout<R: ?Sized>(&self, row: &R, timeout: Duration) -> Result<Offset, Error>
    where
        T: Accepts<R>,
    {
        self.handle.send_timeout(timeout, |out| T::write(row, out)).await
    }

    /// Accepts every row of an iterator in its order; the offset of the last.
    ///
    /// # Errors
    /// As [`send`](Self::send); the rows before the failing one were accepted.
    pub async fn send_all<I>(&self, rows: I) -> Result<Option<Offset>, Error>
    where
        I: IntoIterator,
        T: Accepts<I::Item>,
    {
        let mut last = None;
        for row in rows {
            last = Some(self.send(&row).await?);
        }
        Ok(last)
    }

    /// Waits until the row of this offset is durable; every row before it is settled then.
    ///
    /// # Errors
    /// If the server refused the row or the stream gave up before; the row is then among those that
    /// [`close`](Self::close) hands back. If the stream has not accepted a row of this offset.
    pub async fn wait(&self, offset: Offset) -> Result<(), Error> {
        self.handle.wait(offset).await
    }

    /// Waits until every row that was accepted so far is durable, and sends them without regard to the linger.
    ///
    /// # Errors
    /// If the server refused a row, which is told once, or the stream gave up; the rows are then among those that
    /// [`close`](Self::close) hands back.
    pub async fn flush(&self) -> Result<(), Error> {
        self.handle.flush().await
    }

    /// The offset up to which every row is durable, but for single rows that the server refused.
    #[must_use]
    pub fn acked(&self) -> Option<Offset> {
        self.handle.acked()
    }

    /// What the stream has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.handle.stats()
    }

    /// Takes the single rows that the server refused while it took those around them.
    ///
    /// Rows that are taken here are not handed back by [`close`](Self::close) again.
    #[must_use]
    pub fn take_rejected(&self) -> Option<Undelivered> {
        self.handle.take_rejected()
    }

    /// Delivers every row that was accepted, ends the stream, and tells what it has done.
    ///
    /// # Errors
    /// If rows could not be delivered: [`Error::undelivered`] holds each of them.
    pub async fn close(self) -> Result<Report, Error> {
        self.handle.close().await
    }

    /// Sends rows that another stream handed back.
    ///
    /// They must be of the same encoding and the same table. Rows that are accepted here are this stream's own from
    /// then on.
    ///
    /// # Errors
    /// As `send`; the rows from the failing one on were not accepted.
    pub async fn send_undelivered(&self, rows: &Undelivered) -> Result<Option<Offset>, Error> {
        let mut last = None;
        for row in rows.rows() {
            last = Some(self.handle.send_again(&row.bytes, row.persisted).await?);
        }
        Ok(last)
    }
}

//! The handles: what a program sends rows with.
//!
//! | file | what it owns |
//! |---|---|
//! | `builder` | the options of a stream, and its opening |
//! | `opening` | what is done before a stream begins |
//! | `spooled` | a stream whose rows are kept on disk |
//! | `stamps` | columns that a stream fills in |
//! | `accepts` | which rows a stream takes, and how they are written |
//! | `strict` | JSON that says what it is given |
//! | `handle` | a stream without the type of its rows: room, turns, the wait for acknowledgements |
//! | `sending` | the future of a row that is sent |
//! | `unsent` | the rows of an iterator that were not sent |
//! | `receipt` | the fate of one row |
//! | `lanes` | many streams into one table, with the order kept by key |
//! | `blocking` | streams and lanes for programs without async |

mod accepts;
mod blocking;
mod builder;
mod handle;
mod lanes;
mod opening;
mod receipt;
mod sending;
#[cfg(feature = "spool")]
mod spooled;
#[cfg(feature = "spool")]
mod stamps;
mod strict;
mod unsent;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub use accepts::{Accepts, Encoded, Json, Prost, RawJson};
pub use blocking::{BlockingLanes, BlockingStream};
pub use builder::StreamBuilder;
use handle::Handle;
pub use lanes::{LaneOffset, LaneReceipt, Lanes, LanesBuilder};
pub use receipt::Receipt;
#[cfg(feature = "spool")]
pub use stamps::StampColumns;
pub use unsent::Unsent;

use crate::error::Error;
use crate::offset::Offset;
use crate::stats::{Report, Stats};
use crate::undelivered::Undelivered;

/// A stream of rows into one table.
///
/// A row is *accepted* when `send` gives its offset. From then on it ends in exactly one state: durable in the table,
/// or returned with the reason. `accepted == durable + returned + in flight` holds at every moment, and
/// [`close`](Self::close) leaves nothing in flight.
///
/// - **A row that the server refuses** does not take others with it: the rows that were under way go again one by one,
///   until that row is found. It alone is returned, by [`take_rejected`](Self::take_rejected) or by `close`.
/// - **Order** is that in which rows were accepted. Delivery is at least once: after a lost connection, rows that were
///   sent and not acknowledged are sent again.
/// - **Memory** is bounded in bytes: `send` waits while the accepted rows that are not durable fill the budget. Room is
///   given in the order in which it was asked for.
/// - **Sharing**: a stream is cheap to clone, all clones are one stream, and each of them may close it.
/// - **Dropping** the last clone does not drop its rows: they are delivered in the background until the delivery
///   timeout, and what fails then is logged at ERROR. So is what is lost when the runtime shuts down before.
/// - **Cancelling** any future of a stream loses nothing: a `send` that is dropped before it is ready has not accepted
///   its row, `wait`, `flush` and `close` may be asked again.
/// - **Giving up**: where no attempt helps, or a row is not durable in time, every row that is not durable is returned
///   and the stream takes no more; `send` then says so with an error of the kind [`GaveUp`](crate::ErrorKind::GaveUp).
///   [`reopen`](Self::reopen) goes on with the rows that are left. With
///   [`delivery_timeout(None)`](StreamBuilder::delivery_timeout) and [`max_attempts(None)`](StreamBuilder::max_attempts) a
///   stream waits for the end of any outage.
pub struct IngestStream<T> {
    handle: Handle,
    /// What it was opened with, to be opened again.
    options: Arc<StreamBuilder<T>>,
}

/// A stream of rows that serialize as JSON.
pub type JsonStream = IngestStream<Json>;

/// A stream of rows that are encoded already.
pub type EncodedStream = IngestStream<Encoded>;

impl<T> IngestStream<T> {
    const fn new(handle: Handle, options: Arc<StreamBuilder<T>>) -> Self {
        Self { handle, options }
    }

    /// Accepts a row, and waits before while the byte budget is used up.
    ///
    /// Rows of a [`JsonStream`] must serialize as a JSON object of the table's columns: TIMESTAMP and DATE as integers
    /// (microseconds and days since 1970), DECIMAL and VARIANT as strings, BINARY as base64, as this crate's own value
    /// types do. Rows of an [`EncodedStream`] must be messages of its descriptor; they are not looked at.
    ///
    /// # Errors
    /// If the row is above the limit, does not serialize, or a value of it does not fit its column (a `SystemTime` beyond
    /// the year 9999): of the kind [`Rejected`](crate::ErrorKind::Rejected), and the row is not accepted. If the stream
    /// gave up or was closed before: of the kinds [`GaveUp`](crate::ErrorKind::GaveUp) and
    /// [`Closed`](crate::ErrorKind::Closed), which say nothing of the row.
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
        self.handle.send(|out| T::write(row, out), T::IS_PLAIN)
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
        self.handle.try_send(|out| T::write(row, out), T::IS_PLAIN)
    }

    /// Accepts a row, and waits before for at most this long while the byte budget is used up.
    ///
    /// # Errors
    /// As [`send`](Self::send), and of the kind [`Timeout`](crate::ErrorKind::Timeout) if no room came in time.
    pub async fn send_timeout<R: ?Sized>(&self, row: &R, timeout: Duration) -> Result<Offset, Error>
    where
        T: Accepts<R>,
    {
        self.handle.send_timeout(timeout, |out| T::write(row, out), T::IS_PLAIN).await
    }

    /// Accepts every row of an iterator in its order; the offset of the last.
    ///
    /// A future that is dropped drops the iterator, with the rows that were not accepted.
    ///
    /// # Errors
    /// As [`send`](Self::send). [`Unsent`] says how many rows were accepted and holds the others, the failing one first.
    ///
    /// ```no_run
    /// # async fn f<T: zerobus_runtime::ZerobusMessage>(stream: zerobus_runtime::IngestStream<T>, rows: Vec<T>) -> Result<(), zerobus_runtime::Error> {
    /// use zerobus_runtime::ErrorKind;
    ///
    /// if let Err(unsent) = stream.send_all(rows).await {
    ///     if unsent.error().kind() != ErrorKind::GaveUp {
    ///         return Err(unsent.into());
    ///     }
    ///     let stream = stream.reopen().await?;
    ///     stream.send_all(unsent).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn send_all<I>(&self, rows: I) -> Result<Option<Offset>, Unsent<I::IntoIter>>
    where
        I: IntoIterator,
        T: Accepts<I::Item>,
    {
        let (mut rows, mut accepted, mut last) = (rows.into_iter(), 0, None);
        while let Some(row) = rows.next() {
            match self.send(&row).await {
                Ok(offset) => (accepted, last) = (accepted + 1, Some(offset)),
                Err(error) => return Err(Unsent::new(error, accepted, row, rows)),
            }
        }
        Ok(last)
    }

    /// Accepts rows that another stream of the table returned, in this process or another; the offset of the last.
    ///
    /// What is accepted leaves `rows`, so that after an error, or where the future is dropped, `rows` holds what is left
    /// and can be given again.
    ///
    /// # Errors
    /// As `send`, and of the kind [`Configuration`](crate::ErrorKind::Configuration) if the rows are for another table or
    /// of another encoding.
    pub async fn send_undelivered(&self, rows: &mut Undelivered) -> Result<Option<Offset>, Error> {
        self.handle.send_undelivered(rows).await
    }

    /// Waits until the row of this offset is durable; every row before it is settled then.
    ///
    /// # Errors
    /// If the server refused the row or the stream gave up before; the row is then among those that are returned. If the
    /// stream has not accepted a row of this offset.
    pub async fn wait(&self, offset: Offset) -> Result<(), Error> {
        self.receipt(offset).await.map(drop)
    }

    /// As [`wait`](Self::wait), as a future that borrows nothing: for another task, or a queue of them.
    pub fn receipt(&self, offset: Offset) -> Receipt {
        self.handle.receipt(offset)
    }

    /// Waits until every row that was accepted so far is durable, and sends them without regard to the linger.
    ///
    /// # Errors
    /// If the server refused a row, which is told once, or the stream gave up; the rows are then among those that are
    /// returned.
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

    /// Whether the stream takes no more rows: it was closed, or gave up.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Why the stream gave up, if it has.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.handle.error()
    }

    /// Takes the single rows that the server refused while it took those around them.
    ///
    /// Rows that are taken here are not returned by [`close`](Self::close) again. Those that nobody takes are kept within
    /// [`max_rejected_bytes`](StreamBuilder::max_rejected_bytes).
    #[must_use]
    pub fn take_rejected(&self) -> Option<Undelivered> {
        self.handle.take_rejected()
    }

    /// Delivers every row that was accepted, ends the stream, and tells what it has done.
    ///
    /// No row is accepted from then on, by any clone. It may be called again, after it was cancelled as well: what was
    /// not taken yet is returned then.
    ///
    /// # Errors
    /// If rows could not be delivered: [`Error::undelivered`] holds each of them.
    pub async fn close(&self) -> Result<Report, Error> {
        self.handle.close().await
    }

    /// As [`close`](Self::close), and returns what is not durable after this long.
    ///
    /// # Errors
    /// As `close`; of the kind [`Timeout`](crate::ErrorKind::Timeout) if the time was over before the rows were durable.
    pub async fn close_within(&self, timeout: Duration) -> Result<Report, Error> {
        self.handle.close_within(timeout).await
    }

    /// Opens another stream with the same options, and sends what this one could not deliver on it, in order, before
    /// anything else.
    ///
    /// This is for a stream that gave up; one that is open is given back as it is, one that was closed is opened again
    /// when its rows are settled. Rows that the server refused stay with [`take_rejected`](Self::take_rejected) of this one. They would be refused
    /// again.
    ///
    /// # Errors
    /// As [`open`](StreamBuilder::open); the rows then stay with this stream, and it may be tried again.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn reopen(&self) -> Result<Self, Error> {
        if !self.is_closed() {
            return Ok(self.clone());
        }
        self.handle.over().await;
        let stream = StreamBuilder::clone(&self.options).open().await?;
        stream.handle.inherit(&self.handle);
        Ok(stream)
    }
}

impl<T> Clone for IngestStream<T> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), options: Arc::clone(&self.options) }
    }
}

impl<T> fmt::Debug for IngestStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IngestStream")
            .field("table", &self.handle.table())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

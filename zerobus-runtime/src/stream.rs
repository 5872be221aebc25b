//! Stream handles: the types that a program sends rows with.
//!
//! | file | what it owns |
//! |---|---|
//! | `openers` | the kinds of streams that a client opens |
//! | `builder` | the options of a stream |
//! | `opening` | the checks and the spool, before a stream starts |
//! | `prepared` | opening a stream: its state and its driver |
//! | `spooled` | streams that keep their rows on disk |
//! | `stamps` | columns that a stream fills in |
//! | `accepts` | which rows a stream accepts, and how they are encoded |
//! | `strict` | JSON that rejects NaN and infinities |
//! | `dead_letter_table` | dead letters as rows of another table |
//! | `handle` | a stream without its row type: capacity, cooperative yielding, waiting for acknowledgements |
//! | `row` | a row as a stream takes it |
//! | `sending` | the future that `send` returns |
//! | `unsent` | the rows that `send_all` did not send |
//! | `receipt` | the outcome of one row |
//! | `close_error` | why a stream did not deliver every row, with the rows |
//! | `lanes` | several streams into one table, ordered by key |
//! | `blocking` | streams and lanes for programs without async |

mod accepts;
mod blocking;
mod builder;
mod close_error;
mod dead_letter_table;
mod handle;
mod lanes;
mod openers;
mod opening;
mod prepared;
mod receipt;
mod row;
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

#[cfg(feature = "dynamic")]
pub(crate) use accepts::sealed;
pub use accepts::{Accepts, Encoded, Json, Prost, RawJson};
pub use blocking::{BlockingLanes, BlockingStream};
pub(crate) use blocking::{block_on, current_thread};
pub use builder::StreamBuilder;
pub use close_error::CloseError;
use handle::Handle;
pub use lanes::{LaneOffset, LaneReceipt, Lanes, LanesBuilder};
pub use receipt::Receipt;
use row::Of;
#[cfg(feature = "spool")]
pub use stamps::StampColumns;
pub use unsent::Unsent;

use crate::error::Error;
use crate::offset::{Offset, Offsets};
use crate::stats::{Report, Stats};
use crate::undelivered::Undelivered;

/// A stream of rows into one table.
///
/// A row is *accepted* when `send` returns its offset. From then on it ends in exactly one state: durable in the table,
/// or returned with the reason. `accepted == durable + returned + in flight` holds at every moment, and
/// [`close`](Self::close) leaves nothing in flight.
///
/// - **A row that the server refuses** does not fail other rows: the rows in flight are sent again one by one until it
///   is found. Only that row is returned, by [`take_rejected`](Self::take_rejected) or by `close`.
/// - **Order**: rows are sent in the order in which they were accepted. Delivery is at least once: after a lost
///   connection, rows that were sent and not acknowledged are sent again.
/// - **Memory** is bounded in bytes: `send` waits while accepted rows that are not durable fill the budget. Waiting
///   calls proceed in the order in which they were made.
/// - **Sharing**: a stream is cheap to clone. All clones share one stream, and any of them can close it.
/// - **Dropping** the last clone does not drop its rows: they are delivered in the background until the delivery
///   timeout. Rows that fail, or that are lost when the runtime shuts down first, are logged at ERROR.
/// - **Cancelling** any future of a stream loses nothing: a `send` that is dropped before it is ready has not accepted
///   its row; `wait`, `flush` and `close` can be called again.
/// - **Giving up**: when retries cannot help, or a row is not durable in time, the stream returns every row that is not
///   durable and accepts no more. `send` then fails with the kind [`GaveUp`](crate::ErrorKind::GaveUp).
///   [`reopen`](Self::reopen) opens a new stream and sends the remaining rows. With
///   [`delivery_timeout(None)`](StreamBuilder::delivery_timeout) and
///   [`max_attempts(None)`](StreamBuilder::max_attempts) a stream waits for the end of any outage.
pub struct IngestStream<T> {
    handle: Handle,
    /// The options it was opened with, for `reopen`.
    options: Arc<StreamBuilder<T>>,
}

/// A stream of rows that serialize as JSON.
pub type JsonStream = IngestStream<Json>;

/// A stream of rows that are already encoded.
pub type EncodedStream = IngestStream<Encoded>;

impl<T> IngestStream<T> {
    const fn new(handle: Handle, options: Arc<StreamBuilder<T>>) -> Self {
        Self { handle, options }
    }

    /// Accepts a row, waiting first if the byte budget is exhausted.
    ///
    /// Rows of a [`JsonStream`] must serialize as a JSON object of the table's columns: TIMESTAMP and DATE as integers
    /// (microseconds and days since 1970), DECIMAL and VARIANT as strings, BINARY as base64, as this crate's own value
    /// types do. Rows of an [`EncodedStream`] must be messages of its descriptor; they are not checked.
    ///
    /// # Errors
    /// [`Rejected`](crate::ErrorKind::Rejected) if the row exceeds the size limit, does not serialize, or holds a value
    /// that does not fit its column (a `SystemTime` beyond the year 9999); the row is not accepted.
    /// [`GaveUp`](crate::ErrorKind::GaveUp) or [`Closed`](crate::ErrorKind::Closed) if the stream gave up or was closed
    /// earlier; the row itself may be valid.
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
        self.handle.send(Of::<T, R>::new(row))
    }

    /// Accepts a row if there is room for it now.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`Full`](crate::ErrorKind::Full) if there is no room.
    #[inline]
    pub fn try_send<R: ?Sized>(&self, row: &R) -> Result<Offset, Error>
    where
        T: Accepts<R>,
    {
        self.handle.try_send(Of::<T, R>::new(row))
    }

    /// Accepts the first of these rows, or more of them in order; `None` if there are no rows.
    ///
    /// This costs less than a call for each row. A call accepts few rows, and ends before one that is not accepted:
    /// call it again with the rest.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send) of the first row; no row is accepted then.
    ///
    /// ```no_run
    /// # fn f<T: zerobus_runtime::ZerobusMessage>(stream: zerobus_runtime::IngestStream<T>, mut rows: &[T]) -> Result<(), zerobus_runtime::Error> {
    /// while let Some(accepted) = stream.try_send_many(rows)? {
    ///     rows = &rows[accepted.rows()..];
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_send_many<R>(&self, rows: &[R]) -> Result<Option<Offsets>, Error>
    where
        T: Accepts<R>,
    {
        self.handle.try_send_many(rows.iter().map(Of::<T, R>::new))
    }

    /// Accepts a row, waiting up to `timeout` if the byte budget is exhausted.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`Timeout`](crate::ErrorKind::Timeout) if there was no room in time.
    pub async fn send_timeout<R: ?Sized>(&self, row: &R, timeout: Duration) -> Result<Offset, Error>
    where
        T: Accepts<R>,
    {
        self.handle.send_timeout(timeout, Of::<T, R>::new(row)).await
    }

    /// Accepts every row of an iterator, in order, and returns the offset of the last.
    ///
    /// A refused row that the sink for [dead letters](StreamBuilder::dead_letters) takes does not end it.
    ///
    /// Dropping the future drops the iterator, including the rows that were not accepted.
    ///
    /// # Errors
    /// As [`send`](Self::send). [`Unsent`] has the number of accepted rows and holds the rest, the failing row first.
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
                Err(error) if self.handle.has_letter(&error).await => {}
                Err(error) => return Err(Unsent::new(error, accepted, row, rows)),
            }
        }
        Ok(last)
    }

    /// Accepts rows that another stream of the table returned, in this process or another, and returns the offset of
    /// the last.
    ///
    /// Accepted rows are removed from `rows`. After an error, or if the future is dropped, `rows` holds the remaining
    /// rows and can be passed again.
    ///
    /// # Errors
    /// As `send`, and [`Configuration`](crate::ErrorKind::Configuration) if the rows are for another table, or have
    /// another encoding or schema.
    pub async fn send_undelivered(&self, rows: &mut Undelivered) -> Result<Option<Offset>, Error> {
        self.handle.send_undelivered(rows).await
    }

    /// Waits until the row at this offset is durable. Every row before it is then settled.
    ///
    /// # Errors
    /// If the server refused the row, or the stream gave up first; the row is then returned. Also if the stream has not
    /// accepted a row with this offset.
    pub async fn wait(&self, offset: Offset) -> Result<(), Error> {
        self.receipt(offset).await.map(drop)
    }

    /// As [`wait`](Self::wait), but the future borrows nothing, so it can be stored or moved to another task.
    pub fn receipt(&self, offset: Offset) -> Receipt {
        self.handle.receipt(offset)
    }

    /// Waits until every row accepted so far is durable, and sends them without waiting for the linger.
    ///
    /// # Errors
    /// If the server refused a row, which is reported once, or the stream gave up; the rows are then returned.
    pub async fn flush(&self) -> Result<(), Error> {
        self.handle.flush().await
    }

    /// The offset up to which every row is durable, except rows that the server refused.
    #[must_use]
    pub fn acked(&self) -> Option<Offset> {
        self.handle.acked()
    }

    /// The stream's figures so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.handle.stats()
    }

    /// Whether the stream accepts no more rows because it was closed or gave up.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Why the stream gave up, if it has.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.handle.error()
    }

    /// Takes the rows that the server refused individually.
    ///
    /// [`close`](Self::close) does not return rows taken here. Rows that are not taken are kept up to
    /// [`max_rejected_bytes`](StreamBuilder::max_rejected_bytes).
    #[must_use]
    pub fn take_rejected(&self) -> Option<Undelivered> {
        self.handle.take_rejected()
    }

    /// Delivers every accepted row, ends the stream, and returns a report.
    ///
    /// No clone accepts rows from then on. `close` can be called again, also after it was cancelled: it then returns
    /// the rows that were not taken yet.
    ///
    /// # Errors
    /// If rows could not be delivered; [`CloseError::undelivered`] holds them.
    pub async fn close(&self) -> Result<Report, CloseError> {
        self.handle.close().await
    }

    /// As [`close`](Self::close), but returns the rows that are not durable after `timeout`.
    ///
    /// # Errors
    /// As `close`, and [`Timeout`](crate::ErrorKind::Timeout) if the rows were not durable in time.
    pub async fn close_within(&self, timeout: Duration) -> Result<Report, CloseError> {
        self.handle.close_within(timeout).await
    }

    /// Opens another stream with the same options and first sends, in order, the rows that this one could not deliver.
    ///
    /// This is for a stream that gave up. If the stream is open, the result is a clone of it; if it was closed, it is
    /// reopened once its rows are settled. Rows that the server refused would be refused again, so they stay with
    /// [`take_rejected`](Self::take_rejected) of this stream.
    ///
    /// # Errors
    /// As [`open`](StreamBuilder::open); the rows then stay with this stream, and `reopen` can be called again.
    ///
    /// # Panics
    /// Outside a tokio runtime.
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

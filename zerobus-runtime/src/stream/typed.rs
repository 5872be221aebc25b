//! Sending rows of a Rust type.

use std::borrow::Borrow;
use std::time::Duration;

use super::IngestStream;
use crate::error::{Error, Fault};
use crate::message::{Encoder, ZerobusMessage};
use crate::offset::Offset;

impl<T: ZerobusMessage> IngestStream<T> {
    /// Accepts a row, and waits before while the byte budget is used up.
    ///
    /// # Errors
    /// If the stream gave up, the row is above the limit, or a value of it does not fit its column (a `SystemTime` beyond
    /// the year 9999); the row is then not accepted.
    ///
    /// ```no_run
    /// # async fn f<T: zerobus_runtime::ZerobusMessage>(stream: zerobus_runtime::IngestStream<T>, row: T) -> Result<(), zerobus_runtime::Error> {
    /// let offset = stream.send(&row).await?;
    /// stream.wait(offset).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[inline]
    pub async fn send(&self, row: &T) -> Result<Offset, Error> {
        self.handle.send(|out| write(row, out)).await
    }

    /// Accepts a row if there is room for it now.
    ///
    /// # Errors
    /// As [`send`](Self::send), and of the kind [`Full`](crate::ErrorKind::Full) if there is no room.
    #[inline]
    pub fn try_send(&self, row: &T) -> Result<Offset, Error> {
        self.handle.try_send(|out| write(row, out))
    }

    /// Accepts a row, and waits before for at most this long while the byte budget is used up.
    ///
    /// # Errors
    /// As [`send`](Self::send), and of the kind [`Timeout`](crate::ErrorKind::Timeout) if no room came in time.
    pub async fn send_timeout(&self, row: &T, timeout: Duration) -> Result<Offset, Error> {
        self.handle.send_timeout(timeout, |out| write(row, out)).await
    }

    /// Accepts every row of an iterator in its order; the offset of the last.
    ///
    /// # Errors
    /// As [`send`](Self::send); the rows before the failing one were accepted.
    pub async fn send_all<I>(&self, rows: I) -> Result<Option<Offset>, Error>
    where
        I: IntoIterator,
        I::Item: Borrow<T>,
    {
        let mut last = None;
        for row in rows {
            last = Some(self.send(row.borrow()).await?);
        }
        Ok(last)
    }
}

/// Writes the row, unless one of its values cannot be written.
#[inline]
fn write<T: ZerobusMessage>(row: &T, out: &mut Encoder) -> Result<(), Error> {
    row.encode_to(out);
    match out.take_refusal() {
        None => Ok(()),
        Some(source) => Err(Fault::Value { source }.into()),
    }
}

//! Sending rows that are encoded already.

use std::time::Duration;

use super::IngestStream;
use crate::error::Error;
use crate::offset::Offset;

/// The mark of a stream of encoded rows: see [`Client::encoded_stream`](crate::Client::encoded_stream).
#[derive(Debug)]
pub enum Encoded {}

impl IngestStream<Encoded> {
    /// Accepts a row, and waits before while the byte budget is used up.
    ///
    /// The bytes must be a message of the descriptor that the stream was opened with; they are not looked at.
    ///
    /// # Errors
    /// If the row is above the limit or the stream gave up; the row is then not accepted.
    pub async fn send(&self, row: impl AsRef<[u8]>) -> Result<Offset, Error> {
        let row = row.as_ref();
        self.handle
            .send(|out| {
                out.raw(row);
                Ok(())
            })
            .await
    }

    /// Accepts a row if there is room for it now.
    ///
    /// # Errors
    /// As [`send`](Self::send), and of the kind [`Full`](crate::ErrorKind::Full) if there is no room.
    pub fn try_send(&self, row: impl AsRef<[u8]>) -> Result<Offset, Error> {
        self.handle.try_send(|out| {
            out.raw(row.as_ref());
            Ok(())
        })
    }

    /// Accepts a row, and waits before for at most this long while the byte budget is used up.
    ///
    /// # Errors
    /// As [`send`](Self::send), and of the kind [`Timeout`](crate::ErrorKind::Timeout) if no room came in time.
    pub async fn send_timeout(&self, row: impl AsRef<[u8]>, timeout: Duration) -> Result<Offset, Error> {
        let row = row.as_ref();
        self.handle
            .send_timeout(timeout, |out| {
                out.raw(row);
                Ok(())
            })
            .await
    }

    /// Accepts every row of an iterator in its order; the offset of the last.
    ///
    /// # Errors
    /// As [`send`](Self::send); the rows before the failing one were accepted.
    pub async fn send_all<I>(&self, rows: I) -> Result<Option<Offset>, Error>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let mut last = None;
        for row in rows {
            last = Some(self.send(row).await?);
        }
        Ok(last)
    }
}

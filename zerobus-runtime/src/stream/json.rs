//! Sending rows that serialize.

use std::io;
use std::time::Duration;

use serde::Serialize;

use super::IngestStream;
use crate::error::{Error, Fault};
use crate::message::Encoder;
use crate::offset::Offset;

/// The mark of a stream of JSON rows: see [`Client::json_stream`](crate::Client::json_stream).
#[derive(Debug)]
pub enum Json {}

impl IngestStream<Json> {
    /// Accepts a row, and waits before while the byte budget is used up.
    ///
    /// The row must serialize as a JSON object of the table's columns: TIMESTAMP and DATE as integers (microseconds
    /// and days since 1970), DECIMAL and VARIANT as strings, BINARY as base64.
    ///
    /// # Errors
    /// If the row does not serialize or is above the limit, or the stream gave up; the row is then not accepted.
    pub async fn send(&self, row: &(impl Serialize + ?Sized)) -> Result<Offset, Error> {
        self.handle.send(|out| serialize(row, out)).await
    }

    /// Accepts a row if there is room for it now.
    ///
    /// # Errors
    /// As [`send`](Self::send), and of the kind [`Full`](crate::ErrorKind::Full) if there is no room.
    pub fn try_send(&self, row: &(impl Serialize + ?Sized)) -> Result<Offset, Error> {
        self.handle.try_send(|out| serialize(row, out))
    }

    /// Accepts a row, and waits before for at most this long while the byte budget is used up.
    ///
    /// # Errors
    /// As [`send`](Self::send), and of the kind [`Timeout`](crate::ErrorKind::Timeout) if no room came in time.
    pub async fn send_timeout(&self, row: &(impl Serialize + ?Sized), timeout: Duration) -> Result<Offset, Error> {
        self.handle.send_timeout(timeout, |out| serialize(row, out)).await
    }

    /// Accepts every row of an iterator in its order; the offset of the last.
    ///
    /// # Errors
    /// As [`send`](Self::send); the rows before the failing one were accepted.
    pub async fn send_all<I>(&self, rows: I) -> Result<Option<Offset>, Error>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        let mut last = None;
        for row in rows {
            last = Some(self.send(&row).await?);
        }
        Ok(last)
    }
}

fn serialize(row: &(impl Serialize + ?Sized), out: &mut Encoder) -> Result<(), Error> {
    serde_json::to_writer(Text(out), row).map_err(|source| Fault::Serialize { source }.into())
}

/// JSON text on its way into a batch.
struct Text<'a>(&'a mut Encoder);

impl io::Write for Text<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.raw(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

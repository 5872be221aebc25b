//! Behavior that all streams share: capacity, cooperative yielding, waiting for acknowledgements.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Waker;
use std::time::Duration;

use super::close_error::CloseError;
use super::receipt::Receipt;
use super::row::Row;
use crate::core::{Batch, Refused, Settings};
use crate::error::{Error, ErrorKind, Fault};
use crate::message::Encoder;
use crate::offset::{Offset, Offsets};
use crate::persisted::Persisted;
use crate::scratch;
use crate::shared::{Inner, Place, Settled, Shared};
use crate::stats::{Report, Stats};
use crate::undelivered::Undelivered;

/// After this many rows a task checks whether to yield to other tasks; checking for every row would cost as much as the
/// row.
const ROWS_A_TURN: u32 = 32;

/// One stream, without the type of its rows; all clones share it.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    stream: Arc<Stream>,
}

/// State shared by the clones of a handle, dropped with the last of them.
#[derive(Debug)]
struct Stream {
    shared: Arc<Shared>,
    /// Rows since the start, only used to decide when to yield; a lost increment between threads is harmless.
    rows: AtomicU32,
}

/// How many rows are written under one lock, at most: the task that sends waits for it.
const ROWS_A_LOCK: usize = 16;

/// A row that was not accepted at once.
pub(super) enum Unplaced {
    /// There is no room now; the row can wait for it.
    Full(Box<[u8]>),
    Refused(Refused),
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { stream: Arc::new(Stream { shared, rows: AtomicU32::new(0) }) }
    }

    #[inline]
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.stream.shared
    }

    /// Whether a task that sends many rows has to check whether to yield.
    #[inline]
    pub(super) fn has_had_its_turn(&self) -> bool {
        let rows = self.stream.rows.load(Ordering::Relaxed).wrapping_add(1);
        self.stream.rows.store(rows, Ordering::Relaxed);
        rows.is_multiple_of(ROWS_A_TURN)
    }

    /// Accepts a row if there is room for it; otherwise returns its bytes if it can wait.
    ///
    /// A plain row is written under the stream's lock, straight into the batch.
    #[inline]
    pub(super) fn place<R: Row>(&self, row: R) -> Result<Offset, Unplaced> {
        if R::IS_PLAIN {
            match self.shared().push(Persisted::No, |out| row.write(out)) {
                Ok(offset) => return Ok(offset),
                // It waits for room once it is encoded.
                Err(Refused::Full) => {}
                Err(refused) => return Err(Unplaced::Refused(refused)),
            }
        }
        self.place_encoded(row)
    }

    /// As `place`, but encodes the row before checking for room.
    #[inline(never)]
    fn place_encoded(&self, row: impl Row) -> Result<Offset, Unplaced> {
        let placed = scratch::encode(
            |out| row.write(out),
            |bytes| {
                self.shared().push_row(bytes, Persisted::No).map_err(|refused| match refused {
                    Refused::Full => Unplaced::Full(bytes.into()),
                    refused => Unplaced::Refused(refused),
                })
            },
        );
        placed.unwrap_or_else(|error| Err(Unplaced::Refused(Refused::Row(error))))
    }

    /// As `send`, without yielding.
    pub(super) async fn send_at_once(&self, row: impl Row) -> Result<Offset, Error> {
        match self.place(row) {
            Ok(offset) => Ok(offset),
            Err(Unplaced::Full(bytes)) => self.wait_and_push(bytes, Persisted::No).await,
            Err(Unplaced::Refused(refused)) => Err(self.refuse(refused, row)),
        }
    }

    /// Waits for room, then accepts the row.
    pub(super) async fn wait_and_push(&self, row: Box<[u8]>, persisted: Persisted) -> Result<Offset, Error> {
        let mut place = Place::new(self.shared(), Batch::record_len(row.len()));
        place.granted().await;
        self.shared().push_placed(&mut place, &row, persisted).map_err(|refused| self.dropped_or(refused))
    }

    /// Accepts rows that another stream returned, and removes them from `rows`.
    pub(super) async fn send_undelivered(&self, rows: &mut Undelivered) -> Result<Option<Offset>, Error> {
        self.check_origin(rows)?;
        let mut last = None;
        while let Some(row) = rows.first() {
            last = Some(self.send_again(&row.bytes, row.persisted).await?);
            rows.drop_first();
        }
        Ok(last)
    }

    /// Checks that the rows are for this table, and in the encoding and with the schema of this stream.
    pub(super) fn check_origin(&self, rows: &Undelivered) -> Result<(), Error> {
        let own = self.shared().fingerprint();
        let inner = self.shared().lock();
        let Settings { table, kind, .. } = inner.session.settings();
        // Unity Catalog's names are the same in upper and lower case.
        if rows.table().eq_ignore_ascii_case(table) && rows.kind() == *kind {
            // The field numbers of another schema may be those of other columns.
            if rows.schemas().all(|schema| schema == own) {
                return Ok(());
            }
            return Err(Fault::OtherSchema { table: table.clone() }.into());
        }
        let found = format!("{} rows of {}", rows.kind().name(), rows.table());
        let expected = format!("{} rows of {table}", kind.name());
        Err(Fault::OtherRows { found, expected }.into())
    }

    /// Takes over the rows that another stream had not delivered when it gave up.
    pub(super) fn inherit(&self, other: &Self) {
        let rows = other.shared().take_given_up();
        if !rows.is_empty() {
            let mut woken = Vec::new();
            self.shared().adopt(rows, &mut woken);
            woken.into_iter().for_each(Waker::wake);
        }
    }

    /// Accepts a row that another stream returned.
    async fn send_again(&self, row: &[u8], persisted: Persisted) -> Result<Offset, Error> {
        match self.shared().push_row(row, persisted) {
            Err(Refused::Full) => self.wait_and_push(row.into(), persisted).await,
            pushed => pushed.map_err(|refused| self.refusal(refused)),
        }
    }

    /// Accepts a row if there is room.
    #[inline]
    pub(super) fn try_send(&self, row: impl Row) -> Result<Offset, Error> {
        self.place(row).map_err(|unplaced| match unplaced {
            Unplaced::Full(_) => self.refusal(Refused::Full),
            Unplaced::Refused(refused) => self.refuse(refused, row),
        })
    }

    /// Accepts the first of these rows, and those after it that can be accepted under the same lock.
    pub(super) fn try_send_many<R: Row>(
        &self,
        rows: impl Iterator<Item = R> + Clone,
    ) -> Result<Option<Offsets>, Error> {
        let Some(first) = rows.clone().next() else { return Ok(None) };
        if R::IS_PLAIN {
            let rows = rows.take(ROWS_A_LOCK);
            let accepted = self.shared().push_many(rows.map(|row| move |out: &mut Encoder| row.write(out)));
            if accepted.is_some() {
                return Ok(accepted);
            }
        }
        self.try_send(first).map(Offsets::of).map(Some)
    }

    /// As `send`, for at most this long.
    pub(super) async fn send_timeout(&self, after: Duration, row: impl Row) -> Result<Offset, Error> {
        match tokio::time::timeout(after, self.send(row)).await {
            Ok(sent) => sent,
            Err(_) => Err(Fault::SendTimeout { after }.into()),
        }
    }

    pub(super) async fn flush(&self) -> Result<(), Error> {
        let end = self.shared().flush();
        let letters = self.shared().lock().letters_queued();
        let flushed = move |inner: &mut Inner| {
            if inner.delivered() >= end && inner.has_passed_on(letters) {
                return Some(inner.unreported_rejection().map_or(Ok(()), Err));
            }
            inner.session.error().map(|error| Err(error.clone()))
        };
        // The rows below `end` are settled once the last of them is.
        Settled::new(&**self.shared(), end.saturating_sub(1), flushed).await
    }

    /// The outcome of a row.
    pub(super) fn receipt(&self, offset: Offset) -> Receipt {
        Receipt::new(Arc::clone(self.shared()), offset)
    }

    pub(super) fn acked(&self) -> Option<Offset> {
        self.shared().lock().delivered().checked_sub(1).map(Offset)
    }

    pub(super) fn table(&self) -> String {
        self.shared().table()
    }

    pub(super) fn stats(&self) -> Stats {
        self.shared().stats()
    }

    /// Why the stream gave up, if it has.
    pub(super) fn error(&self) -> Option<Error> {
        self.shared().lock().session.error().cloned()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.shared().lock().session.is_closing()
    }

    pub(super) fn take_rejected(&self) -> Option<Undelivered> {
        self.shared().undelivered(self.shared().take_rejected())
    }

    pub(super) async fn close(&self) -> Result<Report, CloseError> {
        self.shared().close();
        self.over().await;
        self.report()
    }

    pub(super) async fn close_within(&self, after: Duration) -> Result<Report, CloseError> {
        self.shared().close();
        if tokio::time::timeout(after, self.over()).await.is_err() {
            self.expire(after).await;
        }
        self.report()
    }

    /// Ends a stream that was not over in time. With a spool, the rows in memory are written to disk.
    pub(super) async fn expire(&self, after: Duration) {
        self.shared().end(Fault::CloseTimeout { after }.into());
        self.over().await;
    }

    /// Waits for the end of the stream.
    pub(super) async fn over(&self) {
        self.shared().over().await;
    }

    /// The report of a finished stream, or an error with the rows that it returns.
    pub(super) fn report(&self) -> Result<Report, CloseError> {
        let returned = self.shared().undelivered(self.shared().take_returned());
        let kept = self.shared().lock().kept();
        let error = match kept {
            Some((rows, cause)) => Some(Fault::SpoolKeeps { rows, cause }.into()),
            None => self.error(),
        };
        match (returned, error) {
            (None, None) => {
                let stats = self.stats();
                Ok(Report { rows: stats.rows_durable, stats })
            }
            (None, Some(error)) => Err(error.into()),
            (Some(returned), error) => {
                let error = error.or_else(|| returned.last_reason().cloned());
                Err(CloseError::new(error.unwrap_or_else(|| Fault::Ended.into()), returned))
            }
        }
    }

    /// The error of a row that was not accepted. If the row itself is at fault, the stream's sink gets it.
    #[cold]
    pub(super) fn refuse(&self, refused: Refused, row: impl Row) -> Error {
        let is_to_blame = matches!(refused, Refused::Row(_) | Refused::TooLarge { .. });
        let error = self.refusal(refused);
        if is_to_blame && self.shared().has_sink() {
            self.shared().post(row.original(), &error);
        }
        error
    }

    /// Whether the stream's sink has the row of this refusal, so that the next row can be sent.
    #[cold]
    pub(super) async fn has_letter(&self, error: &Error) -> bool {
        error.kind() == ErrorKind::Rejected && self.shared().has_sink() && self.shared().has_letter(error).await
    }

    /// The error of a row that found no room: a full spool may drop the row.
    pub(super) fn dropped_or(&self, refused: Refused) -> Error {
        let dropped = matches!(refused, Refused::Full).then(|| self.shared().lock().session.drop_newest());
        dropped.flatten().unwrap_or_else(|| self.refusal(refused))
    }

    #[cold]
    pub(super) fn refusal(&self, refused: Refused) -> Error {
        let fault = match refused {
            Refused::Closed => Fault::Closed { table: self.shared().table() },
            Refused::Failed(cause) => Fault::StreamFailed { table: self.shared().table(), cause },
            Refused::Full => {
                let inner = self.shared().lock();
                let (unacked, budget) = (inner.session.unacked_bytes(), inner.session.settings().max_unacked_bytes);
                Fault::Full { unacked, budget }
            }
            Refused::Row(error) => return error,
            Refused::TooLarge { bytes, limit } => Fault::RowTooLarge { bytes, limit },
        };
        fault.into()
    }
}

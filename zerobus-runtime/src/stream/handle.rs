//! What all streams share: room, turns, the wait for acknowledgements.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::sending::Sending;
use crate::core::{Refused, ReturnedBatch};
use crate::error::{Error, Fault};
use crate::message::Encoder;
use crate::offset::Offset;
use crate::shared::{Inner, Queue, Shared, Waiting};
use crate::stats::{Report, Stats};
use crate::undelivered::{Persisted, Undelivered};

/// After so many rows a task asks whether it is another task's turn; asking for every row would cost as much as the
/// row itself.
const ROWS_A_TURN: u32 = 32;

/// One stream, without the type of its rows.
#[derive(Debug)]
pub(super) struct Handle {
    shared: Arc<Shared>,
    /// Rows since the start, for the turns alone: a lost count between threads does no harm.
    rows: AtomicU32,
}

impl Handle {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared, rows: AtomicU32::new(0) }
    }

    /// Accepts a row, and waits for room before if there is none.
    #[inline]
    pub(super) fn send<W>(&self, write: W) -> impl Future<Output = Result<Offset, Error>>
    where
        W: Fn(&mut Encoder) -> Result<(), Error> + Copy,
    {
        Sending::new(self, write, Self::send_after)
    }

    /// Whether a task that sends row after row has to ask if it is another task's turn.
    #[inline]
    pub(super) fn has_had_its_turn(&self) -> bool {
        let rows = self.rows.load(Ordering::Relaxed).wrapping_add(1);
        self.rows.store(rows, Ordering::Relaxed);
        rows.is_multiple_of(ROWS_A_TURN)
    }

    /// Accepts a row if there is room.
    #[inline]
    pub(super) fn push<E>(&self, write: impl FnOnce(&mut Encoder) -> Result<(), E>) -> Result<Offset, Refused<E>> {
        self.shared.push(write)
    }

    /// As `send`, without turns.
    #[inline]
    pub(super) async fn send_at_once(
        &self,
        write: impl Fn(&mut Encoder) -> Result<(), Error>,
    ) -> Result<Offset, Error> {
        match self.push(&write) {
            Ok(offset) => Ok(offset),
            Err(refused) => self.send_after(refused, write).await,
        }
    }

    /// Goes on after a refusal: waits for room as often as there is none.
    async fn send_after(
        &self,
        mut refused: Refused<Error>,
        write: impl Fn(&mut Encoder) -> Result<(), Error>,
    ) -> Result<Offset, Error> {
        while let Refused::Full { needed } = refused {
            self.room(needed).await;
            match self.push(&write) {
                Ok(offset) => return Ok(offset),
                Err(again) => refused = again,
            }
        }
        Err(self.refusal(refused))
    }

    /// Accepts a row that another stream handed back.
    pub(super) async fn send_again(&self, row: &[u8], persisted: Persisted) -> Result<Offset, Error> {
        if persisted == Persisted::Possibly {
            self.shared.lock().session.was_sent();
        }
        let write = |out: &mut Encoder| {
            out.raw(row);
            Ok(())
        };
        self.send_at_once(write).await
    }

    /// Why the stream gave up, if it has.
    pub(super) fn error(&self) -> Option<Error> {
        self.shared.lock().session.error().cloned()
    }

    pub(super) fn take_returned(&self) -> Vec<ReturnedBatch> {
        self.shared.take_returned()
    }

    /// Accepts a row if there is room.
    #[inline]
    pub(super) fn try_send(&self, write: impl FnOnce(&mut Encoder) -> Result<(), Error>) -> Result<Offset, Error> {
        self.push(write).map_err(|refused| self.refusal(refused))
    }

    /// As `send`, for at most this long.
    pub(super) async fn send_timeout(
        &self,
        after: Duration,
        write: impl Fn(&mut Encoder) -> Result<(), Error> + Copy,
    ) -> Result<Offset, Error> {
        match tokio::time::timeout(after, self.send(write)).await {
            Ok(sent) => sent,
            Err(_) => Err(Fault::SendTimeout { after }.into()),
        }
    }

    pub(super) async fn flush(&self) -> Result<(), Error> {
        let end = self.shared.flush();
        let flushed = |inner: &mut Inner| {
            if inner.session.delivered() >= end {
                return Some(inner.session.untold_rejection().map_or(Ok(()), Err));
            }
            inner.session.error().map(|error| Err(error.clone()))
        };
        self.settled(end, flushed).await
    }

    /// Waits until it is settled what becomes of a row.
    pub(super) async fn wait(&self, offset: Offset) -> Result<(), Error> {
        self.shared.expect(offset);
        let outcome = |inner: &mut Inner| {
            if offset.0 >= inner.session.ledger().accepted {
                return Some(Err(Fault::UnknownOffset { offset }.into()));
            }
            inner.session.outcome(offset.0)
        };
        self.settled(offset.0 + 1, outcome).await
    }

    pub(super) fn acked(&self) -> Option<Offset> {
        self.shared.lock().session.delivered().checked_sub(1).map(Offset)
    }

    pub(super) fn stats(&self) -> Stats {
        Stats::of(&self.shared.lock().session)
    }

    pub(super) fn take_rejected(&self) -> Option<Undelivered> {
        let rejected = self.shared.take_rejected();
        Undelivered::new(rejected)
    }

    pub(super) async fn close(self) -> Result<Report, Error> {
        self.shared.close();
        self.settled(u64::MAX, |inner| inner.session.is_over().then_some(())).await;
        let mut inner = self.shared.lock();
        let stats = Stats::of(&inner.session);
        let Some(undelivered) = Undelivered::new(inner.session.take_returned()) else {
            return Ok(Report { rows: stats.rows_durable, stats });
        };
        let reason = inner.session.error().or(undelivered.last_reason()).cloned();
        let error = reason.unwrap_or_else(|| Fault::Ended.into());
        Err(error.with_undelivered(undelivered))
    }

    /// Waits until `ready` has an answer, which may come when the rows below `end` are settled.
    async fn settled<T>(&self, end: u64, ready: impl FnMut(&mut Inner) -> Option<T> + Unpin) -> T {
        // The rows below `end` are settled when the one before it is.
        Waiting::new(&self.shared, Queue::Settled, end.saturating_sub(1), ready).await
    }

    async fn room(&self, needed: usize) {
        let room = |inner: &mut Inner| {
            let session = &inner.session;
            let fits = session.unacked_bytes() + needed <= session.settings().max_unacked_bytes;
            (fits || session.is_over()).then_some(())
        };
        Waiting::new(&self.shared, Queue::Room, 0, room).await;
    }

    #[cold]
    fn refusal(&self, refused: Refused<Error>) -> Error {
        let fault = match refused {
            Refused::Closed => Fault::Closed { table: self.shared.lock().session.settings().table.clone() },
            Refused::Failed(error) | Refused::Write(error) => return error,
            Refused::Full { .. } => {
                let inner = self.shared.lock();
                Fault::Full {
                    unacked: inner.session.unacked_bytes(),
                    budget: inner.session.settings().max_unacked_bytes,
                }
            }
            Refused::TooLarge { bytes, limit } => Fault::RowTooLarge { bytes, limit },
        };
        fault.into()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
        let mut inner = self.shared.lock();
        inner.is_abandoned = true;
        if inner.session.is_over() {
            inner.report_loss();
        }
    }
}

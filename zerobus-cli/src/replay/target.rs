//! The stream of one table, and what became of the rows that it returned.

use std::cell::RefCell;
use std::collections::HashMap;

use tokio::time::Instant;
use zerobus_codegen::TableName;
use zerobus_runtime::dynamic::{Dynamic, RowPlan};
use zerobus_runtime::{CloseError, DeadLetter, Error, ErrorKind, IngestStream, Offset, Persisted, Undelivered};

use crate::arguments::Replay;
use crate::failure::Failure;
use crate::send::StreamIds;

/// An open stream.
pub(super) struct Target {
    plan: RowPlan,
    stream: IngestStream<Dynamic>,
    /// Rows that the stream returned and that are still under way.
    returned: RefCell<HashMap<Offset, Returned>>,
}

/// A row that was sent and is not durable.
pub(super) struct Returned {
    /// Whether the server refused it; otherwise the stream gave up.
    pub(super) is_refused: bool,
    pub(super) attempts: u32,
    pub(super) persisted: Persisted,
    pub(super) reason: Error,
}

impl Target {
    pub(super) async fn open(arguments: &Replay, table: &str, ids: &StreamIds) -> Result<Self, Failure> {
        let name: TableName = table.parse().map_err(|error| Failure::new("a row has no table", error))?;
        let plan = arguments.rows.plan(&name, &arguments.login).await?;
        let stream = arguments.login.client()?.dynamic_stream(&plan).on_event(ids.hook());
        // Every row may be refused again, and each needs its own reason. What is under way bounds them.
        let stream = stream.max_rejected_rows(usize::MAX).max_rejected_bytes(usize::MAX);
        // Each takes a connection, so the rows behind many of them wait long.
        let stream = stream.refusal_is_progress(true).delivery_timeout(None);
        Ok(Self { stream: stream.open().await?, plan, returned: RefCell::default() })
    }

    pub(super) async fn send(&self, letter: &DeadLetter) -> Result<Offset, Error> {
        self.stream.send(&self.plan.letter(letter)).await
    }

    /// Waits until the row at this offset is durable or returned. If the future is dropped, the next call waits for the
    /// same row.
    pub(super) async fn settled(&self, offset: Offset) -> Result<(), Returned> {
        let Err(reason) = self.stream.receipt(offset).await else { return Ok(()) };
        self.take_refused();
        if !self.returned.borrow().contains_key(&offset) {
            self.close(None).await;
        }
        let returned = self.returned.borrow_mut().remove(&offset);
        let unknown = Returned { is_refused: false, attempts: 1, persisted: Persisted::Possibly, reason };
        Err(returned.unwrap_or(unknown))
    }

    /// Waits until every row is settled or the time is over.
    pub(super) async fn close(&self, until: Option<Instant>) {
        let closed = match until {
            None => self.stream.close().await,
            Some(until) => self.stream.close_within(until.saturating_duration_since(Instant::now())).await,
        };
        self.take_refused();
        if let Some(rows) = closed.err().and_then(CloseError::into_undelivered) {
            let settled = self.stream.acked();
            // A row that was given up has the reason of the failure, which may be the refusal of another row.
            self.take(&rows, |letter| letter.reason().kind() == ErrorKind::Rejected && letter.offset() <= settled);
        }
    }

    /// Why the stream gave up.
    pub(super) fn error(&self) -> Option<Error> {
        self.stream.error()
    }

    /// How many rows were sent again after a lost connection.
    pub(super) fn rows_replayed(&self) -> u64 {
        self.stream.stats().rows_replayed
    }

    fn take_refused(&self) {
        if let Some(rows) = self.stream.take_rejected() {
            self.take(&rows, |_| true);
        }
    }

    fn take(&self, rows: &Undelivered, is_refused: impl Fn(&DeadLetter) -> bool) {
        let mut returned = self.returned.borrow_mut();
        for letter in rows.letters() {
            let Some(offset) = letter.offset() else { continue };
            let (attempts, persisted, reason) = (letter.attempts(), letter.persisted(), letter.reason().clone());
            returned.insert(offset, Returned { is_refused: is_refused(&letter), attempts, persisted, reason });
        }
    }
}

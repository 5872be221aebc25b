//! Lanes: one or more open streams that carry the rows. Rows on different lanes have no order.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;
use zerobus_runtime::dynamic::{Dynamic, DynamicRow, RowPlan};
use zerobus_runtime::{CloseError, Error, ErrorKind, IngestStream, Offset, StreamBuilder, Undelivered};

use super::StreamIds;
use super::letters::Letters;
use crate::arguments::Send;
use crate::failure::Failure;

/// The maximum number of unacknowledged bytes over all lanes.
const MOST_UNACKED: usize = 64 << 20;

/// The minimum for one lane, so that the largest row fits.
const LEAST_UNACKED: usize = 16 << 20;

/// Open streams; rows go to the current one.
#[derive(Clone)]
pub(super) struct Lanes {
    streams: Vec<IngestStream<Dynamic>>,
    current: usize,
}

/// The sums of the streams' statistics.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) rows_durable: u64,
    pub(super) rows_replayed: u64,
    /// Rows that an earlier process left in the spool.
    pub(super) rows_recovered: u64,
    /// Rows that stay in the spool.
    pub(super) rows_on_disk: u64,
    pub(super) bytes_durable: u64,
}

/// The outcome for a row and the rows that were sent with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    /// Where the first row was accepted; `None` if it was refused.
    pub(super) first: Option<Accepted>,
    /// The number of rows.
    pub(super) rows: usize,
    /// Whether the row had to wait for room.
    pub(super) has_waited: bool,
}

/// The lane and the offset of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) lane: usize,
    pub(super) offset: u64,
}

/// Gives the lane its own folder in the spool, which keeps refused rows until the file of dead letters has them.
fn spooled(
    stream: StreamBuilder<Dynamic>,
    spool: &Path,
    letters: Option<&Letters>,
    lane: usize,
) -> StreamBuilder<Dynamic> {
    let stream = stream.spool(folder_of(spool, lane));
    match letters {
        Some(letters) => stream.dead_letters(letters.sink()),
        None => stream,
    }
}

/// How many lanes have a folder in the spool.
fn lanes_of(spool: &Path) -> usize {
    (0..usize::MAX).take_while(|lane| folder_of(spool, *lane).is_dir()).count()
}

fn folder_of(spool: &Path, lane: usize) -> PathBuf {
    spool.join(format!("lane-{lane}"))
}

impl Sent {
    /// A row that was refused.
    pub(super) const REFUSED: Self = Self { first: None, rows: 1, has_waited: false };

    pub(super) const fn at_once(first: Accepted, rows: usize) -> Self {
        Self { first: Some(first), rows, has_waited: false }
    }
}

impl Lanes {
    pub(super) async fn open(
        arguments: &Send,
        plan: &RowPlan,
        letters: Option<&Letters>,
        ids: &StreamIds,
    ) -> Result<Self, Failure> {
        let client = arguments.login.client()?;
        // The rows that another run left in the spool are sent by the lanes that accepted them.
        let left = arguments.spool.as_deref().map_or(0, lanes_of);
        let lanes = arguments.lanes.get().max(left);
        let mut stream = client.dynamic_stream(plan).max_unacked_bytes((MOST_UNACKED / lanes).max(LEAST_UNACKED));
        if let Some(rate) = arguments.rate {
            let rate = rate.div_ceil(u32::try_from(lanes).unwrap_or(u32::MAX));
            // All rows of a request are sent at once, so a large request would be a burst.
            stream = stream.max_rows_per_second(rate).max_batch_rows((rate / 10).max(1));
        }
        // Rows that the server refuses count towards `--max-rejected`. A stream that allows none returns all rows in
        // flight for the refused one.
        let most = usize::try_from(arguments.max_rejected).unwrap_or(usize::MAX).max(1);
        stream = stream.max_rejected_rows(most).rejected_within(Duration::MAX);
        // Each of them takes a connection, so the rows behind many of them wait long.
        stream = stream.refusal_is_progress(true).delivery_timeout(None);
        let mut streams = Vec::with_capacity(lanes);
        for lane in 0..lanes {
            let mut opened = stream.clone().on_event(ids.hook());
            if let Some(spool) = &arguments.spool {
                opened = spooled(opened, spool, letters, lane);
            }
            streams.push(opened.open().await?);
        }
        Ok(Self { streams, current: 0 })
    }

    /// Makes the next lane the current one.
    pub(super) const fn advance(&mut self) {
        self.current = (self.current + 1) % self.streams.len();
    }

    /// Sends one or more rows from the start of the slice. It waits only if there is no room for the first row.
    pub(super) async fn send(&self, rows: &[DynamicRow<'_>]) -> Result<Option<Sent>, Error> {
        let stream = &self.streams[self.current];
        let accepted = |offset: Offset| Accepted { lane: self.current, offset: offset.value() };
        match (stream.try_send_many(rows), rows) {
            (Err(error), [first, ..]) if error.kind() == ErrorKind::Full => {
                let offset = stream.send(first).await?;
                Ok(Some(Sent { has_waited: true, ..Sent::at_once(accepted(offset), 1) }))
            }
            (sent, _) => Ok(sent?.map(|sent| Sent::at_once(accepted(sent.first()), sent.rows()))),
        }
    }

    /// For each lane, the offset below which every row is durable or was refused.
    pub(super) fn settled(&self) -> Vec<u64> {
        self.streams.iter().map(|stream| stream.acked().map_or(0, |offset| offset.value() + 1)).collect()
    }

    pub(super) const fn len(&self) -> usize {
        self.streams.len()
    }

    /// The rows that the server refused, each with its lane.
    pub(super) fn take_rejected(&self) -> impl Iterator<Item = (usize, Undelivered)> {
        self.streams.iter().enumerate().filter_map(|(lane, stream)| Some((lane, stream.take_rejected()?)))
    }

    pub(super) fn totals(&self) -> Totals {
        self.streams.iter().map(IngestStream::stats).fold(Totals::default(), |totals, stats| Totals {
            rows_durable: totals.rows_durable + stats.rows_durable,
            rows_replayed: totals.rows_replayed + stats.rows_replayed,
            rows_recovered: totals.rows_recovered + stats.rows_recovered,
            rows_on_disk: totals.rows_on_disk + stats.rows_on_disk,
            bytes_durable: totals.bytes_durable + stats.bytes_durable,
        })
    }

    /// Waits until every row of a lane is durable, at the latest until this time. A future that is dropped before it is
    /// ready loses nothing: the lane keeps the rows that it would have returned.
    pub(super) async fn close(&self, lane: usize, until: Option<Instant>) -> Result<(), CloseError> {
        let stream = &self.streams[lane];
        let closed = match until {
            None => stream.close().await,
            Some(until) => stream.close_within(until.saturating_duration_since(Instant::now())).await,
        };
        closed.map(drop)
    }
}

//! The batch that rows are written into, and the batches that are cut from it.
//!
//! A record in a batch is the key of field 1, its length and its bytes: the wire form of `ProtoEncodedBatch.records`,
//! and of `JsonBatch.records`. So the bytes of a batch are the body of its request, a replay only needs a new
//! envelope, and a record can be found again without a second index.

use std::time::Duration;

use bytes::{Buf, Bytes};

use super::{Schema, Settings};
use crate::message::{Encoder, Reserved};
use crate::persisted::Persisted;

/// The batch that is being written.
#[derive(Debug)]
pub(super) struct OpenBatch {
    /// The most bytes in a batch, unless a single row is longer.
    room: usize,
    out: Encoder,
    rows: u32,
    first: u64,
    since: Duration,
    /// One of its rows may have been persisted by another stream.
    was_sent: bool,
    /// How many bytes the length of the last record took: a guess for the next, since rows of a table are alike.
    reserved: Reserved,
    #[cfg(feature = "spool")]
    stamper: Option<super::Stamper>,
}

/// Rows that are sent in one request.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// The records, each after its key and length.
    pub(crate) body: Bytes,
    /// The offset of the first row.
    pub(crate) first: u64,
    pub(crate) rows: u32,
    /// When the first row was accepted.
    pub(crate) since: Duration,
    /// When it was last passed to the transport.
    pub(crate) sent_at: Duration,
    /// How often it was passed to a transport.
    pub(crate) attempts: u32,
    /// The schema of its rows.
    pub(crate) schema: Schema,
    /// The number of the request in the spool; 0 without one.
    pub(crate) sequence: u64,
}

impl OpenBatch {
    pub(super) const fn new(room: usize) -> Self {
        Self {
            room,
            out: Encoder::new(),
            rows: 0,
            first: 0,
            since: Duration::ZERO,
            was_sent: false,
            reserved: Reserved::One,
            #[cfg(feature = "spool")]
            stamper: None,
        }
    }

    /// The batches of a session with these settings.
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            #[cfg(feature = "spool")]
            stamper: settings.stamper.clone(),
            ..Self::new(settings.max_batch_bytes)
        }
    }

    /// How many bytes the stream adds to a row.
    #[cfg_attr(not(feature = "spool"), expect(clippy::unused_self, reason = "stamps are a part of that feature"))]
    pub(super) fn stamp_len(&self) -> usize {
        #[cfg(feature = "spool")]
        if let Some(stamper) = &self.stamper {
            return stamper.len();
        }
        0
    }

    /// Whether a record of this many bytes is too large.
    #[inline]
    pub(super) const fn is_full_for(&self, bytes: usize) -> bool {
        self.out.len() + bytes > self.room
    }

    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) const fn rows(&self) -> u32 {
        self.rows
    }

    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    pub(super) const fn since(&self) -> Duration {
        self.since
    }

    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    /// Sets the time and the offset of the first row.
    pub(super) fn begin(&mut self, first: u64, now: Duration) {
        self.first = first;
        self.since = now;
        if self.out.capacity() == 0 {
            self.out = Encoder::with_capacity(self.room);
        }
    }

    /// Writes one record and returns its size, including key and length.
    ///
    /// If `write` fails or panics, the batch is unchanged.
    #[inline]
    pub(super) fn append<E>(&mut self, write: impl FnOnce(&mut Encoder) -> Result<(), E>) -> Result<usize, E> {
        let start = self.out.len();
        let record = Unfinished { out: &mut self.out, start };
        record.out.begin_record(self.reserved);
        write(record.out)?;
        #[cfg(feature = "spool")]
        if let Some(stamper) = &self.stamper {
            stamper.stamp(record.out, self.first + u64::from(self.rows));
        }
        self.reserved = record.out.end_record(start, self.reserved);
        std::mem::forget(record);
        self.rows += 1;
        Ok(self.out.len() - start)
    }

    /// As `append`, for a row that is not stamped.
    #[inline]
    pub(super) fn append_as_it_is<E>(&mut self, write: impl FnOnce(&mut Encoder) -> Result<(), E>) -> Result<usize, E> {
        #[cfg(feature = "spool")]
        {
            let stamper = self.stamper.take();
            let appended = self.append(write);
            self.stamper = stamper;
            appended
        }
        #[cfg(not(feature = "spool"))]
        self.append(write)
    }

    /// Removes the last record, which has this many bytes.
    pub(super) fn take_back(&mut self, bytes: usize) {
        self.out.truncate(self.out.len() - bytes);
        self.rows -= 1;
    }

    /// Marks that another stream may have persisted the last row.
    pub(super) const fn was_sent(&mut self) {
        self.was_sent = true;
    }

    /// Moves the last record, which has this many bytes, into the next batch and cuts the records before it.
    pub(super) fn cut_before_last(&mut self, bytes: usize, now: Duration) -> Batch {
        let last = self.out.as_slice()[self.out.len() - bytes..].to_vec();
        self.take_back(bytes);
        let batch = self.cut();
        self.begin(batch.first + u64::from(batch.rows), now);
        self.out.raw(&last);
        self.rows = 1;
        batch
    }

    /// Cuts the batch: it is closed, and the next row starts a new one.
    pub(super) fn cut(&mut self) -> Batch {
        let rows = std::mem::take(&mut self.rows);
        let attempts = u32::from(std::mem::take(&mut self.was_sent));
        let (body, first, since) = (self.take_body(), self.first, self.since);
        Batch { body, first, rows, since, sent_at: Duration::ZERO, attempts, schema: 0, sequence: 0 }
    }

    /// The bytes of the batch, using no more memory than is counted for them.
    ///
    /// A batch that nearly fills its buffer, or exceeds the batch limit, keeps it. A smaller one is copied: a buffer
    /// that shrinks by much leaves a hole in the heap that no other buffer fits into.
    fn take_body(&mut self) -> Bytes {
        let (len, capacity) = (self.out.len(), self.out.capacity());
        if capacity <= self.room && capacity - len > capacity / 16 {
            let body = Bytes::copy_from_slice(self.out.as_slice());
            self.out.clear();
            return body;
        }
        let mut body = std::mem::replace(&mut self.out, Encoder::new()).into_bytes();
        if capacity > self.room {
            body.shrink_to_fit();
        }
        body.into()
    }
}

/// A partly written record; dropping it removes it.
struct Unfinished<'a> {
    out: &'a mut Encoder,
    start: usize,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.out.truncate(self.start);
        // A row whose code panicked after it was refused must not affect the next one.
        drop(self.out.take_refusal());
    }
}

impl Batch {
    /// A batch of one row that was accepted earlier.
    #[cfg(test)]
    pub(crate) fn of_row(first: u64, row: &[u8], persisted: Persisted) -> Self {
        let mut open = OpenBatch::new(Self::record_len(row.len()));
        open.begin(first, Duration::ZERO);
        let Ok(_) = open.append(|out| {
            out.raw(row);
            Ok::<_, std::convert::Infallible>(())
        });
        if persisted == Persisted::Possibly {
            open.was_sent();
        }
        open.cut()
    }

    /// The size of a row of this length in a batch.
    pub(crate) fn record_len(row: usize) -> usize {
        1 + prost::length_delimiter_len(row) + row
    }

    /// Whether the table may contain its rows.
    pub(crate) const fn persisted(&self) -> Persisted {
        if self.attempts == 0 { Persisted::No } else { Persisted::Possibly }
    }

    /// Drops the first row. Returns whether any row is left.
    pub(crate) fn drop_first(&mut self) -> bool {
        match self.split_off(1) {
            Some(rest) => *self = rest,
            None => return false,
        }
        true
    }

    /// Keeps the first rows and returns the rest as a separate batch; `None` if there is no rest.
    pub(crate) fn split_off(&mut self, rows: u32) -> Option<Self> {
        if rows == 0 || rows >= self.rows {
            return None;
        }
        let mut rest = self.body.clone();
        for _ in 0..rows {
            next_record(&mut rest);
        }
        let kept = self.body.len() - rest.len();
        self.body.truncate(kept);
        let split = Self { body: rest, rows: self.rows - rows, first: self.first + u64::from(rows), ..self.clone() };
        self.rows = rows;
        Some(split)
    }

    /// How many of the first rows fit into this many bytes; at least one.
    pub(super) fn rows_within(&self, bytes: usize) -> u32 {
        let mut rest = self.body.clone();
        let mut rows = 0;
        while next_record(&mut rest).is_some() && (rows == 0 || self.body.len() - rest.len() <= bytes) {
            rows += 1;
        }
        rows.max(1)
    }

    /// Whether the rows of the next batch may join these within these limits.
    pub(super) fn can_take(&self, next: &Self, most_bytes: usize, most_rows: u32) -> bool {
        self.schema == next.schema
            && self.body.len() + next.body.len() <= most_bytes
            && self.rows.saturating_add(next.rows) <= most_rows
    }

    /// Appends the rows of the next batch.
    pub(super) fn take(&mut self, next: &Self) {
        let mut body = Vec::with_capacity(self.body.len() + next.body.len());
        body.extend_from_slice(&self.body);
        body.extend_from_slice(&next.body);
        self.body = body.into();
        self.rows += next.rows;
        self.attempts = self.attempts.max(next.attempts);
    }

    /// The records, without key and length.
    pub(crate) fn records(&self) -> impl Iterator<Item = Bytes> + use<> {
        let mut body = self.body.clone();
        std::iter::from_fn(move || next_record(&mut body))
    }
}

/// The next record of a body that [`OpenBatch::append`] wrote.
fn next_record(body: &mut Bytes) -> Option<Bytes> {
    if !body.has_remaining() {
        return None;
    }
    body.advance(1);
    let len = prost::decode_length_delimiter(&mut *body).ok()?;
    (len <= body.len()).then(|| body.split_to(len))
}

#[cfg(test)]
mod tests;

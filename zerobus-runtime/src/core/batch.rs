//! The batch that rows are written into, and the batches that are cut from it.
//!
//! A record in a batch is the key of field 1, its length and its bytes: the wire form of `ProtoEncodedBatch.records`,
//! of `JsonBatch.records` alike. So the bytes of a batch are the body of its request as they stand, a replay needs a
//! new envelope only, and a record can be found again without a second index.

use std::time::Duration;

use bytes::{Buf, Bytes};

use super::{Schema, Settings};
use crate::message::{Encoder, Reserved};
use crate::persisted::Persisted;

/// The batch that is being written.
#[derive(Debug)]
pub(super) struct OpenBatch {
    /// How many bytes a batch has at most, unless a single row is longer.
    room: usize,
    out: Encoder,
    rows: u32,
    first: u64,
    since: Duration,
    /// A row of it may have been persisted by way of another stream.
    was_sent: bool,
    /// How many bytes the length of the last record took: a guess for the next, since rows of a table are alike.
    reserved: Reserved,
    #[cfg(feature = "spool")]
    stamper: Option<super::Stamper>,
}

/// Rows that go to the server in one request.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// The records, each behind its key and length.
    pub(crate) body: Bytes,
    /// The offset of the first row.
    pub(crate) first: u64,
    pub(crate) rows: u32,
    /// When the first row was accepted.
    pub(crate) since: Duration,
    /// When it was last given to the transport.
    pub(crate) sent_at: Duration,
    /// How often it was given to a transport.
    pub(crate) attempts: u32,
    /// What its rows were written for.
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

    /// Whether a record of this many bytes is too much.
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

    /// Says when the first row comes, and its offset.
    pub(super) fn begin(&mut self, first: u64, now: Duration) {
        self.first = first;
        self.since = now;
        if self.out.capacity() == 0 {
            self.out = Encoder::with_capacity(self.room);
        }
    }

    /// Writes one record; the number of its bytes, key and length included.
    ///
    /// If `write` fails or panics, the batch is what it was before.
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

    /// As `append`, of a row that is not stamped.
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

    /// Takes the last record back, which has this many bytes.
    pub(super) fn take_back(&mut self, bytes: usize) {
        self.out.truncate(self.out.len() - bytes);
        self.rows -= 1;
    }

    /// Says that the last row may have been persisted by way of another stream.
    pub(super) const fn was_sent(&mut self) {
        self.was_sent = true;
    }

    /// Moves the last record, which has this many bytes, into the next batch and cuts what stands before it.
    pub(super) fn cut_before_last(&mut self, bytes: usize, now: Duration) -> Batch {
        let last = self.out.as_slice()[self.out.len() - bytes..].to_vec();
        self.take_back(bytes);
        let batch = self.cut();
        self.begin(batch.first + u64::from(batch.rows), now);
        self.out.raw(&last);
        self.rows = 1;
        batch
    }

    /// Cuts the batch: what was written so far is closed, and the next row begins a new one.
    pub(super) fn cut(&mut self) -> Batch {
        let rows = std::mem::take(&mut self.rows);
        let attempts = u32::from(std::mem::take(&mut self.was_sent));
        let (body, first, since) = (self.take_body(), self.first, self.since);
        Batch { body, first, rows, since, sent_at: Duration::ZERO, attempts, schema: 0, sequence: 0 }
    }

    /// The bytes of the batch, in no more memory than is counted for them.
    ///
    /// A batch that nearly fills its buffer, or is longer than a batch should be, takes it along. A smaller one is copied:
    /// a buffer that shrinks by much leaves a hole in the heap that no other buffer fits into.
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

/// A record that is not written to its end; dropped, it is taken back.
struct Unfinished<'a> {
    out: &'a mut Encoder,
    start: usize,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.out.truncate(self.start);
        // A row whose code panicked after it was refused must not refuse the next one.
        drop(self.out.take_refusal());
    }
}

impl Batch {
    /// A batch of one row that was accepted before, on a stream of its own.
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

    /// The bytes that a row of this length takes in a batch.
    pub(crate) fn record_len(row: usize) -> usize {
        1 + prost::length_delimiter_len(row) + row
    }

    /// Whether the table may hold its rows.
    pub(crate) const fn persisted(&self) -> Persisted {
        if self.attempts == 0 { Persisted::No } else { Persisted::Possibly }
    }

    /// Drops the first row; whether one is left.
    pub(crate) fn drop_first(&mut self) -> bool {
        match self.split_off(1) {
            Some(rest) => *self = rest,
            None => return false,
        }
        true
    }

    /// Keeps the first rows, and gives the rest as a batch of its own; nothing if there is no rest.
    pub(super) fn split_off(&mut self, rows: u32) -> Option<Self> {
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

    /// Takes the rows of the next batch in.
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

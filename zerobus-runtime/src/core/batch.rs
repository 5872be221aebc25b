//! The batch that rows are written into, and the batches that are cut from it.
//!
//! A record in a batch is the key of field 1, its length and its bytes: the wire form of `ProtoEncodedBatch.records`,
//! of `JsonBatch.records` alike. So the bytes of a batch are the body of its request as they stand, a replay needs a
//! new envelope only, and a record can be found again without a second index.

use std::time::Duration;

use bytes::{Buf, Bytes};

use crate::message::Encoder;

/// The batch that is being written.
#[derive(Debug, Default)]
pub(super) struct OpenBatch {
    /// How many bytes a batch should have at most.
    room: usize,
    encoder: Encoder,
    rows: u32,
    first: u64,
    since: Duration,
    /// A row of it may have been persisted by way of another stream.
    was_sent: bool,
    /// How many bytes more than one the length of the last record took: a guess for the next, since rows of a table are
    /// alike.
    long_prefix: usize,
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
}

impl OpenBatch {
    pub(super) fn new(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    /// Whether another row of so many bytes is too much.
    #[inline]
    pub(super) const fn is_full_for(&self, bytes: usize) -> bool {
        self.encoder.len() + bytes > self.room
    }

    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.encoder.len()
    }

    pub(super) const fn rows(&self) -> u32 {
        self.rows
    }

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
        if self.encoder.capacity() == 0 {
            self.encoder = Encoder::with_capacity(self.room);
        }
    }

    /// Says that a row that comes was sent before, by another stream.
    pub(super) const fn was_sent(&mut self) {
        self.was_sent = true;
    }

    /// Writes one record; the number of its bytes, key and length included.
    ///
    /// If `write` fails or panics, the batch is what it was before.
    #[inline]
    pub(super) fn append<E>(&mut self, write: impl FnOnce(&mut Encoder) -> Result<(), E>) -> Result<usize, E> {
        let reserved = 1 + self.long_prefix;
        let start = self.encoder.begin_record(reserved);
        let mut record = Record { encoder: &mut self.encoder, start, whole: false };
        write(record.encoder)?;
        let prefix = record.encoder.end_record(start, reserved);
        record.whole = true;
        drop(record);
        self.long_prefix = prefix - 1;
        self.rows += 1;
        Ok(self.encoder.len() - start)
    }

    /// Takes the last record back, which has this many bytes.
    pub(super) fn take_back(&mut self, bytes: usize) {
        self.encoder.truncate(self.encoder.len() - bytes);
        self.rows -= 1;
    }

    /// Moves the last record, which has this many bytes, into the next batch and cuts what stands before it.
    pub(super) fn cut_before_last(&mut self, bytes: usize, now: Duration) -> Batch {
        let last = self.encoder.as_slice()[self.encoder.len() - bytes..].to_vec();
        self.take_back(bytes);
        let was_sent = self.was_sent;
        let batch = self.cut();
        self.was_sent = was_sent;
        self.begin(batch.first + u64::from(batch.rows), now);
        self.encoder.raw(&last);
        self.rows = 1;
        batch
    }

    /// Cuts the batch: what was written so far is closed, and the next row begins a new one.
    pub(super) fn cut(&mut self) -> Batch {
        let rows = std::mem::take(&mut self.rows);
        let attempts = u32::from(std::mem::take(&mut self.was_sent));
        Batch { body: self.take_body(), first: self.first, rows, since: self.since, sent_at: Duration::ZERO, attempts }
    }

    /// The bytes of the batch, in no more memory than is counted for them.
    ///
    /// A batch that nearly fills its buffer, or is longer than a batch should be, takes it along. A smaller one is copied:
    /// a buffer that shrinks by much leaves a hole in the heap that no other buffer fits into.
    fn take_body(&mut self) -> Bytes {
        let (len, capacity) = (self.encoder.len(), self.encoder.capacity());
        if capacity <= self.room && capacity - len > capacity / 16 {
            let body = Bytes::copy_from_slice(self.encoder.as_slice());
            self.encoder.truncate(0);
            return body;
        }
        let mut body = std::mem::take(&mut self.encoder).into_bytes();
        if capacity > self.room {
            body.shrink_to_fit();
        }
        body.into()
    }
}

/// Takes a record back that was not written to its end.
struct Record<'a> {
    encoder: &'a mut Encoder,
    start: usize,
    whole: bool,
}

impl Drop for Record<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.whole {
            self.encoder.truncate(self.start);
            // A row whose code panicked after it was refused must not refuse the next one.
            drop(self.encoder.take_refusal());
        }
    }
}

impl Batch {
    /// Two batches of half the rows each, of the same bytes; the batch itself if it is a single row.
    pub(super) fn halves(self) -> Result<(Self, Self), Self> {
        let first_rows = self.rows / 2;
        if first_rows == 0 {
            return Err(self);
        }
        let mut second = self.body.clone();
        for _ in 0..first_rows {
            next_record(&mut second);
        }
        let body = self.body.slice(..self.body.len() - second.len());
        let first = Self { body, rows: first_rows, ..self.clone() };
        let rest =
            Self { body: second, rows: self.rows - first_rows, first: self.first + u64::from(first_rows), ..self };
        Ok((first, rest))
    }

    /// Batches of one row each, of the same bytes.
    pub(crate) fn single_rows(self) -> impl Iterator<Item = Self> {
        let mut rest = self.body.clone();
        (self.first..).map_while(move |first| {
            let whole = rest.clone();
            next_record(&mut rest)?;
            let body = whole.slice(..whole.len() - rest.len());
            Some(Self { body, first, rows: 1, ..self.clone() })
        })
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
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn append(open: &mut OpenBatch, row: &[u8]) -> usize {
        open.append(|out| {
            out.raw(row);
            Ok::<_, Infallible>(())
        })
        .unwrap()
    }

    #[test]
    fn a_batch_gives_its_records_back() {
        let mut open = OpenBatch::default();
        let rows: Vec<Vec<u8>> = [0, 1, 127, 128, 20_000].into_iter().map(|len| vec![7; len]).collect();
        for row in &rows {
            append(&mut open, row);
        }
        let batch = open.cut();
        assert_eq!(batch.records().collect::<Vec<_>>(), rows);
        assert!(open.is_empty());
    }

    #[test]
    fn a_row_that_fails_or_panics_leaves_no_trace() {
        let mut open = OpenBatch::default();
        append(&mut open, b"good");
        let failed: Result<usize, &str> = open.append(|out| {
            out.raw(b"half");
            Err("no")
        });
        assert_eq!(failed, Err("no"));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            open.append(|out| -> Result<(), Infallible> {
                out.raw(b"half");
                panic!("in the row's own code")
            })
        }));
        assert!(panicked.is_err());
        append(&mut open, b"next");
        assert_eq!(open.cut().records().collect::<Vec<_>>(), [&b"good"[..], b"next"]);
    }

    #[test]
    fn the_last_record_can_move_to_the_next_batch() {
        let mut open = OpenBatch::default();
        open.begin(5, Duration::ZERO);
        append(&mut open, b"one");
        let bytes = append(&mut open, b"two");
        let batch = open.cut_before_last(bytes, Duration::from_secs(1));
        assert_eq!((batch.first, batch.rows), (5, 1));
        let next = open.cut();
        assert_eq!((next.first, next.rows, next.since), (6, 1, Duration::from_secs(1)));
        assert_eq!(next.records().collect::<Vec<_>>(), [&b"two"[..]]);
    }
}

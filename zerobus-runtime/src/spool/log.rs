//! The log: requests are appended, made durable, read back, and removed when their rows are settled.
//!
//! A log executes calls in order, and has neither threads nor a clock. Every method that
//! fails leaves the log unchanged, and may be called again.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;

use bytes::Bytes;

use super::format::{RecordHeader, Request, SegmentHeader};
use super::position::{Marks, Position};
use super::segment::{MOST_READS, Segment, name_of};
use super::storage::{File, Storage};
use super::stream_note;
use super::walk::{Item, Walk};
use crate::core::{StreamNote, Wanted};

/// How many records are written at once; a system accepts up to 1024 parts.
const MOST_PARTS: usize = 256;

/// The options of a log.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The size at which a segment is closed and the next one begins.
    pub(crate) segment_bytes: u64,
    /// The largest total size of the segments, in bytes.
    pub(crate) max_bytes: u64,
    pub(crate) durability: Durability,
    /// The schema of the rows: the encoded message that creates a stream.
    pub(crate) schema: Bytes,
}

/// What the log survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The loss of power, up to the last sync.
    Power,
    /// The end of the process; nothing is synced.
    Process,
}

/// The log of one folder.
#[derive(Debug)]
pub(crate) struct Log<S: Storage> {
    pub(super) storage: S,
    pub(super) options: Options,
    pub(super) segments: VecDeque<Segment>,
    pub(super) position: Position<S::File>,
    /// The file of the last segment, if it is open for writing.
    pub(super) active: Option<Active<S::File>>,
    /// The size of all segments, in bytes.
    pub(super) bytes: u64,
    pub(super) acked: u64,
    pub(super) next_row: u64,
    pub(super) next_sequence: u64,
    /// The requests that were written and not synced; they are written again if the sync fails.
    unsynced: Vec<Request>,
    /// The requests whose sync failed.
    unwritten: VecDeque<Request>,
    /// A failed write or sync may have left bytes after the end of the log. The next process reads them, unless another
    /// segment with a durable name marks the end of the log.
    has_leftovers: bool,
    reader: Option<Reader<S::File>>,
    pub(super) read_row: u64,
    pub(super) read_sequence: u64,
    /// The first row of this process; rows missing before it were lost when the machine lost power.
    pub(super) begin_row: u64,
}

/// The file that is written to.
#[derive(Debug)]
pub(super) struct Active<F> {
    file: F,
    /// The file's name is not durable.
    is_new: bool,
    /// Bytes after its records could not be cut off, so nothing more is written to it.
    is_spoiled: bool,
    /// Its durable part: its length, and the ends of its rows and requests.
    synced: (u64, u64, u64),
}

/// The file that is read.
#[derive(Debug)]
struct Reader<F> {
    sequence: u64,
    walk: Walk<F>,
    /// The start of the record that was found last.
    last: u64,
    failures: u32,
}

/// Requests that were read back, all of one schema.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) schema: Bytes,
    pub(crate) requests: Vec<Request>,
    /// The sequence of each.
    pub(crate) sequences: Vec<u64>,
    /// Rows that cannot be read or never reached the disk.
    pub(crate) lost: Vec<Range<u64>>,
    /// The next request has more bytes than were wanted.
    pub(crate) waits_for_room: bool,
}

/// Why requests were not appended.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The log has reached its size limit.
    Full,
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl<S: Storage> Log<S> {
    pub(super) fn new(storage: S, options: Options, position: Position<S::File>) -> Self {
        Self {
            storage,
            options,
            segments: VecDeque::new(),
            position,
            active: None,
            bytes: 0,
            acked: 0,
            next_row: 0,
            next_sequence: 0,
            unsynced: Vec::new(),
            unwritten: VecDeque::new(),
            has_leftovers: false,
            reader: None,
            read_row: 0,
            read_sequence: 0,
            begin_row: 0,
        }
    }

    /// The offset of the next row.
    pub(crate) const fn next_row(&self) -> u64 {
        self.next_row
    }

    /// The schema of the next row to be read.
    pub(crate) fn first_schema(&self) -> Option<&Bytes> {
        self.segments.iter().find(|segment| segment.end_row > self.read_row).map(|segment| &segment.schema)
    }

    /// The sequence of the next request.
    pub(crate) const fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Stores this note of the persistent stream durably.
    pub(crate) fn note(&self, note: &StreamNote) -> io::Result<()> {
        stream_note::write(&self.storage, note)
    }

    /// The bytes of the segments.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The row after the last one that was read.
    pub(crate) const fn read_row(&self) -> u64 {
        self.read_row
    }

    /// Writes some of the requests, at least the first; returns how many.
    ///
    /// They survive the end of the process from now on, and the loss of power after the next [`sync`](Self::sync). The
    /// first row of each follows the last one before it.
    pub(crate) fn append(&mut self, requests: &[Request]) -> Result<usize, Refusal> {
        self.write_again()?;
        let written = self.write(requests)?;
        if self.options.durability == Durability::Power {
            self.unsynced.extend_from_slice(&requests[..written]);
        }
        Ok(written)
    }

    /// Makes every appended request durable.
    pub(crate) fn sync(&mut self) -> Result<(), Refusal> {
        self.write_again()?;
        Ok(self.sync_active()?)
    }

    fn sync_active(&mut self) -> io::Result<()> {
        let Some(active) = &mut self.active else { return Ok(()) };
        if let Err(error) = active.file.sync() {
            self.take_back_unsynced();
            return Err(error);
        }
        if active.is_new {
            self.storage.sync_folder()?;
            active.is_new = false;
        }
        if let Some(segment) = self.segments.back() {
            active.synced = (segment.len, segment.end_row, segment.end_sequence);
            self.has_leftovers &= active.is_spoiled;
        }
        self.unsynced.clear();
        Ok(())
    }

    /// Leaves the requests that are not durable to the caller, who has all of them and appends them again, or not.
    /// Returns how many there are.
    pub(crate) fn forget_unsynced(&mut self) -> usize {
        if !self.unsynced.is_empty() {
            self.take_back_unsynced();
        }
        self.unwritten.drain(..).count()
    }

    /// Whether the next process may find requests that this log does not count as appended.
    pub(crate) const fn has_leftovers(&self) -> bool {
        self.has_leftovers
    }

    /// How many bytes wait for a sync.
    pub(crate) fn unsynced_bytes(&self) -> u64 {
        self.unsynced.iter().chain(&self.unwritten).map(Request::record_len).sum()
    }

    /// Notes that every row below is settled, and removes the segments that are no longer needed.
    pub(crate) fn acked(&mut self, row: u64) -> io::Result<()> {
        self.acked = self.acked.max(row);
        self.note_position()?;
        self.release()
    }

    /// The row after those of the oldest file, if it is not the one being written.
    pub(crate) fn end_of_oldest(&self) -> Option<u64> {
        self.segments.front().filter(|_| self.segments.len() > 1).map(|front| front.end_row)
    }

    /// Ends the log; if every row is settled, its files are removed.
    pub(crate) fn close(&mut self) -> Result<(), Refusal> {
        if self.options.durability == Durability::Power {
            self.sync()?;
        }
        self.seal()?;
        self.acked(self.acked)?;
        if self.options.durability == Durability::Power {
            self.position.sync(&self.storage)?;
        }
        Ok(())
    }

    /// Continues to read where it last stopped.
    ///
    /// Each request is read once; if none is returned, nothing is left to read, or the next one waits for room.
    /// The first may hold rows that are already settled.
    pub(crate) fn read(&mut self, wanted: Wanted) -> io::Result<Batch> {
        let Wanted { most_bytes, at_least_one, end } = wanted;
        let mut batch = Batch::default();
        let mut bytes = 0;
        while bytes < most_bytes && self.read_row < end {
            let Some(index) = self.segments.iter().position(|segment| segment.end_sequence > self.read_sequence) else {
                break;
            };
            let schema = &self.segments[index].schema;
            if batch.requests.is_empty() {
                batch.schema = schema.clone();
            } else if batch.schema != *schema {
                break;
            }
            match self.read_next(index) {
                Ok(Some(request)) if request.row >= end => {
                    // Rows missing before it never arrive.
                    note_lost(&mut batch.lost, self.read_row..end);
                    self.read_row = end;
                    self.unread();
                }
                Ok(Some(request)) if (bytes > 0 || !at_least_one) && bytes + request.body.len() > most_bytes => {
                    self.unread();
                    batch.waits_for_room = true;
                    break;
                }
                Ok(Some(request)) => {
                    note_lost(&mut batch.lost, self.read_row..request.row);
                    self.read_row = request.end();
                    batch.sequences.push(self.read_sequence);
                    self.read_sequence += 1;
                    bytes += request.body.len();
                    batch.requests.push(request);
                }
                Ok(None) => self.end_segment(index, &mut batch.lost),
                // Requests that were read before are not read again.
                Err(_) if !batch.requests.is_empty() || !batch.lost.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        let is_at_end = self.segments.iter().all(|segment| segment.end_sequence <= self.read_sequence);
        if is_at_end && self.read_row < self.begin_row {
            note_lost(&mut batch.lost, self.read_row..self.begin_row);
            self.read_row = self.begin_row;
        }
        Ok(batch)
    }

    /// Skips this many requests, which the caller already has.
    pub(crate) const fn skip(&mut self, requests: u64, end_row: u64) {
        self.read_sequence += requests;
        self.read_row = end_row;
    }

    /// Leaves the last request that was found for the next read.
    const fn unread(&mut self) {
        if let Some(reader) = &mut self.reader {
            reader.walk.back_to(reader.last);
        }
    }

    /// The next unread request of a segment.
    fn read_next(&mut self, index: usize) -> io::Result<Option<Request>> {
        let segment = &mut self.segments[index];
        let mut reader = match self.reader.take() {
            Some(reader) if reader.sequence == segment.sequence => reader,
            _ => match segment.walk(&self.storage) {
                Ok(walk) => Reader { sequence: segment.sequence, walk, last: 0, failures: 0 },
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        let found = loop {
            reader.last = reader.walk.place();
            match reader.walk.next(segment.len) {
                Ok(None) => break Ok(None),
                Ok(Some(Item::Damage)) => segment.is_damaged = true,
                Ok(Some(Item::Record { sequence, .. })) if sequence >= segment.end_sequence => break Ok(None),
                Ok(Some(Item::Record { sequence, request })) => {
                    reader.failures = 0;
                    if sequence >= self.read_sequence && request.end() > self.read_row {
                        self.read_sequence = sequence;
                        break Ok(Some(request));
                    }
                    if sequence + 1 == segment.end_sequence {
                        // A failed write may have left bytes after the last one; they are not damage.
                        break Ok(None);
                    }
                }
                Err(error) if reader.failures < MOST_READS => {
                    reader.failures += 1;
                    break Err(error);
                }
                Err(_) => {
                    segment.is_damaged = true;
                    while reader.walk.skip_block(segment.len).is_err() {}
                }
            }
        };
        self.reader = Some(reader);
        found
    }

    /// Continues with the next segment: rows that were not found in this one are lost.
    fn end_segment(&mut self, index: usize, lost: &mut Vec<Range<u64>>) {
        let segment = &mut self.segments[index];
        if self.read_row < segment.end_row {
            segment.is_damaged = true;
            note_lost(lost, self.read_row..segment.end_row);
            self.read_row = segment.end_row;
        }
        self.read_sequence = segment.end_sequence;
        self.reader = None;
    }

    fn write(&mut self, requests: &[Request]) -> Result<usize, Refusal> {
        let Some(first) = requests.first() else { return Ok(0) };
        self.make_room(first)?;
        if self.active.is_none() {
            self.begin_segment(first.row)?;
        }
        let (Some(active), Some(segment)) = (&mut self.active, self.segments.back_mut()) else { return Ok(0) };
        let mut len = segment.len;
        let mut headers = Vec::new();
        for request in requests.iter().take(MOST_PARTS) {
            let grown = len + request.record_len();
            let is_full =
                grown > self.options.segment_bytes || self.bytes + (grown - segment.len) > self.options.max_bytes;
            if is_full && !headers.is_empty() {
                break;
            }
            let sequence = self.next_sequence + headers.len() as u64;
            headers.push(RecordHeader::of(request, sequence, segment.nonce).encode(segment.nonce));
            len = grown;
        }
        let bodies = requests.iter().map(|request| IoSlice::new(&request.body));
        let mut parts: Vec<_> =
            headers.iter().zip(bodies).flat_map(|(header, body)| [IoSlice::new(header), body]).collect();
        if let Err(error) = active.file.write_at(segment.len, &mut parts) {
            // The bytes written are not counted, and must not precede the next ones; a file without a name is
            // left.
            let has_name = error.kind() != io::ErrorKind::NotFound;
            let is_cut = has_name && active.file.set_len(segment.len).is_ok();
            active.is_spoiled = !is_cut;
            // Even if cut off, they may come back after the loss of power.
            self.has_leftovers |= has_name && (!is_cut || self.options.durability == Durability::Power);
            return Err(error.into());
        }
        let written = headers.len();
        self.bytes += len - segment.len;
        segment.len = len;
        self.next_sequence += written as u64;
        self.next_row = requests[written - 1].end();
        (segment.end_sequence, segment.end_row) = (self.next_sequence, self.next_row);
        Ok(written)
    }

    /// Closes a full segment, and refuses a request that does not fit into the log.
    fn make_room(&mut self, request: &Request) -> Result<(), Refusal> {
        let needed = request.record_len();
        let is_full = |log: &Self| log.bytes + needed > log.options.max_bytes && log.acked < log.next_row;
        let segment_is_full = self.active.is_some()
            && self
                .segments
                .back()
                .is_some_and(|segment| segment.holds_records() && segment.len + needed > self.options.segment_bytes);
        let is_spoiled = self.active.as_ref().is_some_and(|active| active.is_spoiled);
        let is_settled = self.acked >= self.next_row && self.bytes + needed > self.options.max_bytes;
        if segment_is_full || is_spoiled || is_settled {
            self.seal()?;
            self.release()?;
        }
        if is_full(self) { Err(Refusal::Full) } else { Ok(()) }
    }

    fn begin_segment(&mut self, row: u64) -> io::Result<()> {
        let header = SegmentHeader {
            nonce: fastrand::u32(..),
            sequence: self.next_sequence,
            row,
            made_at: super::now_ms(),
            schema: self.options.schema.clone(),
        };
        // Rows are accepted without it as well; it is tried again with each acknowledgement.
        let _ = self.position.take_room(&self.storage);
        let is_synced = self.options.durability == Durability::Power;
        let (segment, file) = Segment::create(&self.storage, &header, is_synced)?;
        // With `Power`, the new end of the log is durable with the first sync.
        self.has_leftovers &= is_synced;
        if let Some(empty) = self.segments.back().filter(|last| !last.holds_records()) {
            // A new one of the same name has replaced it; otherwise the new one marks the end of the log.
            if empty.sequence != segment.sequence {
                let _ = self.storage.remove(&name_of(empty.sequence));
            }
            self.bytes -= empty.len;
            self.segments.pop_back();
        }
        self.bytes += segment.len;
        self.active = Some(Active {
            file,
            is_new: true,
            is_spoiled: false,
            synced: (segment.len, segment.row, segment.sequence),
        });
        self.segments.push_back(segment);
        Ok(())
    }

    /// Closes the segment being written; the next request goes into another one.
    fn seal(&mut self) -> io::Result<()> {
        if self.options.durability == Durability::Power {
            self.sync_active()?;
        }
        self.active = None;
        Ok(())
    }

    /// Takes back the requests that a failed sync may have lost, to write them into another segment.
    ///
    /// A second sync reports success although the data that the first one could not write is gone.
    fn take_back_unsynced(&mut self) {
        let (Some(mut active), Some(segment)) = (self.active.take(), self.segments.back_mut()) else { return };
        let (len, end_row, end_sequence) = active.synced;
        self.bytes -= segment.len - len;
        (segment.len, segment.end_row, segment.end_sequence) = (len, end_row, end_sequence);
        (self.next_row, self.next_sequence) = (end_row, end_sequence);
        let is_cut = active.file.set_len(len).and_then(|()| active.file.sync()).is_ok();
        self.has_leftovers = !is_cut || (active.is_new && self.has_leftovers);
        let name = name_of(segment.sequence);
        // An empty segment after others stays, because it marks the end of the one before it.
        if !segment.holds_records() && self.segments.len() == 1 && self.storage.remove(&name).is_ok() {
            self.bytes -= len;
            self.segments.pop_back();
        }
        self.reader = None;
        for request in self.unsynced.drain(..).rev() {
            self.unwritten.push_front(request);
        }
    }

    /// Writes the requests that a failed sync may have lost.
    fn write_again(&mut self) -> Result<(), Refusal> {
        while !self.unwritten.is_empty() {
            let requests: Vec<_> = self.unwritten.iter().take(MOST_PARTS).cloned().collect();
            let written = self.write(&requests)?;
            self.unsynced.extend(self.unwritten.drain(..written));
        }
        Ok(())
    }

    fn note_position(&mut self) -> io::Result<()> {
        let marks = Marks { acked: self.acked, next_row: self.next_row, next_sequence: self.next_sequence };
        self.position.write(&self.storage, marks)?;
        if self.options.durability == Durability::Process {
            self.position.turn();
        }
        Ok(())
    }

    /// Removes the segments all of whose rows are settled.
    fn release(&mut self) -> io::Result<()> {
        let is_active = |log: &Self| log.active.is_some() && log.segments.len() == 1;
        while let Some(front) = self.segments.front().filter(|front| front.end_row <= self.acked)
            && !is_active(self)
        {
            let sequence = front.sequence;
            self.note_position()?;
            if self.options.durability == Durability::Power {
                self.position.sync(&self.storage)?;
            }
            let Some(front) = self.segments.front() else { break };
            let gone = if front.is_damaged {
                front.set_aside(&self.storage).map(drop)
            } else {
                self.storage.remove(&name_of(sequence))
            };
            match gone {
                // Another program has removed it, so it takes no space.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                gone => gone?,
            }
            self.bytes -= front.len;
            if self.reader.as_ref().is_some_and(|reader| reader.sequence == sequence) {
                self.reader = None;
            }
            self.read_sequence = self.read_sequence.max(front.end_sequence);
            self.read_row = self.read_row.max(front.end_row);
            self.segments.pop_front();
        }
        Ok(())
    }
}

/// Notes rows that cannot be read; adjacent rows form one range.
fn note_lost(lost: &mut Vec<Range<u64>>, rows: Range<u64>) {
    match lost.last_mut() {
        _ if rows.is_empty() => {}
        Some(before) if before.end == rows.start => before.end = rows.end,
        _ => lost.push(rows),
    }
}

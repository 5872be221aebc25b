//! Reads one record of a segment after the other, and finds the next whole one after damage.

use std::io;

use bytes::Bytes;

use super::format::{RECORD_HEADER, RecordHeader, Request};
use super::storage::File;

/// How many bytes are read at once, unless a record is longer.
const CHUNK: usize = 256 * 1024;

/// How many bytes are skipped where the file cannot be read.
const BLOCK: u64 = 4096;

/// The item of a segment at one position.
#[derive(Debug)]
pub(super) enum Item {
    /// Bytes that are not a record.
    Damage,
    Record {
        sequence: u64,
        request: Request,
    },
}

/// A position in a segment, with the bytes around it.
#[derive(Debug)]
pub(super) struct Walk<F> {
    file: F,
    nonce: u32,
    place: u64,
    chunk: Bytes,
    chunk_place: u64,
}

impl<F: File> Walk<F> {
    /// Begins after the header of a segment.
    pub(super) const fn new(file: F, nonce: u32, header: u64) -> Self {
        Self { file, nonce, place: header, chunk: Bytes::new(), chunk_place: 0 }
    }

    /// Returns to the record that was read last.
    pub(super) const fn back_to(&mut self, place: u64) {
        self.place = place;
    }

    /// The start of the next item.
    pub(super) const fn place(&self) -> u64 {
        self.place
    }

    /// The next item before `end`; none at the end.
    ///
    /// After an error the same position may be read again.
    pub(super) fn next(&mut self, end: u64) -> io::Result<Option<Item>> {
        if self.place >= end {
            return Ok(None);
        }
        let Some(header) = self.header(end)? else {
            self.find_header(end)?;
            return Ok(Some(Item::Damage));
        };
        let len = RECORD_HEADER + header.body;
        if self.place + len as u64 > end {
            self.place = end;
            return Ok(Some(Item::Damage));
        }
        let record = self.bytes(len, end)?;
        self.place += len as u64;
        let body = record.slice(RECORD_HEADER.min(record.len())..);
        // A body that the file's end cuts off has another checksum.
        if !header.fits(&body, self.nonce) {
            return Ok(Some(Item::Damage));
        }
        let RecordHeader { sequence, row, rows, accepted_at, .. } = header;
        Ok(Some(Item::Record { sequence, request: Request { body, row, rows, accepted_at } }))
    }

    /// Skips bytes that cannot be read.
    pub(super) fn skip_block(&mut self, end: u64) -> io::Result<()> {
        self.place = ((self.place / BLOCK + 1) * BLOCK).min(end);
        self.find_header(end)
    }

    fn header(&mut self, end: u64) -> io::Result<Option<RecordHeader>> {
        let bytes = self.bytes(RECORD_HEADER, end)?;
        Ok(RecordHeader::decode(&bytes, self.nonce).filter(|header| header.rows > 0))
    }

    /// Moves to the next header that is whole, or to the end.
    fn find_header(&mut self, end: u64) -> io::Result<()> {
        let mut place = self.place + 1;
        while place < end {
            let bytes = self.bytes_at(place, RECORD_HEADER, end)?;
            if bytes.len() < RECORD_HEADER {
                break;
            }
            if RecordHeader::decode(&bytes, self.nonce).is_some() {
                self.place = place;
                return Ok(());
            }
            place += 1;
        }
        self.place = end;
        Ok(())
    }

    fn bytes(&mut self, len: usize, end: u64) -> io::Result<Bytes> {
        self.bytes_at(self.place, len, end)
    }

    /// The bytes at a position; fewer at the end of the segment.
    fn bytes_at(&mut self, place: u64, len: usize, end: u64) -> io::Result<Bytes> {
        let left = usize::try_from(end - place).unwrap_or(usize::MAX);
        let len = len.min(left);
        let have = place.checked_sub(self.chunk_place).and_then(|skip| usize::try_from(skip).ok());
        if let Some(skip) = have.filter(|skip| skip.saturating_add(len) <= self.chunk.len()) {
            return Ok(self.chunk.slice(skip..skip + len));
        }
        let mut chunk = vec![0; len.max(CHUNK.min(left))];
        let read = self.file.read_at(place, &mut chunk)?;
        chunk.truncate(read);
        (self.chunk, self.chunk_place) = (chunk.into(), place);
        Ok(self.chunk.slice(..len.min(read)))
    }
}

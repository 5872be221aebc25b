//! One file of the log.

use std::io::{self, IoSlice};

use bytes::Bytes;

use super::format::SegmentHeader;
use super::storage::{File, Storage};
use super::walk::{Item, Walk};

const SUFFIX: &str = ".seg";
const UNFINISHED: &str = ".new";
const SET_ASIDE: &str = ".damaged";

/// A segment: which requests it holds, and where they end.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) sequence: u64,
    pub(super) row: u64,
    /// The sequence after the last request.
    pub(super) end_sequence: u64,
    /// The row after the last row.
    pub(super) end_row: u64,
    pub(super) header_len: u64,
    /// The length of the file's records.
    pub(super) len: u64,
    pub(super) nonce: u32,
    pub(super) schema: Bytes,
    /// Part of it cannot be read: the file is kept when the rest is delivered.
    pub(super) is_damaged: bool,
}

/// The result of reading a segment from start to end.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) end_sequence: u64,
    pub(super) end_row: u64,
    /// The position after the last whole record.
    pub(super) end: u64,
    pub(super) is_damaged: bool,
    /// Part of it could not be read at all, so what follows that part is unknown.
    pub(super) is_unreadable: bool,
}

/// How often an unreadable position is tried before it is skipped.
pub(super) const MOST_READS: u32 = 3;

pub(super) fn name_of(sequence: u64) -> String {
    format!("{sequence:020}{SUFFIX}")
}

/// The sequence in a segment's name.
pub(super) fn sequence_of(name: &str) -> Option<u64> {
    name.strip_suffix(SUFFIX).filter(|digits| digits.len() == 20)?.parse().ok()
}

/// Whether a file is an unfinished segment that a crash left.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(UNFINISHED).is_some_and(|name| sequence_of(name).is_some())
}

impl Segment {
    /// Creates the file with its header; its name appears when the header is complete.
    pub(super) fn create<S: Storage>(
        storage: &S,
        header: &SegmentHeader,
        is_synced: bool,
    ) -> io::Result<(Self, S::File)> {
        let name = name_of(header.sequence);
        let unfinished = format!("{name}{UNFINISHED}");
        let bytes = header.encode();
        let write = || -> io::Result<S::File> {
            let mut file = storage.create(&unfinished)?;
            file.write_at(0, &mut [IoSlice::new(&bytes)])?;
            if is_synced {
                file.sync()?;
            }
            storage.rename(&unfinished, &name)?;
            Ok(file)
        };
        let made = write();
        if made.is_err() {
            // A full disk needs its space; a leftover is removed at the next start.
            let _ = storage.remove(&unfinished);
        }
        Ok((Self::of(header, bytes.len() as u64), made?))
    }

    fn of(header: &SegmentHeader, header_len: u64) -> Self {
        let SegmentHeader { sequence, row, nonce, schema, .. } = header.clone();
        Self {
            sequence,
            row,
            end_sequence: sequence,
            end_row: row,
            header_len,
            len: header_len,
            nonce,
            schema,
            is_damaged: false,
        }
    }

    /// Reads the header of a file; nothing if it is damaged.
    pub(super) fn open<S: Storage>(storage: &S, sequence: u64) -> io::Result<Option<Self>> {
        let mut file = storage.open(&name_of(sequence))?;
        let mut bytes = vec![0; SegmentHeader::START];
        let read = file.read_at(0, &mut bytes)?;
        let Some(len) = SegmentHeader::full_len(&bytes[..read]) else { return Ok(None) };
        if file.len()? < len as u64 {
            return Ok(None);
        }
        bytes.resize(len, 0);
        let read = file.read_at(0, &mut bytes)?;
        let header = SegmentHeader::decode(&bytes[..read]).filter(|header| header.sequence == sequence);
        let Some(header) = header else { return Ok(None) };
        let mut segment = Self::of(&header, len as u64);
        segment.len = file.len()?;
        Ok(Some(segment))
    }

    pub(super) fn walk<S: Storage>(&self, storage: &S) -> io::Result<Walk<S::File>> {
        Ok(Walk::new(storage.open(&name_of(self.sequence))?, self.nonce, self.header_len))
    }

    /// Reads all records and skips unreadable ones.
    pub(super) fn scan<S: Storage>(&self, storage: &S) -> io::Result<Scan> {
        let mut walk = self.walk(storage)?;
        let mut scan = self.empty();
        let (mut is_behind_damage, mut failures) = (false, 0);
        loop {
            match walk.next(self.len) {
                Ok(None) => return Ok(scan),
                Ok(Some(Item::Damage)) => is_behind_damage = true,
                Ok(Some(Item::Record { sequence, request })) => {
                    failures = 0;
                    if sequence < scan.end_sequence || request.row < scan.end_row {
                        continue;
                    }
                    scan.is_damaged |= is_behind_damage;
                    scan.end_sequence = sequence + 1;
                    scan.end_row = request.end();
                    scan.end = walk.place();
                }
                Err(_) if failures < MOST_READS => failures += 1,
                Err(_) => {
                    (is_behind_damage, scan.is_unreadable, scan.is_damaged) = (true, true, true);
                    while walk.skip_block(self.len).is_err() {}
                }
            }
        }
    }

    const fn empty(&self) -> Scan {
        Scan {
            end_sequence: self.sequence,
            end_row: self.row,
            end: self.header_len,
            is_damaged: false,
            is_unreadable: false,
        }
    }

    /// The scan of a file that cannot be opened.
    pub(super) const fn unreadable(&self) -> Scan {
        Scan { is_damaged: true, is_unreadable: true, ..self.empty() }
    }

    /// Renames the file: the new name says which rows it held.
    pub(super) fn set_aside<S: Storage>(&self, storage: &S) -> io::Result<String> {
        set_aside(storage, self.sequence, self.row..self.end_row)
    }

    pub(super) const fn holds_records(&self) -> bool {
        self.end_sequence > self.sequence
    }
}

/// Renames a damaged segment; the new name says which rows it held.
pub(super) fn set_aside<S: Storage>(storage: &S, sequence: u64, rows: std::ops::Range<u64>) -> io::Result<String> {
    let name = name_of(sequence);
    let last = match rows.end {
        u64::MAX => "unknown".to_owned(),
        end => end.saturating_sub(1).max(rows.start).to_string(),
    };
    let aside = format!("{sequence:020}-rows-{}-to-{last}{SET_ASIDE}", rows.start);
    storage.rename(&name, &aside)?;
    Ok(aside)
}

//! Opens a log that another process left, in any state. It always ends with a log that can continue.

use std::io;
use std::ops::Range;

use super::log::{Durability, Log, Options};
use super::position::Position;
use super::segment::{self, MOST_READS, Segment, name_of, sequence_of};
use super::storage::{File, Storage};
use super::walk::Item;

/// The contents of the folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// The rows that are sent first.
    pub(crate) rows: u64,
    /// The bytes of the segments.
    pub(crate) bytes: u64,
    /// When the oldest of the rows was accepted, in milliseconds since 1970.
    pub(crate) oldest: Option<u64>,
    /// The bytes of an incomplete record at the end.
    pub(crate) cut: u64,
    /// The parts that could not be read.
    pub(crate) set_aside: Vec<SetAside>,
}

/// A segment that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetAside {
    /// Its new name.
    pub(crate) file: String,
    /// The rows that it held, up to `u64::MAX` if the last one is unknown.
    pub(crate) rows: Range<u64>,
}

impl<S: Storage> Log<S> {
    /// Opens the log of a folder.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub(crate) fn open(storage: S, options: Options) -> io::Result<(Self, Recovery)> {
        let names = storage.names()?;
        for name in names.iter().filter(|name| segment::is_unfinished(name)) {
            // It is created again under this name when it is needed.
            let _ = storage.remove(name);
        }
        let position = Position::read(&storage, &names);
        let marks = position.marks();
        let mut log = Self::new(storage, options, position);
        (log.acked, log.next_row, log.next_sequence) = (marks.acked, marks.next_row, marks.next_sequence);
        let mut recovery = Recovery::default();
        log.find_segments(&names, &mut recovery);
        log.next_row = log.next_row.max(log.acked);
        log.begin_row = log.next_row;
        log.read_row = log.first_row();
        log.read_sequence = log.segments.front().map_or(log.next_sequence, |front| front.sequence);
        log.acked = log.acked.max(log.read_row);
        if log.options.durability == Durability::Power {
            // If that fails, it is as durable as before.
            let _ = log.position.renew(&log.storage);
        }
        recovery.rows = log.next_row - log.read_row;
        recovery.bytes = log.bytes;
        recovery.oldest = log.oldest();
        Ok((log, recovery))
    }

    /// The first row that is not known to be settled.
    ///
    /// Rows before the first segment were settled, unless the position says otherwise where it is durable before a
    /// segment is removed: then another program removed them.
    fn first_row(&self) -> u64 {
        let is_sure = self.position.is_known() && self.options.durability == Durability::Power;
        match self.segments.front() {
            Some(front) if is_sure && front.row > self.acked => self.acked,
            Some(front) => front.row.max(self.acked),
            None => self.next_row,
        }
    }

    fn find_segments(&mut self, names: &[String], recovery: &mut Recovery) {
        let mut sequences: Vec<_> = names.iter().filter_map(|name| sequence_of(name)).collect();
        sequences.sort_unstable();
        let mut unreadable = Vec::new();
        for sequence in sequences {
            match self.open_segment(sequence) {
                Some(segment) => {
                    self.end_last(unreadable.is_empty().then_some(&segment), recovery);
                    self.set_aside(&mut unreadable, Some(segment.row), recovery);
                    self.bytes += segment.len;
                    self.segments.push_back(segment);
                }
                None => unreadable.push(sequence),
            }
        }
        self.end_last(None, recovery);
        let last = unreadable.last().copied();
        self.set_aside(&mut unreadable, None, recovery);
        // The name of a segment that could not be set aside is not used again.
        self.next_sequence = self.next_sequence.max(last.map_or(0, |last| last + 1));
    }

    fn open_segment(&self, sequence: u64) -> Option<Segment> {
        (0..MOST_READS).find_map(|_| Segment::open(&self.storage, sequence).ok()).flatten()
    }

    /// Finds the end of the last segment that was found: the start of the next one, or else its last whole record.
    fn end_last(&mut self, next: Option<&Segment>, recovery: &mut Recovery) {
        let Some(mut last) = self.segments.pop_back() else { return };
        if let Some(next) = next {
            (last.end_sequence, last.end_row) = (next.sequence, next.row.max(last.row));
        } else {
            self.find_end(&mut last, recovery);
        }
        self.next_row = self.next_row.max(last.end_row);
        self.next_sequence = self.next_sequence.max(last.end_sequence);
        // An empty segment after others stays, because it marks the end of the one before it.
        if last.holds_records() || !(last.is_damaged || self.segments.is_empty()) {
            self.segments.push_back(last);
            return;
        }
        self.bytes -= last.len;
        if last.is_damaged {
            // Its name is not used again, whether it can be renamed or not.
            self.next_sequence = self.next_sequence.max(last.sequence + 1);
            self.set_aside(&mut vec![last.sequence], next.map(|next| next.row), recovery);
        } else {
            // A segment of the same name replaces it.
            let _ = self.storage.remove(&name_of(last.sequence));
        }
    }

    /// Reads the last segment to its last whole record, and cuts off the rest.
    fn find_end(&mut self, last: &mut Segment, recovery: &mut Recovery) {
        let scan = (0..MOST_READS).find_map(|_| last.scan(&self.storage).ok());
        let scan = scan.unwrap_or_else(|| last.unreadable());
        // An unreadable part is not cut off: it may be readable elsewhere.
        let torn = if scan.is_unreadable { 0 } else { last.len - scan.end };
        (last.end_sequence, last.end_row) = (scan.end_sequence, scan.end_row);
        last.is_damaged = scan.is_damaged;
        if scan.is_unreadable && last.holds_records() {
            // It is renamed when the rest of it is delivered.
            let (file, rows) = (name_of(last.sequence), scan.end_row..u64::MAX);
            recovery.set_aside.push(SetAside { file, rows });
        }
        recovery.cut += torn;
        self.bytes -= torn;
        last.len -= torn;
        self.cut(last, torn);
    }

    /// Cuts off an incomplete record, and makes the rest durable.
    fn cut(&self, last: &Segment, torn: u64) {
        let Ok(mut file) = self.storage.open(&name_of(last.sequence)) else { return };
        if torn > 0 {
            // The next segment marks the end of this one, so nothing depends on it.
            let _ = file.set_len(last.len);
        }
        if self.options.durability == Durability::Power {
            // Bytes that are not durable were not promised.
            let _ = file.sync();
        }
    }

    /// Sets aside segments with an unreadable header: they lie between the last one that was found and `next`.
    fn set_aside(&mut self, unreadable: &mut Vec<u64>, next: Option<u64>, recovery: &mut Recovery) {
        let start = self.segments.back().map_or(self.acked, |last| last.end_row);
        // If no segment follows, their end is unknown.
        let rows = start..next.unwrap_or(u64::MAX).max(start);
        for sequence in unreadable.drain(..) {
            let aside = (0..MOST_READS).find_map(|_| segment::set_aside(&self.storage, sequence, rows.clone()).ok());
            let file = aside.unwrap_or_else(|| name_of(sequence));
            recovery.set_aside.push(SetAside { file, rows: rows.clone() });
        }
    }

    /// When the first row was accepted that is to be sent.
    fn oldest(&self) -> Option<u64> {
        let front = self.segments.front()?;
        let mut walk = front.walk(&self.storage).ok()?;
        loop {
            match walk.next(front.len) {
                Ok(Some(Item::Record { request, .. })) if request.end() > self.read_row => {
                    return Some(request.accepted_at);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

//! How far the log is acknowledged, in a file that survives torn writes.
//!
//! The file has three slots, each in its own page. A slot that is durable is not overwritten until another one is
//! durable too, so one of them is whole whenever the power fails. If nothing is synced they take turns, so that one of
//! them is whole whenever the process is killed.
//!
//! Two would be enough within one process. The next one does not know whether the latest slot is durable, because its
//! sync may have failed: it can rely neither on that slot nor on the one before, and writes a third.
//!
//! ```text
//! slot  8  counter: the highest one is current
//!       8  row: all below are settled
//!       8  the offset that the next row gets
//!       8  the sequence that the next request gets
//!       4  CRC32C of the rest
//! ```

use std::io::{self, IoSlice};

use super::format::{u32_at, u64_at};
use super::segment::MOST_READS;
use super::storage::{File, Storage};

pub(super) const NAME: &str = "position";

const SLOT: usize = 36;
const PLACES: [u64; 3] = [0, 4096, 8192];
const FILE_LEN: usize = 12_288;

/// The contents of the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) acked: u64,
    pub(super) next_row: u64,
    pub(super) next_sequence: u64,
}

/// The file, created when it is first needed.
#[derive(Debug)]
pub(super) struct Position<F> {
    file: Option<F>,
    marks: Marks,
    counter: u64,
    /// The slot that is written next.
    slot: usize,
    /// The last write may not be durable.
    is_dirty: bool,
    /// The current slot was written.
    is_written: bool,
    /// The file's name is not durable.
    is_new: bool,
}

impl<F: File> Position<F> {
    /// Reads the file; an unreadable part counts as never written, so that all the rows in the log are sent.
    pub(super) fn read<S: Storage<File = F>>(storage: &S, names: &[String]) -> Self {
        let mut position = Self {
            file: None,
            marks: Marks::default(),
            counter: 0,
            slot: 0,
            is_dirty: false,
            is_written: false,
            is_new: false,
        };
        if !names.iter().any(|name| name == NAME) {
            return position;
        }
        let mut bytes = vec![0; FILE_LEN];
        let Ok(mut file) = storage.open(NAME) else { return position };
        let Some(read) = (0..MOST_READS).find_map(|_| file.read_at(0, &mut bytes).ok()) else { return position };
        bytes.truncate(read);
        position.file = Some(file);
        // Another process may have written marks that are not durable yet.
        (position.is_dirty, position.is_new) = (true, true);
        let slots = PLACES.map(|place| {
            let place = usize::try_from(place).unwrap_or(FILE_LEN);
            bytes.get(place..place + SLOT).and_then(decode).unwrap_or_default()
        });
        for (slot, (counter, marks)) in slots.into_iter().enumerate() {
            if counter > position.counter {
                (position.counter, position.marks) = (counter, marks);
            }
            if counter < slots[position.slot].0 {
                position.slot = slot;
            }
        }
        position
    }

    pub(super) const fn marks(&self) -> Marks {
        self.marks
    }

    /// Whether the marks were read or written, and are not the defaults.
    pub(super) const fn is_known(&self) -> bool {
        self.counter > 0
    }

    /// Whether the marks are durable.
    #[cfg(test)]
    pub(super) const fn is_durable(&self) -> bool {
        !self.is_dirty && !self.is_new
    }

    /// Notes how far the log is acknowledged; durable after [`sync`](Self::sync).
    pub(super) fn write<S: Storage<File = F>>(&mut self, storage: &S, marks: Marks) -> io::Result<()> {
        if marks == self.marks && self.file.is_some() {
            return Ok(());
        }
        self.take_room(storage)?;
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = file.write_at(PLACES[self.slot], &mut [IoSlice::new(&encode(self.counter + 1, marks))]);
        self.forget_nameless(&written);
        written?;
        self.counter += 1;
        self.marks = marks;
        (self.is_dirty, self.is_written) = (true, true);
        Ok(())
    }

    /// Allocates the file before there are rows, so that a disk that they fill does not keep acknowledgements
    /// from being noted.
    pub(super) fn take_room<S: Storage<File = F>>(&mut self, storage: &S) -> io::Result<()> {
        if self.file.is_none() {
            let mut file = storage.create(NAME)?;
            file.write_at(0, &mut [IoSlice::new(&[0; FILE_LEN])])?;
            (self.file, self.is_new) = (Some(file), true);
        }
        Ok(())
    }

    /// The slot that was written is current from now on: the next write goes to another slot.
    pub(super) const fn turn(&mut self) {
        if self.is_written {
            (self.slot, self.is_written) = ((self.slot + 1) % PLACES.len(), false);
        }
    }

    /// Drops a file that another program deleted: the next write creates another one.
    fn forget_nameless(&mut self, result: &io::Result<()>) {
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            self.file = None;
        }
    }

    /// Makes another process's marks durable: they are written again, because the sync of that process may have failed.
    pub(super) fn renew<S: Storage<File = F>>(&mut self, storage: &S) -> io::Result<()> {
        if self.is_known() {
            let marks = std::mem::take(&mut self.marks);
            self.write(storage, marks)?;
        }
        self.sync(storage)
    }

    /// Makes the written marks durable.
    pub(super) fn sync<S: Storage<File = F>>(&mut self, storage: &S) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        if self.is_dirty {
            let synced = file.sync();
            if synced.is_err() {
                // Data that a failed sync leaves in the cache may never reach the disk: it is written again.
                self.marks = Marks::default();
                self.forget_nameless(&synced);
                return synced;
            }
            self.is_dirty = false;
            self.turn();
        }
        if self.is_new {
            storage.sync_folder()?;
            self.is_new = false;
        }
        Ok(())
    }
}

fn encode(counter: u64, marks: Marks) -> [u8; SLOT] {
    let mut out = [0; SLOT];
    out[..8].copy_from_slice(&counter.to_le_bytes());
    out[8..16].copy_from_slice(&marks.acked.to_le_bytes());
    out[16..24].copy_from_slice(&marks.next_row.to_le_bytes());
    out[24..32].copy_from_slice(&marks.next_sequence.to_le_bytes());
    let crc = crc32c::crc32c(&out[..SLOT - 4]);
    out[SLOT - 4..].copy_from_slice(&crc.to_le_bytes());
    out
}

fn decode(slot: &[u8]) -> Option<(u64, Marks)> {
    let marks = Marks { acked: u64_at(slot, 8), next_row: u64_at(slot, 16), next_sequence: u64_at(slot, 24) };
    (crc32c::crc32c(&slot[..SLOT - 4]) == u32_at(slot, SLOT - 4)).then(|| (u64_at(slot, 0), marks))
}

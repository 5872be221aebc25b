//! Checksums by which a checkpoint recognises what a run before has read.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use flate2::Crc;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// How many bytes of a file are read.
const MOST: u64 = 64 * 1024;

/// A number of bytes and their checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksum {
    bytes: u64,
    crc32: u32,
}

impl Checksum {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut crc = Crc::new();
        crc.update(bytes);
        Self { bytes: bytes.len() as u64, crc32: crc.sum() }
    }

    /// Whether it is of fewer bytes.
    pub(super) const fn is_shorter(&self, other: &Self) -> bool {
        self.bytes < other.bytes
    }

    /// The checksum of the first bytes of a file. Fails if the known one differs: a file that grew has the same start,
    /// and a file that replaced it has another.
    pub(super) fn of_start(path: &Path, known: Option<&Self>) -> Result<Self, Failure> {
        let failed = |error| Failure::file("read", path, error);
        let mut start = Vec::new();
        File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut start)).map_err(failed)?;
        let is_it = |known: &Self| {
            let length = usize::try_from(known.bytes).unwrap_or(usize::MAX);
            start.get(..length).is_some_and(|start| Self::of(start) == *known)
        };
        if known.is_none_or(is_it) {
            return Ok(Self::of(&start));
        }
        let is_shorter = known.is_some_and(|known| known.bytes > start.len() as u64);
        let why = if is_shorter { "it is shorter" } else { "it begins differently" };
        Err(Failure::text(format!(
            "{}: it is not the checkpoint's file, since {why}; name another --checkpoint to send all of it",
            path.display()
        )))
    }
}

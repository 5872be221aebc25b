//! The start of a file: a checksum of its first bytes. A file that grew has the same start; a file that replaced it
//! has another.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use flate2::Crc;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// How many bytes of a file are read.
const MOST: u64 = 64 * 1024;

/// The checksum of the first bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Start {
    bytes: u64,
    crc32: u32,
}

impl Start {
    /// Reads the start of a file, and fails if the known start differs.
    pub(super) fn of(path: &Path, known: Option<&Self>) -> Result<Self, Failure> {
        let failed = |error| Failure::file("read", path, error);
        let mut start = Vec::new();
        File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut start)).map_err(failed)?;
        let is_it = |known: &Self| {
            let length = usize::try_from(known.bytes).unwrap_or(usize::MAX);
            start.get(..length).is_some_and(|start| Self::new(start) == *known)
        };
        if known.is_none_or(is_it) {
            return Ok(Self::new(&start));
        }
        let is_shorter = known.is_some_and(|known| known.bytes > start.len() as u64);
        let why = if is_shorter { "it is shorter" } else { "it begins differently" };
        Err(Failure::text(format!(
            "{}: it is not the checkpoint's file, since {why}; name another --checkpoint to send all of it",
            path.display()
        )))
    }

    fn new(start: &[u8]) -> Self {
        let mut crc = Crc::new();
        crc.update(start);
        Self { bytes: start.len() as u64, crc32: crc.sum() }
    }
}

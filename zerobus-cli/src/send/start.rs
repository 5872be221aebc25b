//! How a file begins: the same for a file that grows, and another for one that took its place.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use flate2::Crc;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// How much of a file is looked at.
const MOST: u64 = 64 * 1024;

/// The checksum of the first bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Start {
    bytes: u64,
    crc32: u32,
}

impl Start {
    /// Reads how a file begins, which must be as it was known before.
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
        Err(Failure::text(format!(
            "{}: it is another file than the checkpoint's: it begins in another way; name another --checkpoint to send it whole",
            path.display()
        )))
    }

    fn new(start: &[u8]) -> Self {
        let mut crc = Crc::new();
        crc.update(start);
        Self { bytes: start.len() as u64, crc32: crc.sum() }
    }
}

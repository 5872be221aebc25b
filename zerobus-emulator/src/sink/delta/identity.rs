//! Detects that a table's folder is no longer the one that was opened: users reset a table by removing its folder.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::log::{self, Start};

/// The log of a table, as it was when it was opened.
#[derive(Debug)]
pub(super) struct Identity {
    log: PathBuf,
    folder: Folder,
}

/// A file system reuses the inode number of a removed folder; together with its time of creation it is unique.
#[derive(Debug, PartialEq, Eq)]
struct Folder {
    number: u64,
    created: Option<SystemTime>,
}

impl Identity {
    pub(super) fn of(table: &Path) -> io::Result<Self> {
        let log = log::folder(table);
        Ok(Self { folder: Folder::of(&log)?, log })
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    pub(super) fn commit_path(&self, version: u64) -> PathBuf {
        self.log.join(log::commit_name(version))
    }

    pub(super) fn checkpoint_path(&self, version: u64) -> PathBuf {
        self.log.join(log::checkpoint_name(version))
    }

    /// Whether the log is the same folder, and still has what a reader needs: this version, and the version or
    /// checkpoint from which the log is read.
    pub(super) fn holds(&self, start: &Start, version: u64) -> bool {
        Folder::of(&self.log).is_ok_and(|folder| folder == self.folder)
            && self.log.join(log::commit_name(version)).is_file()
            && start.is_in(&self.log)
    }
}

impl Folder {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let number = 0;
        Ok(Self { number, created: metadata.created().ok() })
    }
}

//! Whether a table's folder is still the one that was opened: users reset a table by removing its folder.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The log of a table, as it was when it was opened.
#[derive(Debug)]
pub(super) struct Identity {
    log: PathBuf,
    folder: Folder,
}

/// A folder's number is used again as soon as the folder is gone; together with its time of creation it is unique.
#[derive(Debug, PartialEq, Eq)]
struct Folder {
    number: u64,
    created: Option<SystemTime>,
}

impl Identity {
    pub(super) fn of(table: &Path) -> io::Result<Self> {
        let log = log_folder(table);
        Ok(Self { folder: Folder::of(&log)?, log })
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    pub(super) fn commit_path(&self, version: u64) -> PathBuf {
        self.log.join(commit_name(version))
    }

    pub(super) fn checkpoint_path(&self, version: u64) -> PathBuf {
        self.log.join(checkpoint_name(version))
    }

    /// Whether the log is the same folder, and still has what a reader needs: this version, and the version or
    /// checkpoint from which the log is read.
    pub(super) fn holds(&self, start: Start, version: u64) -> bool {
        Folder::of(&self.log).is_ok_and(|folder| folder == self.folder)
            && self.log.join(commit_name(version)).is_file()
            && start.is_in(&self.log)
    }
}

/// From where a reader reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Checkpoint(u64),
    First,
}

impl Start {
    fn is_in(self, log: &Path) -> bool {
        match self {
            Self::Checkpoint(version) => {
                log.join(checkpoint_name(version)).is_file() || has_foreign_checkpoint(log, version)
            }
            Self::First => log.join(commit_name(0)).is_file(),
        }
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

/// The folder of a table's log.
pub(super) fn log_folder(table: &Path) -> PathBuf {
    table.join("_delta_log")
}

/// The file of one version.
pub(super) fn commit_name(version: u64) -> String {
    format!("{version:020}.json")
}

fn checkpoint_name(version: u64) -> String {
    format!("{version:020}.checkpoint.parquet")
}

/// Other writers' checkpoints may be in parts, or named by a UUID.
fn has_foreign_checkpoint(log: &Path, version: u64) -> bool {
    let Ok(entries) = std::fs::read_dir(log) else { return false };
    let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.any(|name| parse_name(&name) == Some((version, LogFile::Checkpoint)))
}

/// The version of a file in a log, and what the file is.
pub(super) fn parse_name(name: &str) -> Option<(u64, LogFile)> {
    let (version, rest) = name.split_once('.')?;
    let version = (version.len() == 20).then(|| version.parse().ok()).flatten()?;
    match rest {
        "json" => Some((version, LogFile::Commit)),
        "crc" => Some((version, LogFile::Checksum)),
        rest if rest.starts_with("checkpoint.") && rest.ends_with("parquet") => Some((version, LogFile::Checkpoint)),
        _ => None,
    }
}

/// What a file in a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogFile {
    Checkpoint,
    Checksum,
    Commit,
}

//! Work on a table that may be removed at any moment: users reset a table with `rm -rf`, which takes time.
//!
//! Between a check and its use a file, a folder or the whole table may vanish. Such work is retried until the
//! removal is over.

use std::collections::BTreeSet;
use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use delta_kernel::KernelError;

use super::kernel::{chain, system};
use super::{damage, log};
use crate::sink::StorageError;

/// How long a removal may take.
const LONGEST_REMOVAL: Duration = Duration::from_secs(3);
/// A folder in which nothing changes for this long is not being removed: what is missing there is missing for good.
const QUIET: Duration = Duration::from_millis(400);
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Growing pauses between attempts, until a removal is over or has had the longest time it may take.
#[derive(Debug)]
pub(super) struct Backoff {
    folder: PathBuf,
    since: Instant,
    /// When the attempt began that may fail.
    attempt: Instant,
    pause: Duration,
}

impl Backoff {
    pub(super) fn new(folder: &Path) -> Self {
        let now = Instant::now();
        Self { folder: folder.to_owned(), since: now, attempt: now, pause: FIRST_PAUSE }
    }

    /// Sleeps; false if nothing is being removed, or the time is over. Must be called where blocking is allowed.
    pub(super) fn wait(&mut self) -> bool {
        if self.is_quiet() || self.since.elapsed() >= LONGEST_REMOVAL {
            return false;
        }
        std::thread::sleep(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.attempt = Instant::now();
        true
    }

    /// Whether the folder has not changed during the attempt, and for some time before.
    fn is_quiet(&self) -> bool {
        let age = last_change(&self.folder).and_then(|changed| SystemTime::now().duration_since(changed).ok());
        age.is_some_and(|age| age >= self.attempt.elapsed() + QUIET)
    }
}

/// When an entry was last added or removed in the folder or in one below it, which a removal does all the time; none if
/// that is not known, as of a folder that is gone.
fn last_change(folder: &Path) -> Option<SystemTime> {
    let mut last = std::fs::metadata(folder).ok()?.modified().ok()?;
    for entry in std::fs::read_dir(folder).ok()? {
        let entry = entry.ok()?;
        if entry.file_type().ok()?.is_dir() {
            last = last.max(last_change(&entry.path())?);
        }
    }
    Some(last)
}

/// Retries the work if it fails because files of the table vanish.
pub(super) fn outlast<T>(table: &Path, mut work: impl FnMut() -> Result<T, StorageError>) -> Result<T, StorageError> {
    let mut backoff = Backoff::new(table);
    let mut first = None;
    loop {
        let before = log_names(table);
        match work() {
            Err(error) if is_missing(&error) || log_names(table) != before => {
                let first = first.get_or_insert(before);
                if !backoff.wait() {
                    // The log did not change, so nobody is removing it: something is missing for good.
                    let stays = !first.is_empty() && log_names(table) == *first;
                    return Err(if stays { explained(table, error) } else { removed(table, error) });
                }
                tracing::debug!(table = %table.display(), "files of the table vanish; trying again");
            }
            done => return done,
        }
    }
}

/// Whether the work failed because something was missing.
pub(super) fn is_missing(error: &StorageError) -> bool {
    match error {
        StorageError::Failed { source, .. } | StorageError::Log { source, .. } => chain_has_missing(&**source),
        StorageError::Removed { .. } => true,
        _ => false,
    }
}

/// The error of a table whose log is damaged, with the file and the remedy.
fn explained(table: &Path, error: StorageError) -> StorageError {
    match (error, damage::of(table)) {
        (StorageError::Failed { path, doing, .. }, Some(damage)) => {
            StorageError::Failed { path, doing, remedy: "", source: Arc::new(damage) }
        }
        (error, _) => error,
    }
}

/// The error of a table whose removal takes too long.
pub(super) fn removed(table: &Path, error: StorageError) -> StorageError {
    match error {
        removed @ StorageError::Removed { .. } => removed,
        other => StorageError::Removed { path: table.to_owned(), source: Arc::new(other) },
    }
}

/// The same for an error and its causes.
pub(super) fn chain_has_missing(error: &(dyn Error + 'static)) -> bool {
    let of_kernel = |error: &(dyn Error + 'static)| error.downcast_ref().is_some_and(kernel_missing);
    chain(error).any(|error| of_kernel(error) || system(error).is_some_and(io_missing))
}

fn kernel_missing(error: &KernelError) -> bool {
    matches!(
        error.without_backtrace(),
        KernelError::EmptyLog
            | KernelError::FileNotFound(_)
            | KernelError::InvalidTableLocation(_)
            | KernelError::LogTailVersionsNotContiguous { .. }
            | KernelError::MissingMetadata
            | KernelError::MissingMetadataAndProtocol
            | KernelError::MissingProtocol
            | KernelError::MissingVersion(_)
            | KernelError::StartVersionNotFound { .. }
    )
}

/// Removing a folder fails as not empty while another program writes to it.
fn io_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty)
}

fn log_names(table: &Path) -> BTreeSet<OsString> {
    let entries = std::fs::read_dir(log::folder(table));
    entries.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.file_name())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_in_a_folder_that_nobody_changes_is_not_waited_for() {
        let table = tempfile::tempdir().unwrap();
        let inner = table.path().join("_delta_log/_sidecars");
        std::fs::create_dir_all(&inner).unwrap();
        let long_ago = SystemTime::now() - 2 * QUIET;
        let folders = || inner.ancestors().take(3);
        for folder in folders() {
            std::fs::File::open(folder).unwrap().set_modified(long_ago).unwrap();
        }
        assert!(!Backoff::new(table.path()).wait());
        for folder in folders() {
            std::fs::File::open(folder).unwrap().set_modified(SystemTime::now()).unwrap();
            assert!(Backoff::new(table.path()).wait(), "{}", folder.display());
            std::fs::File::open(folder).unwrap().set_modified(long_ago).unwrap();
        }
        // An attempt during which the folder changed is made again.
        let mut backoff = Backoff::new(table.path());
        backoff.attempt -= 4 * QUIET;
        assert!(backoff.wait());
        std::fs::remove_dir_all(table.path()).unwrap();
        assert!(Backoff::new(table.path()).wait());
    }
}

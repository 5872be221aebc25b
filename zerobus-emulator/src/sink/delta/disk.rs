//! Syncing files and folders, and writing files in parallel.
//!
//! Files that are synced in parallel share one journal entry of the file system.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Threads that work in parallel; they mostly wait for the disk.
const THREADS: usize = 8;

/// Files and folders that may not be on disk yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Unsynced(BTreeSet<PathBuf>);

impl Unsynced {
    /// Adds a file or folder whose content is new. A new file needs its folder to be added as well.
    pub(super) fn add(&mut self, path: impl Into<PathBuf>) {
        self.0.insert(path.into());
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Without what was removed since.
    pub(super) fn existing(mut self) -> Self {
        self.0.retain(|path| path.try_exists().unwrap_or(true));
        self
    }

    /// Creates a folder and its parents.
    pub(super) fn create_folder(&mut self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let parent = folder.parent().unwrap_or(Path::new("."));
        self.create_folder(parent)?;
        match std::fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => self.add(parent),
        }
        Ok(())
    }

    pub(super) fn into_paths(self) -> BTreeSet<PathBuf> {
        self.0
    }
}

/// Removes a folder and its content; a missing folder is no error.
pub(super) fn remove_folder(folder: &Path) -> io::Result<()> {
    unless_missing(std::fs::remove_dir_all(folder))
}

/// Removes a file; a missing file is no error.
pub(super) fn remove_file(file: &Path) -> io::Result<()> {
    unless_missing(std::fs::remove_file(file))
}

fn unless_missing(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The results in the order of the items.
pub(super) fn in_parallel<T: Send, R: Send>(items: Vec<T>, work: fn(T) -> R) -> Vec<R> {
    let threads = THREADS.min(items.len());
    if threads <= 1 {
        return items.into_iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let items: Vec<Mutex<Option<T>>> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    let worker = || {
        let mut results = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return results };
            let item = item.lock().unwrap_or_else(PoisonError::into_inner).take();
            results.extend(item.map(|item| (index, work(item))));
        }
    };
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let mut results = worker();
        for worker in workers {
            results.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    });
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        assert_eq!(in_parallel((0..1_000).collect(), |n: u64| n * 2), (0..1_000).map(|n| n * 2).collect::<Vec<_>>());
        assert!(in_parallel(Vec::new(), |n: u64| n).is_empty());
    }

    #[test]
    fn folders_are_made_with_their_parents() {
        let root = tempfile::tempdir().unwrap();
        let mut unsynced = Unsynced::default();
        unsynced.create_folder(&root.path().join("a/b/c")).unwrap();
        assert_eq!(unsynced.0.len(), 3);
    }
}

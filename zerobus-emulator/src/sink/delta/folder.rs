//! The data folder: used by one emulator at a time, and checked at the start.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use zerobus_codegen::TableName;

use crate::sink::StorageError;

/// The file that an emulator locks while it uses the folder.
const LOCK: &str = ".zerobus-emulator.lock";
/// The folder of the write-ahead logs; no catalog has this name.
const LOGS: &str = ".zerobus-emulator.acked";
/// The folder of the definitions that tables were altered to.
const DEFINITIONS: &str = ".zerobus-emulator.altered";
/// How long to wait for the lock: an emulator that was just stopped releases it a moment later.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// Attempts to lock a folder that is being removed.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);
/// Free space that a folder must have at the start.
const ROOM: usize = 1 << 20;

/// A folder that this emulator alone writes to.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    lock: Mutex<File>,
    /// Whether the file system tells a file from another one of its name by a number, as some network file systems
    /// do not.
    has_numbers: bool,
}

impl Folder {
    /// Locks the folder, and creates it if it is missing; waits briefly for another emulator to release it.
    pub(super) async fn open(root: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let lock = lock_file(&root)?;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        while take(&lock)?.is_none() {
            if Instant::now() >= deadline {
                return Err(in_use());
            }
            tokio::time::sleep(PAUSE).await;
        }
        probe(&root)?;
        let has_numbers = is_at(&lock, &root.join(LOCK))?;
        Ok(Self { root, lock: Mutex::new(lock), has_numbers })
    }

    /// Whether the folder is still the one that was locked.
    pub(super) fn is_held(&self) -> bool {
        self.owns(&self.lock.lock().unwrap_or_else(PoisonError::into_inner)).unwrap_or_default()
    }

    /// Makes sure that the folder is this emulator's. One that was removed, its lock with it, is created and locked
    /// anew, unless another emulator has done that first.
    pub(super) fn hold(&self) -> Result<(), StorageError> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let held = self.take_again(&mut lock);
        held.map_err(|error| StorageError::Folder { path: self.root.clone(), source: Arc::new(error) })
    }

    fn take_again(&self, lock: &mut File) -> io::Result<()> {
        for _ in 0..TRIES {
            if self.owns(lock)? {
                return Ok(());
            }
            *lock = lock_again(&self.root)?;
        }
        Err(io::Error::other("it is being removed"))
    }

    fn owns(&self, lock: &File) -> io::Result<bool> {
        let path = self.root.join(LOCK);
        if self.has_numbers { is_at(lock, &path) } else { path.try_exists() }
    }

    pub(super) fn table(&self, table: &TableName) -> PathBuf {
        self.root.join(table.catalog()).join(table.schema()).join(table.table())
    }

    /// The log of rows that are acked but not yet in their table.
    pub(super) fn log(&self, table: &TableName) -> PathBuf {
        let folder = self.root.join(LOGS).join(table.catalog()).join(table.schema());
        folder.join(format!("{}.ndjson", table.table()))
    }

    /// All such logs that are there.
    pub(super) fn logs(&self) -> Vec<PathBuf> {
        let entries = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten();
        let catalogs = entries(self.root.join(LOGS));
        let schemas = catalogs.flat_map(|catalog| entries(catalog.path()));
        let logs = schemas.flat_map(|schema| entries(schema.path())).map(|entry| entry.path());
        logs.filter(|log| log.extension().is_some_and(|extension| extension == "ndjson")).collect()
    }

    pub(super) fn definitions(&self) -> PathBuf {
        self.root.join(DEFINITIONS)
    }

    /// Releases the folder for another emulator.
    pub(super) fn release(&self) {
        // If unlocking fails, the lock ends with the process.
        let _ = self.lock.lock().unwrap_or_else(PoisonError::into_inner).unlock();
    }
}

fn lock_file(root: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(root.join(LOCK))
}

fn lock_again(root: &Path) -> io::Result<File> {
    std::fs::create_dir_all(root)?;
    let lock = lock_file(root)?;
    take(&lock)?.ok_or_else(in_use)?;
    tracing::warn!(folder = %root.display(), "the data folder was removed; it is created again");
    Ok(lock)
}

fn in_use() -> io::Error {
    let text = "another emulator uses it; stop that one, or name another folder";
    io::Error::new(io::ErrorKind::WouldBlock, text)
}

/// Whether an open file is the one at the path.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let found = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found?,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let own = file.metadata()?;
        Ok((own.dev(), own.ino()) == (found.dev(), found.ino()))
    }
    #[cfg(not(unix))]
    {
        // A file that is open cannot be replaced there.
        let _ = (file, found);
        Ok(true)
    }
}

/// None while another emulator holds the lock.
fn take(lock: &File) -> io::Result<Option<()>> {
    match lock.try_lock() {
        Ok(()) => Ok(Some(())),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => Ok(None),
    }
}

/// Whether files can be created here, and the disk has room for them.
fn probe(root: &Path) -> io::Result<()> {
    let path = root.join(format!(".zerobus-emulator.{}.probe", std::process::id()));
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&vec![0; ROOM])?;
        file.sync_all()
    });
    let removed = std::fs::remove_file(&path);
    written.and(removed)
}

//! What a table no longer needs: files that were merged, and the log before a checkpoint.
//!
//! A reader that has opened an older version still needs them, so they stay for a while.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::History;
use super::data_file::{DataFile, Place};
use super::log::{self, Checkpoint, LogFile};
use super::sidecars;

/// How long old versions are readable if they take no more room than the table.
const LONG: Duration = Duration::from_secs(60);
/// How long old versions are readable in any case.
const SHORT: Duration = Duration::from_secs(5);
/// The same for readers that are active while the emulator stops.
const AT_CLOSE: Duration = Duration::from_secs(1);
/// Old versions of this size in total are never removed early.
const FREE_BYTES: u64 = 4 << 20;

/// What is to be removed from one table's folder.
#[derive(Debug)]
pub(super) struct Cleanup {
    log: PathBuf,
    history: History,
    files: VecDeque<OldFile>,
    file_bytes: u64,
    /// The versions that have a checkpoint, and since when.
    checkpoints: VecDeque<(u64, Instant)>,
    log_bytes: u64,
    /// The version that the log was trimmed to.
    log_start: u64,
}

#[derive(Debug)]
struct OldFile {
    path: PathBuf,
    bytes: u64,
    since: Instant,
}

impl History {
    /// How long old versions are kept beside a table of this size.
    fn keep(self, old_bytes: u64, live_bytes: u64) -> Duration {
        match self {
            Self::Keep(time) => time,
            Self::Short if old_bytes > live_bytes.max(FREE_BYTES) => SHORT,
            Self::Short => LONG,
        }
    }

    /// The time that the table's own properties state: the shortest, after which files may be gone.
    pub(super) fn property(self) -> String {
        format!("interval {} seconds", self.keep(u64::MAX, 0).as_secs().max(1))
    }
}

impl Cleanup {
    /// For a table that was just opened: what an earlier run left is as old as its file.
    pub(super) fn open(table: &Path, history: History, live: &[DataFile]) -> io::Result<Self> {
        let log = log::folder(table);
        let mut cleanup = Self {
            log,
            history,
            files: VecDeque::new(),
            file_bytes: 0,
            checkpoints: VecDeque::new(),
            log_bytes: 0,
            log_start: 0,
        };
        let live = live.iter().map(|file| file_name(&file.path)).collect();
        cleanup.find_orphans(table, &live)?;
        cleanup.files.make_contiguous().sort_by_key(|file| file.since);
        let files = log::list(&cleanup.log)?;
        cleanup.log_bytes = files.iter().map(|file| file.metadata.len()).sum();
        // Without all of its files a checkpoint replaces no commits.
        let since = |checkpoint: &Checkpoint| {
            let own = files.iter().filter(|file| checkpoint.files.contains(&file.name));
            own.map(|file| age(&file.metadata)).max().unwrap_or_else(Instant::now)
        };
        cleanup.checkpoints = log::checkpoints(&files).iter().map(|found| (found.version, since(found))).collect();
        Ok(cleanup)
    }

    /// Files that no later version contains.
    pub(super) fn merged(&mut self, files: &[DataFile], paths: impl Iterator<Item = PathBuf>) {
        let since = Instant::now();
        for (file, path) in files.iter().zip(paths) {
            self.file_bytes += file.bytes;
            self.files.push_back(OldFile { path, bytes: file.bytes, since });
        }
    }

    /// Keeps files that a version contains again.
    pub(super) fn keep<'a>(&mut self, live: impl Iterator<Item = &'a str>) {
        let live: HashSet<&str> = live.map(file_name).collect();
        let name = |file: &OldFile| file.path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        self.files.retain(|file| !live.contains(name(file).as_str()));
        self.file_bytes = self.files.iter().map(|file| file.bytes).sum();
    }

    pub(super) fn checkpointed(&mut self, version: u64) {
        self.checkpoints.push_back((version, Instant::now()));
        let files = log::list(&self.log).unwrap_or_default();
        self.log_bytes = files.iter().map(|file| file.metadata.len()).sum();
    }

    /// Removes what no reader can still need; returns the time of the next removal.
    pub(super) fn run(&mut self, live_bytes: u64) -> Option<Instant> {
        let keep = self.history.keep(self.file_bytes + self.log_bytes, live_bytes);
        self.remove(keep);
        let file = self.files.front().map(|file| file.since);
        let log = self.checkpoints.get(1).map(|(_, since)| *since);
        let next = file.into_iter().chain(log).min()?;
        next.checked_add(self.history.keep(self.file_bytes + self.log_bytes, live_bytes))
    }

    /// The same, at the end of the emulator.
    pub(super) fn close(&mut self, live_bytes: u64) {
        match self.history {
            History::Keep(_) => drop(self.run(live_bytes)),
            History::Short => self.remove(AT_CLOSE),
        }
    }

    fn remove(&mut self, keep: Duration) {
        let Some(before) = Instant::now().checked_sub(keep) else { return };
        while self.files.front().is_some_and(|file| file.since <= before) {
            if let Some(file) = self.files.pop_front() {
                self.file_bytes = self.file_bytes.saturating_sub(file.bytes);
                remove_file(&file.path);
            }
        }
        while self.checkpoints.get(1).is_some_and(|(_, since)| *since <= before) {
            self.checkpoints.pop_front();
        }
        // If it is old enough, the first one is where the oldest readers begin.
        if let Some(&(version, since)) = self.checkpoints.front()
            && since <= before
            && version > self.log_start
        {
            self.trim_log(version);
        }
    }

    /// Removes the log before the checkpoint of this version.
    fn trim_log(&mut self, start: u64) {
        self.log_start = start;
        if let Err(error) = self.remove_log_before(start) {
            tracing::warn!(log = %self.log.display(), %error, "old versions stay in the log");
        }
    }

    fn remove_log_before(&mut self, start: u64) -> io::Result<()> {
        let mut sidecars = BTreeSet::new();
        for old in log::list(&self.log)?.into_iter().filter(|file| file.version < start) {
            let path = self.log.join(old.name);
            if matches!(old.file, LogFile::Checkpoint(_)) {
                // The sidecars of a checkpoint that cannot be read go when they are a day old.
                sidecars.extend(sidecars::named(&path).unwrap_or_default());
            }
            self.log_bytes = self.log_bytes.saturating_sub(old.metadata.len());
            remove_file(&path);
        }
        sidecars::clean_up(&self.log, &sidecars)
    }

    /// Data files in no version: the emulator was killed before their commit, or after the one that removed them.
    fn find_orphans(&mut self, folder: &Path, live: &HashSet<&str>) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if entry.file_type()?.is_dir() {
                // Folders of partitions; others belong to the log or to the service.
                if name.contains('=') {
                    self.find_orphans(&entry.path(), live)?;
                }
            } else if Place::of(name).is_some() && !live.contains(name) {
                let metadata = entry.metadata()?;
                self.file_bytes += metadata.len();
                let (path, bytes, since) = (entry.path(), metadata.len(), age(&metadata));
                self.files.push_back(OldFile { path, bytes, since });
            }
        }
        Ok(())
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The time of the last modification, as far as the clocks agree.
fn age(metadata: &Metadata) -> Instant {
    let now = Instant::now();
    let age = metadata.modified().ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    age.and_then(|age| now.checked_sub(age)).unwrap_or(now)
}

fn remove_file(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::debug!(path = %path.display(), %error, "an old file stays");
    }
}

//! One Delta table: created or opened, appended to in commits, kept small.

mod alter;
mod opening;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use delta_kernel::arrow::datatypes::Schema as ArrowSchema;
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::engine::arrow_conversion::TryIntoArrow as _;
use delta_kernel::transaction::{CommitResult, CommittedTransaction, Transaction, UpdateTableOperation};
use delta_kernel::{KernelError, KernelResult, SnapshotRef};
use zerobus_codegen::Table;

use super::batch::FileColumns;
use super::cleanup::Cleanup;
use super::create;
use super::data_file::{self, DataFile, Place, Plan, Written, local_path};
use super::disk::{self, Unsynced};
use super::files::Files;
use super::identity::Identity;
use super::kernel::{ENGINE_INFO, Kernel, failed};
use super::log::{self, Checkpoint, Start};
use super::merge::{self, Merge, Merged};
use super::partition::split;
use super::removal::{self, Backoff, is_missing, outlast};
use super::watermark::Txns;
use super::{History, read, schema, watermark};
use crate::error_chain::ErrorChain;
use crate::row::Row;
use crate::sink::{StorageError, StreamAction, StreamState};
use opening::{OpenError, check};

/// The fewest commits between two checkpoints: readers replay at most this many.
const CHECKPOINT_EVERY: u64 = 100;
/// The most commits between two checkpoints, which a table of many files has: each checkpoint lists all of them.
const CHECKPOINT_AT_MOST: u64 = 1_000;
/// Tries of a commit that somebody else's commit has overtaken, or whose table was removed.
const TRIES: u32 = 5;

/// A table that is open for appends.
pub(super) struct DeltaTable {
    kernel: Arc<Kernel>,
    path: PathBuf,
    table: Arc<Table>,
    history: History,
    snapshot: SnapshotRef,
    identity: Identity,
    start: Start,
    columns: FileColumns,
    files: Files,
    cleanup: Cleanup,
    /// Partitions that have new files since the last look for merges.
    grown: BTreeSet<Partition>,
    commits_since_checkpoint: u64,
    /// Whether another program has given the table a definition that this one cannot write by.
    redefined: bool,
    /// The table itself, until its first commit.
    unsynced: Unsynced,
}

type Partition = std::collections::BTreeMap<String, String>;

/// What one version changes.
#[derive(Default)]
struct Change {
    written: Vec<Written>,
    removed: Vec<DataFile>,
    /// How far the applications that write to the table are with this version.
    txns: Txns,
    unsynced: Unsynced,
}

/// Whether a version only adds files, which lets other writers of the table commit beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blind {
    No,
    Yes,
}

impl DeltaTable {
    /// Opens the table at the path, or creates it there.
    pub(super) fn open(
        kernel: &Arc<Kernel>,
        path: &Path,
        table: &Arc<Table>,
        history: History,
    ) -> Result<Self, StorageError> {
        outlast(path, || Self::open_once(kernel, path, table, history))
    }

    fn open_once(
        kernel: &Arc<Kernel>,
        path: &Path,
        table: &Arc<Table>,
        history: History,
    ) -> Result<Self, StorageError> {
        let (start, unsynced) = create::or_find(kernel, path, table, history)?;
        let opened = Self::open_existing(Arc::clone(kernel), path.to_owned(), Arc::clone(table), history, start);
        let mut opened = opened.map_err(|error| error.into_storage(path, table, "opened"))?;
        opened.unsynced = unsynced;
        if opened.snapshot.version() == 0 {
            // It may have been made just now, without a sync.
            opened.unsynced.add(opened.identity.commit_path(0));
            path.ancestors().take(4).for_each(|folder| opened.unsynced.add(folder));
            opened.unsynced.add(opened.identity.log());
        }
        Ok(opened)
    }

    fn open_existing(
        kernel: Arc<Kernel>,
        path: PathBuf,
        table: Arc<Table>,
        history: History,
        start: Start,
    ) -> Result<Self, OpenError> {
        let snapshot = read::snapshot(&kernel, &path)?;
        let expected = schema::schema(&table.row)?;
        check(&kernel, &table, &snapshot)?;
        let found = read::data_files(&kernel, &snapshot)?;
        let live: Vec<DataFile> = found.iter().map(|found| found.file().clone()).collect();
        let cleanup = Cleanup::open(&path, history, &live).map_err(KernelError::from)?;
        let names: Vec<&str> = super::batch::file_columns(&table).map(|(_, column)| column.name.as_str()).collect();
        let schema: ArrowSchema = (&expected.project_as_struct(&names)?).try_into_arrow()?;
        Ok(Self {
            identity: Identity::of(&path).map_err(KernelError::from)?,
            columns: FileColumns::new(&table, Arc::new(schema)),
            files: Files::new(found.into_iter().filter_map(read::Found::own).collect()),
            commits_since_checkpoint: snapshot.version().saturating_sub(start.version()),
            grown: BTreeSet::new(),
            redefined: false,
            unsynced: Unsynced::default(),
            kernel,
            path,
            table,
            history,
            snapshot,
            start,
            cleanup,
        })
    }

    /// Commits the rows and the streams that they came on as one version; they are on the disk when this returns.
    pub(super) fn append<'a>(
        &mut self,
        rows: &(impl Iterator<Item = &'a Row> + Clone),
        txns: &Txns,
    ) -> Result<(), StorageError> {
        let mut backoff = Backoff::new(&self.path);
        // A commit that is in the log, and whose files were removed before they were on the disk. It is not made a
        // second time.
        let mut in_log = None;
        loop {
            let tried = match in_log.take() {
                Some(error) if self.is_present() => Err((error, true)),
                _ => self.append_once(rows, txns),
            };
            let (error, is_in_log) = match tried {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            if !is_missing(&error) && self.is_present() {
                return Err(error);
            }
            if !backoff.wait() {
                return Err(removal::removed(&self.path, error));
            }
            in_log = is_in_log.then_some(error);
        }
    }

    /// The same while nobody removes the table. A failure says whether the log has the version all the same.
    fn append_once<'a>(
        &mut self,
        rows: &(impl Iterator<Item = &'a Row> + Clone),
        txns: &Txns,
    ) -> Result<(), (StorageError, bool)> {
        self.find_or_recreate().map_err(|error| (error, false))?;
        for _ in 0..TRIES {
            let before = self.snapshot.version();
            match self.try_append(rows.clone(), txns) {
                Ok(true) => return Ok(()),
                Ok(false) if self.is_present() => self.find_or_recreate().map_err(|error| (error, false))?,
                Ok(false) => {
                    let error = KernelError::FileNotFound(self.path.display().to_string());
                    return Err((failed(&self.path, "written", error), false));
                }
                Err(error) => return Err((failed(&self.path, "written", error), self.snapshot.version() > before)),
            }
        }
        let error = KernelError::generic(format!("{TRIES} commits were overtaken by another writer of the table"));
        Err((failed(&self.path, "written", error), false))
    }

    /// Does something with the table again if somebody removes it meanwhile.
    fn steadily<T>(&mut self, mut work: impl FnMut(&mut Self) -> Result<T, StorageError>) -> Result<T, StorageError> {
        let mut backoff = Backoff::new(&self.path);
        loop {
            match self.find_or_recreate().and_then(|()| work(self)) {
                Err(error) if is_missing(&error) || !self.is_present() => {
                    if !backoff.wait() {
                        return Err(removal::removed(&self.path, error));
                    }
                }
                done => return done,
            }
        }
    }

    /// Whether the table is the one that was opened.
    fn is_present(&self) -> bool {
        self.identity.holds(&self.start, self.snapshot.version())
    }

    /// Acts on a persistent stream; returns its state afterwards.
    pub(super) fn stream(&mut self, id: &str, action: StreamAction) -> Result<StreamState, StorageError> {
        let found = self.find_stream(id)?;
        let state = found.after(action);
        if state != found {
            self.append(&std::iter::empty(), &watermark::txn(id, state).into_iter().collect())?;
        }
        Ok(state)
    }

    /// How far an application is, by the log on the disk.
    pub(super) fn txn(&mut self, application: &str) -> Result<Option<i64>, StorageError> {
        self.steadily(|table| {
            let found = read::snapshot(&table.kernel, &table.path)
                .and_then(|snapshot| snapshot.get_app_id_version(application, table.kernel.engine().as_ref()));
            found.map_err(|error| failed(&table.path, "read", error))
        })
    }

    /// Returns once everything that is in the log is on disk, after a commit that failed there.
    pub(super) fn sync(&mut self) -> Result<(), StorageError> {
        let left = std::mem::take(&mut self.unsynced).existing();
        let synced = self.kernel.sync(left.clone()).inspect_err(|_| self.unsynced.extend(left));
        synced.map_err(|error| failed(&self.path, "written", error.into()))
    }

    pub(super) fn version(&self) -> u64 {
        self.snapshot.version()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    pub(super) const fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// What the log on the disk says of a persistent stream.
    pub(super) fn find_stream(&mut self, id: &str) -> Result<StreamState, StorageError> {
        self.steadily(|table| {
            let found = read::snapshot(&table.kernel, &table.path)
                .and_then(|snapshot| watermark::find(&table.kernel, &snapshot, id));
            found.map_err(|error| failed(&table.path, "read", error))
        })
    }

    /// Creates the table again if somebody has removed its folder: the usual way to reset a table between tests.
    fn find_or_recreate(&mut self) -> Result<(), StorageError> {
        if self.redefined {
            return self.reopen();
        }
        if self.is_present() {
            return Ok(());
        }
        let path = self.path.display();
        if log::start(&self.path).is_ok_and(|start| start.is_none()) {
            tracing::warn!(%path, "the table's folder was removed; the table is created again");
        } else {
            tracing::info!(%path, "another program has removed the beginning of the table's log; the table is opened again");
        }
        self.reopen()
    }

    /// Removes every row, and the log of what there was.
    pub(super) fn reset(&mut self) -> Result<(), StorageError> {
        outlast(&self.path, || {
            disk::remove_folder(&self.path).map_err(|error| failed(&self.path, "removed", error.into()))
        })?;
        self.reopen()
    }

    fn reopen(&mut self) -> Result<(), StorageError> {
        *self = Self::open(&self.kernel, &self.path, &self.table, self.history)?;
        Ok(())
    }

    /// Whether the rows are in the table, and the table is still there.
    fn try_append<'a>(&mut self, rows: impl Iterator<Item = &'a Row>, txns: &Txns) -> KernelResult<bool> {
        let mut unsynced = Unsynced::default();
        let written = self.write(rows, &mut unsynced)?;
        let change = Change { written, txns: txns.clone(), unsynced, ..Change::default() };
        let committed = self.commit(UpdateTableOperation::StreamingUpdate, change)?;
        Ok(committed && self.is_present())
    }

    fn write<'a>(&self, rows: impl Iterator<Item = &'a Row>, unsynced: &mut Unsynced) -> KernelResult<Vec<Written>> {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return Ok(Vec::new());
        }
        let state = self.transaction(UpdateTableOperation::StreamingUpdate, Blind::Yes)?.write_state()?;
        let version = self.snapshot.version() + 1;
        let partitions = split(&self.table, rows)?;
        let plans = partitions.iter().enumerate().map(|(number, partition)| {
            let mut context = state.write_context_builder();
            if !partition.values.is_empty() {
                context = context.with_partition_values(partition.values.clone());
            }
            let batches = self.columns.batches(&partition.rows);
            let schema = Arc::clone(self.columns.schema());
            Ok(Plan { context: context.build()?, place: Place { version, number }, schema, batches })
        });
        data_file::write_all(plans.collect::<KernelResult<Vec<_>>>()?, unsynced)
    }

    fn transaction(&self, operation: UpdateTableOperation, blind: Blind) -> KernelResult<Transaction> {
        let is_append = operation == UpdateTableOperation::StreamingUpdate;
        let mut builder = Arc::clone(&self.snapshot).update_table(operation, ENGINE_INFO, is_append);
        if blind == Blind::Yes {
            builder = builder.with_blind_append();
        }
        builder.build(self.kernel.engine().as_ref(), Box::new(FileSystemCommitter::new()))
    }

    /// Whether the change is the table's next version, and on the disk; if it is not, somebody else's is.
    ///
    /// A version is in the log a moment before it is on the disk. If the machine fails in that moment, its entry may be
    /// torn; nothing of it was acked, and the next opening removes it.
    fn commit(&mut self, operation: UpdateTableOperation, change: Change) -> KernelResult<bool> {
        let engine = Arc::clone(self.kernel.engine());
        let blind = if change.removed.is_empty() && !change.written.is_empty() { Blind::Yes } else { Blind::No };
        let mut transaction = self.transaction(operation, blind)?;
        for (application, version) in change.txns {
            transaction = transaction.with_transaction_id(application, version);
        }
        if !change.removed.is_empty() {
            transaction.remove_files(merge::scan_rows(engine.as_ref(), &self.table, &change.removed)?);
        }
        let (mut files, mut left) = (Vec::new(), Vec::new());
        for Written { file, add, local } in change.written {
            transaction.add_files(add);
            files.push(file);
            left.push(local);
        }
        match transaction.commit(engine.as_ref()) {
            Ok(CommitResult::Committed(committed)) => {
                self.committed(&committed, &change.removed, files)?;
                let mut unsynced = change.unsynced;
                unsynced.extend(std::mem::take(&mut self.unsynced).existing());
                unsynced.add(self.identity.commit_path(self.snapshot.version()));
                unsynced.add(self.identity.log());
                self.kernel.sync(unsynced.clone()).inspect_err(|_| self.unsynced.extend(unsynced))?;
                Ok(true)
            }
            Ok(CommitResult::Conflicted(_)) => {
                data_file::discard(&left);
                self.overtaken()?;
                Ok(false)
            }
            Ok(CommitResult::Retryable(retryable)) => {
                data_file::discard(&left);
                Err(retryable.error)
            }
            Err(error) => {
                // The log names the files if the error came on the way back.
                if !self.identity.holds(&self.start, self.snapshot.version() + 1) {
                    data_file::discard(&left);
                }
                Err(error)
            }
        }
    }

    fn committed(
        &mut self,
        committed: &CommittedTransaction,
        removed: &[DataFile],
        files: Vec<DataFile>,
    ) -> KernelResult<()> {
        self.commits_since_checkpoint = committed.post_commit_stats().commits_since_checkpoint;
        self.snapshot = match committed.post_commit_snapshot() {
            Some(snapshot) => Arc::clone(snapshot),
            None => read::snapshot(&self.kernel, &self.path)?,
        };
        if let Some(first) = removed.first() {
            self.files.remove(removed, &first.partition);
        }
        for file in files {
            self.grown.insert(file.partition.clone());
            self.files.add(file);
        }
        Ok(())
    }

    /// Another program has written to the table, or removed it.
    fn overtaken(&mut self) -> KernelResult<()> {
        if !self.is_present() {
            return Ok(());
        }
        self.snapshot = read::snapshot(&self.kernel, &self.path)?;
        self.redefined = check(&self.kernel, &self.table, &self.snapshot).is_err();
        let found = read::data_files(&self.kernel, &self.snapshot)?;
        // It may have restored a version that has files which were merged meanwhile.
        self.cleanup.keep(found.iter().map(|found| found.file().path.as_str()));
        self.files = Files::new(found.into_iter().filter_map(read::Found::own).collect());
        Ok(())
    }

    /// Looks at what another program has committed since.
    fn catch_up(&mut self) -> KernelResult<()> {
        if self.identity.commit_path(self.snapshot.version() + 1).is_file() { self.overtaken() } else { Ok(()) }
    }

    /// Keeps the log short: a checkpoint when one is due. The table is whole without it, so a failure is only logged.
    pub(super) fn checkpoint_if_due(&mut self) {
        let due = CHECKPOINT_EVERY.max(self.files.count() as u64).min(CHECKPOINT_AT_MOST);
        // After a failure the next try is as far away as after a success.
        if self.commits_since_checkpoint == 0 || !self.commits_since_checkpoint.is_multiple_of(due) {
            return;
        }
        match self.snapshot.checkpoint(self.kernel.engine().as_ref(), None) {
            Ok((_, snapshot)) => {
                let version = snapshot.version();
                self.snapshot = snapshot;
                let mut unsynced = Unsynced::default();
                unsynced.add(self.identity.checkpoint_path(version));
                unsynced.add(self.identity.log());
                match self.kernel.sync(unsynced) {
                    Ok(()) => {
                        self.start = Start::Checkpoint(Checkpoint::own(version));
                        self.cleanup.checkpointed(version);
                    }
                    Err(error) => self.no_checkpoint(&error),
                }
            }
            Err(error) => self.no_checkpoint(&error),
        }
    }

    fn no_checkpoint(&self, error: &dyn std::error::Error) {
        tracing::warn!(path = %self.path.display(), error = %ErrorChain(error), "no checkpoint was written");
    }

    /// A merge that is worth its work, if there is one.
    pub(super) fn next_merge(&mut self) -> Option<Merge> {
        while let Some(partition) = self.grown.pop_first() {
            let Some(files) = self.files.to_merge(&partition).map(<[_]>::to_vec) else { continue };
            match self.merge(files) {
                Ok(merge) => return Some(merge),
                Err(error) => self.not_merged(&error),
            }
        }
        None
    }

    /// Another look at the partition of a merge that has to wait.
    pub(super) fn postpone(&mut self, merge: &Merge) {
        self.grown.extend(merge.files.first().map(|file| file.partition.clone()));
    }

    fn merge(&self, files: Vec<DataFile>) -> KernelResult<Merge> {
        let state = self.transaction(UpdateTableOperation::Optimize, Blind::No)?.write_state()?;
        let mut context = state.write_context_builder();
        let values = files.first().map(|file| merge::partition_values(&self.table, file)).transpose()?;
        if let Some(values) = values.filter(|values| !values.is_empty()) {
            context = context.with_partition_values(values);
        }
        Ok(Merge { files, context: context.build()?, schema: Arc::clone(self.columns.schema()) })
    }

    /// Commits a merge; the rows stay what they are, so a failure is only logged.
    pub(super) fn finish_merge(&mut self, merged: KernelResult<Merged>) {
        if let Err(error) = merged.and_then(|merged| self.commit_merge(merged)) {
            self.not_merged(&error);
        }
    }

    fn commit_merge(&mut self, merged: Merged) -> KernelResult<()> {
        let Merged { files, written, unsynced } = merged;
        let present = self.is_present();
        let file = written.file.clone();
        if !present || !self.files.has(&files, &file.partition) {
            data_file::discard(&[written.local]);
            return Ok(());
        }
        let removed = files.clone();
        let change = Change { written: vec![written], removed, unsynced, ..Change::default() };
        if self.commit(UpdateTableOperation::Optimize, change)? {
            let root = self.snapshot.table_root().clone();
            let paths = files.iter().filter_map(|file| local_path(&root.join(&file.path).ok()?).ok());
            let paths: Vec<PathBuf> = paths.collect();
            self.cleanup.merged(&files, paths.into_iter());
        }
        Ok(())
    }

    /// A table that was removed has nothing to merge, so that is no failure.
    fn not_merged(&self, error: &KernelError) {
        if !self.is_present() {
            return;
        }
        tracing::warn!(path = %self.path.display(), error = %ErrorChain(error), "small files were not merged");
    }

    /// Removes what no reader can still need; returns when there is more to remove.
    pub(super) fn clean_up(&mut self) -> Option<Instant> {
        if self.may_clean_up() { self.cleanup.run(self.files.bytes()) } else { None }
    }

    /// The same, at the end of the emulator.
    pub(super) fn close(&mut self) {
        if self.may_clean_up() {
            self.cleanup.close(self.files.bytes());
        }
    }

    /// Whether it is known which files are live: another program may have brought some back.
    fn may_clean_up(&mut self) -> bool {
        let caught_up = self.catch_up();
        if let Err(error) = &caught_up {
            tracing::warn!(path = %self.path.display(), error = %ErrorChain(error), "old files stay");
        }
        caught_up.is_ok()
    }
}

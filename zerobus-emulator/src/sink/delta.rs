//! Rows committed to Delta tables on disk, one folder a table: `<root>/<catalog>/<schema>/<table>`.
//!
//! | file | what it owns |
//! |---|---|
//! | `folder` | the data folder, and its lock |
//! | `kernel` | the engine of `delta_kernel` and the threads that it works on |
//! | `schema` | a table as a Delta schema |
//! | `columns`, `cells` | rows to Arrow columns, and back |
//! | `batch` | rows to Arrow batches |
//! | `variant` | JSON to VARIANT's binary form, and back |
//! | `partition` | rows by the values of their partition columns |
//! | `data_file` | Parquet files |
//! | `disk` | syncing files and folders |
//! | `create` | creating a table |
//! | `table` | one Delta table: opened, appended to, kept small |
//! | `log` | the files of a table's log, and where a reader begins |
//! | `damage` | what keeps a log from being read |
//! | `sidecars` | the further files of a checkpoint |
//! | `identity` | whether a table's folder is still the one that was opened |
//! | `removal` | retrying while a table is being removed |
//! | `files`, `merge` | which files to merge, and how |
//! | `cleanup` | removing old versions |
//! | `read` | reading a table back |
//! | `budget` | the memory that rows may take before their commit |
//! | `gather` | which requests go into one commit |
//! | `alter` (in `table`) | changing a table's definition |
//! | `staged` | a temporary table whose files are moved into another |
//! | `health` | what keeps a table from taking rows |
//! | `rejects` | acked rows that no longer fit their table |
//! | `commit` | committing a group of requests |
//! | `watermark` | offsets of persistent streams in the table's log |
//! | `wal` | rows that are acked before they are in their table |
//! | `queue` | the requests and commands before a table |
//! | `writer` | the task that owns a table |

mod batch;
mod budget;
mod cells;
mod cleanup;
mod columns;
mod commit;
mod create;
mod damage;
mod data_file;
mod disk;
mod files;
mod folder;
mod gather;
mod health;
mod identity;
mod kernel;
mod log;
mod merge;
mod partition;
mod queue;
mod read;
mod rejects;
mod removal;
mod schema;
mod sidecars;
mod staged;
mod table;
mod variant;
mod wal;
mod watermark;
mod writer;

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};
use zerobus_codegen::{Table, TableName};

use super::{FileHolding, Holding, StorageError, TableHealth};
use crate::error_chain::ErrorChain;
use crate::row::Row;
use budget::Budget;
use commit::Open;
use folder::Folder;
use gather::Gather;
use health::Health;
use kernel::Kernel;
use removal::outlast;
use table::DeltaTable;
use wal::Wal;
use writer::Writer;

pub(crate) use queue::Queue;

/// All Delta tables below one folder.
#[derive(Debug)]
pub(crate) struct Delta {
    folder: Arc<Folder>,
    options: Options,
    kernel: Arc<Kernel>,
    memory: Arc<Semaphore>,
    merges: Arc<Semaphore>,
    tables: std::sync::Mutex<HashMap<String, Arc<Slot>>>,
}

/// One table's place in the sink.
#[derive(Debug, Default)]
struct Slot {
    /// A table has one writer, since two would conflict in every commit. Each has a lock of its own, so that tables
    /// open side by side.
    writer: Mutex<Option<Writer>>,
    health: Arc<Health>,
}

/// How tables are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) history: History,
    /// The longest that a commit waits for rows of other requests.
    pub(crate) linger: Duration,
    /// The memory that rows of all tables may take before they are committed.
    pub(crate) memory: usize,
    pub(crate) acks: Acks,
}

/// When rows are acked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Acks {
    /// Once they are in their table.
    AfterCommit,
    /// Once they are in a log, which is brought into the table later.
    BeforeCommit {
        /// How long requests are gathered before they are acked.
        gather: Duration,
        /// How long rows stay in the log.
        interval: Duration,
    },
}

/// How long old versions of a table stay readable.
#[derive(Debug, Clone, Copy)]
pub(crate) enum History {
    Keep(Duration),
    /// As long as active readers may need them.
    Short,
}

impl Delta {
    pub(crate) async fn new(root: &Path, options: Options) -> std::io::Result<Self> {
        Ok(Self {
            folder: Arc::new(Folder::open(root).await?),
            options,
            kernel: Arc::new(Kernel::new()?),
            memory: budget::all(options.memory),
            merges: Arc::new(Semaphore::new(1)),
            tables: std::sync::Mutex::default(),
        })
    }

    pub(super) fn path(&self, table: &TableName) -> PathBuf {
        self.folder.table(table)
    }

    pub(super) async fn open(&self, table: &Arc<Table>) -> Result<Queue, StorageError> {
        let slot = self.slot(&table.name);
        let mut writer = slot.writer.lock().await;
        if let Some(queue) = writer.as_ref().and_then(Writer::queue) {
            return Ok(queue);
        }
        self.start(&mut writer, Arc::clone(table), &slot.health).await
    }

    /// The acked rows in the log of a table; none if it cannot be read.
    fn logged(&self, table: &TableName) -> Option<u64> {
        let log = self.folder.log(table);
        wal::count(&log)
            .inspect_err(|error| tracing::warn!(log = %log.display(), %error, "the log of acked rows cannot be read"))
            .ok()
    }

    /// Starts the writer of a table.
    async fn start(
        &self,
        writer: &mut Option<Writer>,
        table: Arc<Table>,
        health: &Arc<Health>,
    ) -> Result<Queue, StorageError> {
        let name = table.name.clone();
        let started = self.try_start(writer, table, health).await;
        match &started {
            Ok(_) => health.works(),
            Err(error) => {
                health.fails(error);
                health.logged(self.logged(&name));
            }
        }
        started
    }

    async fn try_start(
        &self,
        writer: &mut Option<Writer>,
        table: Arc<Table>,
        health: &Arc<Health>,
    ) -> Result<Queue, StorageError> {
        let opening = Opening {
            kernel: Arc::clone(&self.kernel),
            path: self.path(&table.name),
            log: self.folder.log(&table.name),
            table,
            options: self.options,
            folder: Arc::clone(&self.folder),
            health: Arc::clone(health),
        };
        let open = self.kernel.run(move || opening.open()).await??;
        let gather = match self.options.acks {
            Acks::AfterCommit => Gather::new(self.options.linger),
            Acks::BeforeCommit { gather, .. } => Gather::always(gather),
        };
        let budget = Budget::of_table(&self.memory, self.options.memory);
        let started = Writer::start(&self.kernel, open, gather, budget, Arc::clone(&self.merges));
        let queue = started.queue().ok_or(StorageError::Stopping)?;
        *writer = Some(started);
        Ok(queue)
    }

    /// Replaces a table's definition, after everything that streams have sent before.
    pub(super) async fn alter(&self, to: &Arc<Table>) -> Result<(), StorageError> {
        let queue = {
            let slot = self.slot(&to.name);
            let mut writer = slot.writer.lock().await;
            if let Some(queue) = writer.as_ref().and_then(Writer::queue) {
                queue
            } else {
                // From here on the table has a writer, so whoever still has the old definition does not create it by
                // that.
                let stored = self.stored(&to.name).await?;
                self.start(&mut writer, stored.unwrap_or_else(|| Arc::clone(to)), &slot.health).await?
            }
        };
        queue.alter(to).await
    }

    /// The table as it is on the disk.
    pub(super) async fn stored(&self, name: &TableName) -> Result<Option<Arc<Table>>, StorageError> {
        let (kernel, path, name) = (Arc::clone(&self.kernel), self.path(name), name.clone());
        let stored = move || {
            outlast(&path, || {
                if !exists(&path)? {
                    return Ok(None);
                }
                let stored =
                    read::snapshot(&kernel, &path).and_then(|snapshot| schema::of_snapshot(&kernel, &name, &snapshot));
                stored.map(|table| Some(Arc::new(table))).map_err(|error| kernel::failed(&path, "read", error))
            })
        };
        self.kernel.run(stored).await?
    }

    pub(super) fn definitions(&self) -> PathBuf {
        self.folder.definitions()
    }

    pub(super) fn rejected(&self, table: &TableName) -> u64 {
        rejects::count(&self.path(table))
    }

    /// Whether there are acked rows that may not be in the table.
    pub(super) fn has_log(&self, table: &Table) -> bool {
        // What cannot be looked at is found when the table is opened.
        match std::fs::metadata(self.folder.log(&table.name)) {
            Ok(file) => !file.is_file() || file.len() > 0,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Brings into the table what an emulator that was killed had acked and not committed.
    pub(super) async fn recover(&self, table: &Arc<Table>) {
        let Err(error) = self.open(table).await else { return };
        let (log, rows) = (self.folder.log(&table.name), self.health(&table.name).logged_rows);
        tracing::error!(
            table = %table.name, log = %log.display(), rows, error = %ErrorChain(&error),
            "the table takes no rows; its acked rows stay in the log, and go into the table once it can be written to"
        );
    }

    /// Warns of acked rows of tables that this emulator does not have.
    pub(super) fn warn_of_strays(&self, tables: &[Arc<Table>]) {
        let known: HashSet<PathBuf> = tables.iter().map(|table| self.folder.log(&table.name)).collect();
        for log in self.folder.logs().into_iter().filter(|log| !known.contains(log)) {
            let rows = wal::count(&log).ok();
            if rows != Some(0) {
                tracing::warn!(
                    log = %log.display(), rows,
                    "acked rows of a table that takes no rows here stay in the log; start with the table's definition to store them"
                );
            }
        }
    }

    pub(super) fn health(&self, table: &TableName) -> TableHealth {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.get(&table.to_string()).map(|slot| slot.health.get()).unwrap_or_default()
    }

    pub(super) async fn rows(&self, table: &Arc<Table>) -> Result<Vec<Row>, StorageError> {
        self.page(table, 0, usize::MAX).await
    }

    pub(super) async fn page(&self, table: &Arc<Table>, skip: u64, limit: usize) -> Result<Vec<Row>, StorageError> {
        let (kernel, path, table) = (Arc::clone(&self.kernel), self.path(&table.name), Arc::clone(table));
        self.kernel.run(move || outlast(&path, || rows(&kernel, &path, &table, skip, limit))).await?
    }

    pub(super) async fn holding(&self, table: &Arc<Table>) -> Result<Holding, StorageError> {
        let (kernel, path) = (Arc::clone(&self.kernel), self.path(&table.name));
        self.kernel.run(move || outlast(&path, || holding(&kernel, &path))).await?
    }

    pub(super) async fn reset(&self, table: &Arc<Table>) -> Result<(), StorageError> {
        let slot = self.slot(&table.name);
        let mut writer = slot.writer.lock().await;
        if let Some(queue) = writer.as_ref().and_then(Writer::queue) {
            return queue.reset().await;
        }
        *writer = None;
        let (kernel, path, log) = (Arc::clone(&self.kernel), self.path(&table.name), self.folder.log(&table.name));
        let (table, history) = (Arc::clone(table), self.options.history);
        let folder = Arc::clone(&self.folder);
        let removed = move || {
            folder.hold()?;
            outlast(&path, || {
                let removed = disk::remove_folder(&path).and_then(|()| disk::remove_file(&log));
                removed.map_err(|error| kernel::failed(&path, "removed", error.into()))?;
                create::or_find(&kernel, &path, &table, history).map(drop)
            })
        };
        self.kernel.run(removed).await??;
        slot.health.works();
        slot.health.logged(Some(0));
        Ok(())
    }

    pub(super) async fn prepare(&self, table: &Arc<Table>) -> Result<(), StorageError> {
        let slot = self.slot(&table.name);
        let writer = slot.writer.lock().await;
        if writer.is_some() {
            return Ok(());
        }
        let (kernel, path) = (Arc::clone(&self.kernel), self.path(&table.name));
        let (table, history) = (Arc::clone(table), self.options.history);
        // The first commit syncs it.
        let folder = Arc::clone(&self.folder);
        let made = move || {
            folder.hold()?;
            outlast(&path, || create::or_find(&kernel, &path, &table, history).map(drop))
        };
        self.kernel.run(made).await?.inspect_err(|error| slot.health.fails(error))
    }

    fn slot(&self, table: &TableName) -> Arc<Slot> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tables.entry(table.to_string()).or_default())
    }

    pub(super) async fn close(&self) {
        let slots: Vec<_> = {
            let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
            tables.values().cloned().collect()
        };
        let mut closing = Vec::new();
        for slot in &slots {
            closing.extend(slot.writer.lock().await.as_mut().and_then(Writer::end));
        }
        // All of them finish side by side: one whose disk fails holds up no other.
        for task in closing {
            // An aborted task has nothing left to wait for.
            let _ = task.await;
        }
        self.folder.release();
    }
}

/// A table that is to be opened, where it may block.
struct Opening {
    kernel: Arc<Kernel>,
    path: PathBuf,
    log: PathBuf,
    table: Arc<Table>,
    options: Options,
    folder: Arc<Folder>,
    health: Arc<Health>,
}

impl Opening {
    fn open(self) -> Result<Open, StorageError> {
        self.folder.hold()?;
        let cleaned = outlast(&self.path, || {
            staged::clean_up(&self.path).map_err(|error| kernel::failed(&self.path, "opened", error.into()))
        });
        cleaned?;
        let mut table = DeltaTable::open(&self.kernel, &self.path, &self.table, self.options.history)?;
        // Everything in the log was acked, and comes first.
        let log = match self.options.acks {
            Acks::BeforeCommit { interval, .. } => Some(Wal::open(&self.log, interval, &mut table, self.health)?),
            Acks::AfterCommit => {
                // A log that cannot be looked at is opened for its error.
                if self.log.try_exists().unwrap_or(true) {
                    Wal::open(&self.log, Duration::ZERO, &mut table, self.health)?;
                }
                None
            }
        };
        Ok(Open { table, log, folder: self.folder })
    }
}

/// Whether there is a table.
fn exists(path: &Path) -> Result<bool, StorageError> {
    let start = read::start(path).map_err(|error| kernel::failed(path, "read", error))?;
    Ok(start.is_some())
}

fn holding(kernel: &Kernel, path: &Path) -> Result<Holding, StorageError> {
    if !exists(path)? {
        return Ok(Holding { rows: 0, files: None });
    }
    let read = read::snapshot(kernel, path).and_then(|snapshot| {
        let files = read::data_files(kernel, &snapshot)?;
        Ok((snapshot.version(), files))
    });
    let (version, files) = read.map_err(|error| kernel::failed(path, "read", error))?;
    let files = files.iter().map(read::Found::file);
    let bytes = files.clone().map(|file| file.bytes).sum();
    Ok(Holding {
        rows: files.clone().map(|file| file.rows).sum(),
        files: Some(FileHolding { version, count: files.count() as u64, bytes, rejected: rejects::count(path) }),
    })
}

fn rows(kernel: &Kernel, path: &Path, table: &Table, skip: u64, limit: usize) -> Result<Vec<Row>, StorageError> {
    if limit == 0 || !exists(path)? {
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    let read = read::snapshot(kernel, path).and_then(|snapshot| {
        read::rows(kernel, &snapshot, table, skip, &mut |row| {
            rows.push(row);
            if rows.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
    });
    read.map_err(|error| kernel::failed(path, "read", error))?;
    Ok(rows)
}

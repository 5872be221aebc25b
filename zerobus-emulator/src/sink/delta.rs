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
//! | `identity` | whether a table's folder is still the one that was opened |
//! | `removal` | retrying while a table is being removed |
//! | `files`, `merge` | which files to merge, and how |
//! | `cleanup` | removing old versions |
//! | `read` | reading a table back |
//! | `budget` | the memory that rows may take before their commit |
//! | `gather` | which requests go into one commit |
//! | `alter` (in `table`) | changing a table's definition |
//! | `staged` | a temporary table whose files are moved into another |
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
mod data_file;
mod disk;
mod files;
mod folder;
mod gather;
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
mod staged;
mod table;
mod variant;
mod wal;
mod watermark;
mod writer;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};
use zerobus_codegen::{Table, TableName};

use super::{FileHolding, Holding, StorageError};
use crate::row::Row;
use budget::Budget;
use commit::Open;
use folder::Folder;
use gather::Gather;
use kernel::Kernel;
use removal::outlast;
use table::DeltaTable;
use wal::Wal;
use writer::Writer;

pub(crate) use queue::Queue;

/// All Delta tables below one folder.
#[derive(Debug)]
pub(crate) struct Delta {
    folder: Folder,
    options: Options,
    kernel: Arc<Kernel>,
    memory: Arc<Semaphore>,
    merges: Arc<Semaphore>,
    /// A table has one writer, since two would conflict in every commit. Each has a lock of its own, so that tables
    /// open side by side.
    writers: std::sync::Mutex<HashMap<String, Arc<Mutex<Option<Writer>>>>>,
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
            folder: Folder::open(root).await?,
            options,
            kernel: Arc::new(Kernel::new()?),
            memory: budget::all(options.memory),
            merges: Arc::new(Semaphore::new(1)),
            writers: std::sync::Mutex::default(),
        })
    }

    pub(super) fn path(&self, table: &TableName) -> PathBuf {
        self.folder.table(table)
    }

    pub(super) async fn open(&self, table: &Arc<Table>) -> Result<Queue, StorageError> {
        let writer = self.writer(table);
        let mut writer = writer.lock().await;
        if let Some(queue) = writer.as_ref().and_then(Writer::queue) {
            return Ok(queue);
        }
        self.start(&mut writer, Arc::clone(table)).await
    }

    /// Starts the writer of a table.
    async fn start(&self, writer: &mut Option<Writer>, table: Arc<Table>) -> Result<Queue, StorageError> {
        let opening = Opening {
            kernel: Arc::clone(&self.kernel),
            path: self.path(&table.name),
            log: self.folder.log(&table.name),
            table,
            options: self.options,
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
            let writer = self.writer(to);
            let mut writer = writer.lock().await;
            if let Some(queue) = writer.as_ref().and_then(Writer::queue) {
                queue
            } else {
                // From here on the table has a writer, so whoever still has the old definition does not create it by
                // that.
                let stored = self.stored(&to.name).await?;
                self.start(&mut writer, stored.unwrap_or_else(|| Arc::clone(to))).await?
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

    /// Brings into the table what an emulator that was killed had acked and not committed.
    pub(super) async fn recover(&self, table: &Arc<Table>) -> Result<(), StorageError> {
        let log = self.folder.log(&table.name);
        if std::fs::metadata(log).is_ok_and(|file| file.len() > 0) { self.open(table).await.map(drop) } else { Ok(()) }
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
        let writer = self.writer(table);
        let mut writer = writer.lock().await;
        if let Some(queue) = writer.as_ref().and_then(Writer::queue) {
            return queue.reset().await;
        }
        *writer = None;
        let (kernel, path, log) = (Arc::clone(&self.kernel), self.path(&table.name), self.folder.log(&table.name));
        let (table, history) = (Arc::clone(table), self.options.history);
        let removed = move || {
            outlast(&path, || {
                let removed = disk::remove_folder(&path).and_then(|()| disk::remove_file(&log));
                removed.map_err(|error| kernel::failed(&path, "removed", error.into()))?;
                create::or_find(&kernel, &path, &table, history).map(drop)
            })
        };
        self.kernel.run(removed).await?
    }

    pub(super) async fn prepare(&self, table: &Arc<Table>) -> Result<(), StorageError> {
        let writer = self.writer(table);
        let writer = writer.lock().await;
        if writer.is_some() {
            return Ok(());
        }
        let (kernel, path) = (Arc::clone(&self.kernel), self.path(&table.name));
        let (table, history) = (Arc::clone(table), self.options.history);
        // The first commit syncs it.
        let made = move || outlast(&path, || create::or_find(&kernel, &path, &table, history).map(drop));
        self.kernel.run(made).await?
    }

    fn writer(&self, table: &Table) -> Arc<Mutex<Option<Writer>>> {
        let mut writers = self.writers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(writers.entry(table.name.to_string()).or_default())
    }

    pub(super) async fn close(&self) {
        let writers: Vec<_> = {
            let writers = self.writers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            writers.values().cloned().collect()
        };
        for writer in writers {
            if let Some(writer) = &mut *writer.lock().await {
                writer.close().await;
            }
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
}

impl Opening {
    fn open(self) -> Result<Open, StorageError> {
        let cleaned = outlast(&self.path, || {
            staged::clean_up(&self.path).map_err(|error| kernel::failed(&self.path, "opened", error.into()))
        });
        cleaned?;
        let mut table = DeltaTable::open(&self.kernel, &self.path, &self.table, self.options.history)?;
        // Everything in the log was acked, and comes first.
        let log = match self.options.acks {
            Acks::BeforeCommit { interval, .. } => Some(Wal::open(&self.log, interval, &mut table)?),
            Acks::AfterCommit => {
                if self.log.is_file() {
                    Wal::open(&self.log, Duration::ZERO, &mut table)?;
                }
                None
            }
        };
        Ok(Open { table, log })
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

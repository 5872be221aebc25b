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
//! | `disk` | files and folders brought to the disk |
//! | `create` | a table made where there is none |
//! | `table` | one Delta table: opened, appended to, kept small |
//! | `identity` | whether a table's folder is still the one that was opened |
//! | `files`, `merge` | which files to merge, and how |
//! | `cleanup` | old versions, removed after a while |
//! | `read` | a table read back |
//! | `budget` | the memory that rows may take before their commit |
//! | `gather` | which requests go into one commit |
//! | `commit` | a group of requests brought into the table |
//! | `watermark` | persistent streams in the log of the table |
//! | `writer` | the queue before a table |

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
mod merge;
mod partition;
mod read;
mod schema;
mod table;
mod variant;
mod watermark;
mod writer;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};
use zerobus_codegen::{Table, TableName};

use super::StorageError;
use crate::row::Row;
use budget::Budget;
use folder::Folder;
use kernel::Kernel;
use table::DeltaTable;
use writer::Writer;

pub(crate) use writer::Queue;

/// All Delta tables below one folder.
#[derive(Debug)]
pub(crate) struct Delta {
    folder: Folder,
    options: Options,
    kernel: Arc<Kernel>,
    memory: Arc<Semaphore>,
    merges: Arc<Semaphore>,
    /// A table has one writer, since two would conflict in every commit. Each has a lock of its own, so that tables open side
    /// by side.
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
}

/// How long old versions of a table stay readable.
#[derive(Debug, Clone, Copy)]
pub(crate) enum History {
    Keep(Duration),
    /// As long as readers that are at work may need them.
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
        let writer = {
            let mut writers = self.writers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(writers.entry(table.name.to_string()).or_default())
        };
        let mut writer = writer.lock().await;
        if let Some(queue) = writer.as_ref().and_then(Writer::queue) {
            return Ok(queue);
        }
        let (kernel, path, opened) = (Arc::clone(&self.kernel), self.path(&table.name), Arc::clone(table));
        let history = self.options.history;
        let delta_table = self.kernel.run(move || DeltaTable::open(kernel, &path, opened, history)).await??;
        let budget = Budget::of_table(&self.memory, self.options.memory);
        let merges = Arc::clone(&self.merges);
        let started = Writer::start(&self.kernel, delta_table, self.options.linger, budget, merges);
        let queue = started.queue().ok_or(StorageError::Stopping)?;
        *writer = Some(started);
        Ok(queue)
    }

    pub(super) async fn rows(&self, table: &Arc<Table>) -> Result<Vec<Row>, StorageError> {
        let (kernel, path, table) = (Arc::clone(&self.kernel), self.path(&table.name), Arc::clone(table));
        self.kernel.run(move || rows(&kernel, &path, &table)).await?
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

fn rows(kernel: &Kernel, path: &Path, table: &Table) -> Result<Vec<Row>, StorageError> {
    if read::start(path).is_none() {
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    let read = read::snapshot(kernel, path).and_then(|snapshot| {
        read::rows(kernel, &snapshot, table, 0, &mut |row| {
            rows.push(row);
            ControlFlow::Continue(())
        })
    });
    read.map_err(|error| table::failed(path, "read", error))?;
    Ok(rows)
}

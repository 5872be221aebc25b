//! Rows committed to Delta tables on disk, one folder a table: `<root>/<catalog>/<schema>/<table>`.
//!
//! | file | what it owns |
//! |---|---|
//! | `kernel` | the engine of `delta_kernel` and the runtime that it works on |
//! | `schema` | a table as a Delta schema |
//! | `columns`, `cells` | rows to Arrow columns, and back |
//! | `variant` | JSON to VARIANT's binary form, and back |
//! | `partition` | rows by the values of their partition columns |
//! | `data_file` | one Parquet file, fsynced |
//! | `table` | one Delta table: created or opened, appended to, read |
//! | `writer` | the queue before a table, and its grouping into commits |

mod cells;
mod columns;
mod data_file;
mod kernel;
mod partition;
mod schema;
mod table;
mod variant;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use zerobus_codegen::{Table, TableName};

use super::StorageError;
use crate::row::Row;
use kernel::Kernel;
use table::DeltaTable;
use writer::Writer;

pub(crate) use writer::Queue;

/// All Delta tables below one folder.
#[derive(Debug)]
pub(crate) struct Delta {
    root: PathBuf,
    linger: Duration,
    kernel: Arc<Kernel>,
    /// A table has one writer, since two would conflict in every commit.
    writers: Mutex<HashMap<String, Writer>>,
}

impl Delta {
    pub(crate) fn new(root: &Path, linger: Duration) -> std::io::Result<Self> {
        std::fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        Ok(Self { root, linger, kernel: Arc::new(Kernel::new()?), writers: Mutex::default() })
    }

    pub(super) fn path(&self, table: &TableName) -> PathBuf {
        self.root.join(table.catalog()).join(table.schema()).join(table.table())
    }

    pub(super) async fn open(&self, table: &Arc<Table>) -> Result<Queue, StorageError> {
        let name = table.name.to_string();
        let mut writers = self.writers.lock().await;
        if let Some(queue) = writers.get(&name).and_then(Writer::queue) {
            return Ok(queue);
        }
        let (kernel, path, opened) = (Arc::clone(&self.kernel), self.path(&table.name), Arc::clone(table));
        let delta_table = self.kernel.run(move || DeltaTable::open(kernel, path, opened)).await??;
        let writer = Writer::start(&self.kernel, delta_table, self.linger);
        let queue = writer.queue().ok_or(StorageError::Stopping)?;
        writers.insert(name, writer);
        Ok(queue)
    }

    pub(super) async fn rows(&self, table: &Arc<Table>) -> Result<Vec<Row>, StorageError> {
        let (kernel, path, table) = (Arc::clone(&self.kernel), self.path(&table.name), Arc::clone(table));
        self.kernel.run(move || table::read(&kernel, &path, &table)).await?
    }

    pub(super) async fn close(&self) {
        let mut writers = self.writers.lock().await;
        for writer in writers.values_mut() {
            writer.close().await;
        }
    }
}

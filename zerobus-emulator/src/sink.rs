//! Where rows are stored. A row is stored before its offset is reported, and offsets are reported in order.

#[cfg(feature = "delta")]
pub(crate) mod delta;
mod memory;
mod persistent;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;
use zerobus_codegen::{Obstacle, Printable, Table, TableName};

use crate::row::Row;

pub(crate) use memory::Memory;
pub(crate) use persistent::{PersistentStream, StreamAction, StreamState};

/// Why rows could not be stored or read back.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The definition that a table was altered to could not be read or written.
    #[error("the definition that the table was altered to, {}, cannot be read or written; repair the file, or remove it to use the definition that the emulator was started with", .path.display())]
    Definition {
        /// The definition's file.
        path: PathBuf,
        /// The cause.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The data folder was removed, and cannot be used again.
    #[error("the data folder {} cannot be used", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The Delta table does not have the columns of the snapshot.
    #[error("the Delta table at {} has other columns than the snapshot of the table; name another data folder, or remove that one", .path.display())]
    Drift {
        /// The table's folder.
        path: PathBuf,
    },
    /// Reading or writing failed.
    #[error("the Delta table at {} cannot be {doing}{remedy}", .path.display())]
    Failed {
        /// The table's folder.
        path: PathBuf,
        /// The operation that failed, such as `written`.
        doing: &'static str,
        /// What to do about it, such as `; free space on its disk`; empty if the cause has it.
        remedy: &'static str,
        /// The cause.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The Delta table has a feature that Zerobus does not write to.
    #[error("the Delta table at {} has {obstacle}; {}", .path.display(), .obstacle.help())]
    Obstacle {
        /// The table's folder.
        path: PathBuf,
        /// The table.
        table: Box<TableName>,
        /// The feature.
        obstacle: Box<Obstacle>,
    },
    /// Another program enabled a feature that the emulator does not support.
    #[error("the emulator cannot write to the Delta table at {}; remove the feature that another program enabled, or name another data folder", .path.display())]
    Unwritable {
        /// The table's folder.
        path: PathBuf,
        /// The table.
        table: Box<TableName>,
        /// The feature.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The log of acked rows could not be read or written.
    #[error("the log of acked rows at {} cannot be read or written{remedy}", .path.display())]
    Log {
        /// The log's file.
        path: PathBuf,
        /// What to do about it.
        remedy: &'static str,
        /// The cause.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A request of a persistent stream does not follow the last stored one.
    #[error(
        "offset {offset} of a persistent stream does not follow {committed}, the last stored one; resume the stream"
    )]
    OutOfSequence {
        /// The last stored offset, -1 if there is none.
        committed: i64,
        /// The offset of the request.
        offset: i64,
    },
    /// The table's folder is being removed.
    #[error("the table at {} is being removed; send the rows again later", .path.display())]
    Removed {
        /// The table's folder.
        path: PathBuf,
        /// The last error.
        source: Arc<StorageError>,
    },
    /// A row does not fit the new definition of its table.
    #[error("a row does not fit table {}, which was altered: {why}", Printable(.table))]
    Unfit {
        /// The table.
        table: String,
        /// What does not fit.
        why: String,
    },
    /// The emulator is stopping, and takes no more rows.
    #[error("the emulator is stopping")]
    Stopping,
}

impl StorageError {
    pub(crate) fn unfit(table: &Table, why: String) -> Self {
        Self::Unfit { table: table.name.to_string(), why }
    }
}

/// What keeps a table from taking rows.
#[derive(Debug, Clone)]
pub(crate) struct TableHealth {
    /// Why the table could not be opened or written to at the last attempt.
    pub(crate) problem: Option<StorageError>,
    /// Acked rows that are not in the table yet; `None` if their log cannot be read.
    pub(crate) logged_rows: Option<u64>,
}

impl Default for TableHealth {
    fn default() -> Self {
        Self { problem: None, logged_rows: Some(0) }
    }
}

/// The size of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) rows: u64,
    /// `None` for a table in memory.
    pub(crate) files: Option<FileHolding>,
}

/// The size of a table on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileHolding {
    /// The table's version; commits count from 0.
    pub(crate) version: u64,
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    /// Acked rows that did not fit the altered table, in files beside it.
    pub(crate) rejected: u64,
}

/// The rows of one request to a table.
#[derive(Debug)]
pub(crate) struct Append {
    /// The definition that the rows were decoded with.
    pub(crate) table: Arc<Table>,
    pub(crate) rows: Vec<Row>,
    pub(crate) offset: i64,
    /// The rows' memory in bytes.
    #[cfg_attr(not(feature = "delta"), expect(dead_code, reason = "memory has no queue to bound"))]
    pub(crate) weight: usize,
    pub(crate) stored: Stored,
    /// The persistent stream whose offset is stored with the rows.
    pub(crate) stream: Option<Arc<PersistentStream>>,
}

impl Append {
    pub(crate) fn new(table: &Arc<Table>, rows: Vec<Row>, offset: i64, stored: Stored) -> Self {
        let weight = rows.iter().map(Row::weight).sum();
        Self { table: Arc::clone(table), weight, rows, offset, stored, stream: None }
    }

    /// The same, as a request of a persistent stream.
    pub(crate) fn of(self, stream: Option<Arc<PersistentStream>>) -> Self {
        Self { stream, ..self }
    }

    /// Reports the result to the stream.
    pub(crate) fn report(&self, result: Result<(), StorageError>) {
        // A stream that has ended needs no report.
        let _ = self.stored.send(result.map(|()| self.offset));
    }
}

/// Reports that every offset of a stream up to this one is stored.
pub(crate) type Stored = mpsc::UnboundedSender<Result<i64, StorageError>>;

/// The store of all tables.
#[derive(Debug)]
pub(crate) enum Sink {
    #[cfg(feature = "delta")]
    Delta(delta::Delta),
    Memory(Memory),
}

/// A handle on one table; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum TableSink {
    #[cfg(feature = "delta")]
    Delta(delta::Queue),
    Memory(memory::Rows),
}

impl Sink {
    /// Opens the table for rows.
    pub(crate) async fn open(&self, table: &Arc<Table>) -> Result<TableSink, StorageError> {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(delta) => delta.open(table).await.map(TableSink::Delta),
            Self::Memory(memory) => Ok(TableSink::Memory(memory.open(table))),
        }
    }

    /// Commits the rows that a killed emulator had acked. If a table cannot take its rows, they stay in the log and the
    /// table is refused; other tables are not affected.
    #[cfg_attr(not(feature = "delta"), expect(unused_variables, reason = "memory leaves nothing"))]
    pub(crate) async fn recover(self: &Arc<Self>, tables: Vec<Arc<Table>>) {
        #[cfg(feature = "delta")]
        if let Self::Delta(delta) = &**self {
            delta.warn_of_strays(&tables);
            let mut recoveries = tokio::task::JoinSet::new();
            for table in tables.into_iter().filter(|table| delta.has_log(table)) {
                let sink = Arc::clone(self);
                recoveries.spawn(async move {
                    if let Self::Delta(delta) = &*sink {
                        delta.recover(&table).await;
                    }
                });
            }
            recoveries.join_all().await;
        }
    }

    /// What keeps the table from taking rows, if that is known.
    #[cfg_attr(not(feature = "delta"), expect(unused_variables, reason = "memory always takes rows"))]
    pub(crate) fn health(&self, table: &TableName) -> TableHealth {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(delta) => delta.health(table),
            Self::Memory(_) => TableHealth::default(),
        }
    }

    /// All stored rows.
    pub(crate) async fn rows(&self, table: &Arc<Table>) -> Result<Vec<Row>, StorageError> {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(delta) => delta.rows(table).await,
            Self::Memory(memory) => Ok(memory.rows(table)),
        }
    }

    /// Stored rows, without the first `skip`.
    pub(crate) async fn page(&self, table: &Arc<Table>, skip: u64, limit: usize) -> Result<Vec<Row>, StorageError> {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(delta) => delta.page(table, skip, limit).await,
            Self::Memory(memory) => Ok(memory.page(table, skip, limit)),
        }
    }

    /// The table's size.
    pub(crate) async fn holding(&self, table: &Arc<Table>) -> Result<Holding, StorageError> {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(delta) => delta.holding(table).await,
            Self::Memory(memory) => Ok(Holding { rows: memory.count(table), files: None }),
        }
    }

    /// Removes all rows, after the requests that are already queued.
    pub(crate) async fn reset(&self, table: &Arc<Table>) -> Result<(), StorageError> {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(delta) => delta.reset(table).await,
            Self::Memory(memory) => {
                memory.reset(table);
                Ok(())
            }
        }
    }

    /// Replaces a table's definition, after the requests that are already queued. An error if a row does not fit.
    pub(crate) async fn alter(&self, from: &Arc<Table>, to: &Arc<Table>) -> Result<(), StorageError> {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(delta) => delta.alter(to).await,
            Self::Memory(memory) => memory.open(from).alter(to),
        }
    }

    /// The definition of the table on disk, if there is one.
    #[cfg_attr(not(feature = "delta"), expect(unused_variables, reason = "memory outlives nothing"))]
    pub(crate) async fn stored(&self, name: &TableName) -> Result<Option<Arc<Table>>, StorageError> {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(delta) => delta.stored(name).await,
            Self::Memory(_) => Ok(None),
        }
    }

    /// The folder of the altered tables' definitions.
    pub(crate) fn definitions(&self) -> Option<PathBuf> {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(delta) => Some(delta.definitions()),
            Self::Memory(_) => None,
        }
    }

    /// The number of acked rows that did not fit the altered table and are in files beside it.
    #[cfg_attr(not(feature = "delta"), expect(unused_variables, reason = "memory rejects no row that it acknowledged"))]
    pub(crate) fn rejected(&self, table: &TableName) -> u64 {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(delta) => delta.rejected(table),
            Self::Memory(_) => 0,
        }
    }

    /// Creates the table if it is missing, so that readers find it before its first row.
    #[cfg_attr(not(feature = "delta"), expect(unused_variables, reason = "memory has nothing to make"))]
    pub(crate) async fn prepare(&self, table: &Arc<Table>) -> Result<(), StorageError> {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(delta) => delta.prepare(table).await,
            Self::Memory(_) => Ok(()),
        }
    }

    /// The folder of a table.
    #[cfg_attr(not(feature = "delta"), expect(unused_variables, reason = "memory has no folders"))]
    pub(crate) fn path(&self, table: &TableName) -> Option<PathBuf> {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(delta) => Some(delta.path(table)),
            Self::Memory(_) => None,
        }
    }

    /// Stores queued rows, and takes no more.
    pub(crate) async fn close(&self) {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(delta) => delta.close().await,
            Self::Memory(_) => {}
        }
    }
}

impl TableSink {
    /// Acts on a persistent stream, after the requests that are already queued; returns its new state.
    pub(crate) async fn stream(&self, id: &str, action: StreamAction) -> Result<StreamState, StorageError> {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(queue) => queue.stream(id, action).await,
            Self::Memory(rows) => Ok(rows.stream(id, action)),
        }
    }

    /// Queues rows; waits while the queue is full.
    pub(crate) async fn append(&self, append: Append) -> Result<(), StorageError> {
        match self {
            #[cfg(feature = "delta")]
            Self::Delta(queue) => queue.append(append).await,
            Self::Memory(rows) => {
                rows.append(append);
                Ok(())
            }
        }
    }
}

//! Rows kept in memory, for tests that need no Delta table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zerobus_codegen::Table;

use super::{Append, StorageError, StreamAction, StreamState};
use crate::refit::{Dropped, Refit};
use crate::row::Row;

/// The rows of all tables.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    tables: Mutex<HashMap<String, Rows>>,
}

/// The rows of one table.
#[derive(Debug, Clone)]
pub(crate) struct Rows(Arc<Mutex<Content>>);

#[derive(Debug)]
struct Content {
    /// The definition of the rows.
    table: Arc<Table>,
    rows: Vec<Row>,
    /// The persistent streams that write to the table.
    streams: HashMap<String, StreamState>,
}

impl Memory {
    pub(super) fn open(&self, table: &Arc<Table>) -> Rows {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Rows(Arc::new(Mutex::new(Content::new(table))));
        tables.entry(table.name.to_string()).or_insert_with(new).clone()
    }

    pub(super) fn rows(&self, table: &Arc<Table>) -> Vec<Row> {
        self.open(table).content().rows.clone()
    }

    pub(super) fn page(&self, table: &Arc<Table>, skip: u64, limit: usize) -> Vec<Row> {
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        self.open(table).content().rows.iter().skip(skip).take(limit).cloned().collect()
    }

    pub(super) fn count(&self, table: &Arc<Table>) -> u64 {
        self.open(table).content().rows.len() as u64
    }

    pub(super) fn reset(&self, table: &Arc<Table>) {
        self.open(table).content().reset();
    }
}

impl Rows {
    pub(super) fn append(&self, mut append: Append) {
        let stored = self.content().store(&mut append);
        append.report(stored);
    }

    pub(super) fn alter(&self, to: &Arc<Table>) -> Result<(), StorageError> {
        self.content().alter(to)
    }

    pub(super) fn stream(&self, id: &str, action: StreamAction) -> StreamState {
        let mut content = self.content();
        let found = content.streams.get(id).copied().unwrap_or(StreamState::Unknown);
        let state = found.after(action);
        if state != found {
            content.streams.insert(id.to_owned(), state);
        }
        state
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn new(table: &Arc<Table>) -> Self {
        Self { table: Arc::clone(table), rows: Vec::new(), streams: HashMap::new() }
    }

    fn reset(&mut self) {
        (self.rows, self.streams) = (Vec::new(), HashMap::new());
    }

    fn alter(&mut self, to: &Arc<Table>) -> Result<(), StorageError> {
        let refit = Refit::new(&self.table, to, Dropped::Forgotten)?;
        if !refit.is_trivial() {
            self.rows = refit
                .rows(&self.rows)
                .map_err(|(place, bad)| StorageError::unfit(to, format!("row {place}: {bad}")))?;
        }
        self.table = Arc::clone(to);
        Ok(())
    }

    fn store(&mut self, append: &mut Append) -> Result<(), StorageError> {
        let refit = Refit::new(&append.table, &self.table, Dropped::Unfit)?;
        if !refit.is_trivial() {
            let bad = |(place, bad)| StorageError::unfit(&self.table, format!("row {place} of the request: {bad}"));
            append.rows = refit.rows(&append.rows).map_err(bad)?;
        }
        if let Some(stream) = &append.stream {
            let (committed, offset) = (stream.committed(), append.offset);
            if offset != committed + 1 {
                return Err(StorageError::OutOfSequence { committed, offset });
            }
            self.streams.insert(stream.id().to_owned(), StreamState::Open(offset));
            stream.advance(offset);
        }
        self.rows.append(&mut append.rows);
        Ok(())
    }
}

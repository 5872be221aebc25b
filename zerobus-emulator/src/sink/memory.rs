//! Rows kept in memory, for tests that need no Delta table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zerobus_codegen::TableName;

use super::{Append, StorageError, StreamAction, StreamState};
use crate::row::Row;

/// The rows of all tables.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    tables: Mutex<HashMap<String, Rows>>,
}

/// The rows of one table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    rows: Vec<Row>,
    /// The persistent streams that write to the table.
    streams: HashMap<String, StreamState>,
}

impl Memory {
    pub(super) fn open(&self, table: &TableName) -> Rows {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).entry(table.to_string()).or_default().clone()
    }

    pub(super) fn rows(&self, table: &TableName) -> Vec<Row> {
        self.open(table).content().rows.clone()
    }

    pub(super) fn page(&self, table: &TableName, skip: u64, limit: usize) -> Vec<Row> {
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        self.open(table).content().rows.iter().skip(skip).take(limit).cloned().collect()
    }

    pub(super) fn count(&self, table: &TableName) -> u64 {
        self.open(table).content().rows.len() as u64
    }

    pub(super) fn reset(&self, table: &TableName) {
        *self.open(table).content() = Content::default();
    }
}

impl Rows {
    pub(super) fn append(&self, mut append: Append) {
        let stored = self.content().store(&mut append);
        append.report(stored);
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
    fn store(&mut self, append: &mut Append) -> Result<(), StorageError> {
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

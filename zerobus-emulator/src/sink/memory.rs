//! Rows kept in memory, for tests that need no Delta table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use zerobus_codegen::TableName;

use super::Append;
use crate::row::Row;

/// The rows of all tables.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    tables: Mutex<HashMap<String, Rows>>,
}

/// The rows of one table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows(Arc<Mutex<Vec<Row>>>);

impl Memory {
    pub(super) fn open(&self, table: &TableName) -> Rows {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).entry(table.to_string()).or_default().clone()
    }

    pub(super) fn rows(&self, table: &TableName) -> Vec<Row> {
        self.open(table).0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Rows {
    pub(super) fn append(&self, mut append: Append) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).append(&mut append.rows);
        append.report(Ok(()));
    }
}

//! What keeps a table from taking rows, and how many acked rows wait for it in the log.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sink::{StorageError, TableHealth};

/// The state of one table: set by those who open and write it, read by the status document.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<TableHealth>);

impl Health {
    pub(super) fn get(&self) -> TableHealth {
        self.lock().clone()
    }

    /// The table takes rows.
    pub(super) fn works(&self) {
        self.lock().problem = None;
    }

    pub(super) fn fails(&self, error: &StorageError) {
        // A stopping emulator says nothing about the table.
        if !matches!(error, StorageError::Stopping) {
            self.lock().problem = Some(error.clone());
        }
    }

    /// The acked rows that are in the log and not in the table; none if the log cannot be read.
    pub(super) fn logged(&self, rows: Option<u64>) {
        self.lock().logged_rows = rows;
    }

    fn lock(&self) -> MutexGuard<'_, TableHealth> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Whether a table that is there can be opened, and why not.

use std::path::Path;
use std::sync::Arc;

use delta_kernel::{KernelError, SnapshotRef};
use zerobus_codegen::{Obstacle, Table};

use super::super::kernel::{Kernel, failed};
use super::super::{create, schema};
use crate::sink::StorageError;

/// Whether rows of the table, as it is defined, can be written to this version of it.
pub(super) fn check(kernel: &Kernel, table: &Table, snapshot: &SnapshotRef) -> Result<(), OpenError> {
    if let Some(obstacle) = schema::obstacle(&table.name, snapshot)? {
        return Err(OpenError::Obstacle(obstacle));
    }
    let partition_columns = schema::writable(kernel, snapshot).map_err(OpenError::Unwritable)?;
    if !create::same_columns(&snapshot.schema(), &schema::schema(&table.row)?)? {
        return Err(OpenError::Drift);
    }
    if partition_columns != table.partition_columns {
        return Err(OpenError::Unwritable(KernelError::generic(format!(
            "it is partitioned by {partition_columns:?}, and its definition says {:?}",
            table.partition_columns
        ))));
    }
    Ok(())
}

/// Why a table that is there cannot be opened.
pub(super) enum OpenError {
    Drift,
    Kernel(KernelError),
    Obstacle(Obstacle),
    Unwritable(KernelError),
}

impl From<KernelError> for OpenError {
    fn from(error: KernelError) -> Self {
        match error.without_backtrace() {
            // The kernel reads such a table for a catalog only.
            KernelError::MaxCatalogVersion(_) => Self::Obstacle(Obstacle::CatalogManaged),
            _ => Self::Kernel(error),
        }
    }
}

impl From<delta_kernel::arrow::error::ArrowError> for OpenError {
    fn from(error: delta_kernel::arrow::error::ArrowError) -> Self {
        Self::Kernel(error.into())
    }
}

impl OpenError {
    pub(super) fn into_storage(self, path: &Path, table: &Table, doing: &'static str) -> StorageError {
        match self {
            Self::Obstacle(obstacle) => {
                let (table, obstacle) = (Box::new(table.name.clone()), Box::new(obstacle));
                StorageError::Obstacle { path: path.to_owned(), table, obstacle }
            }
            Self::Drift => StorageError::Drift { path: path.to_owned() },
            Self::Unwritable(error) => {
                let table = Box::new(table.name.clone());
                StorageError::Unwritable { path: path.to_owned(), table, source: Arc::new(error) }
            }
            Self::Kernel(error) => failed(path, doing, error),
        }
    }
}

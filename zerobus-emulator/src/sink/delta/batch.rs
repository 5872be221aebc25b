//! Rows to Arrow batches, a bounded number of cells at a time.

use delta_kernel::KernelResult;
use delta_kernel::arrow::array::RecordBatch;
use delta_kernel::arrow::datatypes::SchemaRef as ArrowSchemaRef;
use zerobus_codegen::{Field, Table};

use super::columns;
use crate::row::{Cell, Row};

/// Cells of one batch. Without a limit, sparse rows of a wide table would materialize all their nulls at once.
const CELLS: usize = 1 << 20;

/// The part of a row that a data file holds: all columns but the partition columns, whose values are in the log.
#[derive(Debug, Clone)]
pub(super) struct FileColumns {
    columns: Vec<(usize, Field)>,
    schema: ArrowSchemaRef,
}

impl FileColumns {
    /// The schema has the columns of [`file_columns`].
    pub(super) fn new(table: &Table, schema: ArrowSchemaRef) -> Self {
        Self { columns: file_columns(table).map(|(place, column)| (place, column.clone())).collect(), schema }
    }

    /// All columns of the table, for files beside it.
    pub(super) fn all(table: &Table, schema: ArrowSchemaRef) -> Self {
        Self { columns: table.columns().iter().cloned().enumerate().collect(), schema }
    }

    pub(super) const fn schema(&self) -> &ArrowSchemaRef {
        &self.schema
    }

    /// The rows in batches; a file without rows has none.
    pub(super) fn batches<'a>(&'a self, rows: &'a [&'a Row]) -> impl Iterator<Item = KernelResult<RecordBatch>> + 'a {
        let length = (CELLS / self.columns.len().max(1)).max(1);
        rows.chunks(length).map(|rows| self.batch(rows))
    }

    fn batch(&self, rows: &[&Row]) -> KernelResult<RecordBatch> {
        let arrays = self.columns.iter().zip(self.schema.fields()).map(|((place, column), field)| {
            let cells: Vec<&Cell> = rows.iter().map(|row| row.cell(*place, &column.data_type)).collect();
            columns::column(&column.data_type, field.data_type(), &cells)
        });
        let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
        Ok(RecordBatch::try_new(self.schema.clone(), arrays)?)
    }
}

/// The columns of a data file, each with its place in the table.
pub(super) fn file_columns(table: &Table) -> impl Iterator<Item = (usize, &Field)> {
    table.columns().iter().enumerate().filter(|(_, column)| !table.partition_columns.contains(&column.name))
}

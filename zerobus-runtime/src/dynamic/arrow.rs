//! Rows of Arrow's record batches: the columns are matched with the table once per batch, and each row is then written
//! from the arrays directly.
//!
//! | column | accepts |
//! |---|---|
//! | BOOLEAN | Boolean |
//! | TINYINT, SMALLINT, INT, BIGINT | integers of every width, and floats that are whole |
//! | FLOAT, DOUBLE | floats of every width, integers |
//! | DECIMAL(p, s) | Decimal32 to Decimal256, integers, floats by their shortest digits; exactly, or the row is refused |
//! | STRING, VARCHAR(n), CHAR(n) | `Utf8`, `LargeUtf8`, `Utf8View`; `Binary` that is UTF-8 |
//! | BINARY | `Binary`, `LargeBinary`, `BinaryView`, `FixedSizeBinary` |
//! | DATE | Date32, Date64 |
//! | TIMESTAMP | Timestamp of every unit, with a zone or without, which is UTC |
//! | TIMESTAMP_NTZ | Timestamp of every unit, without a zone |
//! | VARIANT | `Utf8` and the other text types, as JSON text; Boolean, integers and floats |
//! | ARRAY | `List`, `LargeList`, `FixedSizeList` |
//! | MAP | Map |
//! | STRUCT | Struct, its fields by name |
//!
//! A text column is accepted for every type, like a cell; a dictionary for the type of its values; and Arrow's Null
//! if the column is nullable. Times finer than a microsecond are floored.
//!
//! | file | what it owns |
//! |---|---|
//! | `arrays` | arrays of plain values, and one value of them |
//! | `values` | the arrays of a batch, matched with the columns |
//! | `direct` | values that are written unchanged |
//! | `point` | a decimal as digits |
//! | `write` | one value into its column |
//! | `json` | a row as JSON |

mod arrays;
mod direct;
mod json;
mod point;
#[cfg(test)]
mod tests;
mod values;
mod write;

use arrow_array::RecordBatch;

use super::kept::Kept;
use super::plan::{ColumnPlan, Seen};
use super::{DynamicRow, RowPlan, RowProblem, Source, refused};
use crate::error::Error;
use crate::message::Encoder;
use values::Values;

/// The rows of a record batch: see [`RowPlan::arrow`].
#[derive(Debug)]
pub struct ArrowRows<'a> {
    plan: &'a RowPlan,
    columns: Vec<(&'a ColumnPlan, Values<'a>)>,
    rows: usize,
}

impl RowPlan {
    /// The rows of a record batch, whose columns are found by their names.
    ///
    /// ```no_run
    /// # async fn f(
    /// #     plan: zerobus_runtime::dynamic::RowPlan,
    /// #     stream: zerobus_runtime::IngestStream<zerobus_runtime::dynamic::Dynamic>,
    /// #     batch: arrow_array::RecordBatch,
    /// # ) -> Result<(), zerobus_runtime::Error> {
    /// stream.send_all(plan.arrow(&batch)?.iter()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If a column is not in the table, occurs twice, or has another type, or if a NOT NULL column is missing. A single
    /// row that does not fit is an error of its `send`; [`Unsent::accepted`](crate::Unsent::accepted) of `send_all` is
    /// its number.
    pub fn arrow<'a>(&'a self, batch: &'a RecordBatch) -> Result<ArrowRows<'a>, Error> {
        ArrowRows::new(self, batch).map_err(refused)
    }
}

impl<'a> ArrowRows<'a> {
    fn new(plan: &'a RowPlan, batch: &'a RecordBatch) -> Result<Self, RowProblem> {
        let schema = batch.schema_ref();
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let columns = values::fields(&plan.row, names.zip(batch.columns()), plan.options)?;
        Ok(Self { plan, columns, rows: batch.num_rows() })
    }

    /// The number of rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The row with this number, counted from 0; `None` past the last row.
    #[must_use]
    pub fn row(&self, number: usize) -> Option<DynamicRow<'_>> {
        (number < self.rows).then_some(DynamicRow { plan: self.plan, source: Source::Arrow(self, number) })
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = DynamicRow<'_>> {
        (0..self.rows).filter_map(|number| self.row(number))
    }

    /// The row as JSON.
    pub(super) fn json(&self, number: usize) -> Kept {
        let mut is_whole = true;
        let text = json::object(&self.columns, number, &mut is_whole).into_bytes();
        Kept { text, is_whole }
    }

    pub(super) fn write(&self, row: usize, out: &mut Encoder) -> Result<(), RowProblem> {
        write::fields(&self.columns, row, self.plan, out)
    }
}

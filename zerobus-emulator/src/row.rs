//! A row of a table: one cell a column, checked, in the order of the table's columns.

use bytes::Bytes;
use serde_json::Value;
use zerobus_codegen::DataType;

/// The cells of a row or of a struct.
///
/// A row with few values in a wide table stores only these, so that memory grows with the values, not the columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row(Cells);

#[derive(Debug, Clone, PartialEq)]
enum Cells {
    /// A cell for each column.
    Dense(Vec<Cell>),
    /// The positions and cells of the columns that have a value, in column order.
    Sparse(Vec<(u32, Cell)>),
}

/// One value. The variant follows from the column's type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Bool(bool),
    Bytes(Bytes),
    /// The digits without the decimal point; the column's type has the scale.
    Decimal(i128),
    Double(f64),
    Float(f32),
    /// TINYINT, SMALLINT, INT, and the days of a DATE.
    Int(i32),
    List(Vec<Cell>),
    /// BIGINT, and the microseconds of TIMESTAMP and TIMESTAMP_NTZ.
    Long(i64),
    /// Sorted by the keys as text, so that the order is stable.
    Map(Vec<(Cell, Cell)>),
    Null,
    Struct(Row),
    Text(String),
    Variant(Value),
}

static NULL: Cell = Cell::Null;
static EMPTY_LIST: Cell = Cell::List(Vec::new());
static EMPTY_MAP: Cell = Cell::Map(Vec::new());

impl Row {
    /// A row with a cell for each column.
    pub(crate) const fn dense(cells: Vec<Cell>) -> Self {
        Self(Cells::Dense(cells))
    }

    /// A row of the cells that have a value, each with the position of its column, in column order.
    pub(crate) const fn sparse(cells: Vec<(u32, Cell)>) -> Self {
        Self(Cells::Sparse(cells))
    }

    /// The cell of a column. A column without a value is NULL, or an empty collection: on the wire, absent and empty
    /// collections are the same.
    pub(crate) fn cell(&self, place: usize, data_type: &DataType) -> &Cell {
        self.get(place).unwrap_or(match data_type {
            DataType::Array(_) => &EMPTY_LIST,
            DataType::Map(..) => &EMPTY_MAP,
            DataType::Scalar(_) | DataType::Struct(_) => &NULL,
        })
    }

    /// Whether the column has no value.
    pub(crate) fn is_null(&self, place: usize) -> bool {
        self.get(place).is_none_or(|cell| *cell == Cell::Null)
    }

    /// An estimate of the memory that the row takes.
    pub(crate) fn weight(&self) -> usize {
        match &self.0 {
            Cells::Dense(cells) => cells.iter().map(Cell::weight).sum(),
            Cells::Sparse(cells) => cells.iter().map(|(_, cell)| cell.weight() + size_of::<usize>()).sum(),
        }
    }

    fn get(&self, place: usize) -> Option<&Cell> {
        match &self.0 {
            Cells::Dense(cells) => cells.get(place),
            Cells::Sparse(cells) => {
                let found = cells.binary_search_by_key(&place, |(place, _)| *place as usize);
                found.ok().map(|index| &cells[index].1)
            }
        }
    }
}

impl Cell {
    /// The memory of the value and of what it points to, including bytes that it shares with the request.
    fn weight(&self) -> usize {
        let inner = match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::List(items) => items.iter().map(Self::weight).sum(),
            Self::Map(entries) => entries.iter().map(|(key, value)| key.weight() + value.weight()).sum(),
            Self::Struct(row) => row.weight(),
            Self::Text(text) => text.len(),
            Self::Variant(value) => variant_weight(value),
            Self::Bool(_)
            | Self::Decimal(_)
            | Self::Double(_)
            | Self::Float(_)
            | Self::Int(_)
            | Self::Long(_)
            | Self::Null => 0,
        };
        size_of::<Self>() + inner
    }
}

fn variant_weight(value: &Value) -> usize {
    let inner = match value {
        Value::Array(items) => items.iter().map(variant_weight).sum(),
        Value::Object(entries) => entries.iter().map(|(key, value)| key.len() + variant_weight(value)).sum(),
        Value::String(text) => text.len(),
        Value::Bool(_) | Value::Null | Value::Number(_) => 0,
    };
    size_of::<Value>() + inner
}

#[cfg(test)]
mod tests {
    use zerobus_codegen::{Element, Scalar};

    use super::*;

    #[test]
    fn a_sparse_row_reads_like_a_dense_one() {
        let (long, list) = (DataType::Scalar(Scalar::Long), DataType::Array(Element::Scalar(Scalar::Long)));
        let row = Row::sparse(vec![(1, Cell::Long(7)), (1_000, Cell::Long(8))]);
        assert_eq!(row.cell(1, &long), &Cell::Long(7));
        assert_eq!(row.cell(1_000, &long), &Cell::Long(8));
        assert_eq!(row.cell(999, &long), &Cell::Null);
        assert_eq!(row.cell(999, &list), &Cell::List(Vec::new()));
        assert!(row.weight() < 4 * size_of::<Cell>());
    }
}

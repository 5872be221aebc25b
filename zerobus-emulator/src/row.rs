//! A row of a table: one cell a column, checked, in the order of the table's columns.

use bytes::Bytes;
use serde_json::Value;

/// The cells of a row, or of a struct, in the order of the fields.
pub(crate) type Row = Vec<Cell>;

/// One value. Which variant stands in a column follows from the column's type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Bool(bool),
    Bytes(Bytes),
    /// The digits without the point; the column's type knows the scale.
    Decimal(i128),
    Double(f64),
    Float(f32),
    /// TINYINT, SMALLINT, INT, and the days of a DATE.
    Int(i32),
    List(Vec<Cell>),
    /// BIGINT, and the microseconds of TIMESTAMP and TIMESTAMP_NTZ.
    Long(i64),
    /// In the order of the keys as text, so that a row reads the same every time.
    Map(Vec<(Cell, Cell)>),
    Null,
    Struct(Row),
    Text(String),
    Variant(Value),
}

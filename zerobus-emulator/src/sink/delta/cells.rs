//! Arrow columns, as the kernel reads them, back to cells.

use delta_kernel::arrow::array::{Array, ArrayRef, AsArray as _};
use delta_kernel::arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType,
};
use delta_kernel::arrow::error::ArrowError;
use zerobus_codegen::{DataType, Element, Scalar, Struct};

use super::variant;
use crate::row::{Cell, Row};

/// The cells of one column, in the order of the rows.
pub(super) fn cells(data_type: &DataType, array: &ArrayRef) -> Result<Vec<Cell>, ArrowError> {
    match data_type {
        DataType::Array(element) => {
            let list = array.as_list_opt::<i32>().ok_or_else(|| mismatch(array))?;
            by_row(array, |row| Ok(Cell::List(items(element, &list.value(row))?)))
        }
        DataType::Map(key, value) => {
            let map = array.as_map_opt().ok_or_else(|| mismatch(array))?;
            by_row(array, |row| {
                let entries = map.value(row);
                let keys = scalars(key.scalar(), entries.column(0))?;
                Ok(Cell::Map(keys.into_iter().zip(items(value, entries.column(1))?).collect()))
            })
        }
        DataType::Scalar(scalar) => scalars(*scalar, array),
        DataType::Struct(row) => structs(row, array),
    }
}

fn items(element: &Element, array: &ArrayRef) -> Result<Vec<Cell>, ArrowError> {
    match element {
        Element::Scalar(scalar) => scalars(*scalar, array),
        Element::Struct(row) => structs(row, array),
    }
}

fn structs(row: &Struct, array: &ArrayRef) -> Result<Vec<Cell>, ArrowError> {
    let parts = array.as_struct_opt().ok_or_else(|| mismatch(array))?;
    let columns = row.fields.iter().zip(parts.columns()).map(|(field, column)| cells(&field.data_type, column));
    let mut columns: Vec<_> = columns.map(|column| column.map(Vec::into_iter)).collect::<Result<_, _>>()?;
    let mut rows = Vec::with_capacity(array.len());
    for row in 0..array.len() {
        // Every column advances, whether the struct is null or not.
        let fields = columns.iter_mut().map(|column| column.next().unwrap_or(Cell::Null)).collect();
        rows.push(if array.is_null(row) { Cell::Null } else { Cell::Struct(Row::dense(fields)) });
    }
    Ok(rows)
}

fn scalars(scalar: Scalar, array: &ArrayRef) -> Result<Vec<Cell>, ArrowError> {
    match scalar {
        Scalar::Binary => {
            let bytes = array.as_binary_opt::<i32>().ok_or_else(|| mismatch(array))?;
            by_row(array, |row| Ok(Cell::Bytes(bytes.value(row).to_vec().into())))
        }
        Scalar::Boolean => {
            let flags = array.as_boolean_opt().ok_or_else(|| mismatch(array))?;
            by_row(array, |row| Ok(Cell::Bool(flags.value(row))))
        }
        Scalar::Byte => primitive::<Int8Type>(array, |n| Cell::Int(n.into())),
        Scalar::Char(_) | Scalar::String | Scalar::Varchar(_) => {
            let texts = array.as_string_opt::<i32>().ok_or_else(|| mismatch(array))?;
            by_row(array, |row| Ok(Cell::Text(texts.value(row).to_owned())))
        }
        Scalar::Date => primitive::<Date32Type>(array, Cell::Int),
        Scalar::Decimal { .. } => primitive::<Decimal128Type>(array, Cell::Decimal),
        Scalar::Double => primitive::<Float64Type>(array, Cell::Double),
        Scalar::Float => primitive::<Float32Type>(array, Cell::Float),
        Scalar::Int => primitive::<Int32Type>(array, Cell::Int),
        Scalar::Long => primitive::<Int64Type>(array, Cell::Long),
        Scalar::Short => primitive::<Int16Type>(array, |n| Cell::Int(n.into())),
        Scalar::Timestamp | Scalar::TimestampNtz => primitive::<TimestampMicrosecondType>(array, Cell::Long),
        Scalar::Variant => {
            let parts = array.as_struct_opt().ok_or_else(|| mismatch(array))?;
            let binary = |name: &str| parts.column_by_name(name).and_then(|column| column.as_binary_opt::<i32>());
            let (metadata, value) = binary("metadata").zip(binary("value")).ok_or_else(|| mismatch(array))?;
            by_row(array, |row| variant::decode(metadata.value(row), value.value(row)).map(Cell::Variant))
        }
    }
}

fn primitive<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    cell: impl Fn(T::Native) -> Cell,
) -> Result<Vec<Cell>, ArrowError> {
    let values = array.as_primitive_opt::<T>().ok_or_else(|| mismatch(array))?;
    by_row(array, |row| Ok(cell(values.value(row))))
}

fn by_row(array: &ArrayRef, cell: impl Fn(usize) -> Result<Cell, ArrowError>) -> Result<Vec<Cell>, ArrowError> {
    (0..array.len()).map(|row| if array.is_null(row) { Ok(Cell::Null) } else { cell(row) }).collect()
}

fn mismatch(array: &ArrayRef) -> ArrowError {
    ArrowError::SchemaError(format!("the data file has {} where the table has another type", array.data_type()))
}

//! Rows to Arrow columns of the types that the kernel has for the table's schema.

use std::sync::Arc;

use delta_kernel::arrow::array::{
    ArrayRef, BinaryArray, BinaryBuilder, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, ListArray, MapArray, StringBuilder, StructArray,
    TimestampMicrosecondArray,
};
use delta_kernel::arrow::buffer::{NullBuffer, OffsetBuffer};
use delta_kernel::arrow::datatypes::{DataType as ArrowType, Fields};
use delta_kernel::arrow::error::ArrowError;
use zerobus_codegen::{DataType, Element, Scalar, Struct};

use super::variant;
use crate::row::Cell;

/// One column: the cells of it, in the order of the rows.
pub(super) fn column(data_type: &DataType, arrow: &ArrowType, cells: &[&Cell]) -> Result<ArrayRef, ArrowError> {
    match data_type {
        DataType::Array(element) => list(element, arrow, cells),
        DataType::Map(key, value) => map(key.scalar(), value, arrow, cells),
        DataType::Scalar(scalar) => single(*scalar, arrow, cells),
        DataType::Struct(row) => struct_array(row, arrow, cells),
    }
}

fn item(element: &Element, arrow: &ArrowType, cells: &[&Cell]) -> Result<ArrayRef, ArrowError> {
    match element {
        Element::Scalar(scalar) => single(*scalar, arrow, cells),
        Element::Struct(row) => struct_array(row, arrow, cells),
    }
}

fn list(element: &Element, arrow: &ArrowType, cells: &[&Cell]) -> Result<ArrayRef, ArrowError> {
    let ArrowType::List(field) = arrow else { return Err(mismatch(arrow)) };
    let lists = cells.iter().map(|cell| if let Cell::List(items) = cell { items.as_slice() } else { &[] });
    let offsets = OffsetBuffer::from_lengths(lists.clone().map(<[Cell]>::len));
    let items: Vec<&Cell> = lists.flatten().collect();
    let values = item(element, field.data_type(), &items)?;
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, values, nulls(cells))?))
}

fn map(key: Scalar, value: &Element, arrow: &ArrowType, cells: &[&Cell]) -> Result<ArrayRef, ArrowError> {
    let ArrowType::Map(field, sorted) = arrow else { return Err(mismatch(arrow)) };
    let ArrowType::Struct(parts) = field.data_type() else { return Err(mismatch(arrow)) };
    let maps = cells.iter().map(|cell| if let Cell::Map(entries) = cell { entries.as_slice() } else { &[] });
    let offsets = OffsetBuffer::from_lengths(maps.clone().map(<[(Cell, Cell)]>::len));
    let (keys, values): (Vec<&Cell>, Vec<&Cell>) = maps.flatten().map(|(key, value)| (key, value)).unzip();
    let [key_field, value_field] = &parts[..] else { return Err(mismatch(arrow)) };
    let keys = single(key, key_field.data_type(), &keys)?;
    let values = item(value, value_field.data_type(), &values)?;
    let entries = StructArray::try_new(parts.clone(), vec![keys, values], None)?;
    Ok(Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, nulls(cells), *sorted)?))
}

fn struct_array(row: &Struct, arrow: &ArrowType, cells: &[&Cell]) -> Result<ArrayRef, ArrowError> {
    let ArrowType::Struct(parts) = arrow else { return Err(mismatch(arrow)) };
    let children = row.fields.iter().zip(parts).enumerate().map(|(i, (field, part))| {
        let inner: Vec<&Cell> = cells.iter().map(|cell| child(cell, i, &field.data_type)).collect();
        column(&field.data_type, part.data_type(), &inner)
    });
    let children = children.collect::<Result<Vec<_>, _>>()?;
    masked_struct(parts, children, nulls(cells))
}

/// The children of a null struct are null too, even NOT NULL ones: the struct's own mask covers them.
fn masked_struct(parts: &Fields, children: Vec<ArrayRef>, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(StructArray::try_new(parts.clone(), children, nulls)?))
}

fn child<'a>(cell: &'a Cell, place: usize, data_type: &DataType) -> &'a Cell {
    const NULL: &Cell = &Cell::Null;
    match cell {
        Cell::Struct(row) => row.cell(place, data_type),
        _ => NULL,
    }
}

fn nulls(cells: &[&Cell]) -> Option<NullBuffer> {
    let valid: Vec<bool> = cells.iter().map(|cell| !matches!(cell, Cell::Null)).collect();
    valid.contains(&false).then(|| NullBuffer::from(valid))
}

fn single(scalar: Scalar, arrow: &ArrowType, cells: &[&Cell]) -> Result<ArrayRef, ArrowError> {
    Ok(match scalar {
        Scalar::Binary => {
            let bytes = cells.iter().map(|cell| if let Cell::Bytes(bytes) = cell { Some(&bytes[..]) } else { None });
            Arc::new(bytes.collect::<BinaryArray>())
        }
        Scalar::Boolean => {
            let flags = cells.iter().map(|cell| if let Cell::Bool(flag) = cell { Some(*flag) } else { None });
            Arc::new(flags.collect::<BooleanArray>())
        }
        // The range was checked when the record was decoded.
        Scalar::Byte => {
            Arc::new(cells.iter().map(|cell| int(cell).and_then(|n| n.try_into().ok())).collect::<Int8Array>())
        }
        Scalar::Short => {
            Arc::new(cells.iter().map(|cell| int(cell).and_then(|n| n.try_into().ok())).collect::<Int16Array>())
        }
        Scalar::Int => Arc::new(cells.iter().map(|cell| int(cell)).collect::<Int32Array>()),
        Scalar::Date => Arc::new(cells.iter().map(|cell| int(cell)).collect::<Date32Array>()),
        Scalar::Char(_) | Scalar::String | Scalar::Varchar(_) => Arc::new(strings(cells)),
        Scalar::Decimal { precision, scale } => {
            let digits = cells.iter().map(|cell| if let Cell::Decimal(digits) = cell { Some(*digits) } else { None });
            let scale = i8::try_from(scale).map_err(|_| mismatch(arrow))?;
            Arc::new(digits.collect::<Decimal128Array>().with_precision_and_scale(precision, scale)?)
        }
        Scalar::Double => {
            let numbers = cells.iter().map(|cell| if let Cell::Double(x) = cell { Some(*x) } else { None });
            Arc::new(numbers.collect::<Float64Array>())
        }
        Scalar::Float => {
            let numbers = cells.iter().map(|cell| if let Cell::Float(x) = cell { Some(*x) } else { None });
            Arc::new(numbers.collect::<Float32Array>())
        }
        Scalar::Long => Arc::new(cells.iter().map(|cell| long(cell)).collect::<Int64Array>()),
        Scalar::Timestamp | Scalar::TimestampNtz => {
            let micros = cells.iter().map(|cell| long(cell)).collect::<TimestampMicrosecondArray>();
            let ArrowType::Timestamp(_, zone) = arrow else { return Err(mismatch(arrow)) };
            Arc::new(micros.with_timezone_opt(zone.clone()))
        }
        Scalar::Variant => variants(arrow, cells)?,
    })
}

fn variants(arrow: &ArrowType, cells: &[&Cell]) -> Result<ArrayRef, ArrowError> {
    let ArrowType::Struct(parts) = arrow else { return Err(mismatch(arrow)) };
    let (mut metadata, mut values) = (BinaryBuilder::new(), BinaryBuilder::new());
    for cell in cells {
        let (m, v) = match cell {
            Cell::Variant(json) => variant::encode(json)?,
            _ => (Vec::new(), Vec::new()),
        };
        metadata.append_value(m);
        values.append_value(v);
    }
    let children: Vec<ArrayRef> = vec![Arc::new(metadata.finish()), Arc::new(values.finish())];
    masked_struct(parts, children, nulls(cells))
}

fn strings(cells: &[&Cell]) -> delta_kernel::arrow::array::StringArray {
    let bytes = cells.iter().map(|cell| if let Cell::Text(text) = cell { text.len() } else { 0 }).sum();
    let mut builder = StringBuilder::with_capacity(cells.len(), bytes);
    for cell in cells {
        builder.append_option(if let Cell::Text(text) = cell { Some(text) } else { None });
    }
    builder.finish()
}

fn int(cell: &Cell) -> Option<i32> {
    if let Cell::Int(n) = cell { Some(*n) } else { None }
}

fn long(cell: &Cell) -> Option<i64> {
    if let Cell::Long(n) = cell { Some(*n) } else { None }
}

fn mismatch(arrow: &ArrowType) -> ArrowError {
    ArrowError::SchemaError(format!("the kernel's schema has {arrow} where the table has another type"))
}

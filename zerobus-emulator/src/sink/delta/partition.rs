//! Rows by the values of their partition columns: a Delta file holds rows of one partition.

use std::collections::HashMap;

use delta_kernel::expressions::{DecimalData, Scalar as DeltaScalar};
use delta_kernel::schema::{DataType as DeltaType, DecimalType};
use delta_kernel::{KernelError, KernelResult};
use zerobus_codegen::{DataType, Scalar, Table};

use crate::row::{Cell, Row};

/// The rows that share the values of all partition columns.
pub(super) struct Partition<'a> {
    pub(super) values: HashMap<String, DeltaScalar>,
    pub(super) rows: Vec<&'a Row>,
}

/// A table without partition columns is one partition.
pub(super) fn split<'a>(table: &Table, rows: impl Iterator<Item = &'a Row>) -> KernelResult<Vec<Partition<'a>>> {
    let columns: Vec<(usize, Scalar)> = partition_columns(table).collect();
    if columns.is_empty() {
        return Ok(vec![Partition { values: HashMap::new(), rows: rows.collect() }]);
    }
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut partitions: Vec<Partition<'a>> = Vec::new();
    for row in rows {
        let cell = |index: usize| row.cell(index, &table.columns()[index].data_type);
        let cells: Vec<&Cell> = columns.iter().map(|&(index, _)| cell(index)).collect();
        let place = *places.entry(format!("{cells:?}")).or_insert(partitions.len());
        if place == partitions.len() {
            let values = columns
                .iter()
                .map(|&(index, scalar)| Ok((table.columns()[index].name.clone(), value(scalar, cell(index))?)));
            partitions.push(Partition { values: values.collect::<KernelResult<_>>()?, rows: Vec::new() });
        }
        partitions[place].rows.push(row);
    }
    Ok(partitions)
}

/// The places and types of the partition columns.
fn partition_columns(table: &Table) -> impl Iterator<Item = (usize, Scalar)> {
    table.columns().iter().enumerate().filter_map(|(index, column)| match column.data_type {
        DataType::Scalar(scalar) if table.partition_columns.contains(&column.name) => Some((index, scalar)),
        _ => None,
    })
}

fn value(scalar: Scalar, cell: &Cell) -> KernelResult<DeltaScalar> {
    Ok(match (scalar, cell) {
        (_, Cell::Null) => DeltaScalar::Null(data_type(scalar)?),
        (Scalar::Byte, &Cell::Int(n)) => DeltaScalar::Byte(n.try_into().map_err(KernelError::generic_err)?),
        (Scalar::Short, &Cell::Int(n)) => DeltaScalar::Short(n.try_into().map_err(KernelError::generic_err)?),
        (Scalar::Date, &Cell::Int(n)) => DeltaScalar::Date(n),
        (_, &Cell::Int(n)) => DeltaScalar::Integer(n),
        (Scalar::Timestamp, &Cell::Long(n)) => DeltaScalar::Timestamp(n),
        (Scalar::TimestampNtz, &Cell::Long(n)) => DeltaScalar::TimestampNtz(n),
        (_, &Cell::Long(n)) => DeltaScalar::Long(n),
        (_, &Cell::Bool(flag)) => DeltaScalar::Boolean(flag),
        (_, &Cell::Float(x)) => DeltaScalar::Float(x),
        (_, &Cell::Double(x)) => DeltaScalar::Double(x),
        (_, Cell::Text(text)) => DeltaScalar::String(text.clone()),
        (_, Cell::Bytes(bytes)) => DeltaScalar::Binary(bytes.to_vec()),
        (Scalar::Decimal { precision, scale }, &Cell::Decimal(digits)) => {
            DeltaScalar::Decimal(DecimalData::try_new(digits, DecimalType::try_new(precision, scale)?)?)
        }
        _ => return Err(KernelError::generic(format!("a partition column cannot be {scalar}"))),
    })
}

fn data_type(scalar: Scalar) -> KernelResult<DeltaType> {
    super::schema::scalar(scalar)
}

//! Checks values of partition columns: each is a folder's name, so not every value of its type can be stored.
//!
//! | value | why it is refused |
//! |---|---|
//! | one that makes a folder's name longer than 255 bytes, or a path of folders longer than 2,048 | file systems do not support it |
//! | BINARY that is not UTF-8 | the log holds partition values as text |
//! | an empty string or BINARY in a NOT NULL column | Delta reads it as NULL |

use zerobus_codegen::{DataType, Field, Table};

use super::BadRecord;
use crate::row::{Cell, Row};

/// The longest folder name that common file systems support.
const NAME_BYTES: usize = 255;
/// The longest path of a table's partition folders, without the data folder and the file's own name.
const PATH_BYTES: usize = 2_048;

/// Checks the partition columns of a table's rows.
#[derive(Debug)]
pub(super) struct PartitionCheck {
    columns: Vec<(usize, Field)>,
}

impl PartitionCheck {
    pub(super) fn new(table: &Table) -> Self {
        let columns = table.columns().iter().enumerate();
        let columns = columns.filter(|(_, column)| table.partition_columns.contains(&column.name));
        Self { columns: columns.map(|(place, column)| (place, column.clone())).collect() }
    }

    pub(super) fn check(&self, row: &Row) -> Result<(), BadRecord> {
        let mut path = 0;
        for (place, column) in &self.columns {
            path += column.name.len()
                + 2
                + value(column, row.cell(*place, &column.data_type)).map_err(|bad| bad.within(&column.name))?;
        }
        if path > PATH_BYTES {
            let why = format!("the partition columns make a path of {path} bytes, more than {PATH_BYTES}");
            return Err(BadRecord::value(why));
        }
        Ok(())
    }
}

/// The length of the value in a folder's name.
fn value(column: &Field, cell: &Cell) -> Result<usize, BadRecord> {
    let bytes = match (&column.data_type, cell) {
        (DataType::Scalar(_), Cell::Text(text)) => text.as_bytes(),
        (DataType::Scalar(_), Cell::Bytes(bytes)) if std::str::from_utf8(bytes).is_ok() => bytes,
        (_, Cell::Bytes(_)) => return Err(BadRecord::value("a partition column's BINARY has to be UTF-8")),
        // Numbers, dates and times are always short enough.
        _ => return Ok(0),
    };
    if bytes.is_empty() && !column.nullable {
        return Err(BadRecord::value("it is a NOT NULL partition column, and Delta reads an empty value as NULL"));
    }
    let length = bytes.iter().map(|byte| if is_escaped(*byte) { 3 } else { 1 }).sum();
    if column.name.len() + 1 + length > NAME_BYTES {
        let why =
            format!("a partition column's value of {length} bytes makes a folder's name longer than {NAME_BYTES}");
        return Err(BadRecord::value(why));
    }
    Ok(length)
}

/// Whether a character of a partition folder's name is written as `%XX`, by Hive's rules.
const fn is_escaped(byte: u8) -> bool {
    matches!(
        byte,
        0..=0x1F
            | 0x7F
            | b'"'
            | b'#'
            | b'%'
            | b'\''
            | b'*'
            | b'/'
            | b':'
            | b'='
            | b'?'
            | b'\\'
            | b'{'
            | b'['
            | b']'
            | b'^'
    )
}

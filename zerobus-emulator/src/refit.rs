//! Converts rows to another definition of their table.
//!
//! A row fits if the new definition would accept it as a JSON record, so the rules are those of `decode`.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use zerobus_codegen::{DataType, Element, Field, Table};

use crate::decode::{BadRecord, Decoder};
use crate::row::{Cell, Row};
use crate::rows;
use crate::sink::StorageError;

/// What happens to the values of a dropped column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// They are dropped: the row was in the table when the column was dropped.
    Forgotten,
    /// The row does not fit: it was acknowledged and is not in the table yet, so its value must not be lost.
    Unfit,
}

/// Converts rows of one definition to another.
pub(crate) struct Refit {
    from: Arc<Table>,
    #[cfg_attr(not(feature = "delta"), expect(dead_code, reason = "memory makes one for each request"))]
    to: Arc<Table>,
    /// `None` if rows need no conversion.
    conversion: Option<Conversion>,
}

struct Conversion {
    kept: Kept,
    decoder: Decoder,
}

/// Which fields of a row are kept, by position, recursively.
struct Kept(Vec<Option<Kept>>);

impl Refit {
    pub(crate) fn new(from: &Arc<Table>, to: &Arc<Table>, dropped: Dropped) -> Result<Self, StorageError> {
        let same = Arc::ptr_eq(from, to) || keeps_rows(from, to);
        let conversion = || {
            let decoder = Decoder::of_table(to).map_err(|refusal| StorageError::unfit(to, refusal.to_string()))?;
            let to = (dropped == Dropped::Forgotten).then(|| to.columns());
            Ok(Conversion { kept: Kept::of(from.columns(), to), decoder })
        };
        let conversion = if same { None } else { Some(conversion()?) };
        Ok(Self { from: Arc::clone(from), to: Arc::clone(to), conversion })
    }

    /// Whether this converts between these two definitions.
    #[cfg(feature = "delta")]
    pub(crate) fn is_between(&self, from: &Arc<Table>, to: &Arc<Table>) -> bool {
        Arc::ptr_eq(&self.from, from) && Arc::ptr_eq(&self.to, to)
    }

    /// Whether rows need no conversion.
    pub(crate) const fn is_trivial(&self) -> bool {
        self.conversion.is_none()
    }

    pub(crate) fn row(&self, row: &Row) -> Result<Row, BadRecord> {
        match &self.conversion {
            None => Ok(row.clone()),
            Some(Conversion { kept, decoder }) => decoder.json_value(record(self.from.columns(), kept, row)),
        }
    }

    /// Converts all rows; the error is the position of the first that does not fit.
    pub(crate) fn rows(&self, rows: &[Row]) -> Result<Vec<Row>, (usize, BadRecord)> {
        rows.iter().enumerate().map(|(place, row)| self.row(row).map_err(|bad| (place, bad))).collect()
    }
}

/// Whether rows of one definition are valid in the other without conversion: only nullable columns were added, at the
/// end, and no other column became stricter.
fn keeps_rows(from: &Table, to: &Table) -> bool {
    let (old, new) = (from.columns(), to.columns());
    let same = |(old, new): (&Field, &Field)| {
        old.name == new.name && old.data_type == new.data_type && (new.nullable || !old.nullable)
    };
    from.partition_columns == to.partition_columns
        && old.len() <= new.len()
        && old.iter().zip(new).all(same)
        && new[old.len()..].iter().all(|column| column.nullable)
}

impl Kept {
    /// Keeps all fields if there is no second definition.
    fn of(from: &[Field], to: Option<&[Field]>) -> Self {
        let to: Option<HashMap<&str, &Field>> =
            to.map(|to| to.iter().map(|field| (field.name.as_str(), field)).collect());
        let inner = |field: &Field| match &to {
            None => Some(Self::of(fields(&field.data_type), None)),
            Some(to) => {
                to.get(field.name.as_str()).map(|to| Self::of(fields(&field.data_type), Some(fields(&to.data_type))))
            }
        };
        Self(from.iter().map(inner).collect())
    }
}

/// The fields of the structs in a column.
fn fields(data_type: &DataType) -> &[Field] {
    match data_type {
        DataType::Struct(row) | DataType::Array(Element::Struct(row)) | DataType::Map(_, Element::Struct(row)) => {
            &row.fields
        }
        DataType::Array(Element::Scalar(_)) | DataType::Map(_, Element::Scalar(_)) | DataType::Scalar(_) => &[],
    }
}

/// A row as a JSON record, without NULLs and empty collections.
fn record(fields: &[Field], kept: &Kept, row: &Row) -> Value {
    let present = fields.iter().zip(&kept.0).enumerate().filter_map(|(place, (field, kept))| {
        let value = value(&field.data_type, kept.as_ref()?, row.cell(place, &field.data_type))?;
        Some((field.name.clone(), value))
    });
    Value::Object(present.collect())
}

fn value(data_type: &DataType, kept: &Kept, cell: &Cell) -> Option<Value> {
    Some(match (data_type, cell) {
        (_, Cell::Null) => return None,
        (_, Cell::List(items)) if items.is_empty() => return None,
        (_, Cell::Map(entries)) if entries.is_empty() => return None,
        (DataType::Struct(row), Cell::Struct(cells)) => record(&row.fields, kept, cells),
        (DataType::Array(Element::Struct(row)), Cell::List(items)) => {
            items.iter().map(|item| element(&row.fields, kept, item)).collect()
        }
        (DataType::Map(key, Element::Struct(row)), Cell::Map(entries)) => {
            let entries = entries.iter();
            let entries = entries.map(|(k, v)| (rows::key(*key, k), element(&row.fields, kept, v)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        (data_type, cell) => rows::value(data_type, cell),
    })
}

fn element(fields: &[Field], kept: &Kept, cell: &Cell) -> Value {
    if let Cell::Struct(cells) = cell { record(fields, kept, cells) } else { Value::Null }
}

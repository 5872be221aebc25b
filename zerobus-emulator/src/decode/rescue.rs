//! The rescue column: it keeps values of a JSON record that fit no column, as one JSON object.
//!
//! | in the record | result |
//! |---|---|
//! | a field that is not a column | rescued |
//! | a value that its nullable column does not take | rescued, and the column is NULL |
//! | a value that its NOT NULL column does not take, or none | the record is refused |
//! | a value for the rescue column itself | the record is refused |

use serde_json::{Map, Value};

use super::{BadRecord, Decoder};
use crate::row::{Cell, Row};

/// The rescue column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rescue {
    pub(crate) column: String,
    /// Its position among the columns.
    pub(crate) place: usize,
}

impl Rescue {
    /// Decodes a record; `strict` decodes it without the rescue column.
    pub(super) fn row(
        &self,
        decoder: &Decoder,
        strict: Result<Row, BadRecord>,
        record: impl FnOnce() -> Result<Value, BadRecord>,
    ) -> Result<Row, BadRecord> {
        let error = match strict {
            Ok(row) if row.is_null(self.place) => return Ok(row),
            Ok(_) => return Err(self.is_set()),
            Err(error) => error,
        };
        let Value::Object(record) = record()? else { return Err(error) };
        if record.get(&self.column).is_some_and(|value| !value.is_null()) {
            return Err(self.is_set());
        }
        let (rescued, mut kept): (Map<_, _>, Map<_, _>) =
            record.into_iter().partition(|(name, value)| !decoder.takes(name, value));
        if rescued.is_empty() {
            return Err(error);
        }
        kept.insert(self.column.clone(), Value::String(Value::Object(rescued).to_string()));
        decoder.read(Value::Object(kept))
    }

    fn is_set(&self) -> BadRecord {
        BadRecord::value("it is the rescue column, which a record leaves out").within(&self.column)
    }
}

impl Decoder {
    /// Whether a field stays in its column: the column accepts the value, or is NOT NULL.
    fn takes(&self, name: &str, value: &Value) -> bool {
        let Some(column) = self.plan.column(name) else { return false };
        if !column.is_nullable() {
            return true;
        }
        let alone = Value::Object(Map::from_iter([(name.to_owned(), value.clone())]));
        let cell: Result<Cell, BadRecord> = self.message(alone).and_then(|message| column.take(message));
        cell.is_ok()
    }
}

//! Tags of columns, which the tables API does not show.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use zerobus_codegen::{DataType, Printable, Scalar, Table};

use crate::decode::Rescue;

/// The tag of the rescue column, which takes values that fit no other column.
pub(crate) const RESCUE: &str = "zerobus-rescue";

/// The tags of a column.
pub(crate) type Assignments = BTreeMap<String, String>;

/// The tags of all columns, by full names in lower case.
#[derive(Debug, Default)]
pub(crate) struct Tags(RwLock<BTreeMap<String, Assignments>>);

impl Tags {
    /// The rescue column of a table, if it has one.
    pub(crate) fn rescue(&self, table: &Table) -> Option<Rescue> {
        rescue(&self.0.read().unwrap_or_else(PoisonError::into_inner), table)
    }

    /// Sets a column's tags to these.
    pub(crate) fn set(&self, table: &Table, column: &str, assignments: Assignments) -> Result<(), String> {
        let found = table.columns().iter().find(|own| own.name.eq_ignore_ascii_case(column));
        let (name, shown) = (&table.name, Printable(column));
        let found = found.ok_or_else(|| format!("table {name} has no column {shown}"))?;
        let mut tags = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if assignments.contains_key(RESCUE) {
            if found.data_type != DataType::Scalar(Scalar::Variant) || !found.nullable {
                return Err(format!("column {shown} of {name} is no nullable VARIANT, which the tag {RESCUE} needs"));
            }
            if let Some(other) = rescue(&tags, table).filter(|other| other.column != found.name) {
                let other = Printable(&other.column);
                return Err(format!("column {other} of {name} has the tag {RESCUE} already, and a table has one such"));
            }
        }
        tags.insert(key(table, &found.name), assignments);
        Ok(())
    }

    /// The tags of a column, by its full name.
    pub(crate) fn of(&self, column: &str) -> Assignments {
        let tags = self.0.read().unwrap_or_else(PoisonError::into_inner);
        tags.get(&column.to_lowercase()).cloned().unwrap_or_default()
    }
}

fn rescue(tags: &BTreeMap<String, Assignments>, table: &Table) -> Option<Rescue> {
    let is_rescue = |column: &str| tags.get(&key(table, column)).is_some_and(|tags| tags.contains_key(RESCUE));
    let place = table.columns().iter().position(|column| is_rescue(&column.name))?;
    Some(Rescue { column: table.columns()[place].name.clone(), place })
}

fn key(table: &Table, column: &str) -> String {
    format!("{}.{column}", table.name).to_lowercase()
}

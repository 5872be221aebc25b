//! Securables: the objects that privileges are granted on.

use crate::TableName;

/// A table, its schema or its catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Securable {
    /// The table's catalog.
    Catalog,
    /// The table's schema.
    Schema,
    /// The table itself.
    Table,
}

impl Securable {
    /// The parts of its name, outermost first.
    #[must_use]
    pub fn parts(self, table: &TableName) -> Vec<&str> {
        match self {
            Self::Catalog => vec![table.catalog()],
            Self::Schema => vec![table.catalog(), table.schema()],
            Self::Table => vec![table.catalog(), table.schema(), table.table()],
        }
    }
}

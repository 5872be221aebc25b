//! A checked table: everything in it can be written through Zerobus.

use std::fmt::{self, Display};

use super::{ColumnPath, Field, Obstacle, Printable, Struct, TableName};

/// A table that Zerobus can write to, as its row sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Table {
    /// The full name.
    pub name: TableName,
    /// The comment, as it stands in the catalog: text of a stranger.
    pub comment: Option<String>,
    /// The columns that a row carries, by position.
    pub row: Struct,
    /// The names of the partition columns, outermost first.
    pub partition_columns: Vec<String>,
    /// The names of the columns that the table computes itself, which a row therefore leaves out.
    pub omitted_columns: Vec<String>,
    /// The paths of columns, and of fields in columns, that are left out on purpose.
    pub skipped_columns: Vec<ColumnPath>,
    /// What the service refuses the table for, or is reported to; also among the warnings.
    pub obstacles: Vec<Obstacle>,
    /// What a user should know: columns left out, values that the wire cannot tell apart.
    pub notes: Vec<Note>,
    /// What a user should act on: what the service refuses a table for, what could not be read of its description.
    pub warnings: Vec<Note>,
}

/// Something about a table that is no problem, but that its user should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// Where it stands.
    pub path: ColumnPath,
    /// What there is to know.
    pub text: String,
}

impl Table {
    /// The columns that a row carries, by position.
    #[must_use]
    pub fn columns(&self) -> &[Field] {
        &self.row.fields
    }
}

impl Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.segments().is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", Printable(&self.text))
    }
}

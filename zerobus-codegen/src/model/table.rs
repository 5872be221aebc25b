//! A checked table, all of which Zerobus can write to.

use std::fmt::{self, Display};

use super::{ColumnPath, Field, Obstacle, Printable, Struct, TableName};

/// A checked table that Zerobus can write to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Table {
    /// The full name.
    pub name: TableName,
    /// The catalog's comment, unescaped: untrusted text.
    pub comment: Option<String>,
    /// The columns of a row, by position.
    pub row: Struct,
    /// The names of the partition columns, outermost first.
    pub partition_columns: Vec<String>,
    /// The names of the columns that the table computes, which a row omits.
    pub omitted_columns: Vec<String>,
    /// The paths of the columns and nested fields omitted by `skip`.
    pub skipped_columns: Vec<ColumnPath>,
    /// Features for which the service refuses the table or is reported to; also among the warnings.
    pub obstacles: Vec<Obstacle>,
    /// Remarks: omitted columns, and values that are equal on the wire.
    pub notes: Vec<Note>,
    /// Warnings that need action: features that the service refuses, and parts of the description that could not be
    /// read.
    pub warnings: Vec<Note>,
}

/// A remark about a usable table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The path of its column; the root for the table as a whole.
    pub path: ColumnPath,
    /// The text.
    pub text: String,
}

impl Table {
    /// The columns of a row, by position.
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

//! The columns of a table that a stream of zerobus-runtime fills in: each row is known by them.

use std::fmt::{self, Display};

use serde::Deserialize;

use super::{ColumnPath, DataType, Printable, Problem, Scalar, Table};

/// The columns that a stream of zerobus-runtime stamps; `producer`, `epoch` and `sequence` by default.
///
/// ```
/// use zerobus_codegen::StampedColumns;
///
/// let columns = StampedColumns { sequence: "row_number".to_owned(), ..StampedColumns::default() };
/// assert_eq!((columns.producer.as_str(), columns.epoch.as_str()), ("producer", "epoch"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StampedColumns {
    /// Who sent the row: STRING.
    pub producer: String,
    /// Which run of the producer sent it: BIGINT.
    pub epoch: String,
    /// Which row of the producer it is: BIGINT.
    pub sequence: String,
}

impl Default for StampedColumns {
    fn default() -> Self {
        Self { producer: "producer".to_owned(), epoch: "epoch".to_owned(), sequence: "sequence".to_owned() }
    }
}

/// What a column is stamped with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// Which run of the producer sent the row.
    Epoch,
    /// Who sent the row.
    Producer,
    /// Which row of the producer it is.
    Sequence,
}

impl Stamp {
    /// Every stamp, in the order in which they are named.
    pub const ALL: [Self; 3] = [Self::Producer, Self::Epoch, Self::Sequence];

    /// The name of the stamp: `producer`, `epoch` or `sequence`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::Producer => "producer",
            Self::Sequence => "sequence",
        }
    }

    /// The type that its column has.
    #[must_use]
    pub const fn scalar(self) -> Scalar {
        match self {
            Self::Epoch | Self::Sequence => Scalar::Long,
            Self::Producer => Scalar::String,
        }
    }
}

impl StampedColumns {
    /// The name of the column with this stamp.
    #[must_use]
    pub fn of(&self, stamp: Stamp) -> &str {
        match stamp {
            Stamp::Epoch => &self.epoch,
            Stamp::Producer => &self.producer,
            Stamp::Sequence => &self.sequence,
        }
    }

    /// What a column is stamped with, if it is. Unity Catalog compares names without regard to case.
    #[must_use]
    pub fn stamp_of(&self, column: &str) -> Option<Stamp> {
        Stamp::ALL.into_iter().find(|stamp| self.of(*stamp).eq_ignore_ascii_case(column))
    }

    /// Whether the rows of this table can be stamped in these columns.
    ///
    /// # Errors
    /// If the table does not have one of them, or has it with another type.
    pub fn check(&self, table: &Table) -> Result<(), StampProblems> {
        let problem = |stamp: Stamp| {
            let (name, sql) = (self.of(stamp), DataType::Scalar(stamp.scalar()));
            let named = |column: &str| column.eq_ignore_ascii_case(name);
            let found = match table.row.fields.iter().find(|field| named(&field.name)) {
                _ if self.stamp_of(name) != Some(stamp) => "the column has another stamp as well".to_owned(),
                Some(field) if field.data_type == sql => return None,
                Some(field) => format!("the column is {}, and its stamp a {sql}", field.data_type),
                None => "the table has no such column".to_owned(),
            };
            let help = format!("add a column of the type {sql}, or name another one for the {}", stamp.name());
            Some(Problem::new(&ColumnPath::root().join(name), found, help))
        };
        let problems: Vec<Problem> = Stamp::ALL.into_iter().filter_map(problem).collect();
        if problems.is_empty() { Ok(()) } else { Err(StampProblems { table: table.name.to_string(), problems }) }
    }
}

/// Why the rows of a table cannot be stamped.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StampProblems {
    /// The table's full name.
    pub table: String,
    /// At least one problem: producer, epoch, sequence.
    pub problems: Vec<Problem>,
}

impl Display for StampProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the rows of table {} cannot be stamped", Printable(&self.table))?;
        for Problem { path, found, help } in &self.problems {
            write!(f, "\n  {path}: {}\n    help: {}", Printable(found), Printable(help))?;
        }
        Ok(())
    }
}

impl std::error::Error for StampProblems {}

//! The stamped columns of a table: a stream of zerobus-runtime fills them in to identify each row.

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
    /// The column for the producer of the row: STRING.
    pub producer: String,
    /// The column for the producer's run: BIGINT.
    pub epoch: String,
    /// The column for the row's number among the producer's rows: BIGINT.
    pub sequence: String,
}

impl Default for StampedColumns {
    fn default() -> Self {
        Self { producer: "producer".to_owned(), epoch: "epoch".to_owned(), sequence: "sequence".to_owned() }
    }
}

/// The value that a column is stamped with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// The producer's run that sent the row.
    Epoch,
    /// The producer that sent the row.
    Producer,
    /// The row's number among the producer's rows.
    Sequence,
}

impl Stamp {
    /// Every stamp, in the order of arguments and messages.
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

    /// The type of its column.
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

    /// The stamp of a column, if it has one. Unity Catalog compares names without regard to case.
    #[must_use]
    pub fn stamp_of(&self, column: &str) -> Option<Stamp> {
        Stamp::ALL.into_iter().find(|stamp| self.of(*stamp).eq_ignore_ascii_case(column))
    }

    /// Checks that the rows of this table can be stamped in these columns.
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
    /// At least one problem, in the order producer, epoch, sequence.
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

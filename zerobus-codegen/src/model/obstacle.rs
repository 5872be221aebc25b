//! Obstacles: table features for which the service refuses a table, or is reported to refuse it.
//!
//! This is the only list of them: `fetch`, `generate`, `check`, build scripts and the emulator use it.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use super::properties::{Property, property};
use super::{ColumnPath, Printable};

/// A table feature for which the service refuses to open a stream, or is reported to refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// The catalog manages the table's commits.
    CatalogManaged,
    /// The table has a change data feed.
    ChangeDataFeed,
    /// The table has a CHECK constraint.
    Check {
        /// The constraint's name.
        name: String,
    },
    /// The table has column mapping.
    ColumnMapping {
        /// The mode: `name`, `id`.
        mode: String,
    },
    /// The table computes a column.
    GeneratedColumn {
        /// The column's name.
        name: String,
    },
    /// The table has an identity column.
    IdentityColumn {
        /// The column's name.
        name: String,
    },
    /// The table tracks its rows.
    RowTracking,
}

impl Obstacle {
    /// The obstacles among a table's properties.
    #[must_use]
    pub fn of_properties(properties: &BTreeMap<String, String>) -> Vec<Self> {
        let is_true = |value: &str| value.trim().eq_ignore_ascii_case("true");
        let obstacle = |(key, value): (&String, &String)| match property(key)? {
            Property::CatalogManaged => (!value.eq_ignore_ascii_case("disabled")).then_some(Self::CatalogManaged),
            Property::ChangeFeed => is_true(value).then_some(Self::ChangeDataFeed),
            Property::ColumnMapping => {
                (!value.eq_ignore_ascii_case("none")).then(|| Self::ColumnMapping { mode: value.clone() })
            }
            Property::Constraint(name) => Some(Self::Check { name: name.to_owned() }),
            Property::RowTracking => is_true(value).then_some(Self::RowTracking),
        };
        let mut obstacles: Vec<Self> = properties.iter().filter_map(obstacle).collect();
        // Two properties may turn on the same feature.
        obstacles.dedup();
        obstacles
    }

    /// The path of its column; the root for the table as a whole.
    #[must_use]
    pub fn path(&self) -> ColumnPath {
        match self {
            Self::GeneratedColumn { name } | Self::IdentityColumn { name } => ColumnPath::root().join(name),
            _ => ColumnPath::root(),
        }
    }

    /// The remedy.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::CatalogManaged => "create the table without the feature, with CREATE TABLE in Databricks SQL",
            Self::ChangeDataFeed => "set delta.enableChangeDataFeed to false, or read the feed of another table",
            Self::Check { .. } => "drop it with ALTER TABLE … DROP CONSTRAINT, and check rows in the program",
            Self::ColumnMapping { .. } => "recreate the table without delta.columnMapping.mode",
            Self::GeneratedColumn { .. } => "make it a plain column, or compute it in a view",
            Self::IdentityColumn { .. } => "make it a plain column that the program fills",
            Self::RowTracking => "set delta.enableRowTracking to false",
        }
    }
}

impl Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const REFUSED: &str = "the service refuses the table";
        const REPORTED: &str = "the service is reported to refuse the table";
        match self {
            Self::CatalogManaged => write!(f, "catalog-managed commits, for which {REFUSED}"),
            Self::ChangeDataFeed => write!(f, "a change data feed, for which {REPORTED}"),
            Self::Check { name } => write!(f, "the CHECK constraint `{}`, for which {REPORTED}", Printable(name)),
            Self::ColumnMapping { mode } => {
                write!(f, "column mapping by {}, for which {REPORTED}", Printable(mode))
            }
            Self::GeneratedColumn { .. } => {
                write!(f, "a generated column, which a row leaves out and for which {REFUSED} (error code 1022)")
            }
            Self::IdentityColumn { .. } => {
                write!(f, "an identity column, which a row leaves out and for which {REFUSED} (error code 1022)")
            }
            Self::RowTracking => write!(f, "row tracking, for which {REPORTED} (error code 1022)"),
        }
    }
}

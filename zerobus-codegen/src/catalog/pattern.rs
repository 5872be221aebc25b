//! Patterns of tables to fetch: one table, a schema, or a whole catalog.

use std::fmt::{self, Display};
use std::str::FromStr;

use crate::{Printable, TableName};

/// `main.geo.earthquakes`, `main.geo.*` or `main.*`.
///
/// ```
/// use zerobus_codegen::TablePattern;
///
/// assert!(matches!("main.geo.*".parse()?, TablePattern::Schema { .. }));
/// assert!("main.ge*.x".parse::<TablePattern>().is_err());
/// # Ok::<(), zerobus_codegen::TablePatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TablePattern {
    /// Every table of a catalog.
    Catalog {
        /// The catalog's name.
        catalog: String,
    },
    /// Every table of a schema.
    Schema {
        /// The catalog's name.
        catalog: String,
        /// The schema's name.
        schema: String,
    },
    /// One table.
    Table(TableName),
}

/// A text that is not a valid pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a pattern of tables; write catalog.schema.table, catalog.schema.* or catalog.*", Printable(.found))]
pub struct TablePatternError {
    found: String,
}

impl FromStr for TablePattern {
    type Err = TablePatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || TablePatternError { found: text.to_owned() };
        let parts: Vec<&str> = text.split('.').collect();
        // `TableName` checks each part; `t` stands in for the parts that are stars.
        match parts[..] {
            [catalog, "*"] | [catalog, "*", "*"] => {
                TableName::new(catalog, "t", "t").map(|name| Self::Catalog { catalog: name.catalog().to_owned() }).ok()
            }
            [catalog, schema, "*"] => TableName::new(catalog, schema, "t")
                .map(|name| Self::Schema { catalog: name.catalog().to_owned(), schema: name.schema().to_owned() })
                .ok(),
            _ => text.parse().map(Self::Table).ok(),
        }
        .filter(|pattern| pattern.to_string().matches('*').count() <= 1 && !names_a_star(pattern))
        .ok_or_else(wrong)
    }
}

impl TablePattern {
    /// Whether the pattern matches this table, without regard to case.
    #[must_use]
    pub fn covers(&self, name: &TableName) -> bool {
        let is = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
        match self {
            Self::Catalog { catalog } => is(catalog, name.catalog()),
            Self::Schema { catalog, schema } => is(catalog, name.catalog()) && is(schema, name.schema()),
            Self::Table(table) => is(&table.to_string(), &name.to_string()),
        }
    }
}

fn names_a_star(pattern: &TablePattern) -> bool {
    match pattern {
        TablePattern::Catalog { catalog } => catalog.contains('*'),
        TablePattern::Schema { catalog, schema } => catalog.contains('*') || schema.contains('*'),
        TablePattern::Table(name) => name.to_string().contains('*'),
    }
}

impl Display for TablePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Catalog { catalog } => write!(f, "{catalog}.*"),
            Self::Schema { catalog, schema } => write!(f, "{catalog}.{schema}.*"),
            Self::Table(name) => name.fmt(f),
        }
    }
}

//! The three-part name of a table: `catalog.schema.table`.

use std::fmt::{self, Display};
use std::str::FromStr;

use super::Printable;

/// A table's full name: all parts are present and have no characters that Unity Catalog forbids.
///
/// Unity Catalog forbids the dot, the slash, the space and control characters in every object's name, so a
/// `TableName` can neither leave a folder nor break out of a line.
///
/// ```
/// use zerobus_codegen::TableName;
///
/// let name: TableName = "main.geo.earthquakes".parse()?;
/// assert_eq!(name.catalog(), "main");
/// assert_eq!(name.to_string(), "main.geo.earthquakes");
/// assert!("geo.earthquakes".parse::<TableName>().is_err());
/// # Ok::<(), zerobus_codegen::TableNameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    catalog: String,
    schema: String,
    table: String,
}

/// A text that is not the full name of a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a table's full name: {reason}; write catalog.schema.table, for example main.geo.earthquakes", Printable(.found))]
pub struct TableNameError {
    found: String,
    reason: &'static str,
}

impl TableName {
    /// The name with these three parts.
    ///
    /// # Errors
    /// If a part is empty or holds a character that Unity Catalog forbids.
    pub fn new(catalog: &str, schema: &str, table: &str) -> Result<Self, TableNameError> {
        for part in [catalog, schema, table] {
            if let Some(reason) = forbidden(part) {
                return Err(TableNameError { found: format!("{catalog}.{schema}.{table}"), reason });
            }
        }
        Ok(Self { catalog: catalog.to_owned(), schema: schema.to_owned(), table: table.to_owned() })
    }

    /// The first part.
    #[must_use]
    pub fn catalog(&self) -> &str {
        &self.catalog
    }

    /// The second part.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The third part.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }
}

fn forbidden(part: &str) -> Option<&'static str> {
    if part.is_empty() {
        return Some("a part is empty");
    }
    if part.contains(['.', '/', '\\', '`']) {
        return Some("a part holds a dot, a slash or a backtick");
    }
    if part.chars().any(|c| c.is_whitespace() || super::printable::rewrites_the_line(c)) {
        return Some("a part holds a space or a control character");
    }
    None
}

impl FromStr for TableName {
    type Err = TableNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('.').collect();
        match parts[..] {
            [catalog, schema, table] => Self::new(catalog, schema, table),
            _ => Err(TableNameError { found: text.to_owned(), reason: "it does not have three parts" }),
        }
    }
}

impl Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.catalog, self.schema, self.table)
    }
}

//! Tables and nullable columns to omit, so one unsupported column does not block the others.

use serde::Deserialize;

use super::ColumnPath;

/// Tables and nullable columns to omit, by path: `main.geo.shapes`, `main.geo.earthquakes.shape`.
///
/// A path can also name a nullable field of a STRUCT. Names are compared without regard to case.
///
/// ```
/// use zerobus_codegen::{Skip, Table, TableInfo};
///
/// let info: TableInfo = serde_json::from_str(
///     r#"{"name": "t", "catalog_name": "main", "schema_name": "geo", "columns": [
///         {"name": "id", "type_text": "bigint"}, {"name": "shape", "type_text": "geography(4326)"}]}"#,
/// )?;
/// assert!(Table::try_from(&info).is_err());
/// let table = Table::check(&info, &Skip::new(["main.geo.t.shape"]))?;
/// assert_eq!(table.columns().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<String>")]
pub struct Skip {
    paths: Vec<String>,
    /// Whether a path that matches nothing is accepted.
    is_lenient: bool,
}

impl From<Vec<String>> for Skip {
    fn from(paths: Vec<String>) -> Self {
        Self { paths, is_lenient: false }
    }
}

impl Skip {
    /// Omits these paths.
    #[must_use]
    pub fn new<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        paths.into_iter().map(Into::into).collect::<Vec<_>>().into()
    }

    /// Adds the paths of another `Skip`.
    pub fn extend(&mut self, other: Self) {
        self.paths.extend(other.paths);
    }

    /// The same paths, but a path that matches nothing is accepted. This is for two versions of a table, of which only
    /// one may have the column.
    #[must_use]
    pub fn lenient(&self) -> Self {
        Self { is_lenient: true, ..self.clone() }
    }

    /// Whether the table with this full name is omitted.
    #[must_use]
    pub fn is_table_skipped(&self, table: &str) -> bool {
        self.names(table)
    }

    /// The paths that must match something.
    #[cfg(feature = "generate")]
    pub(crate) fn required(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str).filter(|_| !self.is_lenient)
    }

    /// The paths that apply to the table with this full name.
    pub(super) fn of_table(&self, table: &str) -> TableSkip<'_> {
        let prefix = format!("{}.", table.to_lowercase());
        let inside = |path: &'_ String| path.to_lowercase().starts_with(&prefix);
        TableSkip {
            paths: self.paths.iter().filter(|path| inside(path)).map(|path| &path[prefix.len()..]).collect(),
            is_lenient: self.is_lenient,
        }
    }

    fn names(&self, path: &str) -> bool {
        self.paths.iter().any(|skipped| skipped.to_lowercase() == path.to_lowercase())
    }
}

/// The omitted paths of one table.
pub(super) struct TableSkip<'a> {
    /// Paths of columns, relative to the table.
    paths: Vec<&'a str>,
    is_lenient: bool,
}

impl TableSkip<'_> {
    /// Whether this column or nested field is omitted.
    pub(super) fn has(&self, path: &ColumnPath) -> bool {
        let path = path.segments().join(".").to_lowercase();
        self.paths.iter().any(|skipped| skipped.to_lowercase() == path)
    }

    /// The paths that match none of these; empty for a lenient `Skip`.
    pub(super) fn others(&self, found: &[ColumnPath]) -> Vec<&str> {
        if self.is_lenient {
            return Vec::new();
        }
        let found: Vec<String> = found.iter().map(|path| path.segments().join(".").to_lowercase()).collect();
        self.paths.iter().filter(|path| !found.contains(&path.to_lowercase())).copied().collect()
    }
}

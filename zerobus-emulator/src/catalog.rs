//! The emulator's tables: the JSON of each, and the checked model of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use zerobus_codegen::{Printable, Table, TableInfo, snapshot_json};

use crate::refusal::Refusal;

/// Why tables could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// A file does not contain CREATE TABLE statements.
    #[cfg(feature = "ddl")]
    #[error("{} does not hold CREATE TABLE statements", .path.display())]
    Ddl {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: zerobus_codegen::ddl::DdlError,
    },
    /// Two files describe one table.
    #[error("table {} is described in both {} and {}; remove one of them", Printable(.table), .first.display(), .second.display())]
    Duplicate {
        /// The table's full name.
        table: String,
        /// The file that was read first.
        first: PathBuf,
        /// The file that was read second.
        second: PathBuf,
    },
    /// A folder or a file contains no table.
    #[error("{} describes no table; put the JSON of a table there (`zerobus-codegen fetch catalog.schema.table`), or name a file of CREATE TABLE statements", .path.display())]
    Empty {
        /// The folder or the file.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("{} cannot be read; name a file or a folder of table JSON", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file is not the JSON of a table.
    #[error("{} is not the JSON of a table as the tables API returns it", .path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// All tables, by their full names in lower case: Unity Catalog's names are case-insensitive.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    entries: BTreeMap<String, Arc<Entry>>,
}

/// One table: its JSON, and its checked model.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) info: TableInfo,
    /// All keys of the original, for the tables API.
    pub(crate) json: Value,
    pub(crate) table: Result<Arc<Table>, String>,
    /// The definition from the file, if the table was altered since.
    pub(crate) given: Option<Value>,
    file: PathBuf,
}

impl Catalog {
    /// Reads a file, or every `.json` file of a folder.
    pub(crate) fn read(&mut self, path: &Path) -> Result<(), CatalogError> {
        let io = |source| CatalogError::Io { path: path.to_owned(), source };
        if !path.is_dir() {
            return self.read_file(path);
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(io)? {
            let file = entry.map_err(io)?.path();
            if file.extension().is_some_and(|extension| extension == "json") {
                files.push(file);
            }
        }
        if files.is_empty() {
            return Err(CatalogError::Empty { path: path.to_owned() });
        }
        files.sort();
        files.iter().try_for_each(|file| self.read_file(file))
    }

    /// Reads the CREATE TABLE statements of a file.
    #[cfg(feature = "ddl")]
    pub(crate) fn read_ddl(&mut self, file: &Path) -> Result<(), CatalogError> {
        let text =
            std::fs::read_to_string(file).map_err(|source| CatalogError::Io { path: file.to_owned(), source })?;
        let tables = zerobus_codegen::ddl::tables(&text)
            .map_err(|source| CatalogError::Ddl { path: file.to_owned(), source })?;
        if tables.is_empty() {
            return Err(CatalogError::Empty { path: file.to_owned() });
        }
        for info in tables {
            let json =
                serde_json::to_value(&info).map_err(|source| CatalogError::Json { path: file.to_owned(), source })?;
            self.add(info, json, file)?;
        }
        Ok(())
    }

    pub(crate) fn entry(&self, full_name: &str) -> Option<&Entry> {
        self.entries.get(&full_name.to_ascii_lowercase()).map(|entry| &**entry)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().map(|entry| &**entry)
    }

    /// A copy of the catalog with another definition of one table.
    pub(crate) fn with(&self, entry: Entry) -> Self {
        let mut catalog = self.clone();
        catalog.entries.insert(entry.info.full_name().to_ascii_lowercase(), Arc::new(entry));
        catalog
    }

    /// All tables that a stream can write to.
    pub(crate) fn all_writable(&self) -> impl Iterator<Item = Arc<Table>> {
        self.entries.keys().filter_map(|name| self.writable(name).ok())
    }

    /// The table, if a stream can write to it.
    pub(crate) fn writable(&self, full_name: &str) -> Result<Arc<Table>, Refusal> {
        let entry = self.entry(full_name).ok_or_else(|| Refusal::no_such_table(full_name))?;
        if let Some(found) = entry.unsupported_kind() {
            return Err(Refusal::unsupported_kind(full_name, &found));
        }
        let table = entry.table.as_ref().map_err(|report| Refusal::unsupported_table(report))?;
        if !table.omitted_columns.is_empty() {
            return Err(Refusal::generated_columns(&table.name, &table.omitted_columns));
        }
        match table.obstacles.first() {
            Some(obstacle) => Err(Refusal::obstacle(&table.name, obstacle)),
            None => Ok(Arc::clone(table)),
        }
    }

    fn read_file(&mut self, file: &Path) -> Result<(), CatalogError> {
        let text = std::fs::read(file).map_err(|source| CatalogError::Io { path: file.to_owned(), source })?;
        let json_error = |source| CatalogError::Json { path: file.to_owned(), source };
        let json: Value = serde_json::from_slice(&snapshot_json(&text)).map_err(json_error)?;
        for json in tables_of(json) {
            let info: TableInfo = serde_json::from_value(json.clone()).map_err(json_error)?;
            self.add(info, json, file)?;
        }
        Ok(())
    }

    fn add(&mut self, info: TableInfo, json: Value, file: &Path) -> Result<(), CatalogError> {
        let full_name = info.full_name();
        if let Some(first) = self.entry(&full_name) {
            let (first, second) = (first.file.clone(), file.to_owned());
            return Err(CatalogError::Duplicate { table: full_name, first, second });
        }
        self.entries.insert(full_name.to_ascii_lowercase(), Arc::new(Entry::new(info, json, file.to_owned())));
        Ok(())
    }
}

impl Entry {
    fn new(info: TableInfo, mut json: Value, file: PathBuf) -> Self {
        let full_name = info.full_name();
        if let Some(object) = json.as_object_mut() {
            object.entry("full_name").or_insert_with(|| Value::String(full_name.clone()));
        }
        let table = Table::try_from(&info).map(Arc::new).map_err(|report| report.to_string());
        match &table {
            Ok(table) => {
                for warning in &table.warnings {
                    tracing::warn!(table = %table.name, "{warning}");
                }
            }
            Err(report) => tracing::warn!(%report, "a table is known to the tables API, but takes no rows"),
        }
        Self { info, json, table, given: None, file }
    }

    /// A copy of the entry with another definition.
    pub(crate) fn altered(&self, info: TableInfo, json: Value) -> Self {
        let given = self.given.as_ref().unwrap_or(&self.json);
        Self { given: Some(given.clone()), ..Self::new(info, json, self.file.clone()) }
    }

    /// The table's kind, if it is not a managed Delta table.
    fn unsupported_kind(&self) -> Option<String> {
        let kind = self.info.table_type.as_deref().unwrap_or("MANAGED");
        if !["MANAGED", "STREAMING_TABLE"].iter().any(|known| kind.eq_ignore_ascii_case(known)) {
            return Some(format!("is of type {}", Printable(kind)));
        }
        let format = self.info.data_source_format.as_deref().unwrap_or("DELTA");
        (!format.eq_ignore_ascii_case("DELTA")).then(|| format!("is in format {}", Printable(format)))
    }
}

/// A file holds one table, an array of tables, or a response of the list call.
fn tables_of(json: Value) -> Vec<Value> {
    match json {
        Value::Array(tables) => tables,
        Value::Object(mut object) if object.get("tables").is_some_and(Value::is_array) => match object.remove("tables")
        {
            Some(Value::Array(tables)) => tables,
            _ => Vec::new(),
        },
        table => vec![table],
    }
}

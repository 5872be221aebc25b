//! Snapshots: the JSON files of tables that a repository keeps, read from folders.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Error, Failure, Table, TableInfo, snapshot_json};

/// A table as a snapshot keeps it, with the file where it stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// The file.
    pub path: PathBuf,
    /// The table as the catalog described it.
    pub info: TableInfo,
    /// The table as Zerobus can write to it.
    pub table: Table,
}

/// What the snapshots of some folders give: good tables, and what is wrong with the others.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Snapshots {
    /// The tables, sorted by full name.
    pub tables: Vec<Snapshot>,
    /// What could not be read or cannot be written through Zerobus, sorted by file.
    pub failures: Vec<Failure>,
}

impl Snapshots {
    /// Reads every snapshot of these paths: a file itself, a folder for each `*.json` in it. With the feature `ddl` a
    /// file `*.sql` is read for its `CREATE TABLE` statements.
    ///
    /// A snapshot that is broken, or of a table that Zerobus cannot write to, is a [`Failure`] beside the good ones.
    ///
    /// # Errors
    /// If a path cannot be read, or a folder holds no snapshot.
    pub fn read<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, Error> {
        let mut read = Self::default();
        for path in paths {
            for file in files(path.as_ref())? {
                read.add(file)?;
            }
        }
        read.tables.sort_by(|a, b| a.table.name.cmp(&b.table.name));
        read.reject_duplicates();
        Ok(read)
    }

    fn add(&mut self, path: PathBuf) -> Result<(), Error> {
        let bytes = fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        #[cfg(feature = "ddl")]
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql")) {
            self.add_statements(path, &String::from_utf8_lossy(&bytes));
            return Ok(());
        }
        match serde_json::from_slice::<TableInfo>(snapshot_json(&bytes)) {
            Ok(info) => self.add_table(path, info),
            Err(source) => self.failures.push(Failure::Json { path, source }),
        }
        Ok(())
    }

    #[cfg(feature = "ddl")]
    fn add_statements(&mut self, path: PathBuf, text: &str) {
        match crate::ddl::tables(text) {
            Ok(tables) => {
                for info in tables {
                    self.add_table(path.clone(), info);
                }
            }
            Err(source) => self.failures.push(Failure::Ddl { path, source }),
        }
    }

    fn add_table(&mut self, path: PathBuf, info: TableInfo) {
        match Table::try_from(&info) {
            Ok(table) => self.tables.push(Snapshot { path, info, table }),
            Err(report) => self.failures.push(Failure::Table { path, report }),
        }
    }

    /// Unity Catalog compares names without regard to case, so neither may two snapshots differ by case alone.
    fn reject_duplicates(&mut self) {
        let mut seen: HashMap<String, PathBuf> = HashMap::new();
        for snapshot in std::mem::take(&mut self.tables) {
            let table = snapshot.table.name.to_string();
            if let Some(first) = seen.get(&table.to_lowercase()) {
                let (first, second) = (first.clone(), snapshot.path);
                self.failures.push(Failure::Duplicate { table, first, second });
            } else {
                seen.insert(table.to_lowercase(), snapshot.path.clone());
                self.tables.push(snapshot);
            }
        }
    }
}

/// The snapshots at a path, sorted.
fn files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| Error::Read { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(Error::NoSnapshot { path: path.to_owned() });
    }
    files.sort();
    Ok(files)
}

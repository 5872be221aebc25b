//! Reads tables from files and folders: snapshots in JSON and SQL statements.

mod files;
mod folder;

use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use crate::options::covers;
use crate::{Error, Failure, Note, Printable, Skip, Table, TableInfo, UnmatchedPath, likely, tables_in_json};
use folder::{Folder, extension};

pub(crate) use files::{Disk, FileTree};

/// A table and the file that describes it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// The file.
    pub path: PathBuf,
    /// The catalog's description, if it was kept: see [`Snapshots::read_whole`].
    pub info: Option<TableInfo>,
    /// The checked table.
    pub table: Table,
}

/// A warning about a source of tables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// The file.
    pub path: PathBuf,
    /// The warning and its place.
    pub text: String,
}

/// The tables of some files and folders, and the failures of those that cannot be used.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Snapshots {
    /// The tables, sorted by full name.
    pub tables: Vec<Snapshot>,
    /// Sources that cannot be read and tables that Zerobus cannot write to, sorted by file.
    pub failures: Vec<Failure>,
    /// Warnings about sources that were read.
    pub warnings: Vec<Warning>,
    /// The number of tables and columns omitted by `skip`.
    skipped: usize,
    /// The full names of all tables, including omitted ones.
    names: BTreeSet<String>,
    keep: Keep,
}

/// What a snapshot keeps in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Keep {
    /// Also the catalog's description, which takes more memory than everything else.
    Everything,
    #[default]
    Table,
}

impl Snapshots {
    /// Reads the tables of these paths.
    ///
    /// A file holds the JSON of a table or of a list of tables; in a folder each `*.json` is such a file. With the
    /// feature `ddl`, a file `*.sql` holds SQL statements, and those of a folder are one sequence of migrations.
    ///
    /// A source that cannot be read, or a table that Zerobus cannot write to, becomes a [`Failure`] beside the valid
    /// tables.
    ///
    /// # Errors
    /// If there is only one path, and it cannot be read or holds no table.
    pub fn read<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, Error> {
        Self::read_without(paths, &Skip::default())
    }

    /// Like [`read`](Self::read), without the tables and columns of `skip`.
    ///
    /// # Errors
    /// As [`read`](Self::read), and if a path of `skip` that is not [lenient](Skip::lenient) matches no table.
    pub fn read_without<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>, skip: &Skip) -> Result<Self, Error> {
        Self::default().read_all(&Disk, paths, skip)
    }

    /// Like [`read_without`](Self::read_without); each snapshot keeps its [`info`](Snapshot::info).
    ///
    /// # Errors
    /// As [`read_without`](Self::read_without).
    pub fn read_whole<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>, skip: &Skip) -> Result<Self, Error> {
        Self { keep: Keep::Everything, ..Self::default() }.read_all(&Disk, paths, skip)
    }

    /// Like [`read_without`](Self::read_without), from files in memory.
    #[cfg(feature = "cli")]
    pub(crate) fn read_from<P: AsRef<Path>>(
        files: &dyn FileTree,
        paths: impl IntoIterator<Item = P>,
        skip: &Skip,
    ) -> Result<Self, Error> {
        Self::default().read_all(files, paths, skip)
    }

    fn read_all<P: AsRef<Path>>(
        self,
        files: &dyn FileTree,
        paths: impl IntoIterator<Item = P>,
        skip: &Skip,
    ) -> Result<Self, Error> {
        let mut read = self;
        for path in paths {
            read.source(files, path.as_ref(), skip);
        }
        read.tables.sort_by(|a, b| a.table.name.cmp(&b.table.name));
        read.reject_duplicates();
        read.reject_unmatched(skip)?;
        if read.tables.is_empty() && read.skipped == 0 && read.failures.len() <= 1 {
            return match read.failures.pop() {
                None => Err(Error::NoSource),
                Some(Failure::Empty { path }) => Err(Error::NoSnapshot { path }),
                Some(Failure::Read { path, source }) => Err(Error::Read { path, source }),
                Some(other) => Ok(Self { failures: vec![other], ..read }),
            };
        }
        Ok(read)
    }

    /// Reads a file or a folder; one without a table is a failure.
    fn source(&mut self, disk: &dyn FileTree, path: &Path, skip: &Skip) {
        let before = self.count();
        let is_folder = match disk.is_folder(path) {
            Ok(is_folder) => is_folder,
            Err(source) => return self.failures.push(Failure::Read { path: path.to_owned(), source }),
        };
        let files = if is_folder {
            match Folder::read(disk, path) {
                Ok(folder) => folder,
                Err(source) => return self.failures.push(Failure::Read { path: path.to_owned(), source }),
            }
        } else if holds_statements(disk, path) {
            Folder { sql: vec![path.to_owned()], ..Folder::default() }
        } else {
            Folder { json: vec![path.to_owned()], ..Folder::default() }
        };
        for file in files.json {
            self.json(disk, file, skip);
        }
        self.statements(disk, files.sql, skip);
        if before == self.count() {
            self.failures.push(Failure::Empty { path: path.to_owned() });
        }
    }

    /// The number of items found, of any kind.
    fn count(&self) -> usize {
        self.tables.len() + self.failures.len() + self.skipped
    }

    fn json(&mut self, disk: &dyn FileTree, path: PathBuf, skip: &Skip) {
        let bytes = match disk.bytes(&path) {
            Ok(bytes) => bytes,
            Err(source) => return self.failures.push(Failure::Read { path, source }),
        };
        match tables_in_json(&bytes) {
            Ok(tables) => tables.into_iter().for_each(|info| self.table(path.clone(), info, skip)),
            Err(source) => self.failures.push(Failure::Json { path, source }),
        }
    }

    #[cfg(not(feature = "ddl"))]
    fn statements(&mut self, _: &dyn FileTree, files: Vec<PathBuf>, _: &Skip) {
        self.failures.extend(files.into_iter().map(|path| Failure::NeedsDdl { path }));
    }

    /// Runs the statements of these files in order.
    #[cfg(feature = "ddl")]
    fn statements(&mut self, disk: &dyn FileTree, files: Vec<PathBuf>, skip: &Skip) {
        let mut script = crate::ddl::Script::default();
        let mut read = Vec::new();
        for path in files {
            let bytes = match disk.bytes(&path) {
                Ok(bytes) => bytes,
                Err(source) => {
                    self.failures.push(Failure::Read { path, source });
                    continue;
                }
            };
            let text = match crate::file_text(&bytes) {
                Ok(text) => text,
                Err(source) => {
                    self.failures.push(Failure::Encoding { path, source });
                    continue;
                }
            };
            let mut findings = script.read(&text);
            for found in [&mut findings.problems, &mut findings.warnings] {
                let before = found.len();
                self.names.extend(found.iter().filter_map(|problem| problem.table.clone()));
                found.retain(|problem| !problem.table.as_deref().is_some_and(|table| skip.is_table_skipped(table)));
                self.skipped += before - found.len();
            }
            let failure = |source| Failure::Ddl { path: path.clone(), source };
            self.failures.extend(findings.problems.into_iter().map(failure));
            let warning = |warning: crate::ddl::DdlProblem| Warning { path: path.clone(), text: warning.to_string() };
            self.warnings.extend(findings.warnings.into_iter().map(warning));
            read.push(path);
        }
        for (text, info) in script.tables() {
            self.table(read[text].clone(), info, skip);
        }
    }

    fn table(&mut self, path: PathBuf, info: TableInfo, skip: &Skip) {
        self.names.insert(info.full_name());
        if skip.is_table_skipped(&info.full_name()) {
            self.skipped += 1;
            return;
        }
        match Table::check(&info, skip) {
            Ok(table) => {
                let warning =
                    |warning: &Note| Warning { path: path.clone(), text: format!("table {}: {warning}", table.name) };
                self.warnings.extend(table.warnings.iter().map(warning));
                let info = (self.keep == Keep::Everything).then_some(info);
                self.tables.push(Snapshot { path, info, table });
            }
            Err(report) => self.failures.push(Failure::Table { path, report }),
        }
    }

    /// Reports paths of `skip` that match no table, unless a source could not be read: it may have had the table.
    fn reject_unmatched(&self, skip: &Skip) -> Result<(), Error> {
        if !self.failures.is_empty() {
            return Ok(());
        }
        let names = || self.names.iter().map(String::as_str);
        let of_none = skip.required().filter(|path| !names().any(|table| covers(table, path)));
        let unmatched: Vec<UnmatchedPath> = of_none
            .map(|path| {
                let likely = likely(path, names()).map(str::to_owned);
                UnmatchedPath { option: "skip", path: path.to_owned(), wanted: "table", likely }
            })
            .collect();
        if unmatched.is_empty() { Ok(()) } else { Err(Error::Unmatched(unmatched)) }
    }

    /// Rejects two snapshots whose names differ only in case: Unity Catalog compares names without regard to case.
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

/// Whether a file holds statements: decided by its extension, or by whether its text is JSON.
fn holds_statements(files: &dyn FileTree, path: &Path) -> bool {
    match extension(path).as_deref() {
        Some("sql") => true,
        Some("json") => false,
        _ => {
            let bytes = files.bytes(path).unwrap_or_default();
            crate::file_text(&bytes).is_ok_and(|text| {
                let text = text.trim_start();
                !text.is_empty() && !text.starts_with(['{', '['])
            })
        }
    }
}

impl Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), Printable(&self.text))
    }
}

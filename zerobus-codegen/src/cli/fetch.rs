//! `fetch`: writes snapshots of tables from a catalog.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, json};

use super::Outcome;
use super::arguments::{self, Fetch, Verbosity};
use super::progress::Progress;
use super::report::Report;
use crate::output::{Written, replace, sweep};
use crate::{
    Catalog, CatalogError, ListedTable, Listing, Login, LoginOptions, Printable, RetryPolicy, Skip, Table, TableInfo,
    TableName, TablePattern,
};

pub(super) fn run(arguments: &Fetch, verbosity: Verbosity) -> Outcome {
    let mut report = Report::new(arguments.format, verbosity);
    if let Err(error) = fetch(arguments, verbosity, &mut report) {
        report.fail(&*error);
    }
    report.finish(Map::new())
}

fn fetch(arguments: &Fetch, verbosity: Verbosity, report: &mut Report) -> Result<(), Box<dyn std::error::Error>> {
    let skip = arguments.config.options()?.skip;
    let catalog = connect(&arguments.login)?;
    if !arguments.check {
        sweep(&arguments.out)?;
    }
    let wanted = Wanted::list(&catalog, &arguments.names, &skip, report);
    let names: Vec<TableName> = wanted.tables.iter().map(|(name, _)| name.clone()).collect();
    let progress = Progress::new(names.len(), verbosity);
    let answers = catalog.tables(&names, &|_| progress.step());
    drop(progress);
    let keeper = Keeper { folder: &arguments.out, skip: &skip, only_checks: arguments.check };
    let mut there: Vec<String> = wanted.skipped.iter().map(|name| name.to_string().to_lowercase()).collect();
    for ((name, asked), answer) in wanted.tables.iter().zip(answers) {
        match answer {
            Ok(info) => keeper.keep(&info, *asked, report),
            Err(CatalogError::NotFound { .. }) if arguments.prune => continue,
            Err(error) => report.fail(&error),
        }
        there.push(name.to_string().to_lowercase());
    }
    if arguments.prune {
        keeper.prune(&wanted.patterns, &there, report)?;
    }
    Ok(())
}

/// The catalog that arguments, environment and profile name.
pub(super) fn connect(login: &arguments::Login) -> Result<Catalog, CatalogError> {
    let options = LoginOptions { host: login.host.clone(), profile: login.profile.clone() };
    let retry_policy = RetryPolicy { deadline: Duration::from_secs(login.timeout), ..RetryPolicy::default() };
    Catalog::connect_with(Login::from_environment(&options)?.trusting(login.ca_file.clone()), retry_policy)
}

/// Why a table was fetched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    ByName,
    ByPattern,
}

/// The resolved names and patterns.
#[derive(Default)]
struct Wanted<'a> {
    /// The tables, each once.
    tables: Vec<(TableName, Asked)>,
    /// Tables of a pattern that are omitted by `skip`.
    skipped: Vec<TableName>,
    /// The names and patterns that the catalog resolved.
    patterns: Vec<&'a TablePattern>,
}

impl<'a> Wanted<'a> {
    fn list(catalog: &Catalog, patterns: &'a [TablePattern], skip: &Skip, report: &mut Report) -> Self {
        let mut wanted = Self::default();
        for pattern in patterns {
            match catalog.list(pattern).map(|listing| Self::named(listing, report)) {
                Ok(listed) if listed.is_empty() => report.fault(format!(
                    "{}: no table is there, or visible with these credentials; check the name, and that its reader has \
                     USE CATALOG, USE SCHEMA and SELECT",
                    Printable(&pattern.to_string())
                )),
                Ok(listed) => wanted.add(pattern, listed, skip),
                Err(error) => report.fail(&error),
            }
        }
        wanted
    }

    /// The tables of a listing that can be fetched; warns about the others.
    fn named(listing: Listing, report: &mut Report) -> Vec<ListedTable> {
        for error in &listing.invalid {
            report.warn(&format!("left out, since the catalog lists a table that cannot be requested: {error}"));
        }
        listing.tables
    }

    fn add(&mut self, pattern: &'a TablePattern, listed: Vec<ListedTable>, skip: &Skip) {
        let asked = if matches!(pattern, TablePattern::Table(_)) { Asked::ByName } else { Asked::ByPattern };
        self.patterns.push(pattern);
        for ListedTable { name, .. } in listed {
            if asked == Asked::ByPattern && skip.is_table_skipped(&name.to_string()) {
                self.skipped.push(name);
            } else if let Some(known) = self.tables.iter_mut().find(|(other, _)| *other == name) {
                // A name takes precedence over a pattern, in either order.
                if asked == Asked::ByName {
                    known.1 = asked;
                }
            } else {
                self.tables.push((name, asked));
            }
        }
    }
}

/// Writes snapshots to a folder and removes them, or only reports differences.
struct Keeper<'a> {
    folder: &'a Path,
    skip: &'a Skip,
    only_checks: bool,
}

impl Keeper<'_> {
    /// Writes the snapshot of a table. An unsupported table that has none is left out if only a pattern matched it.
    fn keep(&self, info: &TableInfo, asked: Asked, report: &mut Report) {
        // The name comes from the server; a checked name cannot lead out of the folder.
        let name = match TableName::new(&info.catalog_name, &info.schema_name, &info.name) {
            Ok(name) => name,
            Err(error) => return report.fail(&error),
        };
        let (table, path) = (Table::check(info, self.skip), self.folder.join(format!("{name}.json")));
        if let (Err(problems), Asked::ByPattern) = (&table, asked)
            && !path.exists()
        {
            return report.note(format!("left out: {problems}"));
        }
        let done = match self.write(info, &path) {
            Ok(done) => done,
            Err(error) => return report.fail(&*error),
        };
        let columns = info.columns.len();
        let json = json!({
            "table": name.to_string(), "columns": columns, "file": path.display().to_string(), "snapshot": done,
        });
        report.table(format!("{}: {done}, {columns} columns", Printable(&name.to_string())), json);
        if self.only_checks && done != UNCHANGED {
            report.fault(format!("{}: {done}; run `zerobus-codegen fetch {name}`", path.display()));
        }
        match table {
            Ok(table) => {
                for warning in &table.warnings {
                    report.warn(&format!("table {name}: {warning}"));
                }
            }
            Err(problems) => report.warn(&problems),
        }
    }

    fn write(&self, info: &TableInfo, path: &Path) -> Result<&'static str, Box<dyn std::error::Error>> {
        let text = info.snapshot_text()?;
        if self.only_checks {
            return Ok(match fs::read(path) {
                Ok(found) if found == text.as_bytes() => UNCHANGED,
                Ok(_) => "differs from the catalog",
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => "is missing",
                Err(source) => return Err(crate::Error::Read { path: path.to_owned(), source }.into()),
            });
        }
        Ok(match replace(path, text.as_bytes())? {
            Written::Changed => "written",
            Written::Unchanged => UNCHANGED,
        })
    }

    /// Removes the snapshots that match a pattern and whose tables do not exist.
    fn prune(
        &self,
        patterns: &[&TablePattern],
        there: &[String],
        report: &mut Report,
    ) -> Result<(), Box<dyn std::error::Error>> {
        for (path, name) in self.snapshots()? {
            let is_covered = patterns.iter().any(|pattern| pattern.covers(&name));
            if !is_covered || there.contains(&name.to_string().to_lowercase()) {
                continue;
            }
            let done = if self.only_checks { "has no table" } else { "removed" };
            let json = json!({"table": name.to_string(), "file": path.display().to_string(), "snapshot": done});
            report.table(format!("{name}: {done}"), json);
            if self.only_checks {
                report.fault(format!("{}: {done}; run `zerobus-codegen fetch --prune`", path.display()));
            } else {
                fs::remove_file(&path).map_err(|source| crate::Error::Write { path: path.clone(), source })?;
            }
        }
        Ok(())
    }

    /// The files in the folder whose names are those of snapshots.
    fn snapshots(&self) -> Result<Vec<(PathBuf, TableName)>, crate::Error> {
        let failed = |source| crate::Error::Read { path: self.folder.to_owned(), source };
        let entries = match fs::read_dir(self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut snapshots = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")?.parse().ok());
            snapshots.extend(name.map(|name| (path, name)));
        }
        snapshots.sort();
        Ok(snapshots)
    }
}

const UNCHANGED: &str = "unchanged";

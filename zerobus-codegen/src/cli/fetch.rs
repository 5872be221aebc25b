//! `fetch`: snapshots from a catalog.

use std::path::Path;
use std::time::Duration;

use super::Outcome;
use super::arguments::{self, Fetch};
use super::progress::Progress;
use crate::output::{Written, replace};
use crate::{
    Catalog, CatalogError, Error, ListedTable, Login, LoginOptions, Patience, Printable, Skip, Table, TableInfo,
    TableName, TablePattern,
};

pub(super) fn run(arguments: &Fetch) -> Outcome {
    let mut outcome = Outcome::default();
    let mut patterns: Vec<TablePattern> = Vec::new();
    for name in &arguments.names {
        match name.parse() {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => outcome.fail(&error),
        }
    }
    if outcome.code != 0 {
        return outcome;
    }
    let skip = match arguments.config.options() {
        Ok(options) => options.skip,
        Err(error) => return Outcome::failed(&error),
    };
    let catalog = match connect(&arguments.login) {
        Ok(catalog) => catalog,
        Err(error) => return Outcome::failed(&error),
    };
    let wanted = wanted(&catalog, &patterns, &skip, &mut outcome);
    let names: Vec<TableName> = wanted.iter().map(|(name, _)| name.clone()).collect();
    let progress = Progress::new(names.len());
    let answers = catalog.tables(&names, &|_| progress.step());
    drop(progress);
    for ((_, asked), answer) in wanted.iter().zip(answers) {
        match answer {
            Ok(info) => keep(&info, *asked, &skip, &arguments.out, &mut outcome),
            Err(error) => outcome.fail(&error),
        }
    }
    outcome
}

/// The catalog that arguments, environment and profile name.
pub(super) fn connect(login: &arguments::Login) -> Result<Catalog, CatalogError> {
    let options = LoginOptions { host: login.host.clone(), profile: login.profile.clone() };
    let patience = Patience { deadline: Duration::from_secs(login.timeout), ..Patience::default() };
    Catalog::connect_with(Login::from_environment(&options)?, patience)
}

/// How a table came to be fetched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    ByName,
    ByPattern,
}

/// The tables of all patterns, each once.
fn wanted(catalog: &Catalog, patterns: &[TablePattern], skip: &Skip, outcome: &mut Outcome) -> Vec<(TableName, Asked)> {
    let mut wanted: Vec<(TableName, Asked)> = Vec::new();
    for pattern in patterns {
        let asked = if matches!(pattern, TablePattern::Table(_)) { Asked::ByName } else { Asked::ByPattern };
        let listed = catalog.list(pattern).unwrap_or_else(|error| {
            outcome.fail(&error);
            Vec::new()
        });
        if listed.is_empty() && outcome.code == 0 {
            outcome.line(format!("{}: no table is to be seen with these credentials", Printable(&pattern.to_string())));
        }
        for ListedTable { name, .. } in listed {
            let skipped = asked == Asked::ByPattern && skip.is_table_skipped(&name.to_string());
            if !skipped && !wanted.iter().any(|(other, _)| *other == name) {
                wanted.push((name, asked));
            }
        }
    }
    wanted
}

/// Writes the snapshot of a table, unless a pattern brought it along and nothing can be written to it.
fn keep(info: &TableInfo, asked: Asked, skip: &Skip, folder: &Path, outcome: &mut Outcome) {
    let (table, name) = (Table::check(info, skip), info.full_name());
    if let (Err(report), Asked::ByPattern) = (&table, asked) {
        return outcome.line(format!("left out: {report}"));
    }
    match write(info, folder) {
        Ok(written) => outcome.line(format!("{}: {written}, {} columns", Printable(&name), info.columns.len())),
        Err(error) => return outcome.fail(error.as_ref()),
    }
    match table {
        Ok(table) => {
            for warning in &table.warnings {
                outcome.warn(&format!("table {name}: {warning}"));
            }
        }
        Err(report) => outcome.warn(&report),
    }
}

fn write(info: &TableInfo, folder: &Path) -> Result<&'static str, Box<dyn std::error::Error>> {
    // The name comes from the server: checked, it cannot lead out of the folder.
    let name = TableName::new(&info.catalog_name, &info.schema_name, &info.name)?;
    let written: Result<Written, Error> =
        replace(&folder.join(format!("{name}.json")), info.snapshot_text()?.as_bytes());
    Ok(match written? {
        Written::Changed => "written",
        Written::Unchanged => "unchanged",
    })
}

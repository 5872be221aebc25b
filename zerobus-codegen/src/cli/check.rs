//! `check`: compares generated files with snapshots, and snapshots with the catalog.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use super::arguments::{Check, Outputs, Verbosity};
use super::fetch::connect;
use super::findings::Findings;
use super::progress::Progress;
use super::{Outcome, chain, generate};
use crate::generate::rust;
use crate::output::{Comparing, Wrong};
use crate::{CatalogError, Drift, Error, Options, Snapshot, Table, TableInfo, TableName};

pub(super) fn run(arguments: &Check, verbosity: Verbosity) -> Outcome {
    let options = match arguments.outputs.rust.options() {
        Ok(options) => options,
        Err(error) => return Outcome::failed(&error),
    };
    let mut findings = Findings::new(arguments.judging.policy(options.drift.clone()));
    if let Err(error) = check(arguments, &options, verbosity, &mut findings) {
        findings.error(chain(&error), None);
    }
    findings.outcome(arguments.judging.format, verbosity)
}

fn check(arguments: &Check, options: &Options, verbosity: Verbosity, findings: &mut Findings) -> Result<(), Error> {
    let read = generate::read(&arguments.outputs, options)?;
    findings.warnings(&read.warnings);
    for failure in &read.failures {
        findings.error(chain(failure), Some(failure.path()));
    }
    let (compared, tables) = (files(arguments, options, &read.tables, findings), read.tables.len());
    if arguments.live {
        live(arguments, options, &read.tables, verbosity, findings);
    }
    if findings.has_errors() {
        return Ok(());
    }
    if compared > 0 {
        findings.note(format!("{compared} files match {tables} tables"));
    } else if !arguments.live {
        findings.note(format!(
            "{tables} tables good; nothing was compared with them: name --rust-out, --proto-out or --descriptor-out, or \
             add --live"
        ));
    }
    Ok(())
}

/// Compares each generated file with the snapshots. Returns the number of files.
fn files(arguments: &Check, options: &Options, snapshots: &[Snapshot], findings: &mut Findings) -> usize {
    let mut output = Comparing::default();
    for error in generate::emit(&arguments.outputs, options, snapshots, &mut output) {
        findings.error(chain(&error), None);
    }
    output.finish();
    for path in leftovers(arguments, &output.expected) {
        let text = format!("{} has no snapshot; remove it, or fetch its table", path.display());
        findings.error(text, Some(&path));
    }
    for (path, wrong) in output.wrong {
        let wrong = match wrong {
            Wrong::Different => "differs from the snapshots".to_owned(),
            Wrong::Unreadable(error) => format!("cannot be read: {error}"),
        };
        let text = format!("{} {wrong}; run `zerobus-codegen generate` with the same folders", path.display());
        findings.error(text, Some(&path));
    }
    output.expected.len()
}

/// Generated files named after a table without a snapshot.
fn leftovers(arguments: &Check, expected: &HashSet<PathBuf>) -> Vec<PathBuf> {
    let Outputs { proto_out, descriptor_out, rust_out, .. } = &arguments.outputs;
    let of_tables = rust_out.as_ref().map(|folder| folder.join(rust::FOLDER));
    let mut leftovers = Vec::new();
    for (folder, extension) in
        [(proto_out, generate::PROTO), (descriptor_out, generate::DESCRIPTOR), (&of_tables, "rs")]
    {
        // If the folder does not exist, its files are already reported as missing.
        let Some(entries) = folder.as_ref().and_then(|folder| fs::read_dir(folder).ok()) else { continue };
        leftovers.extend(entries.flatten().map(|entry| entry.path()).filter(|path| {
            let table = path.file_stem().and_then(|stem| stem.to_str()?.parse::<TableName>().ok());
            path.extension().is_some_and(|found| found == extension) && table.is_some() && !expected.contains(path)
        }));
    }
    leftovers.sort();
    leftovers
}

fn live(arguments: &Check, options: &Options, snapshots: &[Snapshot], verbosity: Verbosity, findings: &mut Findings) {
    let catalog = match connect(&arguments.login) {
        Ok(catalog) => catalog,
        Err(error) => return findings.error(chain(&error), None),
    };
    let names: Vec<TableName> = snapshots.iter().map(|snapshot| snapshot.table.name.clone()).collect();
    let progress = Progress::new(names.len(), verbosity);
    let answers = catalog.tables(&names, &|_| progress.step());
    for (snapshot, answer) in snapshots.iter().zip(answers) {
        match drift(snapshot, options, answer) {
            Ok(drift) => findings.drift(drift, Some(&snapshot.path)),
            Err(error) => findings.error(chain(&error), Some(&snapshot.path)),
        }
    }
}

/// The drift of a table that the catalog does not find; a table that is not visible gives the same response.
fn not_found(table: &Table) -> Drift {
    let mut drift = Drift::table_dropped(table);
    for change in &mut drift.changes {
        change.reason =
            "or it is not visible with these credentials, for lack of USE CATALOG, USE SCHEMA or SELECT".into();
    }
    drift
}

fn drift(
    snapshot: &Snapshot,
    options: &Options,
    answer: Result<TableInfo, CatalogError>,
) -> Result<Drift, CatalogError> {
    let info = match answer {
        Ok(info) => info,
        Err(CatalogError::NotFound { .. }) => return Ok(not_found(&snapshot.table)),
        Err(error) => return Err(error),
    };
    Ok(match Table::check(&info, &options.skip.lenient()) {
        Ok(table) => Drift::between(&snapshot.table, &table),
        Err(report) => Drift::unsupported(&report),
    })
}

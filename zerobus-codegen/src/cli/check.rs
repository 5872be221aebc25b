//! `check`: generated files against snapshots, and snapshots against the catalog.

use std::fs;
use std::path::PathBuf;

use super::arguments::{Check, Outputs};
use super::fetch::connect;
use super::findings::Findings;
use super::progress::Progress;
use super::{Outcome, chain, generate};
use crate::{CatalogError, ChangeKind, Drift, Error, Options, Snapshot, Table, TableInfo, TableName};

pub(super) fn run(arguments: &Check) -> Outcome {
    let mut findings = Findings::default();
    if let Err(error) = check(arguments, &mut findings) {
        findings.error(chain(&error), None);
    }
    findings.outcome(arguments.format)
}

fn check(arguments: &Check, findings: &mut Findings) -> Result<(), Error> {
    let options = arguments.outputs.rust.options()?;
    let read = generate::read(&arguments.outputs, &options)?;
    findings.warnings(&read.warnings);
    for failure in &read.failures {
        findings.error(chain(failure), Some(failure.path()));
    }
    files(arguments, &options, &read.tables, findings);
    if arguments.live {
        live(arguments, &options, &read.tables, findings);
    }
    Ok(())
}

/// Each generated file has to be there, byte for byte.
fn files(arguments: &Check, options: &Options, snapshots: &[Snapshot], findings: &mut Findings) {
    let files = match generate::files(&arguments.outputs, options, snapshots) {
        Ok(files) => files,
        Err(error) => return findings.error(chain(&error), None),
    };
    for path in leftovers(arguments, &files) {
        let text = format!("{} is of no snapshot; remove it, or fetch its table", path.display());
        findings.error(text, Some(&path));
    }
    for (path, bytes) in files {
        let wrong = match fs::read(&path) {
            Ok(found) if found == bytes => continue,
            Ok(_) => "is not what the snapshots give".to_owned(),
            Err(error) => format!("cannot be read: {error}"),
        };
        let text = format!("{} {wrong}; run `zerobus-codegen generate` with the same folders", path.display());
        findings.error(text, Some(&path));
    }
}

/// The `.proto` files and descriptors that are named for a table without a snapshot.
fn leftovers(arguments: &Check, files: &[(PathBuf, Vec<u8>)]) -> Vec<PathBuf> {
    let Outputs { proto_out, descriptor_out, .. } = &arguments.outputs;
    let mut leftovers = Vec::new();
    for (folder, extension) in [(proto_out, "proto"), (descriptor_out, "binpb")] {
        // A folder that is not there has its files reported as missing.
        let Some(entries) = folder.as_ref().and_then(|folder| fs::read_dir(folder).ok()) else { continue };
        leftovers.extend(entries.flatten().map(|entry| entry.path()).filter(|path| {
            let table = path.file_stem().and_then(|stem| stem.to_str()?.parse::<TableName>().ok());
            path.extension().is_some_and(|found| found == extension)
                && table.is_some()
                && !files.iter().any(|(expected, _)| expected == path)
        }));
    }
    leftovers.sort();
    leftovers
}

fn live(arguments: &Check, options: &Options, snapshots: &[Snapshot], findings: &mut Findings) {
    let catalog = match connect(&arguments.login) {
        Ok(catalog) => catalog,
        Err(error) => return findings.error(chain(&error), None),
    };
    let names: Vec<TableName> = snapshots.iter().map(|snapshot| snapshot.table.name.clone()).collect();
    let progress = Progress::new(names.len());
    let answers = catalog.tables(&names, &|_| progress.step());
    for (snapshot, answer) in snapshots.iter().zip(answers) {
        match drift(snapshot, options, answer) {
            Ok(drift) => findings.drift(drift, Some(&snapshot.path)),
            Err(error) => findings.error(chain(&error), Some(&snapshot.path)),
        }
    }
}

fn drift(
    snapshot: &Snapshot,
    options: &Options,
    answer: Result<TableInfo, CatalogError>,
) -> Result<Drift, CatalogError> {
    let info = match answer {
        Ok(info) => info,
        Err(CatalogError::NotFound { .. }) => return Ok(Drift::of_table(&snapshot.table, ChangeKind::TableDropped)),
        Err(error) => return Err(error),
    };
    Ok(match Table::check(&info, &options.skip) {
        Ok(table) => Drift::between(&snapshot.table, &table),
        Err(report) => Drift::unsupported(&report),
    })
}

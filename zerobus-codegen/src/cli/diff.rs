//! `diff`: compares two snapshots or folders of snapshots, or one with its version in a commit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Outcome;
use super::arguments::{Diff, Verbosity};
use super::findings::Findings;
use super::git::Committed;
use crate::{Drift, Error, Failure, Skip, Snapshot, Snapshots, Warning};

pub(super) fn run(arguments: &Diff, verbosity: Verbosity) -> Outcome {
    let options = match arguments.config.options() {
        Ok(options) => options,
        Err(error) => return Outcome::failed(&error),
    };
    let mut findings = Findings::new(arguments.judging.policy(options.drift.clone()));
    let (skip, schemas) = (options.skip.lenient(), PathBuf::from(options.schemas_folder()));
    let read = match (&arguments.git, &arguments.paths[..]) {
        (Some(reference), []) => of_commit(reference, &schemas, &skip, &mut findings),
        (Some(reference), [path]) => of_commit(reference, path, &skip, &mut findings),
        (None, [old, new]) => of_paths(old, new, &skip, &mut findings),
        (Some(_), _) => return Outcome::usage("diff", "with --git, name one path or none"),
        (None, _) => return Outcome::usage("diff", "name two paths, or a commit with --git"),
    };
    match read {
        Ok(sides) => compare(sides, &mut findings),
        Err(error) => findings.error(super::chain(&*error), None),
    }
    findings.outcome(arguments.judging.format, verbosity)
}

/// The two sides of the comparison.
struct Sides {
    old: Snapshots,
    new: Snapshots,
    /// Whether each side is one file. Then their tables are compared even if their names differ.
    are_files: bool,
}

type AnyError = Box<dyn std::error::Error>;

fn of_paths(old: &PathBuf, new: &PathBuf, skip: &Skip, findings: &mut Findings) -> Result<Sides, AnyError> {
    let read = |path| Snapshots::read_without([path], skip);
    let are_files = old.is_file() && new.is_file();
    let (old, new) = (read(old)?, read(new)?);
    for failure in &old.failures {
        findings.error(super::chain(failure), Some(failure.path()));
    }
    Ok(Sides { old, new, are_files })
}

/// If the path exists on only one side, the other side has no tables.
fn of_commit(reference: &str, path: &Path, skip: &Skip, findings: &mut Findings) -> Result<Sides, AnyError> {
    let committed = Committed::read(reference, path)?;
    let new = match Snapshots::read_without([path], skip) {
        Err(Error::NoSnapshot { .. } | Error::Read { .. }) if committed.is_some() => Snapshots::default(),
        read => read?,
    };
    let mut old = match &committed {
        None => Snapshots::default(),
        Some(committed) => match Snapshots::read_from(committed, [committed.root()], skip) {
            Err(Error::NoSnapshot { .. }) => Snapshots::default(),
            read => read?,
        },
    };
    if let Some(committed) = &committed {
        old.tables.iter_mut().for_each(|snapshot| snapshot.path = committed.on_disk(&snapshot.path));
    }
    // A file that is broken in the commit cannot be fixed there, so it is a warning; its tables are not compared.
    let broken = old.failures.iter().map(|failure| Warning {
        path: failure.path().to_owned(),
        text: format!("not compared: {}", super::chain(failure)),
    });
    findings.warnings(&broken.collect::<Vec<_>>());
    Ok(Sides { old, new, are_files: false })
}

fn compare(Sides { old, new, are_files }: Sides, findings: &mut Findings) {
    findings.warnings(&new.warnings);
    if let ([old], [new], true) = (&old.tables[..], &new.tables[..], are_files) {
        return findings.drift(Drift::between(&old.table, &new.table), Some(&new.path));
    }
    let mut gone: BTreeMap<String, &Snapshot> =
        old.tables.iter().map(|snapshot| (snapshot.table.name.to_string().to_lowercase(), snapshot)).collect();
    let mut drifts: Vec<(Drift, &Path)> = Vec::new();
    for snapshot in &new.tables {
        let drift = match gone.remove(&snapshot.table.name.to_string().to_lowercase()) {
            Some(old) => Drift::between(&old.table, &snapshot.table),
            None => Drift::table_added(&snapshot.table),
        };
        drifts.push((drift, &snapshot.path));
    }
    for failure in &new.failures {
        match failure {
            // A table that was good and is unsupported has drifted; any other failure is an error.
            Failure::Table { report, path } if gone.remove(&report.table.to_lowercase()).is_some() => {
                drifts.push((Drift::unsupported(report), path));
            }
            _ => findings.error(super::chain(failure), Some(failure.path())),
        }
    }
    drifts.extend(gone.values().map(|snapshot| (Drift::table_dropped(&snapshot.table), snapshot.path.as_path())));
    if drifts.is_empty() && !findings.has_errors() {
        findings.note("no table on either side; nothing was compared".to_owned());
    }
    for (drift, path) in drifts {
        findings.drift(drift, Some(path));
    }
}

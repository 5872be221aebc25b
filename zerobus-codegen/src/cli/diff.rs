//! `diff`: two snapshots, or two folders of them.

use std::collections::BTreeMap;
use std::path::Path;

use super::Outcome;
use super::arguments::Diff;
use super::findings::Findings;
use crate::{ChangeKind, Drift, Error, Failure, Snapshot, Snapshots};

pub(super) fn run(arguments: &Diff) -> Outcome {
    let mut findings = Findings::default();
    if let Err(error) = compare(arguments, &mut findings) {
        findings.error(super::chain(&error), None);
    }
    findings.outcome(arguments.format)
}

fn compare(arguments: &Diff, findings: &mut Findings) -> Result<(), Error> {
    let skip = arguments.config.options()?.skip;
    let read = |path| Snapshots::read_without([path], &skip);
    let (old, new) = (read(&arguments.old)?, read(&arguments.new)?);
    findings.warnings(&new.warnings);
    for failure in &old.failures {
        findings.error(super::chain(failure), Some(failure.path()));
    }
    // Two files are compared whatever their tables are called.
    if let ([old], [new]) = (&old.tables[..], &new.tables[..])
        && arguments.old.is_file()
        && arguments.new.is_file()
    {
        findings.drift(Drift::between(&old.table, &new.table), Some(&new.path));
        return Ok(());
    }
    let mut gone: BTreeMap<String, &Snapshot> =
        old.tables.iter().map(|snapshot| (snapshot.table.name.to_string().to_lowercase(), snapshot)).collect();
    for snapshot in &new.tables {
        let drift = match gone.remove(&snapshot.table.name.to_string().to_lowercase()) {
            Some(old) => Drift::between(&old.table, &snapshot.table),
            None => Drift::of_table(&snapshot.table, ChangeKind::TableAdded),
        };
        findings.drift(drift, Some(&snapshot.path));
    }
    for failure in &new.failures {
        broken(failure, &mut gone, findings);
    }
    for snapshot in gone.values() {
        findings.drift(Drift::of_table(&snapshot.table, ChangeKind::TableDropped), None::<&Path>);
    }
    Ok(())
}

/// A table that can no longer be written to has drifted; a snapshot that was never good is an error.
fn broken(failure: &Failure, gone: &mut BTreeMap<String, &Snapshot>, findings: &mut Findings) {
    match failure {
        Failure::Table { report, path } if gone.remove(&report.table.to_lowercase()).is_some() => {
            findings.drift(Drift::unsupported(report), Some(path));
        }
        _ => findings.error(super::chain(failure), Some(failure.path())),
    }
}

//! `generate`: Rust, `.proto` and descriptors from snapshots.

use prost::Message as _;

use super::Outcome;
use super::arguments::Generate;
use crate::generate::{proto, rust};
use crate::output::{Written, replace};
use crate::{Error, Snapshot, Snapshots, Table};

pub(super) fn run(arguments: &Generate) -> Outcome {
    let read = match Snapshots::read(&arguments.schemas) {
        Ok(read) => read,
        Err(error) => return Outcome::failed(&error),
    };
    let mut outcome = Outcome::default();
    let mut changed = 0;
    for snapshot in &read.tables {
        report(&mut outcome, snapshot);
        match write_table(arguments, &snapshot.table) {
            Ok(files) => changed += files,
            Err(error) => outcome.fail(&error),
        }
    }
    if let Some(folder) = &arguments.rust_out
        && !read.tables.is_empty()
    {
        let tables: Vec<&Table> = read.tables.iter().map(|snapshot| &snapshot.table).collect();
        match replace(&folder.join(crate::build::FILE), rust::file(&tables).as_bytes()) {
            Ok(written) => changed += usize::from(written == Written::Changed),
            Err(error) => outcome.fail(&error),
        }
    }
    for failure in &read.failures {
        outcome.fail(failure);
    }
    outcome.line(format!(
        "{} tables good, {} with problems, {changed} files changed",
        read.tables.len(),
        read.failures.len()
    ));
    outcome
}

fn report(outcome: &mut Outcome, snapshot: &Snapshot) {
    let table = &snapshot.table;
    outcome.line(format!("{}: {} columns", table.name, table.columns().len()));
    for note in &table.notes {
        outcome.line(format!("  note: {note}"));
    }
}

/// Writes what is one file a table, and tells how many files changed.
fn write_table(arguments: &Generate, table: &Table) -> Result<usize, Error> {
    let mut changed = 0;
    if let Some(folder) = &arguments.proto_out {
        let path = folder.join(format!("{}.proto", table.name));
        changed += usize::from(replace(&path, proto::file(table).as_bytes())? == Written::Changed);
    }
    if let Some(folder) = &arguments.descriptor_out {
        let path = folder.join(format!("{}.binpb", table.name));
        changed += usize::from(replace(&path, &table.descriptor().encode_to_vec())? == Written::Changed);
    }
    Ok(changed)
}

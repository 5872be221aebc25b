//! `generate`: Rust, `.proto` and descriptors from snapshots.

use std::path::PathBuf;

use prost::Message as _;

use super::Outcome;
use super::arguments::{Generate, Outputs};
use crate::generate::{proto, rust};
use crate::output::{Written, replace};
use crate::{Error, Options, Snapshot, Snapshots, Table};

pub(super) fn run(arguments: &Generate) -> Outcome {
    let options = arguments.outputs.rust.options();
    let read = options.and_then(|options| Ok((read(&arguments.outputs, &options)?, options)));
    let (read, options) = match read {
        Ok(read) => read,
        Err(error) => return Outcome::failed(&error),
    };
    let mut outcome = Outcome::default();
    for snapshot in &read.tables {
        report(&mut outcome, snapshot);
    }
    let mut changed = 0;
    let files = files(&arguments.outputs, &options, &read.tables).unwrap_or_else(|error| {
        outcome.fail(&error);
        Vec::new()
    });
    for (path, bytes) in files {
        match replace(&path, &bytes) {
            Ok(written) => changed += usize::from(written == Written::Changed),
            Err(error) => outcome.fail(&error),
        }
    }
    for warning in &read.warnings {
        outcome.warn(warning);
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

/// The tables of all sources.
pub(super) fn read(outputs: &Outputs, options: &Options) -> Result<Snapshots, Error> {
    Snapshots::read_without(outputs.sources(), &options.skip)
}

/// Every file that these tables give, with its bytes.
pub(super) fn files(
    outputs: &Outputs,
    options: &Options,
    snapshots: &[Snapshot],
) -> Result<Vec<(PathBuf, Vec<u8>)>, Error> {
    let tables: Vec<&Table> = snapshots.iter().map(|snapshot| &snapshot.table).collect();
    let mut files = Vec::new();
    for table in &tables {
        if let Some(folder) = &outputs.proto_out {
            files.push((folder.join(format!("{}.proto", table.name)), proto::file(table).into_bytes()));
        }
        if let Some(folder) = &outputs.descriptor_out {
            files.push((folder.join(format!("{}.binpb", table.name)), table.descriptor().encode_to_vec()));
        }
    }
    if let Some(folder) = outputs.rust_out.as_ref().filter(|_| !tables.is_empty()) {
        let text = rust::file_with(&tables, options)?;
        files.push((folder.join(crate::build::FILE), text.into_bytes()));
    }
    Ok(files)
}

//! `generate`: Rust, `.proto` and descriptors from snapshots.

use std::path::Path;

use prost::Message as _;

use super::Outcome;
use super::arguments::{Generate, Outputs};
use crate::generate::{file_stem, proto, rust};
use crate::output::{Content, Output, Replacing};
use crate::{Error, Options, Snapshot, Snapshots, Table, is_spelled_apart, module_name, type_name};

pub(super) fn run(arguments: &Generate) -> Outcome {
    let options = arguments.outputs.rust.options();
    let read = options.and_then(|options| Ok((read(&arguments.outputs, &options)?, options)));
    let (read, options) = match read {
        Ok(read) => read,
        Err(error) => return Outcome::failed(&error),
    };
    let mut outcome = Outcome::default();
    for snapshot in &read.tables {
        report(&mut outcome, &snapshot.table, &arguments.outputs);
    }
    let mut output = Replacing::default();
    for error in emit(&arguments.outputs, &options, &read.tables, &mut output) {
        outcome.fail(&error);
    }
    let changed = output.finish().unwrap_or_else(|error| {
        outcome.fail(&error);
        0
    });
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

fn report(outcome: &mut Outcome, table: &Table, outputs: &Outputs) {
    outcome.line(format!("{}: {} columns", table.name, table.columns().len()));
    for note in &table.notes {
        outcome.line(format!("  note: {note}"));
    }
    let parts = [table.name.catalog(), table.name.schema(), table.name.table()];
    if parts.into_iter().any(is_spelled_apart) {
        let [catalog, schema, _] = parts.map(module_name);
        let name = type_name(table.name.table());
        outcome.line(format!("  note: it is {catalog}::{schema}::{name}, which no other table can be"));
    }
    if outputs.proto_out.is_some() {
        for warning in proto::warnings(table) {
            outcome.warn(&format!("table {}: {warning}", table.name));
        }
    }
}

/// The tables of all sources.
pub(super) fn read(outputs: &Outputs, options: &Options) -> Result<Snapshots, Error> {
    Snapshots::read_without(outputs.sources(), &options.skip)
}

/// Makes every file of these tables; what went wrong with each kind of them.
pub(super) fn emit(
    outputs: &Outputs,
    options: &Options,
    snapshots: &[Snapshot],
    output: &mut dyn Output,
) -> Vec<Error> {
    let tables: Vec<&Table> = snapshots.iter().map(|snapshot| &snapshot.table).collect();
    let kinds: [&Make<'_>; 3] = [
        &|output| {
            let proto = |table: &Table| proto::file(table).into_bytes();
            one_for_each(&tables, outputs.proto_out.as_deref(), output, (PROTO, Content::Text, &proto))
        },
        &|output| {
            let descriptor = |table: &Table| table.descriptor().encode_to_vec();
            one_for_each(&tables, outputs.descriptor_out.as_deref(), output, (DESCRIPTOR, Content::Binary, &descriptor))
        },
        &|output| match outputs.rust_out.as_ref().filter(|_| !tables.is_empty()) {
            Some(folder) => rust::files(&tables, options, folder, output),
            None => Ok(()),
        },
    ];
    let made = kinds.map(|make| make(output).inspect_err(|_| output.abandon()));
    made.into_iter().filter_map(Result::err).collect()
}

/// Makes the files of one kind.
type Make<'a> = dyn Fn(&mut dyn Output) -> Result<(), Error> + 'a;

/// The endings of files.
pub(super) const PROTO: &str = "proto";
pub(super) const DESCRIPTOR: &str = "binpb";

/// The ending, the content and the bytes of a table's file.
type Kind<'a> = (&'a str, Content, &'a dyn Fn(&Table) -> Vec<u8>);

/// Makes a file for each table.
fn one_for_each(
    tables: &[&Table],
    folder: Option<&Path>,
    output: &mut dyn Output,
    (ending, content, bytes): Kind<'_>,
) -> Result<(), Error> {
    let Some(folder) = folder else { return Ok(()) };
    tables.iter().try_for_each(|table| {
        output.file(&folder.join(format!("{}.{ending}", file_stem(&table.name))), content)?;
        output.add(&bytes(table))
    })
}

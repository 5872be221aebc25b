//! `generate`: writes Rust, `.proto` files and descriptors from snapshots.

use std::path::Path;

use prost::Message as _;
use serde_json::{Map, Value, json};

use super::Outcome;
use super::arguments::{Generate, Outputs, Verbosity};
use super::report::Report;
use crate::generate::{file_stem, proto, rust};
use crate::output::{Content, Output, Replacing};
use crate::{Error, Options, Snapshot, Snapshots, Table, is_spelled_apart, module_name, type_name};

pub(super) fn run(arguments: &Generate, verbosity: Verbosity) -> Outcome {
    let mut report = Report::new(arguments.format, verbosity);
    let members = generate(arguments, &mut report).unwrap_or_else(|error| {
        report.fail(&error);
        Map::new()
    });
    report.finish(members)
}

/// Writes every file that can be written. Returns further members for the JSON report.
fn generate(arguments: &Generate, report: &mut Report) -> Result<Map<String, Value>, Error> {
    let options = arguments.outputs.rust.options()?;
    let read = read(&arguments.outputs, &options)?;
    for snapshot in &read.tables {
        table(report, snapshot, &arguments.outputs);
    }
    let mut output = Replacing::default();
    for error in emit(&arguments.outputs, &options, &read.tables, &mut output) {
        report.fail(&error);
    }
    if let Err(error) = output.finish() {
        report.fail(&error);
    }
    for warning in &read.warnings {
        report.warn(warning);
    }
    for failure in &read.failures {
        report.fail(failure);
    }
    let (good, bad) = (read.tables.len(), read.failures.len());
    report.line(format!("{good} tables good, {bad} with problems, {} files changed", output.changed.len()));
    let changed: Vec<String> = output.changed.iter().map(|path| path.display().to_string()).collect();
    Ok(Map::from_iter([("changed".to_owned(), json!(changed))]))
}

fn table(report: &mut Report, snapshot: &Snapshot, outputs: &Outputs) {
    let table = &snapshot.table;
    let mut notes: Vec<String> = table.notes.iter().map(ToString::to_string).collect();
    let parts = [table.name.catalog(), table.name.schema(), table.name.table()];
    if parts.into_iter().any(is_spelled_apart) {
        let [catalog, schema, _] = parts.map(module_name);
        let name = type_name(table.name.table());
        notes.push(format!("the Rust name is {catalog}::{schema}::{name}, which is unique to this table"));
    }
    let json = json!({
        "table": table.name.to_string(),
        "columns": table.columns().len(),
        "file": snapshot.path.display().to_string(),
        "notes": notes,
    });
    report.table(format!("{}: {} columns", table.name, table.columns().len()), json);
    for note in notes {
        report.line(format!("  note: {note}"));
    }
    if outputs.proto_out.is_some() {
        for warning in proto::warnings(table) {
            report.warn(&format!("table {}: {warning}", table.name));
        }
    }
}

/// The tables of all sources.
pub(super) fn read(outputs: &Outputs, options: &Options) -> Result<Snapshots, Error> {
    Snapshots::read_without(outputs.sources(), &options.skip)
}

/// Writes every file of these tables to the output, and returns the errors.
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

/// Writes the files of one kind.
type Make<'a> = dyn Fn(&mut dyn Output) -> Result<(), Error> + 'a;

/// The extensions of files.
pub(super) const PROTO: &str = "proto";
pub(super) const DESCRIPTOR: &str = "binpb";

/// The extension, the kind of content, and the bytes of a table's file.
type Kind<'a> = (&'a str, Content, &'a dyn Fn(&Table) -> Vec<u8>);

/// Writes a file for each table.
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

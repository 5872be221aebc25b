//! Creating a Delta table where there is none.

use std::io;
use std::path::Path;

use delta_kernel::KernelResult;
use delta_kernel::arrow::datatypes::Schema as ArrowSchema;
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::engine::arrow_conversion::TryIntoArrow as _;
use delta_kernel::schema::StructType;
use delta_kernel::transaction::CommitResult;
use delta_kernel::transaction::create_table::create_table;
use delta_kernel::transaction::data_layout::DataLayout;
use zerobus_codegen::Table;

use super::History;
use super::damage;
use super::disk::Unsynced;
use super::kernel::{ENGINE_INFO, Kernel, failed};
use super::log::{self, LogFile, Start};
use super::read::{self, folder_url};
use super::schema;
use crate::random;
use crate::sink::StorageError;

/// Where the log of the table at the path begins; the table is created if there is none, and then has to be synced.
pub(super) fn or_find(
    kernel: &Kernel,
    path: &Path,
    table: &Table,
    history: History,
) -> Result<(Start, Unsynced), StorageError> {
    let mut unsynced = Unsynced::default();
    remove_torn_end(path).map_err(|error| failed(path, "opened", error.into()))?;
    if let Some(start) = read::start(path).map_err(|error| failed(path, "opened", error))? {
        return Ok((start, unsynced));
    }
    let made = set_remains_aside(path).and_then(|()| create(kernel, path, table, history, &mut unsynced));
    made.map_err(|error| failed(path, "created", error))?;
    Ok((Start::First, unsynced))
}

/// Whether two schemas have the same columns; comments may differ.
pub(super) fn same_columns(one: &StructType, other: &StructType) -> KernelResult<bool> {
    let (one, other): (ArrowSchema, ArrowSchema) = (one.try_into_arrow()?, other.try_into_arrow()?);
    let same = one.fields().iter().zip(other.fields()).all(|(a, b)| {
        a.name() == b.name() && a.is_nullable() == b.is_nullable() && a.data_type().equals_datatype(b.data_type())
    });
    Ok(same && one.fields().len() == other.fields().len())
}

/// A log without its beginning is what remains if a table is removed during a commit. No reader opens
/// it, and a new table cannot be created on top of it.
fn set_remains_aside(path: &Path) -> KernelResult<()> {
    let log = log::folder(path);
    let Ok(mut entries) = std::fs::read_dir(&log) else { return Ok(()) };
    if entries.next().is_none() {
        return Ok(());
    }
    let aside = path.join(format!("_delta_log.removed-{}", random::text(8)));
    tracing::warn!(log = %log.display(), aside = %aside.display(), "the log has no beginning; it is set aside");
    Ok(std::fs::rename(log, aside)?)
}

/// The last version is torn if the machine failed before it was on the disk; its rows were not acknowledged.
fn remove_torn_end(path: &Path) -> io::Result<()> {
    let log = log::folder(path);
    let Ok(entries) = std::fs::read_dir(&log) else { return Ok(()) };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let versions = names.filter_map(|name| log::parse_name(&name));
    let last = versions.filter_map(|(version, file)| (file == LogFile::Commit).then_some(version)).max();
    let Some(last) = last.map(|version| log.join(log::commit_name(version))) else { return Ok(()) };
    let text = std::fs::read(&last)?;
    if damage::has_actions(&text) {
        return Ok(());
    }
    tracing::warn!(version = %last.display(), "the last version is torn, and none of its rows was acked; it is removed");
    std::fs::remove_file(last)
}

fn create(kernel: &Kernel, path: &Path, table: &Table, history: History, unsynced: &mut Unsynced) -> KernelResult<()> {
    let log = log::folder(path);
    unsynced.create_folder(&log)?;
    unsynced.add(log.join(log::commit_name(0)));
    unsynced.add(log);
    let url = folder_url(path)?;
    let schema = schema::schema(&table.row)?;
    let keep = history.property();
    let mut builder = create_table(url.as_str(), std::sync::Arc::new(schema), ENGINE_INFO, true)
        .with_table_properties([("delta.logRetentionDuration", &keep), ("delta.deletedFileRetentionDuration", &keep)]);
    if !table.partition_columns.is_empty() {
        builder = builder.with_data_layout(DataLayout::partitioned(table.partition_columns.iter().map(String::as_str)));
    }
    let engine = kernel.engine();
    match builder.build(engine.as_ref(), Box::new(FileSystemCommitter::new()))?.commit(engine.as_ref())? {
        // Another program created it at the same time.
        CommitResult::Committed(_) | CommitResult::Conflicted(_) => Ok(()),
        CommitResult::Retryable(retryable) => Err(retryable.error),
    }
}

//! Acked rows that no longer fit their table, since it was altered before they were committed: Parquet files in a
//! folder that readers of the table ignore, the one that the service uses.
//!
//! A file's name has the numbers of the requests in the log, so that rows which are brought into the table again after
//! a kill replace their own file; and how many rows it holds.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use delta_kernel::KernelResult;
use delta_kernel::arrow::datatypes::Schema as ArrowSchema;
use delta_kernel::engine::arrow_conversion::TryIntoArrow as _;
use delta_kernel::parquet::arrow::ArrowWriter;
use zerobus_codegen::Table;

use super::batch::FileColumns;
use super::disk::Unsynced;
use super::kernel::{Kernel, failed};
use super::removal::outlast;
use super::schema;
use crate::row::Row;
use crate::sink::StorageError;

/// The folder of the service's own name.
const FOLDER: &str = "_zerobus/table_rejected_parquets";

/// Rows of one definition that no longer fit.
#[derive(Debug)]
pub(super) struct Rejects {
    pub(super) table: Arc<Table>,
    pub(super) rows: Vec<Row>,
    /// The number of their last request in the log.
    pub(super) number: i64,
}

/// Stores rows in the folder; they are on disk when this returns.
pub(super) fn store(kernel: &Kernel, table: &Path, rejects: &[Rejects]) -> Result<(), StorageError> {
    let stored = || {
        let folder = table.join(FOLDER);
        let mut unsynced = Unsynced::default();
        unsynced.create_folder(&folder)?;
        for rejects in rejects {
            unsynced.add(write(&folder, rejects)?);
        }
        unsynced.add(folder);
        KernelResult::Ok(kernel.sync(unsynced)?)
    };
    outlast(table, || stored().map_err(|error| failed(table, "written", error)))
}

/// How many rows are in the folder of a table.
pub(super) fn count(table: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(table.join(FOLDER)) else { return 0 };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| name.strip_suffix(".parquet")?.rsplit_once('-')?.1.parse::<u64>().ok()).sum()
}

fn write(folder: &Path, rejects: &Rejects) -> KernelResult<PathBuf> {
    let schema: ArrowSchema = (&schema::schema(&rejects.table.row)?).try_into_arrow()?;
    let columns = FileColumns::all(&rejects.table, Arc::new(schema));
    let path = folder.join(format!("rejected-{:020}-{}.parquet", rejects.number, rejects.rows.len()));
    let written = path.with_extension("writing");
    let mut writer = ArrowWriter::try_new(BufWriter::new(File::create(&written)?), Arc::clone(columns.schema()), None)?;
    let rows: Vec<&Row> = rejects.rows.iter().collect();
    for batch in columns.batches(&rows) {
        writer.write(&batch?)?;
    }
    writer.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error)?.flush()?;
    std::fs::rename(written, &path)?;
    Ok(path)
}

//! One Delta table: created or opened, appended to in commits, read back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use delta_kernel::arrow::array::RecordBatch;
use delta_kernel::arrow::datatypes::{Schema as ArrowSchema, SchemaRef as ArrowSchemaRef};
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::engine::arrow_conversion::TryIntoArrow as _;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::scan::state::{ScanFile, transform_to_logical};
use delta_kernel::schema::StructType;
use delta_kernel::transaction::create_table::create_table;
use delta_kernel::transaction::data_layout::DataLayout;
use delta_kernel::transaction::{CommitResult, UpdateTableOperation};
use delta_kernel::{Engine, FileMeta, KernelError, KernelResult, Snapshot, SnapshotRef};
use url::Url;
use zerobus_codegen::{Field, Table};

use super::kernel::Kernel;
use super::partition::{Partition, split};
use super::{cells, columns, data_file, schema};
use crate::row::{Cell, Row};
use crate::sink::StorageError;

const ENGINE_INFO: &str = concat!("zerobus-emulator/", env!("CARGO_PKG_VERSION"));
/// Commits between two checkpoints: readers replay at most so many.
const CHECKPOINT_EVERY: u64 = 100;
/// Tries of a commit that somebody else's commit has overtaken.
const TRIES: u32 = 5;

/// A table that is open for appends.
pub(super) struct DeltaTable {
    kernel: Arc<Kernel>,
    path: PathBuf,
    table: Arc<Table>,
    snapshot: SnapshotRef,
    /// The columns that stand in a data file: all but the partition columns.
    file_schema: ArrowSchemaRef,
    /// As the last commit found it; the log knows, so that restarts do not put the checkpoint off for ever.
    commits_since_checkpoint: u64,
}

impl DeltaTable {
    /// Opens the table at the path, or creates it there.
    pub(super) fn open(kernel: Arc<Kernel>, path: PathBuf, table: Arc<Table>) -> Result<Self, StorageError> {
        let expected = schema::schema(&table.row).map_err(|error| failed(&path, "created", error))?;
        if !has_commit(&path) {
            create(&kernel, &path, &table, &expected).map_err(|error| failed(&path, "created", error))?;
        }
        let snapshot = snapshot(&kernel, &path).map_err(|error| failed(&path, "opened", error))?;
        let same = same_columns(&snapshot.schema(), &expected).map_err(|error| failed(&path, "opened", error))?;
        if !same {
            return Err(StorageError::Drift { path });
        }
        let file_schema = file_schema(&table, &expected).map_err(|error| failed(&path, "opened", error))?;
        Ok(Self { kernel, path, table, snapshot, file_schema, commits_since_checkpoint: 0 })
    }

    /// Commits the rows as one version; they are on the disk when this returns.
    pub(super) fn append(&mut self, rows: &[Row]) -> Result<(), StorageError> {
        self.commit(rows).map_err(|error| failed(&self.path, "written", error))
    }

    /// Writes a checkpoint when one is due. The table is whole without it, so a failure is only told.
    pub(super) fn maintain(&mut self) {
        // After a failure the next try is as far away as after a success.
        let since = std::mem::take(&mut self.commits_since_checkpoint);
        if since == 0 || !since.is_multiple_of(CHECKPOINT_EVERY) {
            return;
        }
        match self.snapshot.checkpoint(self.kernel.engine().as_ref(), None) {
            Ok((_, snapshot)) => self.snapshot = snapshot,
            Err(error) => tracing::warn!(path = %self.path.display(), %error, "no checkpoint was written"),
        }
    }

    fn commit(&mut self, rows: &[Row]) -> KernelResult<()> {
        let engine = Arc::clone(self.kernel.engine());
        for _ in 0..TRIES {
            let builder =
                Arc::clone(&self.snapshot).update_table(UpdateTableOperation::StreamingUpdate, ENGINE_INFO, true);
            let mut transaction =
                builder.with_blind_append().build(engine.as_ref(), Box::new(FileSystemCommitter::new()))?;
            let state = transaction.write_state()?;
            for (place, partition) in split(&self.table, rows)?.into_iter().enumerate() {
                let batch = self.batch(&partition)?;
                let mut context = state.write_context_builder();
                if !partition.values.is_empty() {
                    context = context.with_partition_values(partition.values);
                }
                let name = self.file_name(place);
                transaction.add_files(data_file::write(&context.build()?, &name, &batch)?);
            }
            match transaction.commit(engine.as_ref())? {
                CommitResult::Committed(committed) => {
                    self.commits_since_checkpoint = committed.post_commit_stats().commits_since_checkpoint;
                    self.snapshot = match committed.post_commit_snapshot() {
                        Some(snapshot) => Arc::clone(snapshot),
                        None => snapshot(&self.kernel, &self.path)?,
                    };
                    return Ok(());
                }
                CommitResult::Conflicted(_) => self.snapshot = snapshot(&self.kernel, &self.path)?,
                CommitResult::Retryable(retryable) => return Err(retryable.error),
            }
        }
        Err(KernelError::generic(format!("{TRIES} commits were overtaken by another writer of the table")))
    }

    fn batch(&self, partition: &Partition<'_>) -> KernelResult<RecordBatch> {
        let arrays = file_columns(&self.table).zip(self.file_schema.fields()).map(|((place, column), field)| {
            let cells: Vec<&Cell> = partition.rows.iter().map(|row| &row[place]).collect();
            columns::column(&column.data_type, field.data_type(), &cells)
        });
        let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.file_schema), arrays)?)
    }

    /// Names sort in the order of the commits, so that `read` gives the rows in that order.
    fn file_name(&self, place: usize) -> String {
        let version = self.snapshot.version() + 1;
        format!("part-{version:020}-{place:05}-{}.parquet", crate::tokens::random_text(8))
    }
}

/// Every row of the table, in the order of the commits.
pub(super) fn read(kernel: &Kernel, path: &Path, table: &Table) -> Result<Vec<Row>, StorageError> {
    if !has_commit(path) {
        return Ok(Vec::new());
    }
    scan(kernel, path, table).map_err(|error| failed(path, "read", error))
}

fn scan(kernel: &Kernel, path: &Path, table: &Table) -> KernelResult<Vec<Row>> {
    let engine = kernel.engine();
    let snapshot = snapshot(kernel, path)?;
    let root = snapshot.table_root().clone();
    let scan = snapshot.scan_builder().build()?;
    let mut files: Vec<ScanFile> = Vec::new();
    for metadata in scan.scan_metadata(engine.as_ref())? {
        files = metadata?.visit_scan_files(files, Vec::push)?;
    }
    files.sort_by(|a, b| base_name(&a.path).cmp(base_name(&b.path)));
    let mut rows = Vec::new();
    for file in files {
        let size = u64::try_from(file.size).map_err(KernelError::generic_err)?;
        let meta =
            FileMeta::new(root.join(&file.path).map_err(KernelError::generic_err)?, file.modification_time, size);
        let batches = engine.parquet_handler().read_parquet_files(&[meta], scan.physical_schema().clone(), None)?;
        for physical in batches {
            let (physical, transform) = (physical?, file.transform.clone());
            let logical = transform_to_logical(
                engine.as_ref(),
                physical,
                scan.physical_schema(),
                scan.logical_schema(),
                transform,
            )?;
            let logical = ArrowEngineData::try_from_engine_data(logical)?;
            rows.extend(rows_of(table, logical.record_batch())?);
        }
    }
    Ok(rows)
}

fn rows_of(table: &Table, batch: &RecordBatch) -> KernelResult<Vec<Row>> {
    let columns = table.columns().iter().zip(batch.columns());
    let columns = columns.map(|(column, array)| cells::cells(&column.data_type, array).map(Vec::into_iter));
    let mut columns = columns.collect::<Result<Vec<_>, _>>()?;
    let row = |_| columns.iter_mut().map(|column| column.next().unwrap_or(Cell::Null)).collect();
    Ok((0..batch.num_rows()).map(row).collect())
}

/// Whether there is a table: a kill may have left the folder of a log whose first commit never came.
fn has_commit(path: &Path) -> bool {
    let log = path.join("_delta_log");
    log.join("00000000000000000000.json").is_file() || log.join("_last_checkpoint").is_file()
}

fn create(kernel: &Kernel, path: &Path, table: &Table, schema: &StructType) -> KernelResult<()> {
    std::fs::create_dir_all(path)?;
    let url = folder_url(path)?;
    let mut builder = create_table(url.as_str(), Arc::new(schema.clone()), ENGINE_INFO, true);
    if !table.partition_columns.is_empty() {
        builder = builder.with_data_layout(DataLayout::partitioned(table.partition_columns.iter().map(String::as_str)));
    }
    let engine = kernel.engine();
    match builder.build(engine.as_ref(), Box::new(FileSystemCommitter::new()))?.commit(engine.as_ref())? {
        // Somebody else has created it in the same moment.
        CommitResult::Committed(_) | CommitResult::Conflicted(_) => Ok(()),
        CommitResult::Retryable(retryable) => Err(retryable.error),
    }
}

fn snapshot(kernel: &Kernel, path: &Path) -> KernelResult<SnapshotRef> {
    Snapshot::builder_for(folder_url(path)?).build(kernel.engine().as_ref())
}

fn folder_url(path: &Path) -> KernelResult<Url> {
    Url::from_directory_path(path).map_err(|()| KernelError::generic(format!("{} is not absolute", path.display())))
}

fn file_columns(table: &Table) -> impl Iterator<Item = (usize, &Field)> {
    table.columns().iter().enumerate().filter(|(_, column)| !table.partition_columns.contains(&column.name))
}

fn file_schema(table: &Table, schema: &StructType) -> KernelResult<ArrowSchemaRef> {
    let names: Vec<&str> = file_columns(table).map(|(_, column)| column.name.as_str()).collect();
    let arrow: ArrowSchema = (&schema.project_as_struct(&names)?).try_into_arrow()?;
    Ok(Arc::new(arrow))
}

/// Whether two schemas hold the same columns; comments may differ.
fn same_columns(one: &StructType, other: &StructType) -> KernelResult<bool> {
    let (one, other): (ArrowSchema, ArrowSchema) = (one.try_into_arrow()?, other.try_into_arrow()?);
    let same = one.fields().iter().zip(other.fields()).all(|(a, b)| {
        a.name() == b.name() && a.is_nullable() == b.is_nullable() && a.data_type().equals_datatype(b.data_type())
    });
    Ok(same && one.fields().len() == other.fields().len())
}

fn base_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn failed(path: &Path, doing: &'static str, error: KernelError) -> StorageError {
    StorageError::Failed { path: path.to_owned(), doing, source: Arc::new(error) }
}

//! Reading a table back: its rows in order, and what its log records.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use delta_kernel::arrow::array::{BooleanArray, RecordBatch};
use delta_kernel::arrow::compute::filter_record_batch;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::parquet::file::reader::{FileReader as _, SerializedFileReader};
use delta_kernel::scan::Scan;
use delta_kernel::scan::state::{ScanFile, transform_to_logical};
use delta_kernel::{Engine, FileMeta, KernelError, KernelResult, Snapshot, SnapshotRef};
use url::Url;
use zerobus_codegen::Table;

use super::cells;
use super::damage;
use super::data_file::{DataFile, Place, local_path};
use super::kernel::Kernel;
use super::log::{self, Start};
use super::removal::chain_has_missing;
use crate::row::{Cell, Row};

/// Where the log of a table begins; none if there is no table.
pub(super) fn start(path: &Path) -> KernelResult<Option<Start>> {
    log::start(path).map_err(KernelError::generic_err)
}

/// The last version of a table. An error names the file of the log that is damaged, if one is.
pub(super) fn snapshot(kernel: &Kernel, path: &Path) -> KernelResult<SnapshotRef> {
    let built = Snapshot::builder_for(folder_url(path)?).build(kernel.engine().as_ref());
    built.map_err(|error| {
        // A missing file may be part of a removal of the whole table.
        if chain_has_missing(&error) {
            return error;
        }
        damage::of(path).map_or(error, KernelError::generic_err)
    })
}

pub(super) fn folder_url(path: &Path) -> KernelResult<Url> {
    Url::from_directory_path(path).map_err(|()| KernelError::generic(format!("{} is not absolute", path.display())))
}

/// The files of a version, of all writers; and which of them are this emulator's own and have no deleted rows.
pub(super) fn data_files(kernel: &Kernel, snapshot: &SnapshotRef) -> KernelResult<Vec<Found>> {
    let scan = SnapshotRef::clone(snapshot).scan_builder().build()?;
    let files = scan_files(kernel, &scan)?;
    files.into_iter().map(|file| found(snapshot.table_root(), file)).collect()
}

/// The files of a version as the kernel finds them.
pub(super) fn scan_files(kernel: &Kernel, scan: &Scan) -> KernelResult<Vec<ScanFile>> {
    let mut files: Vec<ScanFile> = Vec::new();
    for metadata in scan.scan_metadata(kernel.engine().as_ref())? {
        files = metadata?.visit_scan_files(files, Vec::push)?;
    }
    Ok(files)
}

/// A file of a table.
pub(super) enum Found {
    /// Written by another program, or with rows that another program has deleted.
    Foreign(DataFile),
    Own(DataFile),
}

impl Found {
    pub(super) fn own(self) -> Option<DataFile> {
        if let Self::Own(file) = self { Some(file) } else { None }
    }

    pub(super) const fn file(&self) -> &DataFile {
        match self {
            Self::Foreign(file) | Self::Own(file) => file,
        }
    }
}

fn found(root: &Url, file: ScanFile) -> KernelResult<Found> {
    let place = Place::of(&file.path);
    let whole = !file.dv_info.has_vector();
    let file = DataFile {
        place: place.unwrap_or(Place { version: 0, number: 0 }),
        bytes: size(&file)?,
        rows: live_rows(root, &file)?,
        modified: file.modification_time,
        partition: file.partition_values.into_iter().collect::<BTreeMap<_, _>>(),
        path: file.path,
    };
    Ok(if place.is_some() && whole { Found::Own(file) } else { Found::Foreign(file) })
}

fn size(file: &ScanFile) -> KernelResult<u64> {
    u64::try_from(file.size).map_err(KernelError::generic_err)
}

fn url(root: &Url, file: &ScanFile) -> KernelResult<Url> {
    root.join(&file.path).map_err(KernelError::generic_err)
}

/// The rows of a file that no deletion vector removes. Other programs may write a file without statistics; then its
/// footer has the number.
fn live_rows(root: &Url, file: &ScanFile) -> KernelResult<u64> {
    let all = if let Some(stats) = &file.stats {
        stats.num_records
    } else {
        let reader = SerializedFileReader::new(File::open(local_path(&url(root, file)?)?)?)?;
        u64::try_from(reader.metadata().file_metadata().num_rows()).map_err(KernelError::generic_err)?
    };
    Ok(all.saturating_sub(file.dv_info.cardinality()?.unwrap_or_default()))
}

/// Visits the rows of the table in the order of the commits, from this number on, until stopped.
///
/// Within a partition that order is kept by merges; between partitions it is not.
pub(super) fn rows(
    kernel: &Kernel,
    snapshot: &SnapshotRef,
    table: &Table,
    mut skip: u64,
    take: &mut dyn FnMut(Row) -> ControlFlow<()>,
) -> KernelResult<()> {
    let scan = SnapshotRef::clone(snapshot).scan_builder().build()?;
    let mut files = scan_files(kernel, &scan)?;
    files.sort_by(|a, b| (Place::of(&a.path), &a.path).cmp(&(Place::of(&b.path), &b.path)));
    for file in files {
        let rows = live_rows(snapshot.table_root(), &file)?;
        if rows <= skip {
            skip -= rows;
            continue;
        }
        for batch in batches(kernel, &scan, snapshot.table_root(), &file)? {
            let batch = batch?;
            let start = usize::try_from(skip).unwrap_or(usize::MAX).min(batch.num_rows());
            skip -= start as u64;
            for row in rows_of(table, &batch.slice(start, batch.num_rows() - start))? {
                if take(row).is_break() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// The rows of a file that no deletion vector removes, with the columns of the table.
fn batches<'a>(
    kernel: &'a Kernel,
    scan: &'a Scan,
    root: &Url,
    file: &'a ScanFile,
) -> KernelResult<impl Iterator<Item = KernelResult<RecordBatch>> + 'a> {
    let engine = kernel.engine().as_ref();
    let mut kept = file.dv_info.get_selection_vector(engine, root)?.map(Vec::into_iter);
    let meta = FileMeta::new(url(root, file)?, file.modification_time, size(file)?);
    let batches = engine.parquet_handler().read_parquet_files(&[meta], scan.physical_schema().clone(), None)?;
    Ok(batches.map(move |physical| {
        let (read, logical) = (scan.physical_schema(), scan.logical_schema());
        let logical = transform_to_logical(engine, physical?, read, logical, file.transform.clone())?;
        let batch = ArrowEngineData::try_from_engine_data(logical)?.record_batch().clone();
        let Some(kept) = &mut kept else { return Ok(batch) };
        // Rows past the end of the vector are kept.
        let kept: BooleanArray = (0..batch.num_rows()).map(|_| Some(kept.next().unwrap_or(true))).collect();
        Ok(filter_record_batch(&batch, &kept)?)
    }))
}

fn rows_of(table: &Table, batch: &RecordBatch) -> KernelResult<Vec<Row>> {
    let columns = table.columns().iter().zip(batch.columns());
    let columns = columns.map(|(column, array)| cells::cells(&column.data_type, array).map(Vec::into_iter));
    let mut columns = columns.collect::<Result<Vec<_>, _>>()?;
    let row = |_| Row::dense(columns.iter_mut().map(|column| column.next().unwrap_or(Cell::Null)).collect());
    Ok((0..batch.num_rows()).map(row).collect())
}

//! The Parquet files of a table.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use delta_kernel::arrow::array::RecordBatch;
use delta_kernel::arrow::datatypes::SchemaRef as ArrowSchemaRef;
use delta_kernel::parquet::arrow::ArrowWriter;
use delta_kernel::parquet::arrow::arrow_writer::ArrowWriterOptions;
use delta_kernel::parquet::basic::Compression;
use delta_kernel::parquet::file::properties::{EnabledStatistics, WriterProperties};
use delta_kernel::transaction::BoundWriteContext;
use delta_kernel::{EngineData, FileMeta, KernelError, KernelResult};
use delta_kernel_default_engine::build_add_file_metadata;
use delta_kernel_default_engine::parquet::DataFileMetadata;
use delta_kernel_default_engine::stats::FileStatsAccumulator;
use url::Url;

use super::disk::{self, Unsynced};
use crate::random;

/// The memory of a row group at which it is written.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// A file that the table is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DataFile {
    /// Relative to the table, as the log has it.
    pub(super) path: String,
    pub(super) place: Place,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    pub(super) modified: i64,
    /// NULL where there is no entry.
    pub(super) partition: BTreeMap<String, String>,
}

/// Where a file's rows are in the order of the table: the version that brought them, and their place in that version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) version: u64,
    pub(super) number: usize,
}

/// A file that is to be written.
pub(super) struct Plan<B> {
    pub(super) context: BoundWriteContext,
    pub(super) place: Place,
    pub(super) schema: ArrowSchemaRef,
    pub(super) batches: B,
}

/// A file that is on the disk and not yet in the log.
pub(super) struct Written {
    pub(super) file: DataFile,
    pub(super) add: Box<dyn EngineData>,
    pub(super) local: PathBuf,
}

impl Place {
    /// The name of a file with its rows at this place.
    pub(super) fn file_name(self) -> String {
        format!("part-{:020}-{:05}-{}.parquet", self.version, self.number, random::text(8))
    }

    /// The place of a file that this emulator has written; none for files of other writers.
    ///
    /// Other writers name their files `part-00001-<UUID>-c000.snappy.parquet`, and a UUID may begin with eight digits.
    pub(super) fn of(path: &str) -> Option<Self> {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        let mut parts = name.strip_prefix("part-")?.strip_suffix(".parquet")?.split('-');
        let version = parts.next().filter(|part| part.len() == 20)?.parse().ok()?;
        let number = parts.next()?.parse().ok()?;
        let is_own = parts.next().is_some_and(|random| random.len() == 8) && parts.next().is_none();
        is_own.then_some(Self { version, number })
    }
}

/// Writes files in parallel; after a failure none is left. New files have to be synced before the
/// rows are durable.
pub(super) fn write_all<B>(plans: Vec<Plan<B>>, unsynced: &mut Unsynced) -> KernelResult<Vec<Written>>
where
    B: Iterator<Item = KernelResult<RecordBatch>> + Send,
{
    for plan in &plans {
        let folder = local_path(&plan.context.write_dir())?;
        unsynced.create_folder(&folder)?;
        unsynced.add(folder);
    }
    let written = collect(disk::in_parallel(plans, write))?;
    for file in &written {
        unsynced.add(&file.local);
    }
    Ok(written)
}

/// Removes files that no version of the log will name.
pub(super) fn discard(paths: &[PathBuf]) {
    for path in paths {
        remove(path);
    }
}

/// The path of a file or folder on this machine.
pub(super) fn local_path(url: &Url) -> KernelResult<PathBuf> {
    url.to_file_path().map_err(|()| KernelError::generic(format!("{url} is not a local file")))
}

fn collect(results: Vec<KernelResult<Written>>) -> KernelResult<Vec<Written>> {
    let mut written = Vec::with_capacity(results.len());
    let mut failure = None;
    for result in results {
        match result {
            Ok(file) => written.push(file),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match failure {
        None => Ok(written),
        Some(error) => {
            for file in written {
                remove(&file.local);
            }
            Err(error)
        }
    }
}

fn write<B>(plan: Plan<B>) -> KernelResult<Written>
where
    B: Iterator<Item = KernelResult<RecordBatch>>,
{
    let Plan { context, place, schema, batches } = plan;
    let url = context.write_dir().join(&place.file_name()).map_err(KernelError::generic_err)?;
    let local = local_path(&url)?;
    let mut stats = FileStatsAccumulator::new(context.stats_columns(), context.physical_data_schema());
    let stored = store(&local, schema, batches, &mut stats);
    let (bytes, rows) = stored.inspect_err(|_| remove(&local))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(KernelError::generic_err)?;
    let modified = i64::try_from(now.as_millis()).map_err(KernelError::generic_err)?;
    let partition = context.physical_partition_values().iter();
    let partition = partition.filter_map(|(name, value)| Some((name.clone(), value.clone()?))).collect();
    let path = context.resolve_file_path(&url)?;
    let stats = stats.finish()?.ok_or_else(|| KernelError::generic("a data file has no rows"))?;
    let meta = DataFileMetadata::new(FileMeta::new(url, modified, bytes), stats);
    let add = build_add_file_metadata(meta, &context)?;
    Ok(Written { file: DataFile { path, place, bytes, rows, modified, partition }, add, local })
}

/// Returns the numbers of bytes and rows.
fn store<B>(
    path: &Path,
    schema: ArrowSchemaRef,
    batches: B,
    stats: &mut FileStatsAccumulator,
) -> KernelResult<(u64, u64)>
where
    B: Iterator<Item = KernelResult<RecordBatch>>,
{
    // The log has the file's statistics; statistics of pages would double the size of a file of few rows.
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .build();
    // With the Arrow schema in the footer, other readers would see our types instead of the table's.
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let file = File::create_new(path)?;
    let mut writer = ArrowWriter::try_new_with_options(BufWriter::new(file), schema, options)?;
    let mut rows = 0;
    for batch in batches {
        let batch = batch?;
        stats.merge(&batch)?;
        writer.write(&batch)?;
        rows += batch.num_rows() as u64;
        if writer.memory_size() >= ROW_GROUP_BYTES {
            writer.flush()?;
        }
    }
    let file = writer.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok((file.metadata()?.len(), rows))
}

fn remove(path: &Path) {
    // No commit names the file; if even this fails, the next start removes it.
    let _ = std::fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_has_its_place() {
        let place = Place { version: 7, number: 123_456 };
        assert_eq!(Place::of(&format!("day=2024-10-04/{}", place.file_name())), Some(place));
        for other in ["0e5f.c000.snappy", "12345678-9012-4345-8678-901234567890-c000", "12345678"] {
            assert_eq!(Place::of(&format!("part-00000-{other}.parquet")), None);
        }
    }
}

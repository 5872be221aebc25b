//! One Parquet file below a table: written, and on the disk before the log may name it.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use delta_kernel::arrow::array::RecordBatch;
use delta_kernel::parquet::arrow::ArrowWriter;
use delta_kernel::parquet::arrow::arrow_writer::ArrowWriterOptions;
use delta_kernel::parquet::basic::Compression;
use delta_kernel::parquet::file::properties::WriterProperties;
use delta_kernel::transaction::BoundWriteContext;
use delta_kernel::{EngineData, FileMeta, KernelError, KernelResult};
use delta_kernel_default_engine::build_add_file_metadata;
use delta_kernel_default_engine::parquet::DataFileMetadata;
use delta_kernel_default_engine::stats::collect_stats;

/// Writes the rows of one partition, and gives what the log has to know of the file.
pub(super) fn write(context: &BoundWriteContext, name: &str, batch: &RecordBatch) -> KernelResult<Box<dyn EngineData>> {
    let url = context.write_dir().join(name).map_err(KernelError::generic_err)?;
    let path = url.to_file_path().map_err(|()| KernelError::generic(format!("{url} is not a local file")))?;
    let bytes = encode(batch)?;
    store(&path, &bytes)?;
    let stats = collect_stats(batch, context.stats_columns(), context.physical_data_schema())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(KernelError::generic_err)?;
    let modified = i64::try_from(now.as_millis()).map_err(KernelError::generic_err)?;
    let meta = FileMeta::new(url, modified, bytes.len() as u64);
    build_add_file_metadata(DataFileMetadata::new(meta, stats), context)
}

fn encode(batch: &RecordBatch) -> KernelResult<Vec<u8>> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    // The Arrow schema in the footer would tell other readers about our types instead of the table's.
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options)?;
    writer.write(batch)?;
    writer.close()?;
    Ok(bytes)
}

/// The bytes, the file's entry and every new folder's entry reach the disk.
fn store(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_folder(folder)?;
    let written = File::create_new(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        // No commit names the file, so a part of it may stay behind if even this fails.
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    File::open(folder)?.sync_all()
}

fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new("."));
    create_folder(parent)?;
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(parent)?.sync_all(),
    }
}

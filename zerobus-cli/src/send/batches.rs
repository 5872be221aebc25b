//! Parquet and Arrow IPC: record batches, whose columns have types already.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::RowGroupMetaData;

use super::piece::{Flow, Rows, Target};
use super::source::{PIECE, Source};
use crate::failure::Failure;

/// The most rows of a batch.
const MOST: usize = 8_192;

/// What the file format of Arrow IPC begins with; the stream format does not.
const ARROW_FILE: &[u8] = b"ARROW1";

/// Reads a Parquet file to its end.
pub(super) fn parquet(path: &Path, target: &Target<'_>) -> Result<Flow, Failure> {
    let failed = |error| Failure::new("it cannot be read", error);
    let file = File::open(path).map_err(|error| Failure::new("it cannot be read", error))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed)?;
    let metadata = builder.metadata();
    let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or_default();
    let bytes: i64 = metadata.row_groups().iter().map(RowGroupMetaData::total_byte_size).sum();
    target.check_count(rows)?;
    let batches = builder
        .with_batch_size(batch_size(rows, u64::try_from(bytes).unwrap_or_default()))
        .with_offset(usize::try_from(target.skip).unwrap_or(usize::MAX))
        .build()
        .map_err(failed)?;
    let mut read = target.skip;
    for batch in batches {
        let batch = batch.map_err(|error| Failure::new(format_args!("row {} cannot be read", read + 1), error))?;
        read += batch.num_rows() as u64;
        if target.send(Rows::Batch(batch), read) == Flow::Stopped {
            return Ok(Flow::Stopped);
        }
    }
    Ok(Flow::Goes)
}

/// How many rows are about a piece.
fn batch_size(rows: u64, bytes: u64) -> usize {
    let row = (bytes / rows.max(1)).max(1);
    usize::try_from(PIECE as u64 / row).unwrap_or(MOST).clamp(16, MOST)
}

/// Reads an Arrow IPC file to its end.
pub(super) fn arrow_file(path: &Path, target: &Target<'_>) -> Result<Option<Flow>, Failure> {
    let failed = |error| Failure::new("it cannot be read", error);
    let mut file = File::open(path).map_err(failed)?;
    let mut start = [0; ARROW_FILE.len()];
    if file.read_exact(&mut start).is_err() || start != ARROW_FILE {
        return Ok(None);
    }
    file.rewind().map_err(failed)?;
    let batches = FileReader::try_new_buffered(file, None).map_err(|error| Failure::new("it cannot be read", error))?;
    all(batches, target).map(Some)
}

/// Reads a stream of Arrow IPC to its end.
pub(super) fn arrow_stream(file: Source, target: &Target<'_>) -> Result<Flow, Failure> {
    let batches = StreamReader::try_new(file, None).map_err(|error| Failure::new("it cannot be read", error))?;
    all(batches, target)
}

fn all<E: std::error::Error>(
    batches: impl Iterator<Item = Result<RecordBatch, E>>,
    target: &Target<'_>,
) -> Result<Flow, Failure> {
    let mut read = 0;
    for batch in batches {
        let batch = batch.map_err(|error| Failure::new(format_args!("row {} cannot be read", read + 1), error))?;
        let rows = batch.num_rows();
        let done = usize::try_from(target.skip.saturating_sub(read)).map_or(rows, |left| left.min(rows));
        read += rows as u64;
        if done == rows {
            continue;
        }
        if target.send(Rows::Batch(batch.slice(done, rows - done)), read) == Flow::Stopped {
            return Ok(Flow::Stopped);
        }
    }
    target.check_count(read)?;
    Ok(Flow::Goes)
}

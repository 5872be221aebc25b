//! Reads Parquet and Arrow IPC files as record batches, whose columns already have types.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{DataType, FieldRef, Fields, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::RowGroupMetaData;

use super::piece::{Flow, Rows, Target};
use super::source::{PIECE, Source};
use crate::failure::Failure;

/// The maximum number of rows in a batch.
const MOST: usize = 4_096;

/// The magic bytes of the Arrow IPC file format; the stream format has none.
const ARROW_FILE: &[u8] = b"ARROW1";

/// Reads a Parquet file to its end.
pub(super) fn parquet(path: &Path, target: &Target<'_>) -> Result<Flow, Failure> {
    let failed = |error| Failure::new("it cannot be read", error);
    let file = File::open(path).map_err(|error| Failure::new("it cannot be read", error))?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(failed)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, viewed(metadata));
    let metadata = builder.metadata();
    let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or_default();
    let bytes: i64 = metadata.row_groups().iter().map(RowGroupMetaData::total_byte_size).sum();
    target.check_count(rows)?;
    let batches = builder
        .with_batch_size(batch_size(rows, u64::try_from(bytes).unwrap_or_default()))
        .with_offset(usize::try_from(target.done.rows).unwrap_or(usize::MAX))
        .build()
        .map_err(failed)?;
    let mut read = target.done.rows;
    for batch in batches {
        let batch = batch.map_err(|error| Failure::new(format_args!("row {} cannot be read", read + 1), error))?;
        read += batch.num_rows() as u64;
        if target.send(Rows::Batch(batch), read) == Flow::Stopped {
            return Ok(Flow::Stopped);
        }
    }
    Ok(Flow::Goes)
}

/// Makes the reader return strings as views into the file's pages, which is cheaper than copying each one.
fn viewed(metadata: ArrowReaderMetadata) -> ArrowReaderMetadata {
    let schema = metadata.schema();
    let viewed = Schema::new_with_metadata(fields_viewed(schema.fields()), schema.metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(viewed.into());
    // If the reader rejects the schema with views, it copies the strings.
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options).unwrap_or(metadata)
}

fn fields_viewed(fields: &Fields) -> Fields {
    fields.iter().map(field_viewed).collect()
}

fn field_viewed(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::List(element) => DataType::List(field_viewed(element)),
        DataType::Struct(fields) => DataType::Struct(fields_viewed(fields)),
        DataType::Utf8 => DataType::Utf8View,
        _ => return FieldRef::clone(field),
    };
    field.as_ref().clone().with_data_type(data_type).into()
}

/// The number of rows that make up about one piece.
fn batch_size(rows: u64, bytes: u64) -> usize {
    let row = (bytes / rows.max(1)).max(1);
    usize::try_from(PIECE as u64 / row).unwrap_or(MOST).clamp(16, MOST)
}

/// Reads an Arrow IPC file to its end; `None` if the file does not have the file format.
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
        let done = usize::try_from(target.done.rows.saturating_sub(read)).map_or(rows, |left| left.min(rows));
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

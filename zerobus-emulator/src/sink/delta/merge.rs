//! Merging files of one partition into one: a job that needs the table only at its beginning and end.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use delta_kernel::arrow::array::{RecordBatch, StringArray, new_null_array};
use delta_kernel::arrow::datatypes::{DataType as ArrowType, Field as ArrowField, Schema as ArrowSchema, SchemaRef};
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::engine_data::FilteredEngineData;
use delta_kernel::expressions::Scalar as DeltaScalar;
use delta_kernel::parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use delta_kernel::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use delta_kernel::scan::scan_row_schema;
use delta_kernel::schema::DataType as DeltaType;
use delta_kernel::transaction::BoundWriteContext;
use delta_kernel::{Engine, KernelError, KernelResult};
use serde_json::{Map, Value, json};
use zerobus_codegen::{DataType, Table};

use super::data_file::{self, DataFile, Plan, Written, local_path};
use super::disk::Unsynced;
use super::schema;

/// A merge of so few bytes is not worth a thread of its own.
const SMALL_BYTES: u64 = 1 << 20;
/// The most rows that are read at a time, and about how many bytes of them.
const BATCH_ROWS: usize = 1_024;
const BATCH_BYTES: i64 = 16 << 20;

/// Files that are to become one.
pub(super) struct Merge {
    pub(super) files: Vec<DataFile>,
    pub(super) context: BoundWriteContext,
    pub(super) schema: SchemaRef,
}

/// A file that holds the rows of others, and is not yet in the log.
pub(super) struct Merged {
    pub(super) files: Vec<DataFile>,
    pub(super) written: Written,
    pub(super) unsynced: Unsynced,
}

impl Merge {
    pub(super) fn is_small(&self) -> bool {
        self.files.iter().map(|file| file.bytes).sum::<u64>() <= SMALL_BYTES
    }

    /// Writes the new file.
    pub(super) fn run(self) -> KernelResult<Merged> {
        let Self { files, context, schema } = self;
        let place = files.first().ok_or_else(|| KernelError::generic("a merge of no files"))?.place;
        let root = context.table_root_dir().clone();
        let paths = files.iter().map(|file| local_path(&root.join(&file.path).map_err(KernelError::generic_err)?));
        let paths = paths.collect::<KernelResult<Vec<PathBuf>>>()?;
        let batches = Batches { paths: paths.into_iter(), schema: Arc::clone(&schema), open: None };
        let mut unsynced = Unsynced::default();
        let mut written = data_file::write_all(vec![Plan { context, place, schema, batches }], &mut unsynced)?;
        let written = written.pop().ok_or_else(|| KernelError::generic("a merge wrote no file"))?;
        Ok(Merged { files, written, unsynced })
    }
}

/// The batches of files, one after the other, with the columns of the table.
struct Batches {
    paths: std::vec::IntoIter<PathBuf>,
    schema: SchemaRef,
    open: Option<delta_kernel::parquet::arrow::arrow_reader::ParquetRecordBatchReader>,
}

impl Iterator for Batches {
    type Item = KernelResult<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.open.as_mut().and_then(Iterator::next) {
                return Some(batch.map_err(KernelError::from).and_then(|batch| conform(&batch, &self.schema)));
            }
            match open(&self.paths.next()?, &self.schema) {
                Ok(reader) => self.open = Some(reader),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn open(
    path: &PathBuf,
    schema: &SchemaRef,
) -> KernelResult<delta_kernel::parquet::arrow::arrow_reader::ParquetRecordBatchReader> {
    let file = File::open(path)?;
    // Without a schema the reader guesses Arrow types from the file; the table's schema decides.
    let found = ParquetRecordBatchReaderBuilder::try_new(file.try_clone()?)?;
    let fields = found.schema().fields().iter();
    let fields = fields.filter_map(|field| schema.column_with_name(field.name()).map(|(_, field)| field.clone()));
    let own = Arc::new(ArrowSchema::new(fields.collect::<Vec<ArrowField>>()));
    let options = ArrowReaderOptions::new().with_schema(own);
    let rows = batch_rows(found.metadata());
    Ok(ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)?.with_batch_size(rows).build()?)
}

/// How many rows are read at a time: fewer where rows are large, so that a merge takes little memory.
fn batch_rows(file: &ParquetMetaData) -> usize {
    let of_column = |column: &ColumnChunkMetaData| {
        // Values that repeat are in the file once, and in the batch each time.
        column.unencoded_byte_array_data_bytes().unwrap_or_default().max(column.uncompressed_size())
    };
    let per_row = file.row_groups().iter().map(|group| {
        let bytes: i64 = group.columns().iter().map(of_column).sum();
        bytes / group.num_rows().max(1)
    });
    let largest = per_row.max().unwrap_or_default().max(1);
    usize::try_from(BATCH_BYTES / largest).unwrap_or(BATCH_ROWS).clamp(1, BATCH_ROWS)
}

/// The columns in the table's order; a column that was added after the file was written is NULL.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> KernelResult<RecordBatch> {
    let column = |field: &Arc<ArrowField>| {
        let found = batch.column_by_name(field.name()).cloned();
        found.unwrap_or_else(|| new_null_array(field.data_type(), batch.num_rows()))
    };
    Ok(RecordBatch::try_new(Arc::clone(schema), schema.fields().iter().map(column).collect())?)
}

/// Files as a scan returns them, for the transaction that removes them.
pub(super) fn scan_rows(engine: &dyn Engine, table: &Table, files: &[DataFile]) -> KernelResult<FilteredEngineData> {
    let rows = files.iter().map(|file| {
        let value = |name: &String| file.partition.get(name).map_or(Value::Null, |value| json!(value));
        let partition: Map<_, _> = table.partition_columns.iter().map(|name| (name.clone(), value(name))).collect();
        json!({
            "path": file.path,
            "size": file.bytes,
            "modificationTime": file.modified,
            "fileConstantValues": { "partitionValues": partition },
        })
        .to_string()
    });
    let lines = StringArray::from_iter_values(rows);
    let schema = Arc::new(ArrowSchema::new(vec![ArrowField::new("json", ArrowType::Utf8, false)]));
    let lines = ArrowEngineData::new(RecordBatch::try_new(schema, vec![Arc::new(lines)])?);
    let rows = engine.json_handler().parse_json(Box::new(lines), scan_row_schema())?;
    Ok(FilteredEngineData::with_all_rows_selected(rows))
}

/// The values of a file's partition, in the kernel's form.
pub(super) fn partition_values(table: &Table, file: &DataFile) -> KernelResult<HashMap<String, DeltaScalar>> {
    let columns = table.columns().iter().filter(|column| table.partition_columns.contains(&column.name));
    let values = columns.map(|column| {
        let DataType::Scalar(scalar) = column.data_type else {
            return Err(KernelError::generic(format!("partition column {} is {}", column.name, column.data_type)));
        };
        let data_type = schema::scalar(scalar)?;
        let value = match (file.partition.get(&column.name), &data_type) {
            (None, _) => DeltaScalar::Null(data_type),
            (Some(text), DeltaType::Primitive(primitive)) => primitive.parse_scalar(text)?,
            (Some(_), _) => return Err(KernelError::generic(format!("partition column {} is {scalar}", column.name))),
        };
        Ok((column.name.clone(), value))
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use delta_kernel::parquet::arrow::ArrowWriter;

    use super::*;

    #[test]
    fn large_rows_are_read_a_few_at_a_time_also_where_they_repeat() {
        let schema = Arc::new(ArrowSchema::new(vec![ArrowField::new("text", ArrowType::Utf8, true)]));
        let folder = tempfile::tempdir().unwrap();
        for (length, rows, expected) in
            [(10, 5_000, BATCH_ROWS), (1 << 20, 40, 15), (100 << 10, 400, 163), (32 << 20, 2, 1)]
        {
            let path = folder.path().join(format!("{length}.parquet"));
            let texts = StringArray::from_iter_values(std::iter::repeat_n("x".repeat(length), rows));
            let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(texts)]).unwrap();
            let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), Arc::clone(&schema), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            let first = open(&path, &schema).unwrap().next().unwrap().unwrap().num_rows();
            assert_eq!(first, expected, "{length}");
        }
    }
}

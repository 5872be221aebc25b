//! A table as a Delta schema.
//!
//! The service's own description of a column (`type_json`) is the field of a Delta schema, so a Delta schema is a
//! description of the table, too.
//!
//! CHAR and VARCHAR are strings whose metadata names the type, as Spark writes them.

use std::collections::BTreeMap;

use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::schema::{ArrayType, DataType as DeltaType, MapType, StructField, StructType};
use delta_kernel::table_features::ColumnMappingMode;
use delta_kernel::transaction::UpdateTableOperation;
use delta_kernel::{KernelError, KernelResult, SnapshotRef};
use zerobus_codegen::{
    ColumnInfo, DataType, Element, Field, Obstacle, Printable, Scalar, Struct, Table, TableInfo, TableName,
};

use super::kernel::{ENGINE_INFO, Kernel};

/// The metadata of a column that has a default.
const DEFAULT: &str = "CURRENT_DEFAULT";

/// The table that a version on the disk is of.
pub(super) fn of_snapshot(kernel: &Kernel, name: &TableName, snapshot: &SnapshotRef) -> KernelResult<Table> {
    let transaction = SnapshotRef::clone(snapshot).update_table(UpdateTableOperation::Write, ENGINE_INFO, true);
    let transaction = transaction.build(kernel.engine().as_ref(), Box::new(FileSystemCommitter::new()))?;
    let info = describe(name, &snapshot.schema(), transaction.logical_partition_columns())?;
    Table::try_from(&info).map_err(KernelError::generic_err)
}

/// A feature of a version for which the service refuses the table, if it has one.
pub(super) fn obstacle(name: &TableName, snapshot: &SnapshotRef) -> KernelResult<Option<Obstacle>> {
    if let Some(obstacle) = obstacle_of_properties(snapshot) {
        return Ok(Some(obstacle));
    }
    let columns = Table::try_from(&describe(name, &snapshot.schema(), &[])?);
    // Columns that are not understood are others than those that are expected.
    Ok(columns.ok().and_then(|table| table.obstacles.into_iter().next()))
}

/// An error if the version has a feature that `delta_kernel` does not write to; otherwise the partition columns.
pub(super) fn writable(kernel: &Kernel, snapshot: &SnapshotRef) -> KernelResult<Vec<String>> {
    let transaction =
        SnapshotRef::clone(snapshot).update_table(UpdateTableOperation::StreamingUpdate, ENGINE_INFO, true);
    let transaction =
        transaction.with_blind_append().build(kernel.engine().as_ref(), Box::new(FileSystemCommitter::new()))?;
    let columns = snapshot.schema();
    let mut defaults = columns.fields().filter(|field| field.metadata().contains_key(DEFAULT));
    if let Some(field) = defaults.next() {
        return Err(KernelError::generic(format!(
            "column {} has a default, which the emulator does not fill in; drop the default",
            Printable(field.name())
        )));
    }
    transaction.write_state()?;
    Ok(transaction.logical_partition_columns().to_vec())
}

fn obstacle_of_properties(snapshot: &SnapshotRef) -> Option<Obstacle> {
    let known = snapshot.table_properties();
    let mut properties: BTreeMap<String, String> = known.unknown_properties.clone().into_iter().collect();
    let mut set = |name: &str, value: &str| properties.insert(name.to_owned(), value.to_owned());
    match known.column_mapping_mode {
        Some(ColumnMappingMode::Id) => drop(set("delta.columnMapping.mode", "id")),
        Some(ColumnMappingMode::Name) => drop(set("delta.columnMapping.mode", "name")),
        Some(ColumnMappingMode::None) | None => {}
    }
    if known.enable_change_data_feed == Some(true) {
        set("delta.enableChangeDataFeed", "true");
    }
    if known.enable_row_tracking == Some(true) {
        set("delta.enableRowTracking", "true");
    }
    for constraint in &known.check_constraints {
        set(&format!("delta.constraints.{}", constraint.name()), "");
    }
    Obstacle::of_properties(&properties).into_iter().next()
}

/// A table as the tables API describes it.
pub(super) fn info(table: &Table) -> KernelResult<TableInfo> {
    describe(&table.name, &schema(&table.row)?, &table.partition_columns)
}

fn describe(name: &TableName, schema: &StructType, partition_columns: &[String]) -> KernelResult<TableInfo> {
    let mut info = TableInfo::default();
    name.catalog().clone_into(&mut info.catalog_name);
    name.schema().clone_into(&mut info.schema_name);
    name.table().clone_into(&mut info.name);
    for (position, field) in schema.fields().enumerate() {
        let mut column = ColumnInfo::default();
        column.name.clone_from(field.name());
        column.type_json = Some(serde_json::to_string(field).map_err(KernelError::generic_err)?);
        column.nullable = Some(field.is_nullable());
        column.position = Some(i64::try_from(position).map_err(KernelError::generic_err)?);
        let index = partition_columns.iter().position(|partition| partition == field.name());
        column.partition_index = index.map(i64::try_from).transpose().map_err(KernelError::generic_err)?;
        info.columns.push(column);
    }
    Ok(info)
}

pub(super) fn schema(row: &Struct) -> KernelResult<StructType> {
    let fields = row.fields.iter().map(field).collect::<KernelResult<Vec<_>>>()?;
    StructType::try_new(fields)
}

fn field(field: &Field) -> KernelResult<StructField> {
    let delta = StructField::new(&field.name, data_type(&field.data_type)?, field.nullable);
    let mut metadata = Vec::new();
    if let DataType::Scalar(scalar @ (Scalar::Char(_) | Scalar::Varchar(_))) = field.data_type {
        metadata.push(("__CHAR_VARCHAR_TYPE_STRING", scalar.to_string().to_lowercase()));
    }
    if let Some(comment) = &field.comment {
        metadata.push(("comment", comment.clone()));
    }
    Ok(delta.with_metadata(metadata))
}

fn data_type(data_type: &DataType) -> KernelResult<DeltaType> {
    Ok(match data_type {
        DataType::Array(item) => ArrayType::new(element(item)?, true).into(),
        DataType::Map(key, value) => MapType::new(scalar(key.scalar())?, element(value)?, true).into(),
        DataType::Scalar(single) => scalar(*single)?,
        DataType::Struct(row) => schema(row)?.into(),
    })
}

fn element(element: &Element) -> KernelResult<DeltaType> {
    match element {
        Element::Scalar(single) => scalar(*single),
        Element::Struct(row) => Ok(schema(row)?.into()),
    }
}

pub(super) fn scalar(scalar: Scalar) -> KernelResult<DeltaType> {
    Ok(match scalar {
        Scalar::Binary => DeltaType::BINARY,
        Scalar::Boolean => DeltaType::BOOLEAN,
        Scalar::Byte => DeltaType::BYTE,
        Scalar::Char(_) | Scalar::String | Scalar::Varchar(_) => DeltaType::STRING,
        Scalar::Date => DeltaType::DATE,
        Scalar::Decimal { precision, scale } => DeltaType::decimal(precision, scale)?,
        Scalar::Double => DeltaType::DOUBLE,
        Scalar::Float => DeltaType::FLOAT,
        Scalar::Int => DeltaType::INTEGER,
        Scalar::Long => DeltaType::LONG,
        Scalar::Short => DeltaType::SHORT,
        Scalar::Timestamp => DeltaType::TIMESTAMP,
        Scalar::TimestampNtz => DeltaType::TIMESTAMP_NTZ,
        Scalar::Variant => DeltaType::unshredded_variant(),
    })
}

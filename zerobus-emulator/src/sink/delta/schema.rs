//! A table as a Delta schema.
//!
//! CHAR and VARCHAR are strings whose metadata names the type, as Spark writes them.

use delta_kernel::KernelResult;
use delta_kernel::schema::{ArrayType, DataType as DeltaType, MapType, StructField, StructType};
use zerobus_codegen::{DataType, Element, Field, Scalar, Struct};

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

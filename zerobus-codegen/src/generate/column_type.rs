//! The text of a column's type: its SQL, and the meaning of its values where the wire has plain numbers or text.

use crate::{DataType, Element, Field, Scalar};

/// A column's type in SQL. The fields of structs are left out, since they are documented with the struct.
pub(super) fn headline(field: &Field) -> String {
    let not_null = if field.nullable { "" } else { " NOT NULL" };
    match &field.data_type {
        DataType::Struct(_) => format!("STRUCT{not_null}"),
        DataType::Array(Element::Struct(_)) => format!("ARRAY<STRUCT>{not_null}"),
        DataType::Map(key, Element::Struct(_)) => format!("MAP<{}, STRUCT>{not_null}", key.scalar()),
        other => format!("{other}{not_null}"),
    }
}

/// The meaning of the values, after a comma: `, microseconds since 1970-01-01T00:00:00Z`. Empty if the type shows it.
pub(super) fn form(field: &Field) -> String {
    let scalars = match &field.data_type {
        DataType::Array(Element::Scalar(scalar)) | DataType::Scalar(scalar) => [Some(*scalar), None],
        DataType::Map(key, Element::Scalar(value)) => [Some(key.scalar()), Some(*value)],
        DataType::Map(key, Element::Struct(_)) => [Some(key.scalar()), None],
        DataType::Array(Element::Struct(_)) | DataType::Struct(_) => [None, None],
    };
    match scalars.map(|scalar| scalar.and_then(form_of)) {
        [Some(key), Some(value)] if key != value => format!(", {key}, {value}"),
        [Some(form), _] | [None, Some(form)] => format!(", {form}"),
        [None, None] => String::new(),
    }
}

/// The meaning of a value on the wire, if its protobuf type does not show it.
const fn form_of(scalar: Scalar) -> Option<&'static str> {
    match scalar {
        Scalar::Byte => Some("from -128 to 127"),
        Scalar::Date => Some("days since 1970-01-01"),
        Scalar::Decimal { .. } => Some("plain decimal text such as -19.90"),
        Scalar::Short => Some("from -32768 to 32767"),
        Scalar::Timestamp => Some("microseconds since 1970-01-01T00:00:00Z"),
        Scalar::TimestampNtz => Some("microseconds since 1970-01-01T00:00:00 on the wall clock"),
        Scalar::Variant => Some("JSON text"),
        Scalar::Binary
        | Scalar::Boolean
        | Scalar::Char(_)
        | Scalar::Double
        | Scalar::Float
        | Scalar::Int
        | Scalar::Long
        | Scalar::String
        | Scalar::Varchar(_) => None,
    }
}

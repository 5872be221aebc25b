//! From a checked row to the protobuf descriptor that goes on the wire when a stream opens.
//!
//! | column | field |
//! |---|---|
//! | BOOLEAN | bool |
//! | TINYINT, SMALLINT, INT, DATE | int32 |
//! | BIGINT, TIMESTAMP, TIMESTAMP_NTZ | int64 |
//! | FLOAT, DOUBLE | float, double |
//! | STRING, VARCHAR, CHAR, DECIMAL, VARIANT | string |
//! | BINARY | bytes |
//! | STRUCT | message, nested in the message that holds it |
//! | ARRAY | repeated |
//! | MAP | repeated map entry |
//!
//! The descriptor is self-contained and its type names are relative, as the service's own converter makes them.

use std::collections::HashSet;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, MessageOptions};

use super::{DataType, Element, Field, MapKey, Scalar, Struct, Table};

impl Scalar {
    /// The protobuf type that carries this scalar.
    #[must_use]
    pub const fn wire_type(self) -> Type {
        match self {
            Self::Binary => Type::Bytes,
            Self::Boolean => Type::Bool,
            Self::Byte | Self::Date | Self::Int | Self::Short => Type::Int32,
            Self::Char(_) | Self::Decimal { .. } | Self::String | Self::Varchar(_) | Self::Variant => Type::String,
            Self::Double => Type::Double,
            Self::Float => Type::Float,
            Self::Long | Self::Timestamp | Self::TimestampNtz => Type::Int64,
        }
    }
}

impl Table {
    /// The descriptor of the table's row, as a stream is opened with it.
    #[must_use]
    pub fn descriptor(&self) -> DescriptorProto {
        descriptor(&message_name(self.name.table()), &self.row)
    }
}

/// The descriptor of a row, as a message of this name.
#[must_use]
pub fn descriptor(name: &str, row: &Struct) -> DescriptorProto {
    let mut nested = Nested::default();
    // A column's struct is named for the column alone, an inner struct for its parent and itself.
    let field = row.fields.iter().map(|field| nested.field(field, &field.name)).collect();
    DescriptorProto { name: Some(name.to_owned()), field, nested_type: nested.messages, ..Default::default() }
}

/// The message's name for a path of names: each part's first letter a capital, the underscores gone.
///
/// ```
/// assert_eq!(zerobus_codegen::message_name("order_lines"), "OrderLines");
/// assert_eq!(zerobus_codegen::message_name("2024_sales"), "M2024Sales");
/// ```
#[must_use]
pub fn message_name(path: &str) -> String {
    let mut name = String::with_capacity(path.len());
    for word in path.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut chars = word.chars();
        name.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        name.push_str(chars.as_str());
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert(0, 'M');
    }
    name
}

/// The messages nested in one message, in the order in which their fields stand.
#[derive(Default)]
struct Nested {
    messages: Vec<DescriptorProto>,
    taken: HashSet<String>,
}

impl Nested {
    fn field(&mut self, field: &Field, path: &str) -> FieldDescriptorProto {
        let (label, (wire_type, type_name)) = match &field.data_type {
            DataType::Array(Element::Scalar(scalar)) => (Label::Repeated, (scalar.wire_type(), None)),
            DataType::Array(Element::Struct(fields)) => {
                (Label::Repeated, self.message(&format!("{}_element", message_name(path)), fields))
            }
            DataType::Map(key, value) => (Label::Repeated, self.map_entry(&message_name(path), *key, value)),
            DataType::Scalar(scalar) => (singular(field), (scalar.wire_type(), None)),
            DataType::Struct(fields) => (singular(field), self.message(path, fields)),
        };
        FieldDescriptorProto {
            name: Some(field.name.clone()),
            number: Some(field.number),
            label: Some(label.into()),
            r#type: Some(wire_type.into()),
            type_name,
            json_name: Some(field.name.clone()),
            proto3_optional: Some(label == Label::Optional),
            ..Default::default()
        }
    }

    fn message(&mut self, path: &str, fields: &Struct) -> (Type, Option<String>) {
        let name = self.unique(&message_name(path));
        let message = struct_message(&name, fields);
        self.messages.push(message);
        (Type::Message, Some(name))
    }

    fn map_entry(&mut self, base: &str, key: MapKey, value: &Element) -> (Type, Option<String>) {
        let (value_type, value_name) = match value {
            Element::Scalar(scalar) => (scalar.wire_type(), None),
            Element::Struct(fields) => {
                let name = self.unique(&format!("{base}Value"));
                self.messages.push(struct_message(&name, fields));
                (Type::Message, Some(name))
            }
        };
        let name = self.unique(&format!("{base}Entry"));
        let field = vec![
            entry_field("key", 1, (key.scalar().wire_type(), None)),
            entry_field("value", 2, (value_type, value_name)),
        ];
        let options = Some(MessageOptions { map_entry: Some(true), ..Default::default() });
        self.messages.push(DescriptorProto { name: Some(name.clone()), field, options, ..Default::default() });
        (Type::Message, Some(name))
    }

    /// The name itself, or the first of name2, name3, ... that is free.
    fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut n = 2;
        while !self.taken.insert(unique.clone()) {
            unique = format!("{name}{n}");
            n += 1;
        }
        unique
    }
}

fn struct_message(name: &str, fields: &Struct) -> DescriptorProto {
    let mut nested = Nested::default();
    let field = fields.fields.iter().map(|field| nested.field(field, &format!("{name}_{}", field.name))).collect();
    DescriptorProto { name: Some(name.to_owned()), field, nested_type: nested.messages, ..Default::default() }
}

fn entry_field(name: &str, number: i32, (wire_type, type_name): (Type, Option<String>)) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(wire_type.into()),
        type_name,
        json_name: Some(name.to_owned()),
        // The service's own converter marks a map's value so, and not its key.
        proto3_optional: Some(name == "value"),
        ..Default::default()
    }
}

const fn singular(field: &Field) -> Label {
    if field.nullable { Label::Optional } else { Label::Required }
}

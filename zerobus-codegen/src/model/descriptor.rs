//! The descriptor: maps a checked row to the protobuf message type that opens a stream.
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
//! The descriptor is self-contained and its type names are absolute without a package (`.Orders.Customer`): the form
//! that the official client sends. The service refuses relative names (code 4033).
//!
//! Message names follow the service's converter, so the descriptor equals the one that the official client resolves.
//! That client fails if a message has the name of a sibling field (a column `Location STRUCT`), since protobuf has one
//! scope for both. The descriptor of such a table follows the rules of protobuf compilers: the message is renamed
//! (`Location2`), a map's entry is named after its field only, and `proto3_optional` is unset, because compilers accept
//! it only in proto3.

use std::collections::HashSet;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, MessageOptions};

use super::{DataType, Element, Field, MapKey, Scalar, Struct, Table, UniqueNames, type_name};

impl Scalar {
    /// The protobuf type of this scalar.
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
    /// The descriptor of the table's row, as sent when a stream opens.
    #[must_use]
    pub fn descriptor(&self) -> DescriptorProto {
        descriptor(&type_name(self.name.table()), &self.row)
    }
}

/// The descriptor of a row, as a message of this name.
#[must_use]
pub fn descriptor(name: &str, row: &Struct) -> DescriptorProto {
    let converted = Style::Converter.row(name, row);
    if has_clash(&converted) { Style::Compiler.row(name, row) } else { converted }
}

/// Whether a message, or one nested in it, has the name of a sibling field.
fn has_clash(message: &DescriptorProto) -> bool {
    let fields: HashSet<&str> = message.field.iter().map(FieldDescriptorProto::name).collect();
    message.nested_type.iter().any(|nested| fields.contains(nested.name()) || has_clash(nested))
}

/// The naming rules of a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Those of protobuf compilers: no message has the name of a field, and an entry is named after its field only.
    Compiler,
    /// Those of the service's converter: messages are named after their path of fields.
    Converter,
}

impl Style {
    fn row(self, name: &str, row: &Struct) -> DescriptorProto {
        // A column's struct is named after the column only, a nested struct after its parent and itself.
        self.message("", name, row, str::to_owned)
    }

    /// The value of `proto3_optional`.
    fn optional(self, is_optional: bool) -> Option<bool> {
        (self == Self::Converter).then_some(is_optional)
    }

    fn entry_field(
        self,
        name: &str,
        number: i32,
        (wire_type, type_name): (Type, Option<String>),
    ) -> FieldDescriptorProto {
        FieldDescriptorProto {
            name: Some(name.to_owned()),
            number: Some(number),
            label: Some(Label::Optional.into()),
            r#type: Some(wire_type.into()),
            type_name,
            json_name: Some(name.to_owned()),
            // The service's converter sets it for a map's value, but not for its key.
            proto3_optional: self.optional(name == "value"),
            ..Default::default()
        }
    }

    /// A message in this scope; `path` names the struct of a field.
    fn message(self, outer: &str, name: &str, row: &Struct, path: impl Fn(&str) -> String) -> DescriptorProto {
        let mut nested = Nested::new(self, format!("{outer}.{name}"), row);
        let field = row.fields.iter().map(|field| nested.field(field, &path(&field.name))).collect();
        DescriptorProto { name: Some(name.to_owned()), field, nested_type: nested.messages, ..Default::default() }
    }
}

/// The message name of a path: each part capitalised, without underscores.
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

/// The name of a map field's entry in protobuf compilers.
pub(crate) fn compiled_entry_name(field: &str) -> String {
    format!("{}Entry", capitalize_words(field, true))
}

/// The indexes of nested messages that are entries of maps without protobuf's option `map_entry`.
///
/// If a compiler's name for an entry is taken by a field (`tags MAP` beside `TagsEntry`) or by another message
/// (`a_b MAP` beside `aB MAP`), the `.proto` cannot use `map`, and the entry is an ordinary message, `TagsEntry2`.
#[must_use]
pub fn displaced_entries(parent: &DescriptorProto) -> Vec<usize> {
    let looks_like_one = |nested: &DescriptorProto| {
        matches!(&nested.field[..], [key, value] if key.name() == "key" && key.number() == 1
            && value.name() == "value" && value.number() == 2)
            && nested.name().trim_end_matches(|c: char| c.is_ascii_digit()).ends_with("Entry")
    };
    let is_called_one = |nested: &DescriptorProto| nested.options.as_ref().is_some_and(MessageOptions::map_entry);
    let fields: HashSet<&str> = parent.field.iter().map(FieldDescriptorProto::name).collect();
    let messages: HashSet<&str> = parent.nested_type.iter().map(DescriptorProto::name).collect();
    let is_displaced = |field: &&FieldDescriptorProto| {
        let (entry, message) = (compiled_entry_name(field.name()), last_name(field));
        field.label() == Label::Repeated
            && (fields.contains(entry.as_str()) || (message != entry && messages.contains(entry.as_str())))
    };
    let displaced: HashSet<&str> = parent.field.iter().filter(is_displaced).map(last_name).collect();
    let nested = parent.nested_type.iter().enumerate();
    nested
        .filter(|(_, nested)| displaced.contains(nested.name()) && looks_like_one(nested) && !is_called_one(nested))
        .map(|(place, _)| place)
        .collect()
}

/// The last segment of a field's type name, its name in the enclosing scope.
pub(crate) fn last_name(field: &FieldDescriptorProto) -> &str {
    field.type_name().rsplit('.').next().unwrap_or_default()
}

/// Removes the underscores and capitalises the letter after each.
pub(crate) fn capitalize_words(name: &str, mut capitalize: bool) -> String {
    let mut words = String::with_capacity(name.len());
    for c in name.chars() {
        if c == '_' {
            capitalize = true;
        } else {
            words.push(if capitalize { c.to_ascii_uppercase() } else { c });
            capitalize = false;
        }
    }
    words
}

/// The messages nested in one message, in field order.
struct Nested {
    style: Style,
    /// The absolute name of the enclosing message: `.Orders`.
    scope: String,
    messages: Vec<DescriptorProto>,
    taken: UniqueNames,
    /// The entry names reserved for maps.
    entries: HashSet<String>,
}

impl Nested {
    fn new(style: Style, scope: String, row: &Struct) -> Self {
        let (mut taken, mut entries) = (UniqueNames::default(), HashSet::new());
        if style == Style::Compiler {
            taken = row.fields.iter().map(|field| field.name.as_str()).collect();
            let maps = row.fields.iter().filter(|field| matches!(field.data_type, DataType::Map(..)));
            entries.extend(maps.map(|map| compiled_entry_name(&map.name)).filter(|name| taken.take(name)));
        }
        Self { style, scope, messages: Vec::new(), taken, entries }
    }

    fn field(&mut self, field: &Field, path: &str) -> FieldDescriptorProto {
        let (label, (wire_type, type_name)) = match &field.data_type {
            DataType::Array(Element::Scalar(scalar)) => (Label::Repeated, (scalar.wire_type(), None)),
            DataType::Array(Element::Struct(fields)) => {
                (Label::Repeated, self.message(&format!("{}_element", message_name(path)), fields))
            }
            DataType::Map(key, value) => {
                (Label::Repeated, self.map_entry(&field.name, &message_name(path), *key, value))
            }
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
            proto3_optional: self.style.optional(label == Label::Optional),
            ..Default::default()
        }
    }

    fn message(&mut self, path: &str, row: &Struct) -> (Type, Option<String>) {
        let name = self.taken.unique(&message_name(path));
        let inner = self.style.message(&self.scope, &name, row, |field| format!("{name}_{field}"));
        self.push(inner)
    }

    fn map_entry(&mut self, field: &str, base: &str, key: MapKey, value: &Element) -> (Type, Option<String>) {
        let value = match value {
            Element::Scalar(scalar) => (scalar.wire_type(), None),
            Element::Struct(row) => self.message(&format!("{base}_value"), row),
        };
        let (name, is_map) = self.entry_name(field, base);
        let field = vec![
            self.style.entry_field("key", 1, (key.scalar().wire_type(), None)),
            self.style.entry_field("value", 2, value),
        ];
        let options = is_map.then(|| MessageOptions { map_entry: Some(true), ..Default::default() });
        self.push(DescriptorProto { name: Some(name), field, options, ..Default::default() })
    }

    /// The name of a map's entry, and whether it gets protobuf's option `map_entry`. Compilers accept the option only
    /// with their own name for the entry; without it, the entry is an ordinary message, which is the same on the wire.
    fn entry_name(&mut self, field: &str, base: &str) -> (String, bool) {
        match self.style {
            Style::Compiler => match self.entries.take(&compiled_entry_name(field)) {
                Some(name) => (name, true),
                None => (self.taken.unique(&compiled_entry_name(field)), false),
            },
            Style::Converter => (self.taken.unique(&format!("{base}Entry")), true),
        }
    }

    /// Adds a message, and returns the type for the field that refers to it.
    fn push(&mut self, message: DescriptorProto) -> (Type, Option<String>) {
        let type_name = format!("{}.{}", self.scope, message.name());
        self.messages.push(message);
        (Type::Message, Some(type_name))
    }
}

const fn singular(field: &Field) -> Label {
    if field.nullable { Label::Optional } else { Label::Required }
}

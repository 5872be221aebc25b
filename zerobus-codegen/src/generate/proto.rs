//! The `.proto` of a table: prepares a view of its descriptor, which `text` prints.
//!
//! `protoc` compiles it to the descriptor that opens a stream, except that it has a package and lacks
//! `proto3_optional`, which proto2 does not have. Names of map entries differ too: `protoc` derives them from the field
//! (`AttributesEntry`), the service's converter from the whole path (`LinesElementAttributesEntry`). If protoc's name
//! is taken, the map is written as a repeated message, which is the same on the wire.

use std::collections::HashMap;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, MessageOptions};

use super::column_type::{form, headline};
use super::comments::plain;
use crate::model::{UniqueNames, capitalize_words, compiled_entry_name, last_name};
use crate::{DataType, Element, Field, Struct, Table, module_name};

mod java;
mod text;

/// The `.proto` file of a table, in proto2.
///
/// ```
/// # let json = include_str!("../../../examples/quickstart/schemas/main.geo.earthquakes.json");
/// use zerobus_codegen::{Table, TableInfo};
///
/// let info: TableInfo = serde_json::from_str(json)?;
/// let text = zerobus_codegen::proto::file(&Table::try_from(&info)?);
/// assert!(text.contains("required int64 time = 2;"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn file(table: &Table) -> String {
    let descriptor = table.descriptor();
    let mut message = Message::new(&descriptor, &table.row);
    message.comments = table.comment.as_deref().map(plain).unwrap_or_default();
    text::of(&File {
        source: table.name.to_string(),
        warnings: warnings(table),
        package: package(table),
        options: java::options(table),
        message,
    })
}

/// The deepest nesting of messages that protoc accepts, including the outermost one.
const PROTOC_NESTING: usize = 31;

/// Warnings about the `.proto`, for languages or compilers that cannot use it.
#[must_use]
pub fn warnings(table: &Table) -> Vec<String> {
    let mut warnings = Vec::new();
    let nesting = nesting(&table.descriptor());
    if nesting > PROTOC_NESTING {
        warnings.push(format!(
            "protoc refuses this .proto: its messages nest {nesting} deep, and protoc accepts {PROTOC_NESTING}; use the \
             descriptor"
        ));
    }
    warnings.extend(java::warning(table));
    warnings
}

/// The depth to which messages nest, including this one.
fn nesting(message: &DescriptorProto) -> usize {
    1 + message.nested_type.iter().map(nesting).max().unwrap_or(0)
}

/// The package of a table's `.proto`: catalog and schema, each with the name of its Rust module.
#[must_use]
pub fn package(table: &Table) -> String {
    format!("{}.{}", module_name(table.name.catalog()), module_name(table.name.schema()))
}

/// A `.proto` file.
struct File {
    source: String,
    warnings: Vec<String>,
    package: String,
    /// Options of the file, by name.
    options: Vec<(&'static str, String)>,
    message: Message,
}

/// A message and its nested messages.
struct Message {
    comments: Vec<String>,
    name: String,
    fields: Vec<Line>,
}

/// A field's line: `required string magType = 6 [json_name = "magType"];`.
struct Line {
    /// The messages that the field needs. They come before it, so that they have the descriptor's order in `protoc`.
    messages: Vec<Message>,
    comments: Vec<String>,
    /// Label and type, or the map.
    declaration: String,
    name: String,
    number: i32,
    /// The field options in brackets, after a space; or empty.
    options: String,
}

impl Message {
    fn new(descriptor: &DescriptorProto, row: &Struct) -> Self {
        let scope = Scope::new(descriptor);
        let fields = descriptor.field.iter().zip(&row.fields);
        Self::of(descriptor.name(), fields.map(|(proto, field)| Line::of_column(&scope, proto, field)).collect())
    }

    /// The entry message of a map that cannot be written as a `map`.
    fn of_entry(entry: &DescriptorProto, name: &str) -> Self {
        let fields = entry.field.iter().map(|proto| Line::new(proto, declaration(proto, last_name(proto))));
        Self::of(name, fields.collect())
    }

    fn of(name: &str, fields: Vec<Line>) -> Self {
        Self { comments: Vec::new(), name: name.to_owned(), fields }
    }
}

impl Line {
    fn of_column(scope: &Scope<'_>, proto: &FieldDescriptorProto, field: &Field) -> Self {
        let mut messages = Vec::new();
        if let Some((row, message)) = scope.inner_struct(proto, &field.data_type) {
            messages.push(Message::new(message, row));
        }
        let entry = scope.message(proto).filter(|_| matches!(field.data_type, DataType::Map(..)));
        let declaration = match entry.map(|entry| (entry, &entry.field[..])) {
            Some((entry, [key, value])) => match scope.written_name(entry) {
                Some(name) => {
                    messages.push(Message::of_entry(entry, name));
                    declaration(proto, name)
                }
                None => format!("map<{}, {}>", type_of(key, last_name(key)), type_of(value, last_name(value))),
            },
            _ => declaration(proto, last_name(proto)),
        };
        let mut comments = field.comment.as_deref().map(plain).unwrap_or_default();
        comments.push(headline(field) + &form(field));
        Self { messages, comments, ..Self::new(proto, declaration) }
    }

    fn new(proto: &FieldDescriptorProto, declaration: String) -> Self {
        let name = proto.name().to_owned();
        // The JSON name that `protoc` derives by default.
        let options = if capitalize_words(&name, false) == proto.json_name() {
            String::new()
        } else {
            // A column's name is an identifier, so it needs no escaping in quotes.
            format!(" [json_name = \"{}\"]", proto.json_name())
        };
        Self { messages: Vec::new(), comments: Vec::new(), declaration, name, number: proto.number(), options }
    }
}

/// The nested messages of one message, and their names in the `.proto`.
struct Scope<'a> {
    /// By name.
    messages: HashMap<&'a str, &'a DescriptorProto>,
    /// The map entries that are written out because protoc's name for them is taken: their names in the `.proto`, by
    /// their names in the descriptor.
    written: HashMap<&'a str, String>,
}

impl<'a> Scope<'a> {
    fn new(descriptor: &'a DescriptorProto) -> Self {
        let messages: HashMap<_, _> = descriptor.nested_type.iter().map(|nested| (nested.name(), nested)).collect();
        let is_map = |name: &str| messages.get(name).is_some_and(|message| is_entry(message));
        let maps = descriptor.field.iter().filter(|field| is_map(last_name(field)));
        let fields = descriptor.field.iter().map(FieldDescriptorProto::name);
        let others = messages.keys().copied().filter(|name| !is_map(name));
        let mut taken: UniqueNames = fields.chain(others).collect();
        let unnamed: Vec<_> = maps.filter(|field| !taken.take(&compiled_entry_name(field.name()))).collect();
        let written = unnamed.into_iter().map(last_name).map(|name| (name, taken.unique(name))).collect();
        Self { messages, written }
    }

    /// The message of a field.
    fn message(&self, field: &FieldDescriptorProto) -> Option<&'a DescriptorProto> {
        self.messages.get(last_name(field)).copied()
    }

    /// The name of a map entry that is written as an ordinary message; `None` if the field is written as a `map`.
    fn written_name<'b>(&'b self, entry: &'b DescriptorProto) -> Option<&'b str> {
        if is_entry(entry) { self.written.get(entry.name()).map(String::as_str) } else { Some(entry.name()) }
    }

    /// The struct of a field and the message that carries it.
    fn inner_struct<'b>(
        &self,
        proto: &FieldDescriptorProto,
        data_type: &'b DataType,
    ) -> Option<(&'b Struct, &'a DescriptorProto)> {
        let message = self.message(proto)?;
        match data_type {
            DataType::Array(Element::Struct(row)) | DataType::Struct(row) => Some((row, message)),
            DataType::Map(_, Element::Struct(row)) => Some((row, self.message(message.field.last()?)?)),
            DataType::Array(_) | DataType::Map(..) | DataType::Scalar(_) => None,
        }
    }
}

fn is_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(MessageOptions::map_entry)
}

fn declaration(field: &FieldDescriptorProto, message: &str) -> String {
    let label = match field.label() {
        Label::Optional => "optional",
        Label::Repeated => "repeated",
        Label::Required => "required",
    };
    format!("{label} {}", type_of(field, message))
}

fn type_of<'a>(field: &FieldDescriptorProto, message: &'a str) -> &'a str {
    match field.r#type() {
        Type::Bool => "bool",
        Type::Bytes => "bytes",
        Type::Double => "double",
        Type::Float => "float",
        Type::Int32 => "int32",
        Type::Int64 => "int64",
        Type::String => "string",
        // A table has no other types but messages.
        _ => message,
    }
}

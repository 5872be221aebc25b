//! The `.proto` of a table: a view of its descriptor, made ready here, and the template that renders it.
//!
//! `protoc` makes of it the very descriptor that a stream is opened with, but for two things it decides by itself: it
//! names a map's entry for the field alone, where the service's converter takes the path (`AttributesEntry`,
//! `LinesElementAttributesEntry`), and it has no `proto3_optional` in proto2. Neither is on the wire of a row.
//!
//! `protoc` also puts fields, nested messages and the entries that it names itself into one scope; the service's
//! converter does not. So a message may have to step aside here (column `Location STRUCT` has the message `Location2`),
//! and a map whose entry finds its name taken is written as what it is on the wire: repeated messages of key and value.

use std::collections::HashSet;

use askama::Template;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto};

use super::comments::plain;
use crate::{DataType, Element, Field, Struct, Table};

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
    let file = File { source: table.name.to_string(), package: package(table), message };
    // A template without fallible filters fails only if the writer does, and a String does not.
    let mut text = file.render().unwrap_or_default();
    text.push('\n');
    text
}

/// The package of a table's `.proto`: its catalog and schema, each made a name that protobuf takes.
#[must_use]
pub fn package(table: &Table) -> String {
    format!("{}.{}", package_part(table.name.catalog()), package_part(table.name.schema()))
}

fn package_part(name: &str) -> String {
    let mut part: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if part.starts_with(|c: char| c.is_ascii_digit()) {
        part.insert(0, '_');
    }
    part
}

#[derive(Template)]
#[template(path = "file.proto", escape = "none")]
struct File {
    source: String,
    package: String,
    message: Message,
}

#[derive(Template)]
#[template(path = "message.proto", escape = "none")]
struct Message {
    comments: Vec<String>,
    name: String,
    fields: Vec<Line>,
    messages: Vec<Message>,
}

/// A field's line: `required string magType = 6 [json_name = "magType"];`.
struct Line {
    comments: Vec<String>,
    /// Label and type, or the map.
    declaration: String,
    name: String,
    number: i32,
    /// What stands in brackets, with a space before it; or nothing.
    options: String,
}

impl Message {
    fn new(descriptor: &DescriptorProto, row: &Struct) -> Self {
        let names = Names::new(descriptor);
        let mut messages = Vec::new();
        let mut fields = Vec::with_capacity(row.fields.len());
        for (proto, field) in descriptor.field.iter().zip(&row.fields) {
            if let Some((inner, message)) = inner_struct(descriptor, proto, &field.data_type) {
                let mut view = Self::new(message, inner);
                view.name = names.of(message.name());
                messages.push(view);
            }
            let entry = nested(descriptor, proto.type_name()).filter(|message| is_map_entry(message));
            let unmapped = entry.filter(|entry| names.has(entry.name()));
            if let Some(entry) = unmapped {
                let fields = entry.field.iter().map(|proto| Line::new(proto, None, None, &names)).collect();
                let name = names.of(entry.name());
                messages.push(Self { comments: Vec::new(), name, fields, messages: Vec::new() });
            }
            fields.push(Line::new(proto, entry.filter(|_| unmapped.is_none()), Some(field), &names));
        }
        Self { comments: Vec::new(), name: descriptor.name().to_owned(), fields, messages }
    }
}

impl Line {
    /// The line of a field; `entry` where it is written as a map.
    fn new(
        proto: &FieldDescriptorProto,
        entry: Option<&DescriptorProto>,
        field: Option<&Field>,
        names: &Names,
    ) -> Self {
        let declaration = match entry.map(|entry| &entry.field[..]) {
            Some([key, value]) => format!("map<{}, {}>", type_of(key, names), type_of(value, names)),
            _ => format!("{} {}", label(proto.label()), type_of(proto, names)),
        };
        let name = proto.name().to_owned();
        let options = if default_json_name(&name) == proto.json_name() {
            String::new()
        } else {
            // A column's name is an identifier, so it needs no escape in quotes.
            format!(" [json_name = \"{}\"]", proto.json_name())
        };
        let comments = field.and_then(|field| field.comment.as_deref()).map(plain).unwrap_or_default();
        Self { comments, declaration, name, number: proto.number(), options }
    }
}

/// What the nested messages of one message are called in the `.proto`, but for the entries that `protoc` names itself.
struct Names {
    names: Vec<(String, String)>,
}

impl Names {
    fn new(descriptor: &DescriptorProto) -> Self {
        let mut taken: HashSet<String> = descriptor.field.iter().map(|field| field.name().to_owned()).collect();
        let mut by_protoc = HashSet::new();
        for field in &descriptor.field {
            if let Some(entry) = nested(descriptor, field.type_name()).filter(|message| is_map_entry(message))
                && taken.insert(protoc_entry_name(field.name()))
            {
                by_protoc.insert(entry.name());
            }
        }
        let mut names = Vec::new();
        for message in descriptor.nested_type.iter().filter(|message| !by_protoc.contains(message.name())) {
            let mut name = message.name().to_owned();
            let mut n = 2;
            while !taken.insert(name.clone()) {
                name = format!("{}{n}", message.name());
                n += 1;
            }
            names.push((message.name().to_owned(), name));
        }
        Self { names }
    }

    /// Whether the message is written out.
    fn has(&self, message: &str) -> bool {
        self.names.iter().any(|(given, _)| given == message)
    }

    fn of(&self, message: &str) -> String {
        let found = self.names.iter().find(|(given, _)| given == message);
        found.map_or(message, |(_, name)| name).to_owned()
    }
}

/// The struct of a field and the message that carries it.
fn inner_struct<'a>(
    descriptor: &'a DescriptorProto,
    proto: &'a FieldDescriptorProto,
    data_type: &'a DataType,
) -> Option<(&'a Struct, &'a DescriptorProto)> {
    let message = nested(descriptor, proto.type_name())?;
    match data_type {
        DataType::Array(Element::Struct(row)) | DataType::Struct(row) => Some((row, message)),
        DataType::Map(_, Element::Struct(row)) => Some((row, nested(descriptor, message.field.last()?.type_name())?)),
        DataType::Array(_) | DataType::Map(..) | DataType::Scalar(_) => None,
    }
}

fn nested<'a>(descriptor: &'a DescriptorProto, name: &str) -> Option<&'a DescriptorProto> {
    descriptor.nested_type.iter().find(|message| message.name() == name)
}

fn is_map_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry)
}

const fn label(label: Label) -> &'static str {
    match label {
        Label::Optional => "optional",
        Label::Repeated => "repeated",
        Label::Required => "required",
    }
}

fn type_of(field: &FieldDescriptorProto, names: &Names) -> String {
    match field.r#type() {
        Type::Bool => "bool".to_owned(),
        Type::Bytes => "bytes".to_owned(),
        Type::Double => "double".to_owned(),
        Type::Float => "float".to_owned(),
        Type::Int32 => "int32".to_owned(),
        Type::Int64 => "int64".to_owned(),
        Type::String => "string".to_owned(),
        // A table gives no type but these and messages.
        _ => names.of(field.type_name()),
    }
}

/// The JSON name that `protoc` gives a field that states none.
fn default_json_name(name: &str) -> String {
    capitalize_words(name, false)
}

/// The name that `protoc` gives the entry of a map field.
fn protoc_entry_name(field: &str) -> String {
    format!("{}Entry", capitalize_words(field, true))
}

/// The name without its underscores, each letter behind one a capital.
fn capitalize_words(name: &str, mut capitalize: bool) -> String {
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

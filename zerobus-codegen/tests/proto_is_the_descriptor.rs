//! protox, a judge that we did not write, makes of our `.proto` the descriptor that we send.
#![cfg(feature = "generate")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fs;
use std::path::Path;

use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FieldDescriptorProto, MessageOptions};
use protox::file::{ChainFileResolver, File, FileResolver};
use zerobus_codegen::{Table, TableInfo, proto};

/// Serves one file from memory.
struct Memory(String);

impl FileResolver for Memory {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        File::from_source(name, &self.0)
    }
}

/// The message that protox makes of the `.proto` of a table.
fn parsed(table: &Table) -> DescriptorProto {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Memory(proto::file(table)));
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.open_file("table.proto").unwrap_or_else(|error| panic!("{error:?}\n{}", proto::file(table)));
    let file = compiler.file_descriptor_set().file.remove(0);
    assert_eq!(file.package(), proto::package(table));
    assert_eq!(file.message_type.len(), 1);
    file.message_type.into_iter().next().unwrap()
}

/// A message with every type in the place of its name, and without what protoc decides by itself.
#[derive(Debug, PartialEq)]
struct Shape {
    fields: Vec<(String, i32, i32, String, ShapeType)>,
    is_map_entry: bool,
}

#[derive(Debug, PartialEq)]
enum ShapeType {
    Message(Shape),
    Scalar(Type),
}

fn shape(message: &DescriptorProto) -> Shape {
    let fields = message.field.iter().map(|field| {
        let (name, json_name) = (field.name().to_owned(), field.json_name().to_owned());
        (name, field.number(), field.label().into(), json_name, shape_type(message, field))
    });
    let is_map_entry = message.options.as_ref().is_some_and(MessageOptions::map_entry);
    Shape { fields: fields.collect(), is_map_entry }
}

fn shape_type(message: &DescriptorProto, field: &FieldDescriptorProto) -> ShapeType {
    if field.r#type() != Type::Message {
        return ShapeType::Scalar(field.r#type());
    }
    // The type of a map's value stands beside the entry, not in it: the entry is looked into here.
    let name = field.type_name().rsplit('.').next().unwrap();
    let inner = message.nested_type.iter().find(|nested| nested.name() == name);
    let inner = inner.unwrap_or_else(|| panic!("no message {name} in {}", message.name()));
    if !inner.options.as_ref().is_some_and(MessageOptions::map_entry) {
        return ShapeType::Message(shape(inner));
    }
    let mut entry = inner.clone();
    entry.nested_type.clone_from(&message.nested_type);
    ShapeType::Message(shape(&entry))
}

#[test]
fn the_corpus_parses_back_to_its_descriptors() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let mut good = 0;
    for case in fs::read_dir(goldens).unwrap() {
        let json = fs::read_to_string(case.unwrap().path().join("input.json")).unwrap();
        let info: TableInfo = serde_json::from_str(&json).unwrap();
        let Ok(table) = Table::try_from(&info) else { continue };
        assert_eq!(shape(&parsed(&table)), shape(&table.descriptor()), "{}", table.name);
        good += 1;
    }
    assert!(good >= 8, "only {good} good tables");
}

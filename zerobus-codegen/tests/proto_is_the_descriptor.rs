//! protox, a judge that we did not write, makes of our `.proto` the descriptor that we send.
#![cfg(feature = "generate")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod arbitrary;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FieldDescriptorProto};
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

/// A message with every type in the place of its name, and without what protoc decides by itself; a map is what it is on
/// the wire.
#[derive(Debug, PartialEq)]
struct Shape {
    fields: Vec<(String, i32, i32, String, ShapeType)>,
}

#[derive(Debug, PartialEq)]
enum ShapeType {
    Message(Shape),
    Scalar(Type),
}

fn shape(message: &DescriptorProto) -> Shape {
    shape_in(message, message)
}

/// The type of a map's value stands beside the entry, not in it: what is not inside is looked for beside.
fn shape_in(message: &DescriptorProto, outer: &DescriptorProto) -> Shape {
    let fields = message.field.iter().map(|field| {
        let (name, json_name) = (field.name().to_owned(), field.json_name().to_owned());
        (name, field.number(), field.label().into(), json_name, shape_type(message, outer, field))
    });
    Shape { fields: fields.collect() }
}

fn shape_type(message: &DescriptorProto, outer: &DescriptorProto, field: &FieldDescriptorProto) -> ShapeType {
    if field.r#type() != Type::Message {
        return ShapeType::Scalar(field.r#type());
    }
    let name = field.type_name().rsplit('.').next().unwrap();
    let mut beside = message.nested_type.iter().chain(&outer.nested_type);
    let inner = beside.find(|nested| nested.name() == name);
    ShapeType::Message(shape_in(inner.unwrap_or_else(|| panic!("no message {name} in {}", message.name())), message))
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_table_parses_back_to_its_descriptor(columns in arbitrary::columns(true)) {
        let json = arbitrary::table_json("any_table", &columns);
        let table = Table::try_from(&serde_json::from_value::<TableInfo>(json).unwrap()).unwrap();
        prop_assert_eq!(shape(&parsed(&table)), shape(&table.descriptor()));
    }
}

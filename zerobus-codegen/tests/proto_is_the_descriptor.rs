//! protox, an independent compiler, compiles our `.proto` to the descriptor that we send.
#![cfg(feature = "generate")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod arbitrary;
mod judged;

use std::fs;
use std::path::Path;

use judged::Judged;
use proptest::prelude::*;
use prost_types::DescriptorProto;
use protox::file::{ChainFileResolver, File, FileResolver};
use zerobus_codegen::{Table, TableInfo, proto};

/// Serves one file from memory.
struct Memory(String);

impl FileResolver for Memory {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        File::from_source(name, &self.0)
    }
}

/// The message to which protox compiles the `.proto` of a table.
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

/// Compares the `.proto` of a table with its descriptor.
fn judge(table: &Table) {
    let package = format!(".{}", proto::package(table));
    let judged = Judged::compare(&table.descriptor(), &parsed(table), &package);
    assert!(judged.differences().is_empty(), "{}\n{:#?}", proto::file(table), judged.differences());
    // The entry of a column's map is named as by protoc, unless the name is taken. In a struct, our name has the path.
    for entry in judged.entries() {
        let is_nested = entry.matches('.').count() > 2;
        assert!(is_nested || has_odd_name(table, entry), "{entry}\n{}", proto::file(table));
    }
}

/// Whether the entry of a column's map is not named after the column only, or the column's name is all underscores.
fn has_odd_name(table: &Table, entry: &str) -> bool {
    let descriptor = table.descriptor();
    let field = descriptor.field.iter().find(|field| field.type_name() == entry).unwrap();
    let words = zerobus_codegen::message_name(field.name());
    let is_numbered = entry.rsplit('.').next() != Some(&format!("{words}Entry"));
    is_numbered || field.name().trim_start_matches('_').chars().next().is_none_or(|c| !c.is_ascii_alphabetic())
}

#[test]
fn the_corpus_parses_back_to_its_descriptors() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let mut good = 0;
    for case in fs::read_dir(goldens).unwrap() {
        let json = fs::read_to_string(case.unwrap().path().join("input.json")).unwrap();
        let info: TableInfo = serde_json::from_str(&json).unwrap();
        let Ok(table) = Table::try_from(&info) else { continue };
        judge(&table);
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
        judge(&table);
    }
}

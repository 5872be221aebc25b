//! Property tests with generated tables: the outputs of a valid one have exactly its columns, an invalid one reports
//! all problems, and nothing panics.
#![cfg(feature = "generate")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` reads best as an argument")]

mod arbitrary;

use arbitrary::{Part, columns, table_json};
use proptest::prelude::*;
use protox::file::File;
use serde_json::{Value, json};
use zerobus_codegen::{DataType, Element, Field, Report, Scalar, Struct, Table, TableInfo, proto, rust};

fn checked(json: Value) -> Result<Table, Report> {
    Table::try_from(&serde_json::from_value::<TableInfo>(json).expect("the JSON of a table"))
}

fn one_column(column: Value) -> Result<Table, Report> {
    checked(json!({"name": "t", "catalog_name": "c", "schema_name": "s", "columns": [column]}))
}

/// The number of fields of a struct, including nested ones.
fn count(row: &Struct) -> usize {
    row.fields.iter().map(|field| 1 + inside(&field.data_type).map_or(0, count)).sum()
}

fn inside(data_type: &DataType) -> Option<&Struct> {
    match data_type {
        DataType::Array(Element::Struct(row)) | DataType::Map(_, Element::Struct(row)) | DataType::Struct(row) => {
            Some(row)
        }
        _ => None,
    }
}

/// The fields of every struct in a file.
fn rust_fields(items: &[syn::Item]) -> usize {
    let count = |item: &syn::Item| match item {
        syn::Item::Mod(module) => rust_fields(&module.content.as_ref().unwrap().1),
        syn::Item::Struct(item) => item.fields.len(),
        other => panic!("generated code has modules and structs alone, found {}", quote::quote!(#other)),
    };
    items.iter().map(count).sum()
}

fn part_count(parts: &[Part]) -> usize {
    fn inside(of: &arbitrary::Type) -> usize {
        match of {
            arbitrary::Type::Array(inner) | arbitrary::Type::Map(_, inner) => inside(inner),
            arbitrary::Type::Scalar(..) => 0,
            arbitrary::Type::Struct(parts) => part_count(parts),
        }
    }
    parts.iter().map(|part| 1 + inside(&part.r#type)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_valid_table_has_exactly_its_columns(columns in columns(true)) {
        let table = checked(table_json("any", &columns)).unwrap();
        prop_assert_eq!(table.columns().len(), columns.len());
        prop_assert_eq!(count(&table.row), part_count(&columns));
        for (field, part) in table.columns().iter().zip(&columns) {
            prop_assert_eq!(&field.name, &part.name);
            prop_assert_eq!(field.nullable, part.nullable);
        }
        let text = rust::file(&[&table]);
        let file = syn::parse_file(&text).unwrap();
        prop_assert_eq!(rust_fields(&file.items), part_count(&columns));
        prop_assert!(text.starts_with("// @generated"));
        let proto = proto::file(&table);
        prop_assert!(File::from_source("t.proto", &proto).is_ok(), "{}", proto);
    }

    /// The three notations have the same type, if they have one.
    #[test]
    fn every_notation_of_a_type_becomes_the_same_field(columns in columns(false)) {
        for part in &columns {
            let whole = one_column(part.column_json(0)).unwrap();
            let bare = one_column(json!({
                "name": part.name, "type_json": part.r#type.json().to_string(), "nullable": part.nullable,
            })).unwrap();
            prop_assert_eq!(&bare.row, &whole.row);
            let text = one_column(json!({
                "name": part.name, "type_json": "{}", "type_text": part.r#type.sql().to_uppercase()
                    .replace(&part.name.to_uppercase(), &part.name), "nullable": part.nullable, "position": null,
            }));
            let written = text.unwrap().row.fields.remove(0).data_type.to_string().to_uppercase();
            prop_assert_eq!(written, whole.row.fields[0].data_type.to_string().to_uppercase());
        }
    }

    /// Any response of a server becomes a table or a report, without characters that move a terminal's cursor.
    #[test]
    fn garbage_is_reported(
        name in any::<String>(),
        column in any::<String>(),
        type_json in any::<Option<String>>(),
        type_text in any::<Option<String>>(),
        type_name in any::<Option<String>>(),
        position in any::<Option<i64>>(),
        comment in any::<String>(),
    ) {
        let json = json!({
            "name": name, "catalog_name": name, "schema_name": "s", "comment": comment,
            "columns": [{
                "name": column, "type_json": type_json, "type_text": type_text, "type_name": type_name,
                "position": position, "comment": comment,
            }],
        });
        match checked(json) {
            Ok(table) => prop_assert!(syn::parse_file(&rust::file(&[&table])).is_ok()),
            Err(report) => {
                prop_assert!(!report.problems.is_empty());
                let text = report.to_string();
                prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", text);
                for problem in &report.problems {
                    prop_assert!(!problem.help.is_empty() && !problem.found.is_empty());
                }
            }
        }
    }

    /// A random type, mostly invalid.
    #[test]
    fn tokens_of_a_type_in_any_order(
        tokens in proptest::collection::vec(proptest::sample::select(vec![
            "array", "map", "struct", "<", ">", ",", ":", "int", "string", "not", "null", "comment", "'", "\"", "`",
            "(", ")", "10", " ", "\\", "decimal", "é", "\u{0}",
        ]), 0..40),
    ) {
        let text = tokens.concat();
        let _ = one_column(json!({"name": "a", "type_text": text}));
        let _ = one_column(json!({"name": "a", "type_json": text}));
        let _ = one_column(json!({"name": "a", "type_json": format!("\"{text}\"")}));
    }
}

fn nested(levels: usize) -> Value {
    let mut of = json!("integer");
    for _ in 0..levels {
        of = json!({"type": "struct", "fields": [{"name": "a", "type": of, "nullable": false}]});
    }
    json!({"name": "deep", "type_json": of.to_string(), "nullable": false})
}

#[test]
fn nesting_is_followed_for_a_hundred_levels() {
    let table = one_column(nested(100)).unwrap();
    assert_eq!(count(&table.row), 101);
    assert!(!table.row.fields[0].nullable);
    let text = rust::file(&[&table]);
    assert_eq!(text.lines().filter(|line| line.trim_start().starts_with("pub struct ")).count(), 101);
    assert_eq!(proto::file(&table).matches("message ").count(), 101);
    for levels in [101, 1_000, 20_000] {
        let report = one_column(nested_text(levels)).unwrap_err().to_string();
        assert!(report.contains("nests deeper than 100 levels"), "{levels}: {report}");
    }
}

/// The same as text, because `serde_json::Value` does not support such depth.
fn nested_text(levels: usize) -> Value {
    let open = r#"{"type":"struct","fields":[{"name":"a","type":"#.repeat(levels);
    json!({"name": "deep", "type_json": format!("{open}\"integer\"{}", "}]}".repeat(levels))})
}

#[test]
fn two_thousand_columns_are_the_limit() {
    let columns = |n: usize| {
        let columns: Vec<Value> = (0..n).map(|i| json!({"name": format!("c{i}"), "type_text": "int"})).collect();
        checked(json!({"name": "t", "catalog_name": "c", "schema_name": "s", "columns": columns}))
    };
    assert_eq!(columns(2_000).unwrap().columns().len(), 2_000);
    let report = columns(2_001).unwrap_err().to_string();
    assert!(report.contains("it has 2001 columns, more than 2000"), "{report}");
}

#[test]
fn char_and_varchar_are_strings_in_every_disguise() {
    for column in [
        json!({"type_text": "varchar(64)", "type_name": "STRING"}),
        json!({"type_text": "VARCHAR( 64 )"}),
        json!({"type_json": "\"varchar(64)\""}),
        json!({"type_json": "{\"name\":\"c\",\"type\":\"string\",\"metadata\":{\"__CHAR_VARCHAR_TYPE_STRING\":\"varchar(64)\"}}"}),
    ] {
        let mut column = column;
        column["name"] = json!("c");
        let table = one_column(column.clone()).unwrap();
        assert_eq!(table.columns()[0].data_type.to_string(), "VARCHAR(64)", "{column}");
    }
}

#[test]
fn nulls_and_unknown_keys_are_as_good_as_nothing() {
    let table = checked(json!({
        "name": "t", "catalog_name": "c", "schema_name": "s", "table_type": null, "data_source_format": null,
        "comment": null, "properties": null, "surprise": [1],
        "columns": [{"name": "a", "type_name": "Decimal", "type_precision": 12, "type_scale": 4, "type_json": null,
            "type_text": null, "nullable": null, "position": null, "comment": null, "partition_index": null, "mask": {}}],
    }))
    .unwrap();
    assert_eq!(table.columns()[0].data_type.to_string(), "DECIMAL(12,4)");
    assert!(table.columns()[0].nullable);
}

#[test]
fn the_corpus_with_any_byte_gone_is_read_or_refused() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/sales_orders/input.json");
    let text = std::fs::read(golden).unwrap();
    for at in (0..text.len()).step_by(3) {
        let mut broken = text.clone();
        broken.remove(at);
        if let Ok(info) = serde_json::from_slice::<TableInfo>(&broken) {
            let _ = Table::try_from(&info).map(|table| rust::file(&[&table]));
        }
    }
}

#[test]
fn a_struct_ends_before_the_numbers_that_protobuf_keeps_for_itself() {
    let checked = |fields: usize| {
        let fields: Vec<String> = (0..fields).map(|number| format!("f{number}:int")).collect();
        let column = json!({"name": "s", "position": 0, "type_text": format!("struct<{}>", fields.join(","))});
        let info = json!({"name": "t", "catalog_name": "c", "schema_name": "s", "columns": [column]});
        Table::try_from(&serde_json::from_value::<TableInfo>(info).unwrap())
    };
    assert_eq!(checked(18_999).unwrap().descriptor().nested_type[0].field.len(), 18_999);
    let report = checked(19_000).unwrap_err().to_string();
    assert!(report.contains("s: a STRUCT of 19000 fields, and protobuf has no number for the 19000th"), "{report}");
}

#[test]
fn a_type_by_itself_is_checked_as_that_of_a_column() {
    let text = DataType::Scalar(Scalar::Varchar(20));
    for required in ["varchar(20) not null", " VARCHAR(20)  NOT\tNULL "] {
        assert_eq!(Field::of_type("a", 3, required), Ok(Field::required("a", 3, text.clone())));
    }
    assert_eq!(Field::of_type("a", 3, "VARCHAR(20)"), Ok(Field::nullable("a", 3, text)));
    for (wrong, path) in [
        ("array<array<int>>", "a.element"),
        ("struct<b:int,c:void>", "a.c"),
        ("struct<b:int,B:int>", "a.B"),
        ("string collate", "a"),
        ("string collate a b", "a"),
        ("string collate a-b", ""),
    ] {
        let problems = Field::of_type("a", 3, wrong).unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.path.to_string()).collect::<Vec<_>>(), [path], "{wrong}");
    }
    for wrong in ["not null", "intnot null", "int notnull", ""] {
        assert!(Field::of_type("a", 3, wrong).is_err(), "{wrong}");
    }
}

#[test]
fn two_columns_of_one_position_are_an_error() {
    let column = |name: &str, position: i64| json!({"name": name, "type_text": "int", "position": position});
    let columns = [column("a", 4), column("b", 2), column("c", 4)];
    let info = json!({"name": "t", "catalog_name": "c", "schema_name": "s", "columns": columns});
    let report = checked(info).unwrap_err().to_string();
    assert!(report.contains("c: position 4 is also that of column `a`"), "{report}");
}

//! Descriptors supplied by users: which are self-contained, and how to make one; prost-reflect checks the results.
#![cfg(feature = "generate")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use serde_json::json;
use zerobus_codegen::{DescriptorError, descriptor_of, self_contained_package};

const SHOP: &str = r#"
syntax = "proto2";
package shop;
import "money.proto";
import "google/protobuf/timestamp.proto";

message Order {
  required int64 id = 1;
  optional Customer customer = 2;
  repeated Line lines = 3;
  map<string, money.Amount> totals = 4;
  optional google.protobuf.Timestamp placed = 5;
  optional Status status = 6;
  oneof paid { money.Amount cash = 7; string card = 8; }
  // A field with the name of a type that moves in.
  optional string Amount = 9;

  message Line {
    required string sku = 1;
    optional money.Amount price = 2;
    optional Wrapper.Inner inner = 3;
    message Wrapper { message Inner { optional Order parent = 1; } message Unused { optional money.Amount a = 1; } }
  }
  message Unused { optional Elsewhere elsewhere = 1; }
}
message Customer {
  optional string name = 1;
  map<int32, Address> addresses = 2;
  optional Customer referred_by = 3;
  message Address { optional string city = 1; optional Kind kind = 2; enum Kind { UNKNOWN = 0; HOME = 1; } }
}
message Elsewhere { optional string never = 1; }
enum Status { UNKNOWN = 0; OPEN = 1; }
"#;

const MONEY: &str = r#"
syntax = "proto3";
package money;
message Amount { string currency = 1; optional int64 cents = 2; repeated int32 parts = 3; Status status = 4; }
enum Status { NONE = 0; }
"#;

/// Files in memory, and the well-known ones.
struct Memory;

impl FileResolver for Memory {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            "shop.proto" => File::from_source(name, SHOP),
            "money.proto" => File::from_source(name, MONEY),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}

fn shop() -> FileDescriptorSet {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Memory);
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).open_file("shop.proto").unwrap();
    compiler.file_descriptor_set()
}

/// Resolves the message of a single descriptor in a file without a package, as the service does.
fn alone(descriptor: &DescriptorProto) -> MessageDescriptor {
    let file = FileDescriptorProto {
        name: Some("alone.proto".to_owned()),
        message_type: vec![descriptor.clone()],
        ..FileDescriptorProto::default()
    };
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file).unwrap_or_else(|error| panic!("{error}\n{descriptor:#?}"));
    pool.get_message_by_name(descriptor.name()).unwrap()
}

fn message(name: &str, fields: &[(&str, &str)], nested: Vec<DescriptorProto>) -> DescriptorProto {
    let fields = (1..).zip(fields).map(|(number, (field, type_name))| FieldDescriptorProto {
        name: Some((*field).to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(Type::Message.into()),
        type_name: Some((*type_name).to_owned()),
        ..FieldDescriptorProto::default()
    });
    DescriptorProto {
        name: Some(name.to_owned()),
        field: fields.collect(),
        nested_type: nested,
        ..DescriptorProto::default()
    }
}

#[test]
fn imported_and_sibling_messages_move_in_and_rows_stay_the_same() {
    let files = shop();
    let descriptor = descriptor_of(&files, "shop.Order").unwrap();
    assert_eq!(self_contained_package(&descriptor), Ok(String::new()));

    let whole = DescriptorPool::from_file_descriptor_set(files).unwrap().get_message_by_name("shop.Order").unwrap();
    let row = json!({
        "id": "7",
        "customer": {
            "name": "n", "addresses": {"1": {"city": "Bern", "kind": "HOME"}}, "referredBy": {"name": "m"},
        },
        "lines": [{"sku": "s", "price": {"currency": "CHF", "cents": "5", "parts": [1, 2]}, "inner": {"parent": {"id": "1"}}}],
        "totals": {"net": {"currency": "CHF", "cents": "0"}},
        "placed": "2026-01-01T00:00:00.000000001Z",
        "status": "OPEN",
        "cash": {"currency": "EUR"},
        "Amount": "a",
    });
    let sent = DynamicMessage::deserialize(whole, row).unwrap();
    let received = DynamicMessage::decode(alone(&descriptor), &*sent.encode_to_vec()).unwrap();
    assert!(received.unknown_fields().next().is_none());
    let names_may_differ = |value: serde_json::Value| value.to_string().replace("UNKNOWN2", "UNKNOWN");
    let (sent, received) = (serde_json::to_value(&sent).unwrap(), serde_json::to_value(&received).unwrap());
    assert_eq!(received["placed"], json!({"seconds": "1767225600", "nanos": 1}), "it is a message like any other now");
    let without_time = |mut value: serde_json::Value| {
        value.as_object_mut().unwrap().remove("placed");
        value
    };
    assert_eq!(names_may_differ(without_time(received)), names_may_differ(without_time(sent)));
}

#[test]
fn moved_messages_get_free_names_and_unused_ones_are_left_out() {
    let descriptor = descriptor_of(&shop(), ".shop.Order").unwrap();
    let nested: Vec<&str> = descriptor.nested_type.iter().map(DescriptorProto::name).collect();
    assert_eq!(nested, ["TotalsEntry", "Line", "Customer", "Timestamp", "Amount2", "Address"]);
    let wrapper = &descriptor.nested_type[1].nested_type[0];
    assert_eq!((wrapper.name(), wrapper.nested_type.len()), ("Wrapper", 1));
    let enums: Vec<&str> = descriptor.enum_type.iter().map(prost_types::EnumDescriptorProto::name).collect();
    assert_eq!(enums, ["Status", "Status2", "Kind"]);
    assert_eq!(descriptor.enum_type[2].value[0].name(), "UNKNOWN2");
    assert!(!format!("{descriptor:?}").contains("never"));
}

#[test]
fn a_message_that_is_nested_itself_can_be_a_row() {
    let descriptor = descriptor_of(&shop(), "shop.Order.Line").unwrap();
    assert_eq!(descriptor.name(), "Line");
    // It uses the message in which it is nested; that message moves in, without its other nested messages.
    alone(&descriptor);
    assert_eq!(self_contained_package(&descriptor), Ok(String::new()));
}

#[test]
fn a_missing_message_is_an_error_that_names_those_in_the_files() {
    let error = descriptor_of(&shop(), "Order").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the files have no message Order; they have google.protobuf.Timestamp, money.Amount, shop.Customer, \
         shop.Customer.Address, shop.Elsewhere, shop.Order, shop.Order.Line, shop.Order.Line.Wrapper, \
         shop.Order.Line.Wrapper.Inner, shop.Order.Line.Wrapper.Unused"
    );
    assert!(error.remedy().unwrap().contains("package"));
    // The output of protoc without --include_imports.
    let mut files = shop();
    files.file.retain(|file| file.name() == "shop.proto");
    let error = descriptor_of(&files, "shop.Order").unwrap_err();
    assert_eq!(
        error.to_string(),
        "field shop.Order.placed has type `.google.protobuf.Timestamp`, which is in none of the files"
    );
    assert!(error.remedy().unwrap().contains("--include_imports"));
    let error = descriptor_of(&FileDescriptorSet::default(), "shop.Order").unwrap_err();
    assert_eq!(error.to_string(), "the files have no message shop.Order, nor any other");
}

#[test]
fn absolute_names_of_one_package_are_self_contained_and_others_are_not() {
    let of = |names: &[(&str, &str)]| {
        let place = message("Place", &[("inner", names[0].1)], vec![]);
        self_contained_package(&message("Reading", names, vec![place]))
    };
    for (name, package) in [(".Reading.Place", ""), (".shop.Reading.Place", "shop"), (".a.b.Reading.Place", "a.b")] {
        assert_eq!(of(&[("place", name)]), Ok(package.to_owned()), "{name}");
    }
    assert_eq!(of(&[("me", ".Reading")]), Ok(String::new()), "a message may hold itself");
    // The package has the message's name, so only the second name distinguishes them.
    assert_eq!(of(&[("a", ".Reading.Reading.Place"), ("b", ".Reading.Reading")]), Ok("Reading".to_owned()));
    for name in
        ["Place", "Reading.Place", "", ".Place", ".google.protobuf.Timestamp", ".Reading.Other", ".Reading.", "."]
    {
        let error = of(&[("place", name)]).unwrap_err();
        let type_name = name.to_owned();
        assert_eq!(error, DescriptorError::NotSelfContained { field: "Reading.place".to_owned(), type_name }, "{name}");
    }
    let error = of(&[("a", ".shop.Reading.Place"), ("b", ".mall.Reading.Place")]).unwrap_err();
    assert!(error.to_string().contains("field Reading.b has type `.mall.Reading.Place`"), "{error}");
    assert!(error.remedy().unwrap().contains("descriptor_of"));
}

#[test]
fn a_descriptor_that_is_no_message_is_an_error_and_depth_and_width_are_followed() {
    assert_eq!(self_contained_package(&DescriptorProto::default()), Err(DescriptorError::Nameless));
    let mut field = message("M", &[("f", ".M")], vec![]);
    field.field[0].type_name = None;
    assert!(self_contained_package(&field).is_err(), "a field of a message type that names none");
    let nested = |levels| (0..levels).fold(message("L", &[], vec![]), |inner, _| message("L", &[], vec![inner]));
    assert_eq!(self_contained_package(&nested(100)), Ok(String::new()));
    for levels in [101, 200] {
        let deep = nested(levels);
        assert!(matches!(self_contained_package(&deep), Err(DescriptorError::TooDeep { .. })));
        let file = FileDescriptorProto { message_type: vec![deep], ..FileDescriptorProto::default() };
        let files = FileDescriptorSet { file: vec![file] };
        assert!(matches!(descriptor_of(&files, "L"), Err(DescriptorError::TooDeep { .. })));
    }
    let names: Vec<String> = (0..30_000).map(|n| format!("f{n}")).collect();
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), ".Wide.Inner")).collect();
    let wide = message("Wide", &fields, vec![message("Inner", &[], vec![])]);
    assert_eq!(self_contained_package(&wide), Ok(String::new()));
}

/// The files of a single source, which imports well-known ones.
fn files(source: &'static str) -> FileDescriptorSet {
    struct Source(&'static str);
    impl FileResolver for Source {
        fn open_file(&self, name: &str) -> Result<File, protox::Error> {
            if name == "a.proto" {
                return File::from_source(name, self.0);
            }
            Err(protox::Error::file_not_found(name))
        }
    }
    let mut resolver = ChainFileResolver::new();
    resolver.add(Source(source));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).open_file("a.proto").unwrap();
    compiler.file_descriptor_set()
}

#[test]
fn a_message_that_only_holds_others_keeps_no_fields() {
    let files = files(
        r#"syntax = "proto2"; package shop;
        message Order {
          optional Wrapper.Inner inner = 1;
          message Wrapper {
            optional Other other = 1; optional Kind kind = 2; oneof one { Other third = 3; }
            message Inner { optional string s = 1; }
          }
        }
        message Other { optional string x = 1; }
        enum Kind { A = 0; }"#,
    );
    let descriptor = descriptor_of(&files, "shop.Order").unwrap();
    assert_eq!(self_contained_package(&descriptor), Ok(String::new()));
    let inner = alone(&descriptor).get_field_by_name("inner").unwrap().kind().as_message().cloned().unwrap();
    assert_eq!(inner.full_name(), "Order.Wrapper.Inner");
    assert_eq!(inner.parent_message().unwrap().fields().len(), 0);
}

#[test]
fn a_default_is_still_the_value_that_it_was_when_values_get_new_names() {
    let files = files(
        r#"syntax = "proto2"; package shop;
        message Order {
          optional Status status = 1 [default = OPEN];
          optional Phase phase = 2 [default = OPEN];
          repeated Line lines = 3;
          optional string text = 4 [default = "OPEN"];
          enum Phase { UNKNOWN = 0; OPEN = 5; }
        }
        message Line { optional Status status = 1 [default = OPEN]; }
        enum Status { NONE = 0; UNUSED = 1; OPEN = 2; }"#,
    );
    let order = alone(&descriptor_of(&files, "shop.Order").unwrap());
    let default = |message: &MessageDescriptor, field: &str| message.get_field_by_name(field).unwrap().default_value();
    assert_eq!(default(&order, "status"), prost_reflect::Value::EnumNumber(2));
    assert_eq!(default(&order, "phase"), prost_reflect::Value::EnumNumber(5));
    assert_eq!(default(&order, "text"), prost_reflect::Value::String("OPEN".to_owned()));
    let line = order.get_field_by_name("lines").unwrap().kind().as_message().cloned().unwrap();
    assert_eq!(default(&line, "status"), prost_reflect::Value::EnumNumber(2));
}

#[test]
fn names_that_are_no_identifiers_and_types_without_a_name_are_errors() {
    let of = |root: DescriptorProto| {
        let name = format!("p.{}", root.name());
        let package = Some("p".to_owned());
        let file = FileDescriptorProto { package, message_type: vec![root], ..FileDescriptorProto::default() };
        descriptor_of(&FileDescriptorSet { file: vec![file] }, &name).unwrap_err()
    };
    assert_eq!(of(message("", &[], vec![])), DescriptorError::Nameless);
    for name in ["A.B", "A B", "\u{e9}"] {
        let nested = message("A", &[], vec![message(name, &[], vec![])]);
        assert_eq!(of(message(name, &[], vec![])), DescriptorError::BadName { message: format!("p.{name}") });
        assert_eq!(of(nested.clone()), DescriptorError::BadName { message: format!("p.A.{name}") });
        assert_eq!(self_contained_package(&nested), Err(DescriptorError::BadName { message: format!("A.{name}") }));
    }
    let mut untyped = message("A", &[("f", "")], vec![]);
    untyped.field[0].type_name = None;
    let error = of(untyped);
    assert_eq!(error, DescriptorError::UnknownType { field: "p.A.f".to_owned(), type_name: String::new() });
}

/// Each would take minutes if the cost were quadratic.
#[test]
fn many_equal_names_and_names_of_many_parts_cost_no_more_than_their_length() {
    let count = 30_000;
    let names: Vec<String> = (0..count).map(|n| format!("f{n}")).collect();
    let types: Vec<String> = (0..count).map(|n| format!(".p{n}.X")).collect();
    let fields: Vec<(&str, &str)> = names.iter().zip(&types).map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let package = |name: String, message| FileDescriptorProto {
        package: Some(name),
        message_type: vec![message],
        ..FileDescriptorProto::default()
    };
    let mut file = vec![package("s".to_owned(), message("Order", &fields, vec![]))];
    file.extend((0..count).map(|n| package(format!("p{n}"), message("X", &[], vec![]))));
    let descriptor = descriptor_of(&FileDescriptorSet { file }, "s.Order").unwrap();
    assert_eq!(descriptor.nested_type[count - 1].name(), format!("X{count}"));

    let name = ".A".repeat(200_000);
    let nested = message("A", &[("f", &name)], vec![message("A", &[], vec![])]);
    assert_eq!(self_contained_package(&nested), Ok(name[1..name.len() - ".A.A".len()].to_owned()));
}

/// A set of files whose messages refer to each other in random ways.
fn any_files() -> impl Strategy<Value = FileDescriptorSet> {
    let name = prop::sample::select(vec!["A", "B", "C", "a", "Entry"]);
    let shape = (name, vec((prop::sample::select(vec!["a", "b", "A", "B", "C"]), any::<prop::sample::Index>()), 0..4));
    vec((prop::sample::select(vec!["", "p", "p.q"]), vec((shape, any::<prop::sample::Index>()), 1..5)), 1..4).prop_map(
        |files| {
            let mut built: Vec<FileDescriptorProto> = Vec::new();
            let mut names: Vec<String> = Vec::new();
            for (place, (package, messages)) in files.iter().enumerate() {
                let mut file = FileDescriptorProto {
                    name: Some(format!("f{place}.proto")),
                    package: Some((*package).to_owned()).filter(|package| !package.is_empty()),
                    ..FileDescriptorProto::default()
                };
                for (number, ((name, _), nest)) in messages.iter().enumerate() {
                    let name = format!("{name}{place}{number}");
                    let scope = if package.is_empty() { String::new() } else { format!("{package}.") };
                    // Half of the messages are nested in the message before.
                    match file.message_type.last_mut() {
                        Some(outer) if nest.index(2) == 0 => {
                            names.push(format!("{scope}{}.{name}", outer.name()));
                            outer.nested_type.push(message(&name, &[], vec![]));
                        }
                        _ => {
                            names.push(format!("{scope}{name}"));
                            file.message_type.push(message(&name, &[], vec![]));
                        }
                    }
                }
                built.push(file);
            }
            let shapes: Vec<_> =
                files.iter().flat_map(|(_, messages)| messages).map(|((_, fields), _)| fields).collect();
            for (full, fields) in names.iter().zip(&shapes) {
                let mut seen = std::collections::HashSet::new();
                let fields: Vec<(String, String)> = fields
                    .iter()
                    .filter(|(field, _)| seen.insert(*field))
                    .map(|(field, index)| ((*field).to_owned(), format!(".{}", index.get(&names))))
                    .collect();
                let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
                let last = full.rsplit('.').next().unwrap();
                let with_fields = message(last, &fields, vec![]);
                let all = built.iter_mut().flat_map(|file| &mut file.message_type);
                for outer in all {
                    if outer.name() == last {
                        outer.field.clone_from(&with_fields.field);
                    }
                    for inner in outer.nested_type.iter_mut().filter(|inner| inner.name() == last) {
                        inner.field.clone_from(&with_fields.field);
                    }
                }
            }
            FileDescriptorSet { file: built }
        },
    )
}

fn full_names(files: &FileDescriptorSet) -> Vec<String> {
    let mut names = Vec::new();
    for file in &files.file {
        let scope = file.package.as_ref().map_or(String::new(), |package| format!("{package}."));
        for outer in &file.message_type {
            names.push(format!("{scope}{}", outer.name()));
            names.extend(outer.nested_type.iter().map(|inner| format!("{scope}{}.{}", outer.name(), inner.name())));
        }
    }
    names
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_message_of_any_files_becomes_self_contained(files in any_files()) {
        for name in full_names(&files) {
            let descriptor = descriptor_of(&files, &name).unwrap();
            prop_assert_eq!(self_contained_package(&descriptor), Ok(String::new()));
            alone(&descriptor);
            // Gathering is idempotent: a self-contained message does not change.
            let file = FileDescriptorProto { message_type: vec![descriptor.clone()], ..FileDescriptorProto::default() };
            let again = descriptor_of(&FileDescriptorSet { file: vec![file] }, descriptor.name()).unwrap();
            prop_assert_eq!(again, descriptor);
        }
    }
}

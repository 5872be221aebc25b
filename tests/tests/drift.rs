//! Drift against the emulator: for every change of type, a program built from the old table sends rows to the new one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::fmt::Write as _;

use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MapKey, Value};
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use zerobus_codegen::{Drift, Severity, Table, ddl};
use zerobus_emulator::Emulator;
use zerobus_runtime::{Client, ErrorKind};

/// Every scalar type with values that its columns accept, including the extremes. The first value fits most types.
fn types() -> Vec<(&'static str, Vec<Value>)> {
    let ints = |values: &[i32]| values.iter().map(|&n| Value::I32(n)).collect();
    let longs = |values: &[i64]| values.iter().map(|&n| Value::I64(n)).collect();
    let texts = |values: &[&str]| values.iter().map(|&text| Value::String(text.to_owned())).collect();
    vec![
        ("BOOLEAN", vec![Value::Bool(true), Value::Bool(false)]),
        ("TINYINT", ints(&[4, 127, -128])),
        ("SMALLINT", ints(&[4, 32_767, -32_768])),
        ("INT", ints(&[4, i32::MAX, i32::MIN])),
        ("DATE", ints(&[4, 2_932_896, -719_162])),
        ("BIGINT", longs(&[4, i64::MAX, i64::MIN])),
        ("TIMESTAMP", longs(&[4, 253_402_300_799_999_999])),
        ("TIMESTAMP_NTZ", longs(&[4, 253_402_300_799_999_999])),
        ("FLOAT", vec![Value::F32(1.5)]),
        ("DOUBLE", vec![Value::F64(1.5)]),
        ("BINARY", vec![Value::Bytes(vec![0, 255].into())]),
        ("STRING", texts(&["7", "", "a text of more than ten characters"])),
        ("VARCHAR(10)", texts(&["7", "", "0123456789", "no number"])),
        ("VARCHAR(20)", texts(&["7", "", "01234567890123456789"])),
        ("CHAR(10)", texts(&["7", "0123456789", "no number"])),
        ("CHAR(4)", texts(&["7", "text"])),
        ("DECIMAL(10,2)", texts(&["7", "-99999999.99", "0.01"])),
        ("DECIMAL(12,2)", texts(&["7", "-9999999999.99", "0.01"])),
        ("DECIMAL(12,4)", texts(&["7", "-99999999.9999", "0.0001"])),
        ("DECIMAL(12,0)", texts(&["7", "-999999999999"])),
        ("DECIMAL(2,2)", texts(&["0.5", "-0.99"])),
        ("VARIANT", texts(&["7", "\"a\"", "\"a text\"", "{\"a\":[1,null]}", "null"])),
    ]
}

/// The meaning of a value to a reader of its column.
#[derive(Debug, Clone, PartialEq)]
enum Meaning {
    Date(i32),
    Instant(i64),
    Json(serde_json::Value),
    Number(String),
    Other(String),
    Text(String),
    WallClock(i64),
}

/// A decimal number in a canonical spelling.
fn number(text: &str) -> Option<Meaning> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    Some(Meaning::Number(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }))
}

fn meaning(column: &str, value: &Value) -> Meaning {
    let text = || value.as_str().unwrap().to_owned();
    match column.split('(').next().unwrap() {
        "DATE" => Meaning::Date(value.as_i32().unwrap()),
        "TIMESTAMP" => Meaning::Instant(value.as_i64().unwrap()),
        "TIMESTAMP_NTZ" => Meaning::WallClock(value.as_i64().unwrap()),
        "TINYINT" | "SMALLINT" | "INT" => Meaning::Number(value.as_i32().unwrap().to_string()),
        "BIGINT" => Meaning::Number(value.as_i64().unwrap().to_string()),
        "DECIMAL" => number(&text()).unwrap(),
        "VARIANT" => Meaning::Json(serde_json::from_str(&text()).unwrap()),
        "STRING" | "VARCHAR" | "CHAR" => Meaning::Text(text()),
        _ => Meaning::Other(format!("{value:?}")),
    }
}

/// The value after SQL's conversion to the column's type: CAST, and `PARSE_JSON` from text to VARIANT. `None` if there
/// is no conversion, or it depends on a session's time zone.
fn converted(meaning: &Meaning, column: &str) -> Option<Meaning> {
    match (meaning, column.split('(').next().unwrap()) {
        (Meaning::Number(n), "TINYINT" | "SMALLINT" | "INT" | "BIGINT" | "DECIMAL") => Some(Meaning::Number(n.clone())),
        (Meaning::Number(n), "STRING" | "VARCHAR" | "CHAR") => Some(Meaning::Text(n.clone())),
        (Meaning::Number(n), "VARIANT") => Some(Meaning::Json(serde_json::from_str(n).unwrap())),
        (Meaning::Number(n), "TIMESTAMP") => Some(Meaning::Instant(n.parse::<i64>().unwrap().checked_mul(1_000_000)?)),
        (Meaning::Text(text), "STRING" | "VARCHAR" | "CHAR") => Some(Meaning::Text(text.clone())),
        (Meaning::Text(text), "DECIMAL") => number(text),
        (Meaning::Text(text), "VARIANT") => serde_json::from_str(text).ok().map(Meaning::Json),
        (Meaning::Json(json), "VARIANT") => Some(Meaning::Json(json.clone())),
        (Meaning::Json(serde_json::Value::String(text)), "STRING" | "VARCHAR" | "CHAR") => {
            Some(Meaning::Text(text.clone()))
        }
        (Meaning::Json(json), "STRING" | "VARCHAR" | "CHAR") => Some(Meaning::Text(json.to_string())),
        (Meaning::Json(json), "DECIMAL") => number(&json.to_string()),
        (Meaning::Date(days), "DATE") => Some(Meaning::Date(*days)),
        (Meaning::Instant(micros), "TIMESTAMP") => Some(Meaning::Instant(*micros)),
        (Meaning::Instant(micros), "BIGINT") => Some(Meaning::Number((micros / 1_000_000).to_string())),
        (Meaning::WallClock(micros), "TIMESTAMP_NTZ") => Some(Meaning::WallClock(*micros)),
        (Meaning::Other(other), _) => Some(Meaning::Other(other.clone())),
        _ => None,
    }
}

/// Where the type occurs in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrapping {
    Array,
    Key,
    Plain,
    Struct,
    Value,
}

impl Wrapping {
    fn column(self, scalar: &str) -> String {
        match self {
            Self::Array => format!("ARRAY<{scalar}>"),
            Self::Key => format!("MAP<{scalar}, BOOLEAN>"),
            Self::Plain => scalar.to_owned(),
            Self::Struct => format!("STRUCT<x: {scalar}>"),
            Self::Value => format!("MAP<BOOLEAN, {scalar}>"),
        }
    }

    fn takes(self, scalar: &str) -> bool {
        self != Self::Key || !matches!(scalar, "FLOAT" | "DOUBLE" | "BINARY" | "VARIANT")
    }

    fn value(self, scalar: Value, kind: &Kind) -> Value {
        match self {
            Self::Array => Value::List(vec![scalar]),
            Self::Key => {
                let key = match scalar {
                    Value::Bool(flag) => MapKey::Bool(flag),
                    Value::I32(n) => MapKey::I32(n),
                    Value::I64(n) => MapKey::I64(n),
                    Value::String(text) => MapKey::String(text),
                    other => panic!("{other:?} is no key"),
                };
                Value::Map([(key, Value::Bool(true))].into())
            }
            Self::Plain => scalar,
            Self::Struct => {
                let mut inner = DynamicMessage::new(kind.as_message().unwrap().clone());
                inner.set_field_by_name("x", scalar);
                Value::Message(inner)
            }
            Self::Value => Value::Map([(MapKey::Bool(true), scalar)].into()),
        }
    }
}

/// A row of one column, encoded with a program's descriptor.
fn row(descriptor: &DescriptorProto, wrapping: Wrapping, value: &Value) -> Vec<u8> {
    let file = FileDescriptorProto {
        name: Some("row.proto".to_owned()),
        message_type: vec![descriptor.clone()],
        ..FileDescriptorProto::default()
    };
    let pool = DescriptorPool::from_file_descriptor_set(FileDescriptorSet { file: vec![file] }).unwrap();
    let message = pool.get_message_by_name(descriptor.name()).unwrap();
    let mut row = DynamicMessage::new(message.clone());
    row.set_field_by_name("v", wrapping.value(value.clone(), &message.get_field_by_name("v").unwrap().kind()));
    prost::Message::encode_to_vec(&row)
}

/// What happened to the rows of an old program.
#[derive(Debug, PartialEq)]
enum Fate {
    /// The stream did not open.
    NotOpened,
    /// It opened, and these values were accepted.
    Took(Vec<Value>),
}

async fn fate(client: &Client, table: &Table, old: &DescriptorProto, wrapping: Wrapping, values: &[Value]) -> Fate {
    let mut taken = Vec::new();
    for value in values {
        // One stream per value, since a refused row ends its stream.
        let opened = client.encoded_stream(table.name.to_string(), old).open().await;
        let stream = match opened {
            Ok(stream) => stream,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Schema, "{error}");
                return Fate::NotOpened;
            }
        };
        let sent = stream.send(&row(old, wrapping, value)[..]).await;
        if sent.is_ok() && stream.close().await.is_ok() {
            taken.push(value.clone());
        }
    }
    Fate::Took(taken)
}

/// The class of drift that follows from the fate of the rows.
fn class(old: &str, new: &str, values: &[Value], fate: &Fate) -> Severity {
    let Fate::Took(taken) = fate else { return Severity::Breaking };
    let keeps_its_meaning =
        |value: &Value| converted(&meaning(old, value), new).is_some_and(|expected| expected == meaning(new, value));
    if !taken.iter().all(keeps_its_meaning) {
        Severity::SilentlyWrong
    } else if taken.len() < values.len() {
        Severity::SomeRowsRefused
    } else {
        Severity::Safe
    }
}

/// A table for every type, with the single column `v`.
fn tables(wrapping: Wrapping) -> Vec<(&'static str, Vec<Value>, Table)> {
    let types = types().into_iter().filter(|(scalar, _)| wrapping.takes(scalar));
    let table = |(number, (scalar, values)): (usize, (&'static str, Vec<Value>))| {
        let sql = format!("CREATE TABLE main.{wrapping:?}.t{number} (v {});", wrapping.column(scalar));
        let info = ddl::tables(&sql).unwrap().remove(0);
        (scalar, values, Table::try_from(&info).unwrap())
    };
    types.enumerate().map(table).collect()
}

async fn matrix(wrapping: Wrapping) {
    let folder = tempfile::tempdir().unwrap();
    let tables = tables(wrapping);
    let mut sql = String::new();
    for (number, (scalar, ..)) in tables.iter().enumerate() {
        writeln!(sql, "CREATE TABLE main.{wrapping:?}.t{number} (v {});", wrapping.column(scalar)).unwrap();
    }
    let file = folder.path().join("tables.sql");
    std::fs::write(&file, sql).unwrap();
    let emulator = Emulator::builder().ddl(&file).start().await.unwrap();
    let client = Client::builder()
        .endpoint(emulator.url())
        .workspace_url(emulator.url())
        .credentials(emulator.client_id(), emulator.client_secret())
        .build()
        .unwrap();
    let mut wrong = Vec::new();
    for (old_type, values, old) in &tables {
        for (new_type, _, new) in &tables {
            let drift = Drift::between(old, new);
            if old_type == new_type {
                assert_eq!(drift.severity(), None);
                continue;
            }
            let fate = fate(&client, new, &old.descriptor(), wrapping, values).await;
            let expected = class(old_type, new_type, values, &fate);
            if drift.severity() != Some(expected) {
                wrong.push(format!("{old_type} to {new_type}: {:?}, but {expected:?} ({fate:?})", drift.severity()));
            }
            assert_eq!(expected == Severity::Breaking, !same_wire(old, new), "{old_type} to {new_type}");
        }
    }
    assert!(wrong.is_empty(), "{wrapping:?}\n{}", wrong.join("\n"));
}

/// Whether the descriptors of two tables differ only in the message's name.
fn same_wire(old: &Table, new: &Table) -> bool {
    let unnamed = |table: &Table| zerobus_codegen::descriptor("Row", &table.row);
    unnamed(old) == unnamed(new)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_to_every_type_is_judged_as_the_rows_of_an_old_program_fare() {
    matrix(Wrapping::Plain).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_in_arrays_maps_and_structs() {
    for wrapping in [Wrapping::Array, Wrapping::Struct, Wrapping::Value, Wrapping::Key] {
        matrix(wrapping).await;
    }
}

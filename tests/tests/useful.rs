//! Typical uses of generated types: literals, setters, column names, equality, and serde. prost-reflect reads serde's
//! JSON with the sent descriptor, as the service does on its JSON path.
#![deny(warnings, missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::collections::HashSet;
use std::hash::Hash;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use prost_types::{DescriptorProto, FileDescriptorProto};
use serde::Serialize;
use serde_json::{Value, json};
use zerobus_runtime::{Date, Encoder, Timestamp, ZerobusMessage};

use prost_flavor::main as prost_tables;
use typed_flavor::main as tables;

mod typed_flavor {
    include!(concat!(env!("OUT_DIR"), "/useful/zerobus_tables.rs"));
}

mod prost_flavor {
    include!(concat!(env!("OUT_DIR"), "/useful_prost/zerobus_tables.rs"));
}

fn pool(descriptor: DescriptorProto) -> MessageDescriptor {
    let name = descriptor.name().to_owned();
    let file = FileDescriptorProto {
        name: Some("row.proto".to_owned()),
        message_type: vec![descriptor],
        ..Default::default()
    };
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file).unwrap();
    pool.get_message_by_name(&name).unwrap()
}

/// Reads the row's JSON and its bytes as the service does.
fn read_both<T: ZerobusMessage + Serialize>(row: &T) -> (DynamicMessage, DynamicMessage) {
    let message = pool(T::descriptor());
    let json = serde_json::to_string(row).unwrap();
    let mut deserializer = serde_json::Deserializer::from_str(&json);
    let of_json =
        DynamicMessage::deserialize(message.clone(), &mut deserializer).unwrap_or_else(|e| panic!("{e}: {json}"));
    let mut out = Encoder::new();
    row.encode_to(&mut out);
    assert_eq!(out.take_refusal(), None);
    (of_json, DynamicMessage::decode(message, out.as_slice()).unwrap())
}

/// A row of every type, in forms that other programs write.
fn lenient() -> Value {
    json!({
        "c_byte": -128, "c_short": 32767, "c_int": 1, "c_long": i64::MIN, "c_float": "NaN", "c_double": "-Infinity",
        "c_boolean": true, "c_string": "text", "c_binary": "AP_-", "c_date": "2018-02-07",
        "c_timestamp": "2018-02-07 02:26:13.84+01", "c_timestamp_ntz": "2018-02-07 01:26:13.84", "c_decimal": 19.9,
        "c_decimal_wide": "-0.000000000000000001", "c_varchar": "v", "c_variant": {"a": [1]}, "c_array": [1, 2],
        "c_map": {"k": "Infinity"}, "c_struct": {"a": 1},
        "n_array": ["1970-01-01T00:00:01Z", 2], "n_map": {"7": "1970-01-02"},
        "n_struct": {"at": "1970-01-01 00:00:00Z", "day": 3}, "n_decimal": -1, "n_variant": "[1]", "n_binary": [1, 2],
        "unknown": 1,
    })
}

/// The same row in the forms that we write.
fn strict() -> Value {
    json!({
        "c_byte": -128, "c_short": 32767, "c_int": 1, "c_long": i64::MIN, "c_float": "NaN", "c_double": "-Infinity",
        "c_boolean": true, "c_string": "text", "c_binary": "AP/+", "c_date": 17_569,
        "c_timestamp": 1_517_966_773_840_000_i64, "c_timestamp_ntz": 1_517_966_773_840_000_i64, "c_decimal": "19.90",
        "c_decimal_wide": "-0.000000000000000001", "c_varchar": "v", "c_variant": "{\"a\":[1]}", "c_array": [1, 2],
        "c_map": {"k": "Infinity"}, "c_struct": {"a": 1},
        "n_array": [1_000_000, 2], "n_map": {"7": 1}, "n_struct": {"at": 0, "day": 3}, "n_decimal": "-1.00",
        "n_variant": "[1]", "n_binary": "AQI=",
    })
}

#[test]
fn json_is_written_as_the_service_reads_it_and_read_in_many_forms() {
    let row: tables::types::EveryType = serde_json::from_value(lenient()).unwrap();
    assert_eq!(serde_json::to_value(&row).unwrap(), strict());
    let (of_json, of_bytes) = read_both(&row);
    // NaN is not equal to itself.
    assert_eq!(format!("{of_json:?}"), format!("{of_bytes:?}"));
    let row: prost_tables::types::EveryType = serde_json::from_value(lenient()).unwrap();
    assert_eq!(serde_json::to_value(&row).unwrap(), strict());
    let (of_json, of_bytes) = read_both(&row);
    assert_eq!(format!("{of_json:?}"), format!("{of_bytes:?}"));
}

#[test]
fn keys_of_every_type_are_read_and_written() {
    let json = json!({
        "by_byte": {"-1": 1}, "by_short": {"2": 1}, "by_integer": {"3": 1}, "by_long": {"4": 1}, "by_boolean": {"true": 1},
        "by_string": {"s": 1}, "by_varchar": {"v": 1}, "by_char": {"c": 1}, "by_date": {"1970-01-02": 1},
        "by_timestamp": {"1970-01-01 00:00:00Z": 1}, "by_timestamp_ntz": {"-1": 1}, "by_decimal": {"1.5": 1},
        "by_variant": {"[1]": 1},
    });
    let mut expected = json.clone();
    expected["by_date"] = json!({"1": 1});
    expected["by_timestamp"] = json!({"0": 1});
    expected["by_decimal"] = json!({"1.50": 1});
    let row: tables::types::MapKeys = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&row).unwrap(), expected);
    let (of_json, of_bytes) = read_both(&row);
    assert_eq!(of_json, of_bytes);
    let row: prost_tables::types::MapKeys = serde_json::from_value(json).unwrap();
    assert_eq!(serde_json::to_value(&row).unwrap(), expected);
    let (of_json, of_bytes) = read_both(&row);
    assert_eq!(of_json, of_bytes);
}

#[test]
fn absent_and_null_values_are_empty_and_missing_ones_are_errors() {
    let mut json = strict();
    let columns = json.as_object_mut().unwrap();
    columns.retain(|name, _| !name.starts_with("n_") && !["c_array", "c_map"].contains(&name.as_str()));
    let row: tables::types::EveryType = serde_json::from_value(json.clone()).unwrap();
    assert!(row.c_array.is_empty() && row.c_map.is_empty() && row.n_struct.is_none() && row.n_decimal.is_none());
    for (name, value) in [("c_array", json!(null)), ("c_map", json!(null)), ("n_date", json!(null))] {
        json[name] = value;
    }
    assert_eq!(serde_json::from_value::<tables::types::EveryType>(json.clone()).unwrap().c_string, row.c_string);
    json.as_object_mut().unwrap().remove("c_date");
    let error = serde_json::from_value::<tables::types::EveryType>(json).unwrap_err().to_string();
    assert_eq!(error, "missing field `c_date`");
}

#[test]
fn columns_keep_their_own_names() {
    let names = json!({"camelCase": 1, "camel_case": 2});
    let row: tables::edge::Names = serde_json::from_value(names.clone()).unwrap();
    assert_eq!((row.camel_case, row.camel_case_2), (Some(1), Some(2)));
    assert_eq!(serde_json::to_value(&row).unwrap(), names);
    assert_eq!(
        (tables::edge::Names::COLUMN_CAMEL_CASE, tables::edge::Names::COLUMN_CAMEL_CASE_2),
        ("camelCase", "camel_case")
    );
    assert_eq!(prost_tables::edge::Names::COLUMN_CAMEL_CASE, "camelCase");
    assert_eq!(tables::geo::Earthquakes::COLUMN_TYPE, "type");
    assert_eq!(tables::geo::earthquakes::Location::COLUMN_DEPTH_KM, "depth_km");
}

#[test]
fn one_sets_only_what_one_has() {
    use tables::geo::{Earthquakes, earthquakes::Location};
    let literal = Earthquakes { id: "us1".to_owned(), mag: Some(4.2), sig: 7, ..Default::default() };
    let set = Earthquakes::default().with_id("us1".to_owned()).with_mag(4.2).with_sig(7);
    assert_eq!(literal, set);
    assert_eq!(
        set.with_mag(None).with_location(Location::default().with_depth_km(Some(1.0))).location.depth_km,
        Some(1.0)
    );
    assert_eq!((literal.time, literal.event_date), (Timestamp::EPOCH, Date::EPOCH));
    let prost = prost_tables::geo::Earthquakes { id: "us1".to_owned(), ..Default::default() };
    assert_eq!(prost.mag, None);
}

#[test]
fn types_without_floats_are_equal_and_have_hashes() {
    fn distinct<T: Eq + Hash>(rows: [T; 2]) -> usize {
        rows.into_iter().collect::<HashSet<_>>().len()
    }
    fn is_eq<T: Eq>() {}
    let names = || tables::edge::Names { camel_case: Some(1), ..Default::default() };
    assert_eq!(distinct([names(), names()]), 1);
    assert_eq!(distinct([names(), tables::edge::Names::default()]), 2);
    // A `HashMap` does not implement `Hash`.
    is_eq::<tables::types::MapKeys>();
}

/// The error for a row of the prost flavor, if it is refused.
fn refused<T: ZerobusMessage>(row: &T) -> Option<String> {
    let mut out = Encoder::new();
    row.encode_to(&mut out);
    out.take_refusal().map(|refusal| refusal.to_string())
}

#[test]
fn the_prost_face_holds_values_against_their_columns() {
    use prost_tables::types::EveryType;
    type Change = fn(&mut EveryType);
    let good: EveryType = serde_json::from_value(lenient()).unwrap();
    assert_eq!(refused(&good), None);
    let cases: [(Change, &str); 13] = [
        (|row| row.c_byte = 128, "128 is out of the range of TINYINT; use a wider column, or correct the value"),
        (|row| row.c_byte = -129, "-129 is out of the range of TINYINT"),
        (|row| row.c_short = 32_768, "32768 is out of the range of SMALLINT"),
        (|row| row.c_date = i32::MAX, "2147483647 days since 1970-01-01 lie outside of the years 0001 to 9999"),
        (|row| row.c_timestamp = i64::MAX, "microseconds since 1970-01-01 lie outside of the years 0001 to 9999"),
        (|row| row.c_timestamp_ntz = i64::MIN, "microseconds since 1970-01-01 lie outside of the years 0001 to 9999"),
        (|row| row.c_decimal = "1e3".to_owned(), "`1e3` is not a decimal in plain digits: -19.90"),
        (|row| row.c_decimal = String::new(), "`` is not a decimal in plain digits: -19.90"),
        (|row| row.c_decimal = "1.000000000000000000000".to_owned(), "does not fit DECIMAL"),
        (|row| row.c_decimal_wide = "1".repeat(39), "does not fit DECIMAL"),
        (|row| row.c_varchar = "ä".repeat(65), "a text of 65 characters does not fit VARCHAR(64)"),
        (|row| row.c_variant = "{".to_owned(), "`{` is not JSON"),
        (|row| row.n_array = vec![0, i64::MAX], "microseconds since 1970-01-01 lie outside"),
    ];
    for (change, expected) in cases {
        let mut row = good.clone();
        change(&mut row);
        let found = refused(&row).unwrap_or_else(|| panic!("not refused: {expected}"));
        assert!(found.contains(expected), "{found} and not {expected}");
    }
}

//! Refusals of records.

use super::*;

/// Whether the record alone is refused with this text.
async fn refused_proto(emulator: &Emulator, record: Vec<u8>, text: &str) {
    let mut call = Call::proto(emulator, &table(EVERY)).await;
    call.send_proto(0, record.into()).await;
    expect(&call.refusal().await, Code::InvalidArgument, 4044, text);
}

async fn refused_json(emulator: &Emulator, column: &str, value: Value, text: &str) {
    let mut row = every();
    row[column] = value;
    let mut call = Call::json(emulator, EVERY).await;
    call.send_json(0, &row).await;
    expect(&call.refusal().await, Code::InvalidArgument, 4044, text);
}

fn every() -> Value {
    json!({
        "c_byte": 1, "c_short": 1, "c_int": 1, "c_long": 1, "c_float": 1, "c_double": 1, "c_boolean": true,
        "c_string": "", "c_binary": "", "c_date": 1, "c_timestamp": 1, "c_timestamp_ntz": 1, "c_decimal": "1",
        "c_decimal_wide": "1", "c_varchar": "", "c_variant": "1", "c_struct": { "a": 1 },
    })
}

#[tokio::test]
async fn bytes_that_are_not_the_message() {
    let emulator = emulator().await;
    let good = record(&table(EVERY), &every()).to_vec();
    refused_proto(&emulator, good[..good.len() - 1].to_vec(), "does not decode").await;
    // Field 1 is an int32; here it comes as bytes.
    let wrong_wire_type = [&[0x0a, 0x01, 0x41], &good[2..]].concat();
    refused_proto(&emulator, wrong_wire_type, "wire type").await;
    let bad_utf8 = [&good[..], &[0x42, 0x01, 0xff]].concat();
    refused_proto(&emulator, bad_utf8, "UTF-8").await;
    let unknown = [&good[..], &[0xf8, 0x3f, 0x01]].concat();
    refused_proto(&emulator, unknown, "field number 1023 is not in the descriptor").await;
    refused_proto(&emulator, Vec::new(), "column c_byte: it is NOT NULL").await;
}

#[tokio::test]
async fn json_that_is_not_the_row() {
    let emulator = emulator().await;
    refused_json(&emulator, "colour", json!(1), "unrecognized field").await;
    refused_json(&emulator, "c_timestamp", json!("2026-01-01T00:00:00Z"), "record 0 of the request at offset 0").await;
    refused_json(&emulator, "c_long", json!(1.5), "does not decode").await;
    refused_json(&emulator, "c_binary", json!("*"), "does not decode").await;
    refused_json(&emulator, "c_int", json!(3_000_000_000_i64), "does not decode").await;
    let mut call = Call::json(&emulator, EVERY).await;
    call.send_jsons(0, &[every(), json!("text")]).await;
    expect(&call.refusal().await, Code::InvalidArgument, 4044, "record 1 of the request at offset 0");
}

#[tokio::test]
async fn a_not_null_column_left_out_or_null() {
    let emulator = emulator().await;
    refused_json(&emulator, "c_string", Value::Null, "column c_string: it is NOT NULL").await;
    refused_json(&emulator, "c_struct", json!({}), "column c_struct.a: it is NOT NULL").await;
}

#[tokio::test]
async fn values_out_of_the_columns_range() {
    let emulator = emulator().await;
    for (column, value, text) in [
        ("c_byte", json!(128), "column c_byte: 128 is out of the range of TINYINT"),
        ("c_short", json!(-32_769), "column c_short: -32769 is out of the range of SMALLINT"),
        ("c_date", json!(2_932_897), "column c_date: 2932897 is out of the range of DATE"),
        ("c_timestamp", json!(253_402_300_800_000_000_i64), "out of the range of TIMESTAMP"),
        ("c_timestamp_ntz", json!(i64::MIN), "out of the range of TIMESTAMP_NTZ"),
        ("c_decimal", json!("1.234"), "column c_decimal: `1.234` is not a DECIMAL(10,2)"),
        ("c_decimal", json!("123456789"), "`123456789` is not a DECIMAL(10,2)"),
        ("c_decimal", json!("1e2"), "`1e2` is not a DECIMAL(10,2)"),
        ("c_varchar", json!("x".repeat(65)), "column c_varchar: 65 characters do not fit into VARCHAR(64)"),
        ("c_variant", json!("{a:1}"), "column c_variant: the VARIANT is not JSON"),
        ("n_array", json!([0, i64::MAX]), "column n_array.element: "),
        ("n_map", json!({ "1": 9_999_999 }), "column n_map.value: 9999999 is out of the range of DATE"),
        ("n_struct", json!({ "at": 1, "day": -800_000 }), "column n_struct.day: "),
    ] {
        refused_json(&emulator, column, value, text).await;
    }
}

#[tokio::test]
async fn a_bad_record_takes_its_request_with_it_and_nothing_before() {
    let emulator = emulator().await;
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_json(0, &order()).await;
    call.send_jsons(1, &[order(), order(), json!({ "order_id": 1 })]).await;
    call.send_json(2, &order()).await;
    call.acked(0).await;
    expect(&call.refusal().await, Code::InvalidArgument, 4044, "record 2 of the request at offset 1");
    assert_eq!(emulator.rows(ORDERS).await.unwrap().len(), 1);
}

#[tokio::test]
async fn text_of_strangers_is_made_safe_to_print() {
    let emulator = emulator().await;
    let mut call = Call::json(&emulator, ORDERS).await;
    call.send_json(0, &json!({ "\u{1b}[2J": 1 })).await;
    let status = call.refusal().await;
    assert!(!status.message().contains('\u{1b}'), "{}", status.message());
}

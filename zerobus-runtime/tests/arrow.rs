//! Rows of Arrow's record batches: each equals the row of the same values in JSON, and what does not fit is named.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Date64Array, Decimal32Array, Decimal64Array,
    Decimal128Array, Decimal256Array, DictionaryArray, FixedSizeBinaryArray, FixedSizeListArray, Float32Array,
    Float64Array, Int8Array, Int32Array, Int64Array, LargeStringArray, NullArray, RecordBatch, StringArray,
    StringViewArray, StructArray, Time32SecondArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt8Array, UInt64Array,
};
use arrow_buffer::i256;
use arrow_schema::{DataType, Field};
use serde_json::{Value, json};
use zerobus_runtime::dynamic::{RowPlan, Table, TableInfo, TimeUnit, UnknownColumns};
use zerobus_runtime::{Encoder, Error};

fn plan(columns: &[(&str, &str)]) -> RowPlan {
    let columns: Vec<Value> = (0..)
        .zip(columns)
        .map(|(at, (name, text))| {
            let nullable = !text.ends_with(" not null");
            json!({"name": name, "type_text": text.trim_end_matches(" not null"), "position": at, "nullable": nullable})
        })
        .collect();
    let info = json!({"name": "t", "catalog_name": "main", "schema_name": "a", "columns": columns});
    RowPlan::new(&Table::try_from(&serde_json::from_value::<TableInfo>(info).unwrap()).unwrap())
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn encoded(plan: &RowPlan, batch: &RecordBatch, row: usize) -> Result<Vec<u8>, Error> {
    let mut out = Encoder::new();
    let rows = plan.arrow(batch)?;
    plan.encode(&rows.row(row).unwrap(), &mut out)?;
    Ok(out.as_slice().to_vec())
}

/// Asserts that each row of one column equals the row of these values in JSON, as does its own JSON.
#[track_caller]
fn check(column: &str, array: impl arrow_array::Array + 'static, expected: &[Value]) {
    let plan = plan(&[("c", column)]);
    let batch = batch(vec![("C", Arc::new(array) as ArrayRef)]);
    assert_eq!(batch.num_rows(), expected.len());
    for (row, value) in expected.iter().enumerate() {
        let mut out = Encoder::new();
        plan.encode(&plan.value(&json!({ "c": value })), &mut out).unwrap();
        let found = encoded(&plan, &batch, row).unwrap();
        assert_eq!(found, out.as_slice(), "{column}, row {row}, {value}");
        let kept = plan.arrow(&batch).unwrap().row(row).unwrap().to_json();
        let mut again = Encoder::new();
        plan.encode(&plan.json(&kept), &mut again).unwrap();
        assert_eq!(again.as_slice(), found, "{column}, row {row} by way of {}", String::from_utf8_lossy(&kept));
    }
}

#[track_caller]
fn refused(column: &str, array: impl arrow_array::Array + 'static, expected: &str) {
    let plan = plan(&[("c", column)]);
    let batch = batch(vec![("c", Arc::new(array) as ArrayRef)]);
    let last = batch.num_rows() - 1;
    let error = encoded(&plan, &batch, last).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn numbers_of_every_width_are_written_where_they_fit() {
    check("tinyint", Int8Array::from(vec![Some(-128), None]), &[json!(-128), Value::Null]);
    check("tinyint", Int64Array::from(vec![127]), &[json!(127)]);
    check("bigint", UInt8Array::from(vec![255]), &[json!(255)]);
    check("bigint", Int64Array::from(vec![i64::MIN]), &[json!(i64::MIN)]);
    check("int", Float64Array::from(vec![3.0]), &[json!(3)]);
    check("double", Int32Array::from(vec![-3]), &[json!(-3)]);
    check("double", Float32Array::from(vec![0.5]), &[json!(0.5)]);
    check("float", Float64Array::from(vec![f64::NAN, f64::NEG_INFINITY]), &[json!("NaN"), json!("-Infinity")]);
    check(
        "boolean",
        BooleanArray::from(vec![Some(true), Some(false), None]),
        &[json!(true), json!(false), Value::Null],
    );
    refused("tinyint", Int64Array::from(vec![128]), "column c: found the number 128, expected TINYINT, -128 to 127");
    refused("bigint", UInt64Array::from(vec![u64::MAX]), "expected BIGINT");
    refused("int", Float64Array::from(vec![1.5]), "found the number 1.5, expected INT");
    refused("float", Float64Array::from(vec![1e300]), "expected FLOAT");
    refused("bigint not null", Int64Array::from(vec![Some(1), None]), "column c: found null, expected BIGINT NOT NULL");
    // A shorter float is the DOUBLE that it equals, whose digits are others.
    check("double", Float32Array::from(vec![0.1]), &[json!(f64::from(0.1_f32))]);
    check("variant", UInt64Array::from(vec![u64::MAX, 7]), &[json!(u64::MAX), json!(7)]);
    check("decimal(20,0)", UInt64Array::from(vec![u64::MAX]), &[json!(u64::MAX)]);
}

#[test]
fn decimals_are_exact() {
    let decimal = Decimal128Array::from(vec![1999, -5, 0]).with_precision_and_scale(38, 2).unwrap();
    check("decimal(10,2)", decimal.clone(), &[json!("19.99"), json!("-0.05"), json!("0.00")]);
    check("decimal(10,4)", decimal, &[json!("19.99"), json!("-0.05"), json!("0.00")]);
    check("decimal(5,1)", Decimal32Array::from(vec![1250]).with_precision_and_scale(9, 2).unwrap(), &[json!("12.5")]);
    check("decimal(18,0)", Decimal64Array::from(vec![12]).with_precision_and_scale(18, -2).unwrap(), &[json!("1200")]);
    let wide = Decimal256Array::from(vec![i256::from_i128(1999)]).with_precision_and_scale(76, 2).unwrap();
    check("decimal(4,2)", wide, &[json!("19.99")]);
    check("decimal(4,2)", Float64Array::from(vec![19.99]), &[json!("19.99")]);
    check("decimal(4,2)", Int32Array::from(vec![-7]), &[json!("-7")]);
    let fine = Decimal128Array::from(vec![1]).with_precision_and_scale(38, 3).unwrap();
    refused("decimal(10,2)", fine, "which does not fit, expected DECIMAL(10,2)");
    refused("decimal(10,2)", Float64Array::from(vec![f64::NAN]), "expected DECIMAL(10,2)");
}

#[test]
fn times_of_every_unit_are_microseconds() {
    let noon = json!("2026-01-31T12:00:00.5Z");
    let millis = 1_769_860_800_500_i64;
    check("timestamp", TimestampMillisecondArray::from(vec![millis]).with_timezone("UTC"), std::slice::from_ref(&noon));
    check(
        "timestamp",
        TimestampMicrosecondArray::from(vec![millis * 1_000]).with_timezone("+02:00"),
        std::slice::from_ref(&noon),
    );
    check("timestamp", TimestampNanosecondArray::from(vec![millis * 1_000_000 + 999]), &[noon]);
    check("timestamp", TimestampSecondArray::from(vec![-1]), &[json!("1969-12-31T23:59:59Z")]);
    check("timestamp_ntz", TimestampMillisecondArray::from(vec![millis]), &[json!("2026-01-31 12:00:00.5")]);
    check("date", Date32Array::from(vec![Some(-1), None]), &[json!("1969-12-31"), Value::Null]);
    check("date", Date64Array::from(vec![-1]), &[json!("1969-12-31")]);
    refused("timestamp", TimestampSecondArray::from(vec![i64::MAX]), "expected TIMESTAMP within the years");
    refused("date", Date32Array::from(vec![i32::MAX]), "expected DATE within the years");
    refused("timestamp", Int64Array::from(vec![1]), "an integer is taken where its unit is named");
    let zoned = TimestampSecondArray::from(vec![0]).with_timezone("UTC");
    refused("timestamp_ntz", zoned, "column c: found Arrow's Timestamp(s, \"UTC\"), expected TIMESTAMP_NTZ");
    let plan = plan(&[("c", "timestamp")]).integer_times(TimeUnit::Secs);
    let batch = batch(vec![("c", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    assert_eq!(encoded(&plan, &batch, 0).unwrap(), [8, 192, 132, 61]);
}

#[test]
fn texts_and_bytes_come_in_every_layout() {
    let expected = [json!("a"), Value::Null, json!("ü")];
    check("string", StringArray::from(vec![Some("a"), None, Some("ü")]), &expected);
    check("string", LargeStringArray::from(vec![Some("a"), None, Some("ü")]), &expected);
    check("string", StringViewArray::from(vec![Some("a"), None, Some("ü")]), &expected);
    check("string", BinaryArray::from(vec![Some(&b"a"[..]), None, Some("ü".as_bytes())]), &expected);
    let dictionary: DictionaryArray<Int8Type> = vec![Some("a"), None, Some("ü")].into_iter().collect();
    check("string", dictionary, &expected);
    let none: DictionaryArray<Int8Type> = vec![None::<&str>].into_iter().collect();
    check("string", none, &[Value::Null]);
    check("binary", BinaryViewArray::from(vec![Some(&b"\xff"[..]), None]), &[json!("/w=="), Value::Null]);
    check("binary", FixedSizeBinaryArray::try_from_iter([[1_u8, 2]].into_iter()).unwrap(), &[json!("AQI=")]);
    check("bigint", StringArray::from(vec!["12"]), &[json!(12)]);
    check("variant", StringArray::from(vec![r#"{"a":[1]}"#]), &[json!({"a": [1]})]);
    check("variant", Float64Array::from(vec![1.5]), &[json!(1.5)]);
    check("array<int>", StringArray::from(vec!["[1,2]"]), &[json!([1, 2])]);
    check("string", NullArray::new(2), &[Value::Null, Value::Null]);
    refused("varchar(1)", StringArray::from(vec!["ab"]), "found 2 characters, expected VARCHAR(1)");
    refused("string", BinaryArray::from(vec![&b"\xff"[..]]), "found bytes that are not UTF-8, expected STRING");
    refused("string", Int32Array::from(vec![1]), "found Arrow's Int32, expected STRING");
    refused("string", Time32SecondArray::from(vec![1]), "found Arrow's Time32(s), expected STRING");
    refused("variant", StringArray::from(vec!["{"]), "no JSON");
}

#[test]
fn lists_maps_and_structs_are_written_as_they_nest() {
    let mut list = ListBuilder::new(Int32Builder::new());
    list.append_value([Some(1), Some(2)]);
    list.append_null();
    list.append_value([]);
    check("array<bigint>", list.finish(), &[json!([1, 2]), Value::Null, json!([])]);
    let fixed = FixedSizeListArray::from_iter_primitive::<arrow_array::types::Int32Type, _, _>(
        [Some([Some(1), Some(2)]), Some([Some(3), Some(4)])],
        2,
    );
    check("array<int>", fixed, &[json!([1, 2]), json!([3, 4])]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    map.keys().append_value("k");
    map.values().append_value(7);
    map.append(true).unwrap();
    map.append(false).unwrap();
    check("map<string,int>", map.finish(), &[json!({"k": 7}), Value::Null]);
    let field = |name: &str, data_type| Arc::new(Field::new(name, data_type, true));
    let place = StructArray::from(vec![
        (field("LON", DataType::Float64), Arc::new(Float64Array::from(vec![8.5])) as ArrayRef),
        (field("lat", DataType::Float32), Arc::new(Float32Array::from(vec![None])) as ArrayRef),
    ]);
    check("struct<lat:double,lon:double>", place.clone(), &[json!({"lon": 8.5})]);
    refused("struct<lat:double,alt:double>", place, "found the column `LON` in the batch");
    let mut holes = ListBuilder::new(Int32Builder::new());
    holes.append_value([Some(1), None]);
    refused("array<int>", holes.finish(), "column c.element: found null, expected INT NOT NULL");
}

#[test]
fn what_is_refused_is_refused_again_from_its_dead_letter() {
    let beyond = 9_007_199_254_740_994.0;
    let cases: [(&str, ArrayRef, bool); 4] = [
        ("bigint", Arc::new(Float64Array::from(vec![beyond])), false),
        ("variant", Arc::new(Float64Array::from(vec![f64::NAN])), true),
        ("variant", Arc::new(Float64Array::from(vec![f64::INFINITY])), true),
        ("timestamp", Arc::new(StringArray::from(vec!["1700000000"])), false),
    ];
    for (column, array, is_partial) in cases {
        let plan = plan(&[("c", column)]);
        let batch = batch(vec![("c", array)]);
        let rows = plan.arrow(&batch).unwrap();
        let error = plan.encode(&rows.row(0).unwrap(), &mut Encoder::new()).unwrap_err();
        let letter = rows.row(0).unwrap().dead_letter(&error);
        assert_eq!(letter.is_partial(), is_partial, "{letter:?}");
        assert!(plan.encode(&plan.letter(&letter), &mut Encoder::new()).is_err(), "{letter:?}");
    }
}

#[test]
fn columns_are_found_by_name_and_what_is_missing_or_unknown_is_named() {
    let table = [("id", "bigint not null"), ("name", "string")];
    let id = || Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef;
    let name = || Arc::new(StringArray::from(vec!["a", "b"])) as ArrayRef;
    let plan = plan(&table);
    let rows = batch(vec![("NAME", name()), ("Id", id())]);
    // A slice of a batch is a batch.
    assert_eq!(encoded(&plan, &rows.slice(1, 1), 0).unwrap(), encoded(&plan, &rows, 1).unwrap());
    assert_eq!(plan.arrow(&rows).unwrap().iter().count(), 2);
    assert!(plan.arrow(&rows).unwrap().row(2).is_none());
    let error = plan.arrow(&batch(vec![("name", name())])).unwrap_err().to_string();
    assert!(error.contains("column id: found no value, expected BIGINT NOT NULL"), "{error}");
    let error = plan.arrow(&batch(vec![("id", id()), ("names", name())])).unwrap_err().to_string();
    assert!(error.contains("`name` is one"), "{error}");
    let error = plan.arrow(&batch(vec![("id", id()), ("ID", id())])).unwrap_err().to_string();
    assert!(error.contains("found it twice"), "{error}");
    let lenient = plan.clone().unknown_columns(UnknownColumns::Ignore);
    assert!(lenient.arrow(&batch(vec![("id", id()), ("names", name())])).is_ok());
}

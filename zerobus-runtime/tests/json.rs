//! Columns as JSON: written as the service's JSON path takes them, read in every form that its table of formats names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use bytes::Bytes;
use serde_json::{Value, json};
use zerobus_runtime::json::{Binary, Each, Format, Map, Maybe, Plain};
use zerobus_runtime::{Date, Decimal, Timestamp, TimestampNtz, Variant};

fn read<F: Format<T>, T>(json: &Value) -> Result<T, String> {
    // From text and from a tree: serde_json visits them in different ways.
    let text = json.to_string();
    let of_text = F::read(&mut serde_json::Deserializer::from_str(&text)).map_err(|error| error.to_string());
    let of_tree = F::read(json.clone()).map_err(|error| error.to_string());
    assert_eq!(of_text.is_ok(), of_tree.is_ok(), "{text}");
    of_text
}

fn write<F: Format<T>, T>(value: &T) -> Value {
    F::write(value, serde_json::value::Serializer).unwrap()
}

/// Each JSON is read as the value, which is written as the first of them.
fn check<F: Format<T>, T: PartialEq + Debug>(value: &T, forms: &[Value]) {
    for form in forms {
        assert_eq!(read::<F, T>(form).as_ref(), Ok(value), "{form}");
    }
    assert_eq!(write::<F, T>(value), forms[0]);
}

fn refuse<F: Format<T>, T: Debug>(json: &Value, expected: &str) {
    let error = read::<F, T>(json).unwrap_err();
    assert!(error.contains(expected), "{json}: {error}");
}

#[test]
fn times_are_counts_or_text() {
    let micros = 1_517_966_773_840_000;
    let forms = [
        json!(micros),
        json!("2018-02-07T01:26:13.84Z"),
        json!("2018-02-07 02:26:13.84+01"),
        json!(1_517_966_773_840_000.0),
    ];
    check::<Timestamp, _>(&Timestamp::from_micros(micros).unwrap(), &forms);
    check::<Timestamp, i64>(&micros, &forms);
    let forms =
        [json!(micros), json!("2018-02-07T01:26:13.84"), json!("2018-02-07 01:26:13.84"), json!("1517966773840000")];
    check::<TimestampNtz, _>(&TimestampNtz::from_micros(micros).unwrap(), &forms);
    check::<TimestampNtz, i64>(&micros, &forms);
    let forms = [json!(17_569), json!("2018-02-07"), json!("17569")];
    check::<Date, _>(&Date::from_days(17_569).unwrap(), &forms);
    check::<Date, i32>(&17_569, &forms);
}

#[test]
fn what_is_no_time_is_refused() {
    for wrong in [
        json!("2018-02-07"),
        json!("2018-02-07 01:26:13"),
        json!(1.5),
        json!(1e300),
        json!(true),
        json!(null),
        json!("1.5"),
    ] {
        assert!(read::<Timestamp, Timestamp>(&wrong).is_err(), "{wrong}");
    }
    let outside = "microseconds since 1970-01-01 lie outside of the years 0001 to 9999";
    refuse::<Timestamp, Timestamp>(&json!(i64::MAX), outside);
    refuse::<Timestamp, i64>(&json!(u64::MAX), outside);
    refuse::<Date, Date>(&json!(3_000_000), "3000000 days since 1970-01-01");
    refuse::<Timestamp, Timestamp>(&json!([]), "expected a number or a text");
    refuse::<Timestamp, Timestamp>(&json!({"a": 1}), "expected a number or a text");
}

#[test]
fn a_decimal_may_be_a_number_if_that_loses_nothing() {
    type Price = Decimal<18, 2>;
    let price = |text: &str| text.parse::<Price>().unwrap();
    check::<Price, _>(&price("19.99"), &[json!("19.99"), json!(19.99)]);
    check::<Price, _>(&price("-7.00"), &[json!("-7.00"), json!(-7), json!(-7.0), json!("-7")]);
    check::<Price, String>(&"19.90".to_owned(), &[json!("19.90"), json!(19.9), json!("19.9")]);
    check::<Price, _>(&price("1234567890123.25"), &[json!("1234567890123.25"), json!(1_234_567_890_123.25)]);
    let largest = Decimal::try_from(i128::from(u64::MAX)).unwrap();
    check::<Decimal<38, 0>, _>(&largest, &[json!(u64::MAX.to_string()), json!(u64::MAX)]);
    let small = "0.00000000000123".parse::<Decimal<38, 20>>().unwrap();
    check::<Decimal<38, 20>, _>(&small, &[json!("0.00000000000123000000"), json!(1.23e-12)]);
    let round = "100000000000000000000".parse::<Decimal<38, 0>>().unwrap();
    check::<Decimal<38, 0>, _>(&round, &[json!("100000000000000000000"), json!(1e20)]);
    refuse::<Price, Price>(&json!(12_345_678_901_234.567), "write one of more than 15 digits as text");
    refuse::<Price, Price>(&json!(0.001), "0.001 does not fit DECIMAL(18,2)");
    refuse::<Price, Price>(&json!(1e17), "does not fit DECIMAL(18,2)");
    refuse::<Price, Price>(&json!("1,5"), "is not a decimal in plain digits");
}

#[test]
fn floats_that_json_does_not_know_are_text() {
    check::<f64, _>(&1.5, &[json!(1.5)]);
    check::<f64, _>(&2.0, &[json!(2.0), json!(2)]);
    check::<f64, _>(&f64::INFINITY, &[json!("Infinity")]);
    check::<f64, _>(&f64::NEG_INFINITY, &[json!("-Infinity")]);
    check::<f32, _>(&0.5, &[json!(0.5)]);
    check::<f32, _>(&f32::INFINITY, &[json!("Infinity")]);
    assert_eq!(write::<f64, _>(&f64::NAN), json!("NaN"));
    assert!(read::<f64, f64>(&json!("NaN")).unwrap().is_nan());
    assert!(read::<f32, f32>(&json!("NaN")).unwrap().is_nan());
    for wrong in ["nan", "inf", "1.5", ""] {
        refuse::<f64, f64>(&json!(wrong), "expected a number, NaN, Infinity or -Infinity");
    }
}

#[test]
fn bytes_are_base64_and_a_variant_is_json() {
    check::<Binary, _>(&vec![0_u8, 255, 254], &[json!("AP/+"), json!("AP_-"), json!([0, 255, 254])]);
    check::<Binary, _>(&Bytes::from_static(&[1]), &[json!("AQ=="), json!("AQ"), json!([1])]);
    refuse::<Binary, Vec<u8>>(&json!("?"), "Invalid symbol");
    refuse::<Binary, Vec<u8>>(&json!([256]), "256");
    let variant: Variant = "{\"a\":[1,null]}".parse().unwrap();
    check::<Variant, _>(&variant, &[json!("{\"a\":[1,null]}"), json!({"a": [1, null]})]);
    check::<Variant, String>(&"1".to_owned(), &[json!("1"), json!(1)]);
    refuse::<Variant, Variant>(&json!("{"), "is not JSON text");
}

#[test]
fn options_arrays_and_maps_are_of_their_formats() {
    let at = Timestamp::from_micros(0).unwrap();
    check::<Maybe<Timestamp>, _>(&Some(at), &[json!(0), json!("1970-01-01T00:00:00Z")]);
    check::<Maybe<Timestamp>, Option<Timestamp>>(&None, &[json!(null)]);
    check::<Each<Timestamp>, _>(&vec![at, at], &[json!([0, 0]), json!([0, "1970-01-01 00:00:00Z"])]);
    check::<Each<Plain>, Vec<String>>(&vec![], &[json!([]), json!(null)]);
    check::<Each<Plain>, _>(&vec!["a".to_owned()], &[json!(["a"])]);
    let by_day: BTreeMap<Date, f64> = [(Date::EPOCH, f64::INFINITY)].into();
    check::<Map<Date, f64>, _>(&by_day, &[json!({"0": "Infinity"}), json!({"1970-01-01": "Infinity"})]);
    let by_day: HashMap<i32, String> = [(1, "1.50".to_owned())].into();
    check::<Map<Date, Decimal<5, 2>>, _>(&by_day, &[json!({"1": "1.50"}), json!({"1970-01-02": 1.5})]);
    let by_number: HashMap<i64, bool> = [(-1, true)].into();
    check::<Map<Plain, Plain>, _>(&by_number, &[json!({"-1": true})]);
    check::<Map<Plain, Plain>, BTreeMap<String, i32>>(&BTreeMap::new(), &[json!({}), json!(null)]);
    let by_price: BTreeMap<Decimal<5, 2>, Vec<u8>> = [("1.50".parse().unwrap(), vec![1])].into();
    check::<Map<Decimal<5, 2>, Binary>, _>(&by_price, &[json!({"1.50": "AQ=="}), json!({"1.5": [1]})]);
    refuse::<Map<Date, Plain>, BTreeMap<Date, i32>>(&json!({"x": 1}), "a day of the calendar");
    refuse::<Map<Date, Plain>, BTreeMap<Date, i32>>(&json!([]), "expected a map");
}

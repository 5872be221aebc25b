//! What a derived struct writes, judged by prost-reflect with the descriptor that a stream would open with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use prost_types::{DescriptorProto, FileDescriptorProto};
use serde_json::{Value, json};
use zerobus_runtime::{Date, Decimal, Encoder, Timestamp, TimestampNtz, Variant, ZerobusMessage};

/// The row as a reader sees it that knows nothing but the descriptor.
fn read<T: ZerobusMessage>(row: &T) -> Value {
    let mut out = Encoder::new();
    row.encode_to(&mut out);
    assert_eq!(out.take_refusal(), None);
    let message = DynamicMessage::decode(pool(T::descriptor()), out.as_slice()).expect("the row decodes");
    assert_eq!(message.unknown_fields().count(), 0, "every field is one of the descriptor's");
    let options = SerializeOptions::new().stringify_64_bit_integers(false).use_proto_field_name(true);
    message.serialize_with_options(serde_json::value::Serializer, &options).expect("the row has JSON")
}

fn pool(descriptor: DescriptorProto) -> prost_reflect::MessageDescriptor {
    let name = descriptor.name().to_owned();
    let file = FileDescriptorProto {
        name: Some("row.proto".to_owned()),
        syntax: Some("proto2".to_owned()),
        message_type: vec![descriptor],
        ..Default::default()
    };
    let pool = DescriptorPool::from_file_descriptor_set(prost_types::FileDescriptorSet { file: vec![file] });
    pool.expect("the descriptor is whole").get_message_by_name(&name).expect("the message is there")
}

fn columns<T: ZerobusMessage>() -> Vec<(String, i32)> {
    T::descriptor().field.iter().map(|field| (field.name().to_owned(), field.number())).collect()
}

#[test]
fn every_scalar_arrives_as_its_column_type() {
    #[derive(ZerobusMessage)]
    struct Row<'a> {
        tiny: i8,
        small: i16,
        int: i32,
        long: i64,
        byte: u8,
        word: u16,
        double_word: u32,
        float: f32,
        double: f64,
        yes: bool,
        text: &'a str,
        cow: Cow<'a, str>,
        boxed: Box<str>,
        shared: Arc<str>,
        counted: Rc<String>,
        bytes: &'a [u8],
        vec: Vec<u8>,
        fixed: [u8; 2],
        time: Timestamp,
        wall: TimestampNtz,
        day: Date,
        system: SystemTime,
        price: Decimal<10, 2>,
        variant: Variant,
    }
    let row = Row {
        tiny: i8::MIN,
        small: i16::MIN,
        int: i32::MIN,
        long: i64::MIN,
        byte: u8::MAX,
        word: u16::MAX,
        double_word: u32::MAX,
        float: 1.5,
        double: -2.25,
        yes: true,
        text: "",
        cow: Cow::Borrowed("cow"),
        boxed: "boxed".into(),
        shared: "shared".into(),
        counted: Rc::new("counted".to_owned()),
        bytes: b"\x00\xff",
        vec: vec![1],
        fixed: [2, 3],
        time: Timestamp::from_millis(-1).unwrap(),
        wall: TimestampNtz::MAX,
        day: Date::from_days(-1).unwrap(),
        system: SystemTime::UNIX_EPOCH - Duration::from_nanos(1),
        price: "-0.05".parse().unwrap(),
        variant: Variant::of(&json!({"a": 1})).unwrap(),
    };
    assert_eq!(
        read(&row),
        json!({
            "tiny": -128, "small": -32768, "int": i32::MIN, "long": i64::MIN, "byte": 255, "word": 65535,
            "double_word": u32::MAX, "float": 1.5, "double": -2.25, "yes": true, "text": "", "cow": "cow",
            "boxed": "boxed", "shared": "shared", "counted": "counted", "bytes": "AP8=", "vec": "AQ==",
            "fixed": "AgM=", "time": -1000, "wall": 253_402_300_799_999_999_i64, "day": -1, "system": -1,
            "price": "-0.05", "variant": "{\"a\":1}",
        })
    );
}

#[test]
fn options_collections_and_structs_nest() {
    #[derive(ZerobusMessage, Clone)]
    struct Point {
        x: f64,
        label: Option<String>,
    }
    #[derive(ZerobusMessage)]
    struct Row<'a> {
        absent: Option<i64>,
        present: Option<Box<i64>>,
        point: Point,
        maybe: Option<Point>,
        points: Vec<Point>,
        numbers: &'a [i32],
        pair: [i16; 2],
        set: BTreeSet<&'a str>,
        none: Option<Vec<String>>,
        by_name: BTreeMap<String, Point>,
        by_day: HashMap<Date, f64>,
    }
    let point = Point { x: 0.5, label: Some("here".to_owned()) };
    let row = Row {
        absent: None,
        present: Some(Box::new(0)),
        point: Point { x: 1.0, label: None },
        maybe: None,
        points: vec![point.clone(), point.clone()],
        numbers: &[0, -1],
        pair: [3, 4],
        set: ["b", "a"].into(),
        none: None,
        by_name: [("p".to_owned(), point)].into(),
        by_day: [(Date::EPOCH, 0.0)].into(),
    };
    let here = json!({"x": 0.5, "label": "here"});
    assert_eq!(
        read(&row),
        json!({
            "present": 0, "point": {"x": 1.0}, "points": [here, here], "numbers": [0, -1], "pair": [3, 4],
            "set": ["a", "b"], "by_name": {"p": here}, "by_day": {"0": 0.0},
        })
    );
}

#[test]
fn attributes_name_number_skip_and_convert() {
    fn seven() -> i16 {
        7
    }
    fn shout(text: &str) -> String {
        text.to_uppercase()
    }
    #[derive(ZerobusMessage)]
    #[zerobus(table = "main.geo.quakes", unchecked, rename_all = "camelCase")]
    struct Row {
        event_id: i32,
        #[zerobus(name = "magType", number = 7)]
        kind: Option<String>,
        #[zerobus(skip)]
        #[expect(dead_code, reason = "it is not a column")]
        scratch: u64,
        #[zerobus(timestamp(millis))]
        updated: Option<i64>,
        #[zerobus(timestamp_ntz(secs))]
        wall: Vec<i64>,
        #[zerobus(date)]
        day: u32,
        #[zerobus(decimal(5, 1))]
        price: String,
        #[zerobus(json)]
        extra: Option<Vec<u8>>,
        #[zerobus(with = shout)]
        r#type: String,
        #[zerobus(default)]
        note: Option<String>,
        #[zerobus(default = seven)]
        level: Option<i16>,
    }
    let row = Row {
        event_id: 1,
        kind: None,
        scratch: 0,
        updated: Some(-1),
        wall: vec![1, 2],
        day: 3,
        price: "1.5".to_owned(),
        extra: Some(vec![1]),
        r#type: "quake".to_owned(),
        note: None,
        level: None,
    };
    let expected = [
        ("eventId", 1),
        ("magType", 7),
        ("updated", 8),
        ("wall", 9),
        ("day", 10),
        ("price", 11),
        ("extra", 12),
        ("type", 13),
        ("note", 14),
        ("level", 15),
    ];
    assert_eq!(columns::<Row>(), expected.map(|(name, number)| (name.to_owned(), number)));
    assert_eq!(Row::TABLE, Some("main.geo.quakes"));
    assert_eq!(Row::descriptor().name(), "Quakes");
    assert_eq!(
        read(&row),
        json!({
            "eventId": 1, "updated": -1000, "wall": [1_000_000, 2_000_000], "day": 3, "price": "1.5",
            "extra": "[1]", "type": "QUAKE", "note": "", "level": 7,
        })
    );
}

#[test]
fn newtypes_and_generics_are_what_they_hold() {
    #[derive(ZerobusMessage, PartialEq, Eq, Hash)]
    #[zerobus(key)]
    struct Id(u32);
    #[derive(ZerobusMessage)]
    struct Wrapped<T>(T);
    #[derive(ZerobusMessage)]
    struct Row<'a, T: Clone, const N: usize>
    where
        T: 'a,
    {
        id: Id,
        wrapped: Wrapped<&'a str>,
        value: T,
        values: Vec<T>,
        digest: [u8; N],
        by_id: HashMap<Id, bool>,
    }
    let row = Row {
        id: Id(7),
        wrapped: Wrapped("w"),
        value: 1.5_f32,
        values: vec![2.5],
        digest: [1; 3],
        by_id: [(Id(1), true)].into(),
    };
    assert_eq!(
        read(&row),
        json!({"id": 7, "wrapped": "w", "value": 1.5, "values": [2.5], "digest": "AQEB", "by_id": {"1": true}})
    );
}

#[test]
fn a_value_that_its_column_cannot_hold_refuses_the_row() {
    #[derive(ZerobusMessage)]
    struct Row {
        #[zerobus(timestamp(secs))]
        at: i64,
    }
    let mut out = Encoder::new();
    Row { at: i64::MAX }.encode_to(&mut out);
    let refusal = out.take_refusal().expect("the year is beyond 9999");
    assert_eq!(
        refusal.to_string(),
        "9223372036854775807 seconds since 1970-01-01 lie outside of the years 0001 to 9999; \
         is seconds the unit of this number?"
    );
    assert_eq!(out.take_refusal(), None);
}

#[test]
fn long_nested_content_keeps_its_length() {
    #[derive(ZerobusMessage)]
    struct Inner {
        text: String,
    }
    #[derive(ZerobusMessage)]
    struct Row {
        inner: Inner,
        after: i32,
    }
    for len in [0, 1, 123, 124, 125, 126, 127, 128, 16_383, 16_384, 1 << 20] {
        let text = "x".repeat(len);
        let row = Row { inner: Inner { text: text.clone() }, after: 5 };
        assert_eq!(read(&row), json!({"inner": {"text": text}, "after": 5}));
    }
}

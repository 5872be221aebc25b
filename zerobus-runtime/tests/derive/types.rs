//! Which Rust types are which columns, alone and nested.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroI8, NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32};
use std::time::{Duration, SystemTime};

use serde_json::json;
use zerobus_runtime::{Date, Decimal, Encoder, Timestamp, TimestampNtz, Variant, ZerobusMessage};

use super::optional;
use super::reader::read;

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

#[test]
fn types_of_the_standard_library_travel_as_what_they_mean() {
    #[derive(ZerobusMessage)]
    struct Row<'a> {
        tiny: NonZeroI8,
        port: NonZeroU16,
        count: Option<NonZeroU32>,
        flag: AtomicBool,
        total: AtomicI64,
        seen: Arc<AtomicU32>,
        letter: char,
        any: IpAddr,
        v4: Option<Ipv4Addr>,
        v6: Vec<Ipv6Addr>,
        socket: SocketAddr,
        path: PathBuf,
        file: &'a Path,
        value: serde_json::Value,
        object: Option<serde_json::Map<String, serde_json::Value>>,
        raw: Box<serde_json::value::RawValue>,
        by_letter: BTreeMap<char, i32>,
        by_address: BTreeMap<IpAddr, i32>,
    }
    let row = Row {
        tiny: NonZeroI8::MIN,
        port: NonZeroU16::MAX,
        count: NonZeroU32::new(7),
        flag: true.into(),
        total: (-1).into(),
        seen: Arc::new(3.into()),
        letter: 'ß',
        any: Ipv6Addr::LOCALHOST.into(),
        v4: Some(Ipv4Addr::LOCALHOST),
        v6: vec![Ipv6Addr::UNSPECIFIED],
        socket: "[2001:db8::1]:443".parse().unwrap(),
        path: "/var/log".into(),
        file: Path::new("größe.txt"),
        value: json!({"a": [1, null]}),
        object: json!({"b": 1}).as_object().cloned(),
        raw: serde_json::value::RawValue::from_string("[1,  2]".to_owned()).unwrap(),
        by_letter: [('x', 1)].into(),
        by_address: [(Ipv4Addr::LOCALHOST.into(), 1)].into(),
    };
    assert_eq!(
        read(&row),
        json!({
            "tiny": -128, "port": 65535, "count": 7, "flag": true, "total": -1, "seen": 3, "letter": "ß", "any": "::1",
            "v4": "127.0.0.1", "v6": ["::"], "socket": "[2001:db8::1]:443", "path": "/var/log", "file": "größe.txt",
            "value": "{\"a\":[1,null]}", "object": "{\"b\":1}", "raw": "[1,  2]", "by_letter": {"x": 1},
            "by_address": {"127.0.0.1": 1},
        })
    );
    let types: Vec<String> = Row::SCHEMA.row().fields.iter().map(|field| field.data_type.to_string()).collect();
    assert_eq!(
        types.join(", "),
        "TINYINT, INT, BIGINT, BOOLEAN, BIGINT, BIGINT, STRING, STRING, STRING, ARRAY<STRING>, STRING, STRING, STRING, \
         VARIANT, VARIANT, VARIANT, MAP<STRING, INT>, MAP<STRING, INT>"
    );
}

#[cfg(unix)]
#[test]
fn a_path_that_is_not_unicode_refuses_the_row() {
    use std::os::unix::ffi::OsStrExt as _;
    #[derive(ZerobusMessage)]
    struct Row<'a> {
        path: &'a Path,
    }
    let mut out = Encoder::new();
    Row { path: Path::new(OsStr::from_bytes(b"a\xff")) }.encode_to(&mut out);
    let refusal = out.take_refusal().expect("the path is not Unicode").to_string();
    assert_eq!(refusal, "`a\u{fffd}` is not Unicode, and a STRING is; convert it with #[zerobus(with = ...)]");
}

#[test]
fn collections_behind_pointers_are_collections() {
    #[derive(ZerobusMessage)]
    struct Row<'a> {
        cow: Cow<'a, [i32]>,
        bytes: Cow<'a, [u8]>,
        arc: Arc<[i32]>,
        rc: Rc<[String]>,
        arc_vec: Arc<Vec<i32>>,
        vec: &'a Vec<&'a str>,
        array: &'a [i16; 2],
        queue: VecDeque<i32>,
        set: &'a BTreeSet<i32>,
        map: &'a BTreeMap<String, i32>,
        arc_map: Arc<HashMap<i32, bool>>,
    }
    let (vec, set, map) = (vec!["v"], [1].into(), [("k".to_owned(), 1)].into());
    let row = Row {
        cow: vec![1].into(),
        bytes: vec![1].into(),
        arc: [2].into(),
        rc: ["r".to_owned()].into(),
        arc_vec: vec![3].into(),
        vec: &vec,
        array: &[4, 5],
        queue: [6].into(),
        set: &set,
        map: &map,
        arc_map: Arc::new([(7, true)].into()),
    };
    assert_eq!(
        read(&row),
        json!({
            "cow": [1], "bytes": "AQ==", "arc": [2], "rc": ["r"], "arc_vec": [3], "vec": ["v"], "array": [4, 5],
            "queue": [6], "set": [1], "map": {"k": 1}, "arc_map": {"7": true},
        })
    );
}

#[test]
fn an_enum_without_data_is_the_text_of_its_variant() {
    #[derive(ZerobusMessage, Clone, Copy, PartialEq, Eq, Hash)]
    #[zerobus(rename_all = "kebab-case")]
    enum Status {
        InReview,
        #[zerobus(rename = "done!")]
        Done = 7,
        r#Type,
    }
    #[derive(ZerobusMessage, PartialEq, Eq, PartialOrd, Ord)]
    enum Plain {
        FirstOne,
    }
    #[derive(ZerobusMessage)]
    struct Row {
        status: Status,
        maybe: Option<Status>,
        all: Vec<Status>,
        by_status: HashMap<Status, i32>,
        by_plain: BTreeMap<Plain, i32>,
    }
    let row = Row {
        status: Status::InReview,
        maybe: Some(Status::Done),
        all: vec![Status::Done, Status::r#Type],
        by_status: [(Status::InReview, 1)].into(),
        by_plain: [(Plain::FirstOne, 1)].into(),
    };
    assert_eq!(
        read(&row),
        json!({
            "status": "in-review", "maybe": "done!", "all": ["done!", "type"], "by_status": {"in-review": 1},
            "by_plain": {"FirstOne": 1},
        })
    );
}

#[test]
#[allow(unused_parens, reason = "a macro may write them")]
fn types_that_a_macro_puts_in_are_what_they_are() {
    macro_rules! row {
        ($name:ident { $($(#[$attribute:meta])* $field:ident: $ty:ty,)* }) => {
            #[derive(ZerobusMessage)]
            #[zerobus(setters)]
            struct $name { $($(#[$attribute])* $field: $ty,)* }
        };
    }
    row!(Row {
        at: Option<i64>,
        #[zerobus(json)]
        pairs: Option<Vec<(i32, bool)>>,
        #[zerobus(with = |n| format!("{n}."))]
        text: Option<i32>,
        #[zerobus(with = |n| i64::from(*n))]
        each: Vec<i32>,
        #[zerobus(with = |n| format!("{n}."))]
        parentheses: (Option<i32>),
    });
    let row = Row { at: None, pairs: None, text: Some(1), each: vec![2], parentheses: Some(3) };
    let row = row.with_at(4).with_pairs(vec![(5, true)]);
    assert_eq!(read(&row), json!({"at": 4, "pairs": "[[5,true]]", "text": "1.", "each": [2], "parentheses": "3."}));
    assert_eq!(optional::<Row>(), ["at", "pairs", "text", "parentheses"]);
}

//! What a derived struct writes, judged by prost-reflect with the descriptor that a stream would open with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod reader;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ffi::OsStr;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{NonZeroI8, NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32};
use std::time::{Duration, SystemTime};

use serde_json::json;
use zerobus_runtime::message::Presence;
use zerobus_runtime::{Date, Decimal, Encoder, Timestamp, TimestampNtz, Variant, ZerobusMessage};

use reader::read;

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
fn an_attribute_at_the_field_of_a_newtype_counts() {
    fn shout(text: &str) -> String {
        text.to_uppercase()
    }
    #[derive(ZerobusMessage)]
    struct Millis(#[zerobus(timestamp(millis))] i64);
    #[derive(ZerobusMessage, PartialEq, Eq, PartialOrd, Ord)]
    #[zerobus(key)]
    struct Day(#[zerobus(date)] i32);
    #[derive(ZerobusMessage)]
    struct Price(#[zerobus(decimal(10, 2))] String);
    #[derive(ZerobusMessage)]
    struct Extra<T: serde::Serialize>(#[zerobus(json)] T);
    #[derive(ZerobusMessage)]
    struct Loud(#[zerobus(with = shout)] String);
    #[derive(ZerobusMessage)]
    struct Sum(#[zerobus(with = |values| values.iter().sum::<i64>())] [i64; 2]);
    #[derive(ZerobusMessage)]
    struct Level(#[zerobus(default)] Option<i32>);
    #[derive(ZerobusMessage)]
    struct Id<T>(i64, #[zerobus(skip)] PhantomData<T>);
    #[derive(ZerobusMessage)]
    struct Row {
        at: Millis,
        maybe: Option<Millis>,
        days: Vec<Day>,
        by_day: BTreeMap<Day, i32>,
        price: Price,
        extra: Extra<Vec<i32>>,
        loud: Loud,
        sum: Sum,
        level: Level,
        id: Id<String>,
    }
    let row = Row {
        at: Millis(1),
        maybe: Some(Millis(-1)),
        days: vec![Day(3)],
        by_day: [(Day(4), 1)].into(),
        price: Price("1.5".to_owned()),
        extra: Extra(vec![1]),
        loud: Loud("a".to_owned()),
        sum: Sum([1, 2]),
        level: Level(None),
        id: Id(9, PhantomData),
    };
    assert_eq!(
        read(&row),
        json!({
            "at": 1000, "maybe": -1000, "days": [3], "by_day": {"4": 1}, "price": "1.50", "extra": "[1]", "loud": "A",
            "sum": 3, "level": 0, "id": 9,
        })
    );
    let create = Row::create_table();
    for column in
        ["`at` TIMESTAMP NOT NULL", "`days` ARRAY<DATE>", "`by_day` MAP<DATE, INT>", "`price` DECIMAL(10,2) NOT NULL"]
    {
        assert!(create.contains(column), "{column} in {create}");
    }
}

/// What only a function can write.
struct Tag {
    name: String,
    weight: u8,
}

impl Tag {
    fn new() -> Self {
        Self { name: "t".to_owned(), weight: 2 }
    }

    fn name(&self) -> &str {
        &self.name
    }
}

fn count(tags: &[Tag]) -> i32 {
    i32::try_from(tags.len()).unwrap()
}

fn parse(text: &str) -> Result<i32, std::num::ParseIntError> {
    text.parse()
}

/// Takes bytes in any container, as functions of other crates do.
fn hex(bytes: impl AsRef<[u8]>) -> String {
    use std::fmt::Write as _;
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The columns that may be left out.
fn optional<T: ZerobusMessage>() -> Vec<&'static str> {
    let fields = T::SCHEMA.fields.iter();
    fields.filter(|field| field.presence == Presence::Optional).map(|field| field.name).collect()
}

#[test]
fn with_a_path_reaches_what_the_function_takes() {
    type Maybe = Option<Tag>;
    #[derive(ZerobusMessage)]
    struct Row {
        #[zerobus(with = Tag::name)]
        whole: Tag,
        #[zerobus(with = Tag::name)]
        inside: Option<Tag>,
        #[zerobus(with = Tag::name)]
        alias: Maybe,
        #[zerobus(with = Tag::name)]
        each: Vec<Tag>,
        #[zerobus(with = Tag::name)]
        inside_each: Option<Vec<Tag>>,
        #[zerobus(with = count)]
        count: Vec<Tag>,
        #[zerobus(with = count)]
        maybe_count: Option<Vec<Tag>>,
        #[zerobus(with = Option::is_some)]
        there: Option<Tag>,
        #[zerobus(with = ToString::to_string)]
        text: Option<u64>,
        #[zerobus(with = <u64 as ToString>::to_string, name = "qualified")]
        texts: Vec<u64>,
        #[zerobus(with = parse)]
        parsed: String,
        #[zerobus(with = parse)]
        all_parsed: Option<Vec<String>>,
    }
    let row = Row {
        whole: Tag::new(),
        inside: Some(Tag::new()),
        alias: None,
        each: vec![Tag::new(), Tag::new()],
        inside_each: Some(vec![Tag::new()]),
        count: vec![Tag::new()],
        maybe_count: Some(vec![]),
        there: None,
        text: Some(5),
        texts: vec![u64::MAX],
        parsed: "-7".to_owned(),
        all_parsed: Some(vec!["8".to_owned()]),
    };
    assert_eq!(
        read(&row),
        json!({
            "whole": "t", "inside": "t", "each": ["t", "t"], "inside_each": ["t"], "count": 1, "maybe_count": 0,
            "there": false, "text": "5", "qualified": ["18446744073709551615"], "parsed": -7, "all_parsed": [8],
        })
    );
    assert_eq!(optional::<Row>(), ["inside", "alias", "maybe_count", "text"]);
    let mut out = Encoder::new();
    Row { parsed: "x".to_owned(), ..row }.encode_to(&mut out);
    let refusal = out.take_refusal().expect("x is not a number").to_string();
    assert_eq!(refusal, "the function that converts the field failed: invalid digit found in string");
}

#[test]
fn bytes_are_one_value_to_a_function_of_any_type() {
    #[derive(ZerobusMessage)]
    struct Row {
        #[zerobus(with = hex)]
        digest: Vec<u8>,
        #[zerobus(with = hex)]
        maybe: Option<Vec<u8>>,
        #[zerobus(with = hex)]
        array: [u8; 2],
        #[zerobus(with = <[u8]>::is_ascii)]
        ascii: Vec<u8>,
        #[zerobus(with = |bytes| hex(&bytes[..]))]
        closure: Option<Vec<u8>>,
    }
    let row =
        Row { digest: vec![1, 255], maybe: Some(vec![]), array: [0, 16], ascii: vec![128], closure: Some(vec![9]) };
    assert_eq!(read(&row), json!({"digest": "01ff", "maybe": "", "array": "0010", "ascii": false, "closure": "09"}));
}

#[test]
fn with_a_closure_takes_what_is_inside_unless_it_says_otherwise() {
    #[derive(ZerobusMessage)]
    struct Row {
        #[zerobus(with = |tag| i16::from(tag.weight))]
        whole: Tag,
        #[zerobus(with = |tag| tag.name.as_str())]
        inside: Option<Tag>,
        #[zerobus(with = |Tag { name, .. }| name.as_str(), number = 30)]
        each: Vec<Tag>,
        #[zerobus(with = |tag| i32::from(tag.weight))]
        inside_each: Option<Vec<Tag>>,
        #[zerobus(with = |tags: &Vec<Tag>| count(tags))]
        all: Vec<Tag>,
        #[zerobus(with = |tags: &[Tag]| -> Option<String> { tags.first().map(|tag| tag.name.clone()) })]
        slice: Vec<Tag>,
        #[zerobus(with = |tag: &Option<Tag>| tag.as_ref().map_or("", Tag::name))]
        option: Option<Tag>,
        #[zerobus(with = |()| std::convert::identity::<(i32, i32)>((1, 2)).0, name = "commas")]
        unused: (),
    }
    let row = Row {
        whole: Tag::new(),
        inside: Some(Tag::new()),
        each: vec![Tag::new()],
        inside_each: None,
        all: vec![Tag::new()],
        slice: vec![Tag::new()],
        option: None,
        unused: (),
    };
    assert_eq!(
        read(&row),
        json!({"whole": 2, "inside": "t", "each": ["t"], "all": 1, "slice": "t", "option": "", "commas": 1})
    );
    assert_eq!(optional::<Row>(), ["inside", "slice"]);
}

#[test]
fn a_whole_struct_may_come_from_the_caller_of_a_macro() {
    macro_rules! derived {
        ($($tokens:tt)*) => { #[derive(ZerobusMessage)] $($tokens)* };
    }
    derived! {
        #[zerobus(column_names, setters)]
        struct Row {
            id: i64,
            tags: Vec<String>,
            #[zerobus(timestamp(millis))]
            at: Option<i64>,
            #[zerobus(default)]
            count: Option<i32>,
            #[zerobus(json)]
            pairs: Vec<(i32, bool)>,
            #[zerobus(json)]
            maybe: Option<i32>,
            #[zerobus(with = hex)]
            digest: Vec<u8>,
            millis: Millis,
            seconds: Seconds,
        }
    }
    derived! { struct Millis(#[zerobus(timestamp(millis))] i64); }
    derived! { struct Seconds(#[zerobus(with = |seconds: &u32| i64::from(*seconds))] u32); }
    let (millis, seconds) = (Millis(1), Seconds(2));
    let row = Row {
        id: 1,
        tags: vec![],
        at: Some(1),
        count: None,
        pairs: vec![(1, true)],
        maybe: None,
        digest: vec![10],
        millis,
        seconds,
    };
    assert_eq!(
        read(&row.with_id(3)),
        json!({"id": 3, "at": 1000, "count": 0, "pairs": "[[1,true]]", "digest": "0a", "millis": 1000, "seconds": 2})
    );
    assert_eq!(Row::COLUMN_DIGEST, "digest");
}

/// The number as another type, by way of a third.
fn by_way_of<A: Copy, B: From<A>, C: From<B>>(number: &A) -> C {
    C::from(B::from(*number))
}

#[test]
fn a_closure_ends_where_the_next_attribute_begins() {
    #[derive(ZerobusMessage)]
    struct Row<'a> {
        #[zerobus(with = |n| 1 + by_way_of::<i8, i16, i64>(n))]
        commas: i8,
        #[zerobus(with = |n| i64::from(*n),)]
        last: i32,
        #[zerobus(with = |text: &Cow<'_, str>| text.len().to_string(), name = "length")]
        borrowed: Option<Cow<'a, str>>,
    }
    let row = Row { commas: 1, last: 2, borrowed: Some("abc".into()) };
    assert_eq!(read(&row), json!({"commas": 2, "last": 2, "length": "3"}));
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

#[test]
fn a_duration_is_a_number_of_units() {
    #[derive(ZerobusMessage)]
    struct Row {
        #[zerobus(duration(secs))]
        secs: Duration,
        #[zerobus(duration(millis))]
        millis: Option<Duration>,
        #[zerobus(duration(micros))]
        micros: Vec<Duration>,
        #[zerobus(duration(nanos))]
        nanos: Duration,
    }
    let row = |nanos| Row {
        secs: Duration::from_millis(1_999),
        millis: Some(Duration::from_micros(1_999)),
        micros: vec![Duration::from_nanos(1_999)],
        nanos,
    };
    assert_eq!(
        read(&row(Duration::from_nanos(i64::MAX.unsigned_abs()))),
        json!({"secs": 1, "millis": 1, "micros": [1], "nanos": i64::MAX})
    );
    let mut out = Encoder::new();
    row(Duration::MAX).encode_to(&mut out);
    let refusal = out.take_refusal().expect("BIGINT ends before").to_string();
    assert_eq!(
        refusal,
        "a duration of 18446744073709551615999999999 nanoseconds is beyond BIGINT; count it in a greater unit"
    );
}

#[test]
fn conversions_reach_pointers_and_arrays() {
    #[derive(ZerobusMessage)]
    struct Row<'a> {
        #[zerobus(timestamp(millis))]
        times: &'a [i64],
        #[zerobus(date)]
        days: [i32; 2],
        #[zerobus(timestamp(secs))]
        boxed: Option<Box<i64>>,
        #[zerobus(decimal(5, 1))]
        text: &'a str,
        #[zerobus(decimal(5, 1))]
        cow: Option<Cow<'a, str>>,
        #[zerobus(decimal(20, 0))]
        number: u64,
    }
    let row = Row {
        times: &[1, 2],
        days: [1, 2],
        boxed: Some(Box::new(1)),
        text: "1.5",
        cow: Some("2".into()),
        number: u64::MAX,
    };
    assert_eq!(
        read(&row),
        json!({
            "times": [1000, 2000], "days": [1, 2], "boxed": 1_000_000, "text": "1.5", "cow": "2.0",
            "number": "18446744073709551615",
        })
    );
}

#[test]
fn a_table_may_be_a_constant() {
    const TABLE: &str = "main.iot.readings";
    #[derive(ZerobusMessage)]
    #[zerobus(table = TABLE, unchecked)]
    struct Reading {
        id: i64,
    }
    #[derive(ZerobusMessage)]
    #[zerobus(table = concat!("main.iot.", "others"), unchecked)]
    struct Other {
        id: i64,
    }
    assert_eq!((Reading::TABLE, Other::TABLE), (Some(TABLE), Some("main.iot.others")));
    assert_eq!(Reading::descriptor().name(), "Reading");
    assert_eq!(read(&Reading { id: 1 }), read(&Other { id: 1 }));
}

#[test]
fn a_generic_field_needs_only_what_its_attribute_asks() {
    #[derive(ZerobusMessage)]
    struct Row<T, D, O, M> {
        #[zerobus(json)]
        json: T,
        #[zerobus(json)]
        maybe: Option<T>,
        #[zerobus(timestamp(millis))]
        at: D,
        #[zerobus(default)]
        level: Option<O>,
        #[zerobus(with = |_| 1)]
        other: M,
    }
    struct Opaque;
    let row = Row { json: [1, 2], maybe: None, at: Some(1_i64), level: None::<i32>, other: Opaque };
    assert_eq!(read(&row), json!({"json": "[1,2]", "at": 1000, "level": 0, "other": 1}));
}

#[test]
fn columns_have_names_and_setters_where_they_are_asked_for() {
    #[derive(ZerobusMessage, Default)]
    #[zerobus(column_names, setters, rename_all = "camelCase")]
    struct Row<T: Default> {
        event_id: i32,
        r#type: Option<String>,
        tags: Vec<T>,
        #[zerobus(skip)]
        scratch: u64,
    }
    assert_eq!(
        (Row::<i32>::COLUMN_EVENT_ID, Row::<i32>::COLUMN_TYPE, Row::<i32>::COLUMN_TAGS),
        ("eventId", "type", "tags")
    );
    let row = Row::default().with_event_id(7).with_type("quake".to_owned()).with_tags(vec![1]);
    assert_eq!(read(&row), json!({"eventId": 7, "type": "quake", "tags": [1]}));
    let row = row.with_type(None);
    assert_eq!(read(&row), json!({"eventId": 7, "tags": [1]}));
    assert_eq!(row.scratch, 0);
}

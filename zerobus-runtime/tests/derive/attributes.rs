//! What the attributes of a struct and its fields change.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

use serde_json::json;
#[cfg(feature = "spool")]
use zerobus_runtime::message::Stamps;
use zerobus_runtime::{Encoder, ZerobusMessage};

use super::reader::read;
use super::{columns, hex};

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
    struct Row<T, U, D, O, M> {
        #[zerobus(json)]
        json: T,
        #[zerobus(json)]
        maybe: Option<U>,
        #[zerobus(timestamp(millis))]
        at: D,
        #[zerobus(default)]
        level: Option<O>,
        #[zerobus(with = |_| 1)]
        other: M,
    }
    struct Opaque;
    let row = Row { json: [1, 2], maybe: Some(3), at: Some(1_i64), level: None::<i32>, other: Opaque };
    assert_eq!(read(&row), json!({"json": "[1,2]", "maybe": "3", "at": 1000, "level": 0, "other": 1}));
}

#[test]
fn a_generated_struct_is_not_held_against_a_snapshot_again() {
    // There is no snapshot of this table.
    #[derive(ZerobusMessage)]
    #[zerobus(table = "main.iot.readings", generated)]
    struct Reading {
        id: i64,
    }
    assert_eq!((Reading::TABLE, Reading::COLUMN_ID), (Some("main.iot.readings"), "id"));
    assert_eq!(read(&Reading { id: 1 }), json!({"id": 1}));
}

#[cfg(feature = "spool")]
#[test]
fn the_columns_of_stamps_are_known_by_what_fills_them() {
    #[derive(ZerobusMessage)]
    struct Reading {
        #[zerobus(stamp = "sequence", name = "row")]
        sequence: Option<i64>,
        #[zerobus(stamp = "producer", name = "sender")]
        producer: Option<String>,
        #[zerobus(stamp = "epoch", name = "run")]
        epoch: Option<i64>,
        celsius: f64,
    }
    let stamps = Stamps { producer: "sender", epoch: "run", sequence: "row" };
    assert_eq!(Reading::STAMPS, Some(stamps));
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

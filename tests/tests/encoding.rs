//! The derive encodes rows to the same bytes as prost, and prost-reflect reads them back.
// Evaluating the schema constants of forty nested structs exceeds the compiler's default limit of 128.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use zerobus_runtime::{Date, Decimal, Encoder, Timestamp, Variant, ZerobusMessage};

/// A row with every wire type, for this workspace.
#[derive(ZerobusMessage, Debug, Clone)]
struct Ours {
    tiny: i8,
    small: Option<i16>,
    int: i32,
    long: Option<i64>,
    float: f32,
    double: Option<f64>,
    yes: bool,
    text: String,
    bytes: Option<Vec<u8>>,
    day: Date,
    at: Option<Timestamp>,
    price: Decimal<20, 4>,
    extra: Option<Variant>,
    inner: OurInner,
    maybe: Option<OurInner>,
    inners: Vec<OurInner>,
    numbers: Vec<i64>,
    names: Vec<String>,
    by_name: BTreeMap<String, i32>,
    by_number: BTreeMap<i64, OurInner>,
}

#[derive(ZerobusMessage, Debug, Clone)]
struct OurInner {
    // Nullable, because prost omits a map's value that equals the default, even if it has required fields.
    name: Option<String>,
    deep: Option<Box<OurDeep>>,
}

#[derive(ZerobusMessage, Debug, Clone)]
struct OurDeep {
    values: Vec<f64>,
    label: String,
}

/// The same row for prost.
#[derive(prost::Message, PartialEq)]
struct Theirs {
    #[prost(int32, required, tag = "1")]
    tiny: i32,
    #[prost(int32, optional, tag = "2")]
    small: Option<i32>,
    #[prost(int32, required, tag = "3")]
    int: i32,
    #[prost(int64, optional, tag = "4")]
    long: Option<i64>,
    #[prost(float, required, tag = "5")]
    float: f32,
    #[prost(double, optional, tag = "6")]
    double: Option<f64>,
    #[prost(bool, required, tag = "7")]
    yes: bool,
    #[prost(string, required, tag = "8")]
    text: String,
    #[prost(bytes, optional, tag = "9")]
    bytes: Option<Vec<u8>>,
    #[prost(int32, required, tag = "10")]
    day: i32,
    #[prost(int64, optional, tag = "11")]
    at: Option<i64>,
    #[prost(string, required, tag = "12")]
    price: String,
    #[prost(string, optional, tag = "13")]
    extra: Option<String>,
    #[prost(message, required, tag = "14")]
    inner: TheirInner,
    #[prost(message, optional, tag = "15")]
    maybe: Option<TheirInner>,
    #[prost(message, repeated, tag = "16")]
    inners: Vec<TheirInner>,
    #[prost(int64, repeated, packed = "false", tag = "17")]
    numbers: Vec<i64>,
    #[prost(string, repeated, tag = "18")]
    names: Vec<String>,
    #[prost(btree_map = "string, int32", tag = "19")]
    by_name: BTreeMap<String, i32>,
    #[prost(btree_map = "int64, message", tag = "20")]
    by_number: BTreeMap<i64, TheirInner>,
}

#[derive(prost::Message, PartialEq)]
struct TheirInner {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(message, optional, boxed, tag = "2")]
    deep: Option<Box<TheirDeep>>,
}

#[derive(prost::Message, PartialEq)]
struct TheirDeep {
    #[prost(double, repeated, packed = "false", tag = "1")]
    values: Vec<f64>,
    #[prost(string, required, tag = "2")]
    label: String,
}

impl From<&Ours> for Theirs {
    fn from(row: &Ours) -> Self {
        Self {
            tiny: row.tiny.into(),
            small: row.small.map(i32::from),
            int: row.int,
            long: row.long,
            float: row.float,
            double: row.double,
            yes: row.yes,
            text: row.text.clone(),
            bytes: row.bytes.clone(),
            day: row.day.as_days(),
            at: row.at.map(Timestamp::as_micros),
            price: row.price.to_string(),
            extra: row.extra.as_ref().map(ToString::to_string),
            inner: (&row.inner).into(),
            maybe: row.maybe.as_ref().map(Into::into),
            inners: row.inners.iter().map(Into::into).collect(),
            numbers: row.numbers.clone(),
            names: row.names.clone(),
            by_name: row.by_name.clone(),
            by_number: row.by_number.iter().map(|(key, value)| (*key, value.into())).collect(),
        }
    }
}

impl From<&OurInner> for TheirInner {
    fn from(row: &OurInner) -> Self {
        let deep = row.deep.as_ref();
        let deep = deep.map(|deep| Box::new(TheirDeep { values: deep.values.clone(), label: deep.label.clone() }));
        Self { name: row.name.clone(), deep }
    }
}

prop_compose! {
    fn deep()(values in prop::collection::vec(any::<f64>(), 0..20), label in any::<String>()) -> OurDeep {
        OurDeep { values, label }
    }
}

prop_compose! {
    fn inner()(name in any::<Option<String>>(), deep in prop::option::of(deep().prop_map(Box::new))) -> OurInner {
        OurInner { name, deep }
    }
}

prop_compose! {
    fn scalars()(
        (tiny, small, int, long) in any::<(i8, Option<i16>, i32, Option<i64>)>(),
        (float, double, yes) in any::<(f32, Option<f64>, bool)>(),
        (text, bytes) in any::<(String, Option<Vec<u8>>)>(),
        (day, at) in (-719_162..=2_932_896_i32, prop::option::of(-62_135_596_800_000_000..=253_402_300_799_999_999_i64)),
        price in -10_i128.pow(20) + 1..10_i128.pow(20),
        extra in prop::option::of(any::<Vec<i32>>()),
        inner in inner(),
    ) -> Ours {
        Ours {
            tiny, small, int, long, float, double, yes, text, bytes, inner,
            day: Date::from_days(day).unwrap(),
            at: at.map(|micros| Timestamp::from_micros(micros).unwrap()),
            price: Decimal::from_unscaled(price).unwrap(),
            extra: extra.map(|values| Variant::of(&values).unwrap()),
            maybe: None, inners: vec![], numbers: vec![], names: vec![],
            by_name: BTreeMap::new(), by_number: BTreeMap::new(),
        }
    }
}

prop_compose! {
    fn row()(
        scalars in scalars(),
        maybe in prop::option::of(inner()),
        inners in prop::collection::vec(inner(), 0..4),
        numbers in any::<Vec<i64>>(),
        names in any::<Vec<String>>(),
        by_name in prop::collection::btree_map(any::<String>(), any::<i32>(), 0..4),
        by_number in prop::collection::btree_map(any::<i64>(), inner(), 0..4),
    ) -> Ours {
        Ours { maybe, inners, numbers, names, by_name, by_number, ..scalars }
    }
}

fn encode<T: ZerobusMessage>(row: &T) -> Vec<u8> {
    let mut out = Encoder::new();
    row.encode_to(&mut out);
    assert_eq!(out.take_refusal(), None);
    out.into_bytes()
}

fn message_of(descriptor: DescriptorProto) -> MessageDescriptor {
    let name = descriptor.name().to_owned();
    let file = FileDescriptorProto {
        name: Some("row.proto".to_owned()),
        syntax: Some("proto2".to_owned()),
        message_type: vec![descriptor],
        ..Default::default()
    };
    let pool = DescriptorPool::from_file_descriptor_set(FileDescriptorSet { file: vec![file] }).unwrap();
    pool.get_message_by_name(&name).unwrap()
}

proptest! {
    #[test]
    fn the_bytes_are_those_of_prost_and_read_back(row in row()) {
        let ours = encode(&row);
        let theirs = Theirs::from(&row).encode_to_vec();
        prop_assert_eq!(&ours, &theirs);
        let message = DynamicMessage::decode(message_of(Ours::descriptor()), &ours[..]).unwrap();
        prop_assert_eq!(message.unknown_fields().count(), 0);
        // prost-reflect also writes fields in the order of their numbers, but maps in any order.
        if row.by_name.len() < 2 && row.by_number.len() < 2 {
            prop_assert_eq!(Theirs::decode(&message.encode_to_vec()[..]).unwrap().encode_to_vec(), theirs);
        }
    }
}

#[test]
fn the_ends_of_every_range_arrive() {
    let row = Ours {
        tiny: i8::MIN,
        small: Some(i16::MIN),
        int: i32::MIN,
        long: Some(i64::MIN),
        float: f32::NAN,
        double: Some(f64::NAN),
        yes: false,
        text: String::new(),
        bytes: Some(vec![0xff; 1 << 20]),
        day: Date::MIN,
        at: Some(Timestamp::MAX),
        price: Decimal::MIN,
        extra: Some(Variant::of(&"x".repeat(1 << 20)).unwrap()),
        inner: OurInner { name: None, deep: None },
        maybe: Some(OurInner { name: Some(String::new()), deep: None }),
        inners: vec![OurInner { name: None, deep: None }; 3],
        numbers: vec![0, i64::MIN],
        names: vec![String::new(), "x".repeat(1 << 20)],
        by_name: BTreeMap::from([(String::new(), 0), ("k".to_owned(), 0), ("l".to_owned(), 1)]),
        by_number: BTreeMap::from([(0, OurInner { name: None, deep: None })]),
    };
    let bytes = encode(&row);
    assert_eq!(bytes, Theirs::from(&row).encode_to_vec());
    assert!(Theirs::decode(&bytes[..]).unwrap().double.unwrap().is_nan());
}

/// Nests structs; the innermost holds a number.
macro_rules! nest {
    ($last:ident) => {
        #[derive(ZerobusMessage)]
        struct $last {
            number: i64,
        }

        impl $last {
            fn full() -> Self {
                Self { number: 7 }
            }
        }
    };
    ($outer:ident $inner:ident $($rest:ident)*) => {
        #[derive(ZerobusMessage)]
        struct $outer {
            inner: Vec<$inner>,
        }

        impl $outer {
            fn full() -> Self {
                Self { inner: vec![$inner::full()] }
            }
        }

        nest!($inner $($rest)*);
    };
}

nest! {
    L1 L2 L3 L4 L5 L6 L7 L8 L9 L10 L11 L12 L13 L14 L15 L16 L17 L18 L19 L20
    L21 L22 L23 L24 L25 L26 L27 L28 L29 L30 L31 L32 L33 L34 L35 L36 L37 L38 L39 L40
}

#[test]
fn forty_levels_of_structs_have_a_descriptor_and_read_back() {
    let descriptor = L1::descriptor();
    let depth = std::iter::successors(Some(&descriptor), |message| message.nested_type.first()).count();
    assert_eq!(depth, 40);
    let bytes = encode(&L1::full());
    let message = DynamicMessage::decode(message_of(descriptor), &bytes[..]).unwrap();
    assert_eq!(message.encode_to_vec(), bytes);
}

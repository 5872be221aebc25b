//! Types of other crates as the values of columns, each with the feature of its crate's name.
#![cfg(all(
    feature = "bytes",
    feature = "chrono",
    feature = "indexmap",
    feature = "jiff",
    feature = "rust_decimal",
    feature = "smallvec",
    feature = "time",
    feature = "url",
    feature = "uuid"
))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod reader;

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use indexmap::{IndexMap, IndexSet};
use serde_json::json;
use smallvec::{SmallVec, smallvec};
use url::Url;
use uuid::Uuid;
use zerobus_runtime::{Encoder, ZerobusMessage};

use reader::read;

#[test]
fn types_of_other_crates_travel_as_what_they_mean() {
    #[derive(ZerobusMessage)]
    struct Row {
        id: Uuid,
        ids: Option<Vec<Uuid>>,
        by_id: BTreeMap<Uuid, i32>,
        page: Url,
        pages: Vec<Url>,
        by_page: BTreeMap<Url, i32>,
        bytes: Bytes,
        mutable: BytesMut,
        parts: Vec<BytesMut>,
        small: SmallVec<[i32; 4]>,
        texts: Option<SmallVec<[String; 2]>>,
        digest: SmallVec<[u8; 32]>,
        digests: Vec<SmallVec<[u8; 2]>>,
        ordered: IndexMap<String, i32>,
        unique: IndexSet<i64>,
    }
    let id = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    let page: Url = "https://example.org/ü?q=1".parse().unwrap();
    let row = Row {
        id,
        ids: Some(vec![Uuid::nil(), Uuid::max()]),
        by_id: [(id, 1)].into(),
        page: page.clone(),
        pages: vec![page.clone()],
        by_page: [(page, 1)].into(),
        bytes: Bytes::from_static(b"a"),
        mutable: BytesMut::from(&b"b"[..]),
        parts: vec![BytesMut::new()],
        small: smallvec![1, 2],
        texts: Some(smallvec!["t".to_owned()]),
        digest: smallvec![1, 255],
        digests: vec![smallvec![2, 3]],
        ordered: [("z".to_owned(), 1), ("a".to_owned(), 2)].into(),
        unique: [9, 3].into(),
    };
    let (text, address) = ("01234567-89ab-cdef-0123-456789abcdef", "https://example.org/%C3%BC?q=1");
    assert_eq!(
        read(&row),
        json!({
            "id": text, "ids": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
            "by_id": {text: 1}, "page": address, "pages": [address], "by_page": {address: 1}, "bytes": "YQ==",
            "mutable": "Yg==", "parts": [""], "small": [1, 2], "texts": ["t"], "digest": "Af8=", "digests": ["AgM="],
            "ordered": {"z": 1, "a": 2}, "unique": [9, 3],
        })
    );
    let types: Vec<String> = Row::SCHEMA.row().fields.iter().map(|field| field.data_type.to_string()).collect();
    assert_eq!(
        types.join(", "),
        "STRING, ARRAY<STRING>, MAP<STRING, INT>, STRING, ARRAY<STRING>, MAP<STRING, INT>, BINARY, BINARY, \
         ARRAY<BINARY>, ARRAY<INT>, ARRAY<STRING>, BINARY, ARRAY<BINARY>, MAP<STRING, INT>, ARRAY<BIGINT>"
    );
}

#[test]
fn an_ordered_map_is_written_in_its_order() {
    #[derive(ZerobusMessage)]
    struct Row {
        ordered: IndexMap<String, i32>,
    }
    let mut out = Encoder::new();
    Row { ordered: [("z".to_owned(), 1), ("a".to_owned(), 2)].into() }.encode_to(&mut out);
    assert_eq!(out.as_slice(), b"\x0a\x05\x0a\x01z\x10\x01\x0a\x05\x0a\x01a\x10\x02");
}

#[test]
fn durations_of_other_crates_are_numbers_of_units() {
    #[derive(ZerobusMessage)]
    struct Row {
        #[zerobus(duration(millis))]
        chrono: chrono::TimeDelta,
        #[zerobus(duration(millis))]
        jiff: Option<jiff::SignedDuration>,
        #[zerobus(duration(secs))]
        time: Vec<time::Duration>,
    }
    let row = Row {
        chrono: chrono::TimeDelta::microseconds(-1),
        jiff: Some(jiff::SignedDuration::from_micros(-1_001)),
        time: vec![time::Duration::milliseconds(1_999), time::Duration::milliseconds(-1)],
    };
    assert_eq!(read(&row), json!({"chrono": -1, "jiff": -2, "time": [1, -1]}));
    let mut out = Encoder::new();
    let longest = Row { chrono: chrono::TimeDelta::MAX, jiff: None, time: vec![time::Duration::MAX] };
    longest.encode_to(&mut out);
    assert_eq!(out.take_refusal(), None, "i64 holds as many milliseconds and seconds as these types do");
    assert_eq!(
        columns(&longest),
        [("chrono", i64::MAX), ("time", i64::MAX)].map(|(name, value)| (name.to_owned(), json!(value))).into()
    );
}

fn columns<T: ZerobusMessage>(row: &T) -> BTreeMap<String, serde_json::Value> {
    let serde_json::Value::Object(columns) = read(row) else { panic!("a row is an object") };
    columns
        .into_iter()
        .map(|(name, value)| (name, value.as_array().map_or(value.clone(), |all| all[0].clone())))
        .collect()
}

#[test]
fn decimals_of_other_crates_need_their_digits() {
    #[derive(ZerobusMessage)]
    struct Row {
        #[zerobus(decimal(10, 2))]
        price: rust_decimal::Decimal,
        #[zerobus(decimal(10, 2))]
        prices: Option<Vec<rust_decimal::Decimal>>,
    }
    let price = rust_decimal::Decimal::new(-15, 1);
    assert_eq!(read(&Row { price, prices: Some(vec![price]) }), json!({"price": "-1.50", "prices": ["-1.50"]}));
}

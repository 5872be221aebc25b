//! Structs with parameters match a snapshot, and their attributes can use `Self`, a trait's function and a labelled
//! loop.
#![deny(warnings)]

use std::borrow::Cow;
use std::fmt::Display;
use std::marker::PhantomData;

use zerobus_runtime::{Date, Encoder, Timestamp, ZerobusMessage};

#[derive(ZerobusMessage)]
struct Location<T> {
    longitude: T,
    latitude: T,
}

trait Named {
    fn of_trait(value: &u64) -> String;
}

#[derive(ZerobusMessage)]
#[zerobus(table = "main.geo.earthquakes")]
struct Plain {
    id: String,
    time: Timestamp,
    event_date: Date,
    #[zerobus(with = Self::named)]
    r#type: u64,
    #[zerobus(default = Self::unknown)]
    status: Option<String>,
    tsunami: bool,
    sig: i16,
    location: Location<f64>,
    ids: Vec<String>,
    #[zerobus(with = Plain::named)]
    place: Option<u64>,
}

impl Plain {
    fn named(value: &u64) -> String {
        value.to_string()
    }

    fn unknown() -> String {
        String::from("unknown")
    }
}

#[derive(ZerobusMessage)]
#[zerobus(table = "main.geo.earthquakes")]
struct Borrowing<'a, 'b: 'a>
where
    &'b str: Display,
{
    id: &'a str,
    time: Timestamp,
    event_date: Date,
    #[zerobus(with = Self::named)]
    r#type: u64,
    #[zerobus(with = |value| 'a: loop { break 'a Self::named(value) })]
    status: u64,
    tsunami: bool,
    sig: i16,
    location: Location<f64>,
    ids: Vec<Cow<'b, str>>,
    #[zerobus(with = <Self as Named>::of_trait)]
    place: Option<u64>,
    #[zerobus(json)]
    properties: Option<&'b [i32]>,
}

impl<'a, 'b: 'a> Borrowing<'a, 'b> {
    fn named(value: &u64) -> String {
        value.to_string()
    }
}

impl<'a, 'b: 'a> Named for Borrowing<'a, 'b> {
    fn of_trait(value: &u64) -> String {
        value.to_string()
    }
}

#[derive(ZerobusMessage)]
#[zerobus(table = "main.geo.earthquakes")]
struct Generic<'a, T: Clone = String, const N: usize = 2>
where
    T: AsRef<str> + 'a,
{
    id: T,
    time: Timestamp,
    event_date: Date,
    #[zerobus(with = Self::named)]
    r#type: u64,
    #[zerobus(with = |value| Self::named(value))]
    status: u64,
    tsunami: bool,
    sig: i16,
    location: Location<f64>,
    ids: [String; N],
    #[zerobus(with = Self::copied)]
    place: Option<T>,
    #[zerobus(skip)]
    _borrowed: PhantomData<&'a T>,
}

impl<'a, T: Clone + AsRef<str> + 'a, const N: usize> Generic<'a, T, N> {
    fn named(value: &u64) -> String {
        value.to_string()
    }

    fn copied(value: &T) -> String {
        value.as_ref().to_owned()
    }
}

#[derive(ZerobusMessage)]
#[zerobus(table = Self::TABLE_NAME, unchecked)]
struct Constant<'a, T> {
    #[zerobus(type = "VARCHAR(20)", with = Self::text)]
    value: &'a T,
}

impl<T> Constant<'_, T> {
    const TABLE_NAME: &'static str = "main.geo.earthquakes";

    fn text(_: &T) -> String {
        String::new()
    }
}

fn location() -> Location<f64> {
    Location { longitude: 1.0, latitude: 2.0 }
}

fn encoded(row: &impl ZerobusMessage) -> usize {
    let mut out = Encoder::new();
    row.encode_to(&mut out);
    assert!(out.take_refusal().is_none());
    out.len()
}

fn main() {
    let (time, event_date) = (Timestamp::EPOCH, Date::EPOCH);
    let plain = Plain {
        id: "1".to_owned(), time, event_date, r#type: 7, status: Some("8".to_owned()), tsunami: true, sig: 1,
        location: location(), ids: vec!["a".to_owned(), "b".to_owned()], place: Some(9),
    };
    let borrowing = Borrowing {
        id: "1", time, event_date, r#type: 7, status: 8, tsunami: true, sig: 1, location: location(),
        ids: vec!["a".into(), "b".into()], place: Some(9), properties: None,
    };
    let generic = Generic {
        id: "1".to_owned(), time, event_date, r#type: 7, status: 8, tsunami: true, sig: 1, location: location(),
        ids: ["a".to_owned(), "b".to_owned()], place: Some("9".to_owned()), _borrowed: PhantomData,
    };
    assert_eq!(encoded(&plain), encoded(&borrowing));
    assert_eq!(encoded(&plain), encoded(&generic));
    assert_eq!(Constant::<i32>::TABLE, Some("main.geo.earthquakes"));
    let _ = Constant { value: &1 }.value;
}

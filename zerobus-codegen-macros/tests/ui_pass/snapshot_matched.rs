use zerobus_runtime::{Date, Timestamp, ZerobusMessage};

use std::borrow::Cow;
use std::time::SystemTime;

type Name<'a> = Cow<'a, str>;

#[derive(ZerobusMessage)]
struct Strength(f64);

#[derive(ZerobusMessage)]
struct Location {
    latitude: f64,
    longitude: f64,
}

/// Fields in another order than the columns, borrowed values, and only some of the nullable columns.
#[derive(ZerobusMessage)]
#[zerobus(table = "main.geo.earthquakes")]
struct Quake<'a> {
    location: Location,
    #[zerobus(name = "magType")]
    magnitude_type: Option<Name<'a>>,
    id: &'a str,
    time: SystemTime,
    #[zerobus(timestamp(millis))]
    updated: Option<i64>,
    event_date: Date,
    mag: Option<Strength>,
    r#type: &'static str,
    status: Box<str>,
    tsunami: bool,
    sig: u8,
    felt: Option<u16>,
    ids: &'a [&'a str],
    #[zerobus(json)]
    properties: Option<Vec<i32>>,
    #[zerobus(skip)]
    _at: Option<Timestamp>,
}

fn main() {
    let descriptor = Quake::descriptor();
    let numbers: Vec<_> = descriptor.field.iter().map(|field| (field.name(), field.number())).collect();
    assert_eq!(
        numbers,
        [
            ("id", 1), ("time", 2), ("updated", 3), ("event_date", 4), ("mag", 5), ("magType", 6), ("type", 8),
            ("status", 9), ("tsunami", 10), ("sig", 11), ("felt", 12), ("location", 15), ("ids", 16), ("properties", 18),
        ]
    );
    assert_eq!(descriptor.name(), "Earthquakes");
    // The service matches the fields of a STRUCT by name; the numbers are those of the derive.
    let location = descriptor.nested_type.iter().find(|nested| nested.field.iter().any(|field| field.name() == "latitude"));
    let numbers: Vec<_> = location.unwrap().field.iter().map(|field| (field.name(), field.number())).collect();
    assert_eq!(numbers, [("latitude", 1), ("longitude", 2)]);
}

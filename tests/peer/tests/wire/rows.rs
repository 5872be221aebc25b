//! The rows of a case: the same values for every client, as JSON and in our types.

use std::collections::HashMap;

use serde_json::{Value, json};
use zerobus_peer::recorder::Script;
use zerobus_peer::rows::{Flat, Nested, nested};
use zerobus_peer::tables::main::types::{EveryType, every_type};
use zerobus_runtime::{Date, Decimal, Timestamp, TimestampNtz, Variant};

/// How many rows a case has.
pub(crate) const ROWS: i64 = 3;

/// The parameters of one recording.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) script: Script,
    pub(crate) shape: Shape,
    pub(crate) encoding: Encoding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Proto,
}

/// The table of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Every,
    Flat,
    Nested,
}

impl Shape {
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Every => "main.types.every_type",
            Self::Flat => "main.peer.flat",
            Self::Nested => "main.peer.nested",
        }
    }

    /// The rows as JSON clients send them.
    pub(crate) fn json(self) -> Vec<Value> {
        (0..ROWS).map(|n| self.row(n)).collect()
    }

    fn row(self, n: i64) -> Value {
        match self {
            Self::Every => every_json(n),
            Self::Flat => json!({
                "id": n, "time": 1_700_000_000_000_000_i64 + n, "station": "s", "sensor": "t", "temperature": 21.5,
                "humidity": 0.25, "pressure": 1013.5, "battery": 80, "charging": n % 2 == 0, "message": "ok",
            }),
            Self::Nested => json!({
                "id": n, "time": 1_700_000_000_000_000_i64 + n,
                "device": {
                    "name": "d", "firmware": "1.2",
                    "position": {"latitude": 1.5, "longitude": -2.5, "fix": {"quality": 3, "satellites": 7, "source": "gps"}},
                },
                "readings": [{"kind": "k", "value": 0.5}],
            }),
        }
    }
}

pub(crate) fn flats() -> Vec<Flat> {
    let row = |n| Flat {
        id: n,
        time: timestamp(n),
        station: "s".to_owned(),
        sensor: Some("t".to_owned()),
        temperature: Some(21.5),
        humidity: Some(0.25),
        pressure: Some(1013.5),
        battery: Some(80),
        charging: Some(n % 2 == 0),
        message: Some("ok".to_owned()),
    };
    (0..ROWS).map(row).collect()
}

pub(crate) fn nesteds() -> Vec<Nested> {
    let row = |n| Nested {
        id: n,
        time: timestamp(n),
        device: nested::Device {
            name: "d".to_owned(),
            firmware: Some("1.2".to_owned()),
            position: Some(nested::device::Position {
                latitude: 1.5,
                longitude: -2.5,
                fix: Some(nested::device::position::Fix {
                    quality: 3,
                    satellites: Some(7),
                    source: Some("gps".to_owned()),
                }),
            }),
        },
        readings: vec![nested::ReadingsElement { kind: "k".to_owned(), value: Some(0.5) }],
    };
    (0..ROWS).map(row).collect()
}

fn every_json(n: i64) -> Value {
    json!({
        "c_byte": 1, "c_short": -2, "c_int": 3, "c_long": n, "c_float": 0.5, "c_double": -0.25, "c_boolean": true,
        "c_string": "\u{e4}", "c_binary": "AAEC", "c_date": 19_675, "c_timestamp": 1_700_000_000_000_000_i64,
        "c_timestamp_ntz": -1, "c_decimal": "19.99", "c_decimal_wide": "-0.000000000000000001", "c_varchar": "v",
        "c_variant": "{\"a\":1}", "c_array": [1, -1], "c_map": {"k": 2.5}, "c_struct": {"a": 1, "b": "x"},
        "n_byte": 1, "n_string": "", "n_binary": "", "n_decimal": "1.00", "n_array": [0, 1], "n_map": {"7": 19_675},
        "n_struct": {"at": 5, "day": 1},
    })
}

/// The rows of [`every_json`] in our types.
pub(crate) fn everies() -> Vec<EveryType> {
    (0..ROWS).map(every).collect()
}

fn every(n: i64) -> EveryType {
    let day = Date::from_days(19_675).unwrap();
    EveryType {
        c_byte: 1,
        c_short: -2,
        c_int: 3,
        c_long: n,
        c_float: 0.5,
        c_double: -0.25,
        c_boolean: true,
        c_string: "\u{e4}".to_owned(),
        c_binary: vec![0, 1, 2],
        c_date: day,
        c_timestamp: timestamp(0),
        c_timestamp_ntz: TimestampNtz::from_micros(-1).unwrap(),
        c_decimal: "19.99".parse::<Decimal<10, 2>>().unwrap(),
        c_decimal_wide: "-0.000000000000000001".parse::<Decimal<38, 18>>().unwrap(),
        c_varchar: "v".to_owned(),
        c_variant: "{\"a\":1}".parse::<Variant>().unwrap(),
        c_array: vec![1, -1],
        c_map: HashMap::from([("k".to_owned(), 2.5)]),
        c_struct: every_type::CStruct { a: 1, b: Some("x".to_owned()) },
        n_byte: Some(1),
        n_short: None,
        n_int: None,
        n_long: None,
        n_float: None,
        n_double: None,
        n_boolean: None,
        n_string: Some(String::new()),
        n_binary: Some(Vec::new()),
        n_date: None,
        n_timestamp: None,
        n_timestamp_ntz: None,
        n_decimal: Some("1".parse().unwrap()),
        n_variant: None,
        n_array: vec![Timestamp::from_micros(0).unwrap(), Timestamp::from_micros(1).unwrap()],
        n_map: HashMap::from([(7, day)]),
        n_struct: Some(every_type::NStruct {
            at: Some(Timestamp::from_micros(5).unwrap()),
            day: Date::from_days(1).unwrap(),
        }),
    }
}

fn timestamp(n: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + n).unwrap()
}

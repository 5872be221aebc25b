//! The rows: the same values in the types that zerobus-codegen generates and in types that prost derives.

use serde::Serialize;
use zerobus_runtime::Timestamp;

pub use crate::tables::main::peer::{Flat, Nested, Wide, nested};

/// The number of rows made before a run; they are sent repeatedly, each time with the row's number as id.
const POOL: u64 = 1000;

/// A row with a number.
pub trait Numbered: Send + 'static {
    /// The row with this number.
    fn new(n: u64) -> Self;

    /// Sets the number.
    fn number(&mut self, n: u64);
}

/// The rows to send.
#[derive(Debug)]
pub struct Pool<T>(Vec<T>);

impl<T: Numbered> Pool<T> {
    /// Makes the rows for a run.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a pool of rows has no natural default")]
    pub fn new() -> Self {
        Self((0..POOL).map(T::new).collect())
    }

    /// The row with this number.
    #[inline]
    pub fn row(&mut self, n: u64) -> &T {
        // The length is a constant, so the compiler turns the remainder into a multiplication.
        let row = &mut self.0[(n % POOL) as usize];
        row.number(n);
        row
    }
}

/// Ten columns of 120 bytes, for prost.
#[expect(missing_docs, reason = "the columns of main.peer.flat")]
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProstFlat {
    #[prost(int64, required, tag = "1")]
    pub id: i64,
    #[prost(int64, required, tag = "2")]
    pub time: i64,
    #[prost(string, required, tag = "3")]
    pub station: String,
    #[prost(string, optional, tag = "4")]
    pub sensor: Option<String>,
    #[prost(double, optional, tag = "5")]
    pub temperature: Option<f64>,
    #[prost(double, optional, tag = "6")]
    pub humidity: Option<f64>,
    #[prost(float, optional, tag = "7")]
    pub pressure: Option<f32>,
    #[prost(int32, optional, tag = "8")]
    pub battery: Option<i32>,
    #[prost(bool, optional, tag = "9")]
    pub charging: Option<bool>,
    #[prost(string, optional, tag = "10")]
    pub message: Option<String>,
}

/// Ten columns of 1 KB, for prost.
#[expect(missing_docs, reason = "the columns of main.peer.wide")]
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProstWide {
    #[prost(int64, required, tag = "1")]
    pub id: i64,
    #[prost(int64, required, tag = "2")]
    pub time: i64,
    #[prost(string, required, tag = "3")]
    pub host: String,
    #[prost(string, optional, tag = "4")]
    pub path: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub agent: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub referrer: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub query: Option<String>,
    #[prost(string, optional, tag = "8")]
    pub body: Option<String>,
    #[prost(string, optional, tag = "9")]
    pub trace: Option<String>,
    #[prost(int32, optional, tag = "10")]
    pub status: Option<i32>,
}

/// Structs three deep and an array of structs, for prost.
#[expect(missing_docs, reason = "the columns of main.peer.nested")]
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProstNested {
    #[prost(int64, required, tag = "1")]
    pub id: i64,
    #[prost(int64, required, tag = "2")]
    pub time: i64,
    #[prost(message, required, tag = "3")]
    pub device: ProstDevice,
    #[prost(message, repeated, tag = "4")]
    pub readings: Vec<ProstReading>,
}

#[expect(missing_docs, reason = "a struct of main.peer.nested")]
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProstDevice {
    #[prost(string, required, tag = "1")]
    pub name: String,
    #[prost(string, optional, tag = "2")]
    pub firmware: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub position: Option<ProstPosition>,
}

#[expect(missing_docs, reason = "a struct of main.peer.nested")]
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProstPosition {
    #[prost(double, required, tag = "1")]
    pub latitude: f64,
    #[prost(double, required, tag = "2")]
    pub longitude: f64,
    #[prost(message, optional, tag = "3")]
    pub fix: Option<ProstFix>,
}

#[expect(missing_docs, reason = "a struct of main.peer.nested")]
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProstFix {
    #[prost(int32, required, tag = "1")]
    pub quality: i32,
    #[prost(int32, optional, tag = "2")]
    pub satellites: Option<i32>,
    #[prost(string, optional, tag = "3")]
    pub source: Option<String>,
}

#[expect(missing_docs, reason = "a struct of main.peer.nested")]
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProstReading {
    #[prost(string, required, tag = "1")]
    pub kind: String,
    #[prost(double, optional, tag = "2")]
    pub value: Option<f64>,
}

/// The flat row that both clients send as JSON.
#[expect(missing_docs, reason = "the columns of main.peer.flat")]
#[derive(Debug, Clone, Serialize)]
pub struct JsonFlat {
    pub id: i64,
    pub time: i64,
    pub station: String,
    pub sensor: Option<String>,
    pub temperature: Option<f64>,
    pub humidity: Option<f64>,
    pub pressure: Option<f32>,
    pub battery: Option<i32>,
    pub charging: Option<bool>,
    pub message: Option<String>,
}

/// 2026-01-01 plus one second per row, in microseconds.
#[expect(clippy::cast_possible_wrap, reason = "rows are few")]
const fn micros(n: u64) -> i64 {
    1_767_225_600_000_000 + (n % POOL) as i64 * 1_000_123
}

fn timestamp(n: u64) -> Timestamp {
    Timestamp::from_micros(micros(n)).unwrap_or_default()
}

/// A number between 0 and 1 that differs from row to row.
#[expect(clippy::cast_precision_loss, reason = "the pool is small")]
fn fraction(n: u64) -> f64 {
    (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / (1_u64 << 24) as f64
}

/// Text with this length that differs from row to row.
fn text(n: u64, len: usize) -> String {
    let words = ["temperature", "above", "threshold", "since", "maintenance", "of", "unit", "check", "valve"];
    let mut text = format!("{n:04}");
    let mut state = n;
    while text.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push(' ');
        text.push_str(words[(state >> 33) as usize % words.len()]);
    }
    text.truncate(len);
    text
}

#[expect(clippy::cast_possible_truncation, reason = "the pool is small")]
const fn small(n: u64, below: u64) -> i32 {
    (n % below) as i32
}

macro_rules! numbered {
    ($($row:ty, |$n:ident| $new:expr;)*) => {$(
        impl Numbered for $row {
            fn new($n: u64) -> Self {
                $new
            }

            #[inline]
            fn number(&mut self, n: u64) {
                self.id = n.cast_signed();
            }
        }
    )*};
}

/// The flat row for each of its types; only the type of the time differs.
macro_rules! flat {
    ($row:ident, $n:ident, $time:expr) => {
        $row {
            id: 0,
            time: $time,
            station: format!("station-{:04}", $n),
            sensor: Some(format!("hygro/{:02}", $n % 100)),
            temperature: Some(-10.0 + 40.0 * fraction($n)),
            humidity: Some(fraction($n + 1)),
            #[expect(clippy::cast_possible_truncation, reason = "FLOAT")]
            pressure: Some(1000.0 + 30.0 * fraction($n + 2) as f32),
            battery: Some(small($n, 101)),
            charging: Some($n % 2 == 0),
            message: Some(text($n, 54)),
        }
    };
}

macro_rules! wide {
    ($row:ident, $n:ident, $time:expr) => {
        $row {
            id: 0,
            time: $time,
            host: format!("host-{:04}.example.internal", $n),
            path: Some(text($n, 90)),
            agent: Some(text($n + 1, 140)),
            referrer: Some(text($n + 2, 120)),
            query: Some(text($n + 3, 180)),
            body: Some(text($n + 4, 380)),
            trace: Some(format!("{:032x}", $n.wrapping_mul(0x9e37_79b9_7f4a_7c15))),
            status: Some(200 + small($n, 300)),
        }
    };
}

numbered! {
    Flat, |n| flat!(Flat, n, timestamp(n));
    JsonFlat, |n| flat!(JsonFlat, n, micros(n));
    ProstFlat, |n| flat!(ProstFlat, n, micros(n));
    Wide, |n| wide!(Wide, n, timestamp(n));
    ProstWide, |n| wide!(ProstWide, n, micros(n));
    Nested, |n| Nested {
        id: 0,
        time: timestamp(n),
        device: nested::Device {
            name: format!("device-{n:04}"),
            firmware: Some("2.12.0-rc1".to_owned()),
            position: Some(nested::device::Position {
                latitude: 48.0 + fraction(n),
                longitude: 11.0 + fraction(n + 1),
                fix: Some(nested::device::position::Fix {
                    quality: small(n, 6),
                    satellites: Some(small(n, 24)),
                    source: Some("galileo".to_owned()),
                }),
            }),
        },
        readings: KINDS.map(|kind| nested::ReadingsElement { kind: kind.to_owned(), value: Some(fraction(n)) }).into(),
    };
    ProstNested, |n| ProstNested {
        id: 0,
        time: micros(n),
        device: ProstDevice {
            name: format!("device-{n:04}"),
            firmware: Some("2.12.0-rc1".to_owned()),
            position: Some(ProstPosition {
                latitude: 48.0 + fraction(n),
                longitude: 11.0 + fraction(n + 1),
                fix: Some(ProstFix {
                    quality: small(n, 6),
                    satellites: Some(small(n, 24)),
                    source: Some("galileo".to_owned()),
                }),
            }),
        },
        readings: KINDS.map(|kind| ProstReading { kind: kind.to_owned(), value: Some(fraction(n)) }).into(),
    };
}

const KINDS: [&str; 3] = ["temperature", "humidity", "pressure"];

#[cfg(test)]
mod tests {
    use prost::Message;
    use zerobus_runtime::{Encoder, ZerobusMessage};

    use super::*;

    fn check<O: Numbered + ZerobusMessage, P: Numbered + Message>(len: std::ops::Range<usize>) {
        for n in [0, 1, 17, 999, 123_456_789] {
            let (mut ours, mut theirs) = (O::new(n % POOL), P::new(n % POOL));
            ours.number(n);
            theirs.number(n);
            let mut out = Encoder::new();
            ours.encode_to(&mut out);
            assert_eq!(out.as_slice(), theirs.encode_to_vec());
            assert!(len.contains(&out.len()), "{} bytes", out.len());
        }
    }

    #[test]
    fn both_types_of_a_row_give_the_same_bytes() {
        check::<Flat, ProstFlat>(115..125);
        check::<Wide, ProstWide>(990..1050);
        check::<Nested, ProstNested>(130..180);
    }
}

//! Types of other crates, each behind the feature of its crate's name.
//!
//! | feature | types | column type |
//! |---|---|---|
//! | `bytes` | `BytesMut`; `Bytes` needs no feature | BINARY |
//! | `chrono`, `jiff`, `time` | instants, wall-clock times, days | TIMESTAMP, TIMESTAMP_NTZ, DATE |
//! | | durations, with `#[zerobus(duration(unit))]` | BIGINT |
//! | `indexmap` | `IndexMap`, `IndexSet` | MAP, ARRAY |
//! | `rust_decimal` | `Decimal`, with `#[zerobus(decimal(p, s))]`: it does not know its column's digits | DECIMAL(p, s) |
//! | `smallvec` | `SmallVec` | ARRAY, of `u8` BINARY |
//! | `url` | `Url` | STRING |
//! | `uuid` | `Uuid` | STRING, lower case with hyphens |

#[cfg(feature = "bytes")]
mod bytes;
#[cfg(feature = "chrono")]
mod chrono;
#[cfg(feature = "indexmap")]
mod indexmap;
#[cfg(feature = "jiff")]
mod jiff;
#[cfg(feature = "rust_decimal")]
mod rust_decimal;
#[cfg(feature = "smallvec")]
mod smallvec;
#[cfg(feature = "time")]
mod time;
#[cfg(feature = "url")]
mod url;
#[cfg(feature = "uuid")]
mod uuid;

/// Implements the value traits for a foreign type with a wider range than its column, checked while a row is written.
#[cfg(any(feature = "chrono", feature = "jiff", feature = "time"))]
macro_rules! checked_value {
    ($([$($generics:tt)*] $foreign:ty => $ours:ty, |$value:ident| $convert:expr;)*) => {$(
        impl<$($generics)*> crate::message::Value for $foreign {
            const TYPE: crate::message::ColumnType = <$ours as crate::message::Value>::TYPE;
            const WIRE: crate::message::WireType = <$ours as crate::message::Value>::WIRE;
            const IS_PLAIN: bool = true;

            fn encode(&self, out: &mut crate::message::Encoder) {
                let $value = self;
                let converted: Result<$ours, crate::values::ValueError> = $convert;
                crate::message::Value::encode(&crate::message::Checked(converted), out);
            }
        }

        impl<$($generics)*> crate::message::Element for $foreign {}
    )*};
}
#[cfg(any(feature = "chrono", feature = "jiff", feature = "time"))]
use checked_value;

//! Conversions from and to the time and decimal types of other crates, each behind the feature of that crate's name.
//!
//! The time types are also a [`Value`](crate::message::Value), so that a struct may hold them as they are; a decimal
//! type does not know its column's digits, so it needs `#[zerobus(decimal(p, s))]`.

#[cfg(feature = "chrono")]
mod chrono;
#[cfg(feature = "jiff")]
mod jiff;
#[cfg(feature = "rust_decimal")]
mod rust_decimal;
#[cfg(feature = "time")]
mod time;

/// Makes a foreign type, whose range is wider than the column's, a value that is checked while its row is written.
#[cfg(any(feature = "chrono", feature = "jiff", feature = "time"))]
macro_rules! checked_value {
    ($([$($generics:tt)*] $foreign:ty => $ours:ty;)*) => {$(
        impl<$($generics)*> crate::message::Value for $foreign {
            const TYPE: crate::message::ColumnType = <$ours as crate::message::Value>::TYPE;
            const WIRE: crate::message::WireType = <$ours as crate::message::Value>::WIRE;

            fn encode(&self, out: &mut crate::message::Encoder) {
                match <$ours>::try_from(self.clone()) {
                    Ok(value) => crate::message::Value::encode(&value, out),
                    Err(error) => out.refuse(error.into()),
                }
            }
        }

        impl<$($generics)*> crate::message::Element for $foreign {}
    )*};
}
#[cfg(any(feature = "chrono", feature = "jiff", feature = "time"))]
use checked_value;

//! The formats of single values.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Binary, Format};
use crate::values::{Date, Decimal, Timestamp, TimestampNtz, ValueError, Variant};

/// A number or a text, as found in the input.
enum Found<'de> {
    Float(f64),
    Integer(i128),
    /// A number of any length, if `serde_json` keeps its text.
    Number(String),
    Text(Cow<'de, str>),
}

impl<'de> Deserialize<'de> for Found<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FoundVisitor)
    }
}

struct FoundVisitor;

/// The key under which `serde_json` keeps a number as text, with its feature `arbitrary_precision`.
const NUMBER: &str = "$serde_json::private::Number";

impl<'de> Visitor<'de> for FoundVisitor {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a text")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Found<'de>, E> {
        Ok(Found::Integer(number.into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Found<'de>, E> {
        Ok(Found::Integer(number.into()))
    }

    fn visit_i128<E: de::Error>(self, number: i128) -> Result<Found<'de>, E> {
        Ok(Found::Integer(number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Found<'de>, E> {
        Ok(Found::Float(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Found<'de>, E> {
        Ok(Found::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Found<'de>, E> {
        Ok(Found::Text(Cow::Borrowed(text)))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Found<'de>, M::Error> {
        match map.next_key::<Cow<'de, str>>()? {
            Some(key) if key == NUMBER => map.next_value().map(Found::Number),
            _ => Err(de::Error::invalid_type(de::Unexpected::Map, &self)),
        }
    }
}

/// Integers below this are exact as a `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Found<'_> {
    /// The whole number; `None` if it is a text.
    fn integer<E: de::Error>(&self) -> Result<Option<i128>, E> {
        match self {
            Self::Integer(number) => Ok(Some(*number)),
            Self::Number(text) => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(E::custom(format_args!("`{text}` is not a whole number"))),
            },
            #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 53 bits")]
            Self::Float(number) if number.fract() == 0.0 && number.abs() < EXACT => Ok(Some(*number as i128)),
            Self::Float(number) => Err(E::custom(format_args!("{number} is not a whole number"))),
            Self::Text(_) => Ok(None),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Float(_) | Self::Integer(_) | Self::Number(_) => "",
        }
    }
}

/// A count of units, or a text that the type reads.
macro_rules! counted {
    ($($column:ident $number:ident $constructor:ident $accessor:ident $unit:literal;)*) => {$(
        impl $column {
            fn found<E: de::Error>(found: &Found<'_>) -> Result<Self, E> {
                match found.integer()? {
                    Some(number) => $number::try_from(number)
                        .map_err(|_| ValueError::OutOfRange { found: number, unit: $unit })
                        .and_then(Self::$constructor),
                    None => found.text().parse(),
                }
                .map_err(E::custom)
            }
        }

        impl Format<Self> for $column {
            fn write<S: Serializer>(value: &Self, serializer: S) -> Result<S::Ok, S::Error> {
                value.serialize(serializer)
            }

            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::found(&Found::deserialize(deserializer)?)
            }
        }

        impl Format<$number> for $column {
            fn write<S: Serializer>(value: &$number, serializer: S) -> Result<S::Ok, S::Error> {
                value.serialize(serializer)
            }

            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$number, D::Error> {
                <Self as Format<Self>>::read(deserializer).map(Self::$accessor)
            }
        }
    )*};
}

counted! {
    Date i32 from_days as_days "days";
    Timestamp i64 from_micros as_micros "microseconds";
    TimestampNtz i64 from_micros as_micros "microseconds";
}

impl<const P: u8, const S: u8> Decimal<P, S> {
    fn found<E: de::Error>(found: &Found<'_>) -> Result<Self, E> {
        match found {
            Found::Integer(number) => Self::try_from(*number).map_err(E::custom),
            Found::Text(text) => text.parse().map_err(E::custom),
            Found::Number(text) => match (text.parse(), text.parse()) {
                (Ok(decimal), _) => Ok(decimal),
                // With an exponent.
                (Err(ValueError::Malformed { .. }), Ok(number)) => Self::found(&Found::Float(number)),
                (Err(error), _) => Err(E::custom(error)),
            },
            Found::Float(number) => exact_text(*number)?.parse().map_err(E::custom),
        }
    }
}

/// The plain text of a number, if it must equal the text that was read: up to 15 digits no two decimals share an `f64`.
fn exact_text<E: de::Error>(number: f64) -> Result<String, E> {
    let text = number.to_string();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if !number.is_finite() || digits.trim_matches('0').len() > 15 {
        let message =
            format!("{text} may not be the decimal that was written: write one of more than 15 digits as text");
        return Err(E::custom(message));
    }
    Ok(text)
}

impl<const P: u8, const S: u8> Format<Self> for Decimal<P, S> {
    fn write<Ser: Serializer>(value: &Self, serializer: Ser) -> Result<Ser::Ok, Ser::Error> {
        value.serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::found(&Found::deserialize(deserializer)?)
    }
}

impl<const P: u8, const S: u8> Format<String> for Decimal<P, S> {
    fn write<Ser: Serializer>(text: &String, serializer: Ser) -> Result<Ser::Ok, Ser::Error> {
        serializer.serialize_str(text)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        <Self as Format<Self>>::read(deserializer).map(|decimal| decimal.to_string())
    }
}

impl Format<Self> for Variant {
    fn write<S: Serializer>(value: &Self, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => text.parse().map_err(de::Error::custom),
            other => Ok(Self::from(other)),
        }
    }
}

impl Format<String> for Variant {
    fn write<S: Serializer>(text: &String, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        <Self as Format<Self>>::read(deserializer).map(|variant| variant.to_string())
    }
}

macro_rules! floats {
    ($($float:ident $serialize:ident;)*) => {$(
        impl Format<Self> for $float {
            fn write<S: Serializer>(value: &Self, serializer: S) -> Result<S::Ok, S::Error> {
                match value {
                    value if value.is_nan() => serializer.serialize_str("NaN"),
                    value if *value == Self::INFINITY => serializer.serialize_str("Infinity"),
                    value if *value == Self::NEG_INFINITY => serializer.serialize_str("-Infinity"),
                    value => serializer.$serialize(*value),
                }
            }

            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match Found::deserialize(deserializer)? {
                    #[allow(clippy::cast_possible_truncation, clippy::cast_lossless, reason = "to FLOAT as serde does")]
                    Found::Float(number) => Ok(number as Self),
                    #[expect(clippy::cast_precision_loss, reason = "as serde does")]
                    Found::Integer(number) => Ok(number as Self),
                    Found::Number(text) => text.parse().map_err(de::Error::custom),
                    Found::Text(text) => match &*text {
                        "NaN" => Ok(Self::NAN),
                        "Infinity" => Ok(Self::INFINITY),
                        "-Infinity" => Ok(Self::NEG_INFINITY),
                        other => Err(de::Error::invalid_value(
                            de::Unexpected::Str(other),
                            &"a number, NaN, Infinity or -Infinity",
                        )),
                    },
                }
            }
        }
    )*};
}

floats! {
    f32 serialize_f32;
    f64 serialize_f64;
}

/// Base64 as people and other programs write it: padded or not.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

struct BinaryVisitor;

impl<'de> Visitor<'de> for BinaryVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes as base64 text, or an array of numbers")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
        // The URL-safe alphabet is read as well.
        let text = text.replace('-', "+").replace('_', "/");
        BASE64.decode(text).map_err(E::custom)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

impl Format<Vec<u8>> for Binary {
    fn write<S: Serializer>(bytes: &Vec<u8>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        deserializer.deserialize_any(BinaryVisitor)
    }
}

impl Format<Bytes> for Binary {
    fn write<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        deserializer.deserialize_any(BinaryVisitor).map(Bytes::from)
    }
}

//! What may stand in a column, and which column type it is.
//!
//! | Rust | column type |
//! |---|---|
//! | `bool` | BOOLEAN |
//! | `i8` | TINYINT |
//! | `i16`, `u8` | SMALLINT |
//! | `i32`, `u16` | INT |
//! | `i64`, `u32` | BIGINT |
//! | `f32`, `f64` | FLOAT, DOUBLE |
//! | `str`, `String` | STRING |
//! | `[u8]`, `[u8; N]`, `Vec<u8>`, `Bytes` | BINARY |
//! | `Date`, `Timestamp`, `TimestampNtz`, `SystemTime` | DATE, TIMESTAMP, TIMESTAMP_NTZ, TIMESTAMP |
//! | `Decimal<P, S>` | DECIMAL(P, S) |
//! | `Variant` | VARIANT |
//! | a struct with `#[derive(ZerobusMessage)]` | STRUCT |
//! | `&T`, `Box<T>`, `Rc<T>`, `Arc<T>`, `Cow<T>` | what `T` is |

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use zerobus_codegen::Scalar;

use super::encoder::{Encoder, WireType};
use super::schema::ColumnType;
use crate::values::{Date, Decimal, Timestamp, TimestampNtz, ValueError, Variant};

/// A value that is never null: of a NOT NULL column, of an array's element, of a map's value.
///
/// Implement it for a type of your own by handing on to one that implements it, or derive
/// [`ZerobusMessage`](macro@crate::ZerobusMessage) on a tuple struct of one field, which does just that.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the value of any column type",
    label = "no column type holds a `{Self}`",
    note = "u64, u128 and usize do not fit BIGINT: convert to i64, or use #[zerobus(decimal(20, 0))] on a u64",
    note = "a struct needs #[derive(ZerobusMessage)]; any Serialize can fill a VARIANT with #[zerobus(json)]"
)]
pub trait Value {
    /// The column type.
    const TYPE: ColumnType;
    /// How the value lies on the wire.
    const WIRE: WireType;

    /// Appends the value without its key, behind its length where it has one.
    fn encode(&self, out: &mut Encoder);

    /// Appends the value behind its key.
    ///
    /// What it appends by default is right for every value; the values of this crate do it in one step.
    #[inline]
    fn encode_with_key(&self, number: u32, out: &mut Encoder) {
        out.key(number, Self::WIRE);
        self.encode(out);
    }
}

/// A value that an array can hold, or a map as its value: every [`Value`] but `u8`, since a `Vec<u8>` is BINARY.
#[diagnostic::on_unimplemented(
    message = "an ARRAY or a MAP cannot hold a `{Self}`",
    label = "not an element",
    note = "elements are single values or structs that are never null; wrap a collection or an Option in a struct",
    note = "a `Vec<u8>` is BINARY; for an ARRAY of small numbers use i16"
)]
pub trait Element: Value {}

/// A value that may be a map's key: integers, booleans, strings and what travels as one of these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a MAP",
    label = "not a key",
    note = "a key is an integer, a bool or a string"
)]
pub trait Key: Value {
    /// The key's column type.
    const KEY: Scalar;
}

macro_rules! varint {
    ($($rust:ty => $scalar:ident $(, $marker:ident)?;)*) => {$(
        impl Value for $rust {
            const TYPE: ColumnType = ColumnType::Scalar(Scalar::$scalar);
            const WIRE: WireType = WireType::Varint;

            #[inline]
            fn encode(&self, out: &mut Encoder) {
                // Protobuf extends the sign of every signed integer to 64 bits.
                #[expect(clippy::cast_sign_loss, reason = "the bits are what goes on the wire")]
                out.varint(i64::from(*self) as u64);
            }

            #[inline]
            fn encode_with_key(&self, number: u32, out: &mut Encoder) {
                #[expect(clippy::cast_sign_loss, reason = "the bits are what goes on the wire")]
                out.varint_field(number, i64::from(*self) as u64);
            }
        }

        impl Key for $rust {
            const KEY: Scalar = Scalar::$scalar;
        }

        $(impl $marker for $rust {})?
    )*};
}

varint! {
    bool => Boolean, Element;
    i8 => Byte, Element;
    i16 => Short, Element;
    i32 => Int, Element;
    i64 => Long, Element;
    u8 => Short;
    u16 => Int, Element;
    u32 => Long, Element;
}

/// What is bytes behind their length.
macro_rules! delimited {
    ($([$($generics:tt)*] $rust:ty => $scalar:ident, |$value:ident| $bytes:expr;)*) => {$(
        impl<$($generics)*> Value for $rust {
            const TYPE: ColumnType = ColumnType::Scalar(Scalar::$scalar);
            const WIRE: WireType = WireType::Delimited;

            #[inline]
            fn encode(&self, out: &mut Encoder) {
                let $value = self;
                out.delimited($bytes);
            }

            #[inline]
            fn encode_with_key(&self, number: u32, out: &mut Encoder) {
                let $value = self;
                out.delimited_field(number, $bytes);
            }
        }
    )*};
}

delimited! {
    [] [u8] => Binary, |value| value;
    [] Bytes => Binary, |value| value;
    [] String => String, |value| value.as_bytes();
    [] Variant => Variant, |value| value.as_str().as_bytes();
    [] Vec<u8> => Binary, |value| value;
    [] str => String, |value| value.as_bytes();
    [const N: usize] [u8; N] => Binary, |value| value;
}

macro_rules! fixed {
    ($($rust:ty => $scalar:ident, $wire:ident, $field:ident;)*) => {$(
        impl Value for $rust {
            const TYPE: ColumnType = ColumnType::Scalar(Scalar::$scalar);
            const WIRE: WireType = WireType::$wire;

            #[inline]
            fn encode(&self, out: &mut Encoder) {
                out.raw(&self.to_le_bytes());
            }

            #[inline]
            fn encode_with_key(&self, number: u32, out: &mut Encoder) {
                out.$field(number, self.to_le_bytes());
            }
        }
    )*};
}

fixed! {
    f32 => Float, Fixed32, fixed_32_field;
    f64 => Double, Fixed64, fixed_64_field;
}

/// What travels as another value.
macro_rules! travels_as {
    ($($rust:ty => $scalar:ident, |$value:ident| $inner:expr;)*) => {$(
        impl Value for $rust {
            const TYPE: ColumnType = ColumnType::Scalar(Scalar::$scalar);
            const WIRE: WireType = WireType::Varint;

            #[inline]
            fn encode(&self, out: &mut Encoder) {
                let $value = self;
                $inner.encode(out);
            }

            #[inline]
            fn encode_with_key(&self, number: u32, out: &mut Encoder) {
                let $value = self;
                $inner.encode_with_key(number, out);
            }
        }
    )*};
}

travels_as! {
    Date => Date, |value| value.as_days();
    SystemTime => Timestamp, |value| Checked(Timestamp::try_from(*value));
    Timestamp => Timestamp, |value| value.as_micros();
    TimestampNtz => TimestampNtz, |value| value.as_micros();
}

impl<const P: u8, const S: u8> Value for Decimal<P, S> {
    const TYPE: ColumnType = {
        let () = Self::IN_RANGE;
        ColumnType::Scalar(Scalar::Decimal { precision: P, scale: S })
    };
    const WIRE: WireType = WireType::Delimited;

    #[inline]
    fn encode(&self, out: &mut Encoder) {
        self.with_text(|text| out.delimited(text.as_bytes()));
    }

    #[inline]
    fn encode_with_key(&self, number: u32, out: &mut Encoder) {
        self.with_text(|text| out.delimited_field(number, text.as_bytes()));
    }
}

/// A value that was converted while its row is written, or the reason why that failed.
#[derive(Debug, Clone)]
pub struct Checked<V>(pub Result<V, ValueError>);

impl<V: Value> Value for Checked<V> {
    const TYPE: ColumnType = V::TYPE;
    const WIRE: WireType = V::WIRE;

    #[inline]
    fn encode(&self, out: &mut Encoder) {
        match &self.0 {
            Ok(value) => value.encode(out),
            Err(error) => out.refuse(error.clone()),
        }
    }

    #[inline]
    fn encode_with_key(&self, number: u32, out: &mut Encoder) {
        match &self.0 {
            Ok(value) => value.encode_with_key(number, out),
            Err(error) => out.refuse(error.clone()),
        }
    }
}

macro_rules! pointer {
    ($([$($generics:tt)*] $pointer:ty;)*) => {$(
        impl<$($generics)*> Value for $pointer {
            const TYPE: ColumnType = T::TYPE;
            const WIRE: WireType = T::WIRE;

            #[inline]
            fn encode(&self, out: &mut Encoder) {
                (**self).encode(out);
            }

            #[inline]
            fn encode_with_key(&self, number: u32, out: &mut Encoder) {
                (**self).encode_with_key(number, out);
            }
        }
    )*};
}

pointer! {
    [T: Value + ?Sized] &T;
    [T: Value + ?Sized] Arc<T>;
    [T: Value + ?Sized] Box<T>;
    [T: Value + ToOwned + ?Sized] Cow<'_, T>;
    [T: Value + ?Sized] Rc<T>;
}

impl<T: Element + ?Sized> Element for &T {}
impl<T: Element + ?Sized> Element for Arc<T> {}
impl<T: Element + ?Sized> Element for Box<T> {}
impl<T: Element + ToOwned + ?Sized> Element for Cow<'_, T> {}
impl<T: Element + ?Sized> Element for Rc<T> {}
impl<T: Element> Element for Checked<T> {}
impl<const N: usize> Element for [u8; N] {}
impl<const P: u8, const S: u8> Element for Decimal<P, S> {}

macro_rules! markers {
    ($($marker:ident: $($rust:ty),*;)*) => {$($(impl $marker for $rust {})*)*};
}

markers! {
    Element: [u8], Bytes, Date, String, SystemTime, Timestamp, TimestampNtz, Variant, Vec<u8>, f32, f64, str;
}

macro_rules! keys {
    ($([$($generics:tt)*] $rust:ty => $scalar:expr;)*) => {$(
        impl<$($generics)*> Key for $rust {
            const KEY: Scalar = $scalar;
        }
    )*};
}

keys! {
    [] Date => Scalar::Date;
    [] String => Scalar::String;
    [] SystemTime => Scalar::Timestamp;
    [] Timestamp => Scalar::Timestamp;
    [] TimestampNtz => Scalar::TimestampNtz;
    [] str => Scalar::String;
    [const P: u8, const S: u8] Decimal<P, S> => Scalar::Decimal { precision: P, scale: S };
    [T: Key + ?Sized] &T => T::KEY;
    [T: Key + ?Sized] Arc<T> => T::KEY;
    [T: Key + ?Sized] Box<T> => T::KEY;
    [T: Key + ToOwned + ?Sized] Cow<'_, T> => T::KEY;
    [T: Key + ?Sized] Rc<T> => T::KEY;
    [T: Key] Checked<T> => T::KEY;
}

//! Which types a column can hold, and the column type of each.
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
//! | `Date`, `Timestamp`, `TimestampNtz` | DATE, TIMESTAMP, TIMESTAMP_NTZ |
//! | `Decimal<P, S>` | DECIMAL(P, S) |
//! | `Variant` | VARIANT |
//! | a struct with `#[derive(ZerobusMessage)]` | STRUCT |
//! | an enum with it, whose variants hold no data | STRING |
//! | `&T`, `Box<T>`, `Rc<T>`, `Arc<T>`, `Cow<T>` | what `T` is |
//!
//! `standard` has the standard library's types that are written as one of these, `values::foreign` has other crates'.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use zerobus_codegen::Scalar;

use super::encoder::{Encoder, WireType};
use super::schema::ColumnType;
use crate::values::{Date, Decimal, Timestamp, TimestampNtz, ValueError, Variant};

/// A value that is never null: of a NOT NULL column, of an array's element, of a map's value.
///
/// Implement it for your own type by delegating to a type that implements it, or derive
/// [`ZerobusMessage`](macro@crate::ZerobusMessage) on a tuple struct of one field, which does the same.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the value of any column type",
    label = "no column type holds a `{Self}`",
    note = "u64, u128 and usize do not fit BIGINT: convert to i64, or use #[zerobus(decimal(20, 0))] on a u64",
    note = "a struct or an enum needs #[derive(ZerobusMessage)]; any Serialize can fill a VARIANT with #[zerobus(json)]"
)]
pub trait Value {
    /// The column type.
    const TYPE: ColumnType;
    /// The wire type.
    const WIRE: WireType;
    /// Whether writing it runs only code of this crate and of the derive.
    ///
    /// Rows of such values are written under the stream's lock, straight into the request; others are encoded first,
    /// and copied. Leave it `false` for your own type, unless it only delegates to a plain one.
    const IS_PLAIN: bool = false;

    /// Appends the value without its key, after its length if it has one.
    fn encode(&self, out: &mut Encoder);

    /// Appends the value after its key.
    ///
    /// The default is right for every value; the values of this crate do it in one step.
    #[inline]
    fn encode_with_key(&self, number: u32, out: &mut Encoder) {
        out.key(number, Self::WIRE);
        self.encode(out);
    }
}

/// A value that an array, or a map as its value, can hold: every [`Value`] but `u8`, since a `Vec<u8>` is BINARY.
#[diagnostic::on_unimplemented(
    message = "an ARRAY or a MAP cannot hold a `{Self}`",
    label = "not an element",
    note = "elements are single values or structs that are never null; wrap a collection or an Option in a struct",
    note = "a `Vec<u8>` is BINARY; for an ARRAY of small numbers use i16"
)]
pub trait Element: Value {}

/// A value that can be a map's key: integers, booleans, strings and types that are written as one of these.
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
        #[diagnostic::do_not_recommend]
        impl Value for $rust {
            const TYPE: ColumnType = ColumnType::Scalar(Scalar::$scalar);
            const WIRE: WireType = WireType::Varint;
            const IS_PLAIN: bool = true;

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

        #[diagnostic::do_not_recommend]
        impl Key for $rust {
            const KEY: Scalar = Scalar::$scalar;
        }

        $(#[diagnostic::do_not_recommend]
        impl $marker for $rust {})?
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

/// Values that are bytes after their length.
macro_rules! delimited {
    ($([$($generics:tt)*] $rust:ty => $scalar:ident, |$value:ident| $bytes:expr;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> Value for $rust {
            const TYPE: ColumnType = ColumnType::Scalar(Scalar::$scalar);
            const WIRE: WireType = WireType::Delimited;
            const IS_PLAIN: bool = true;

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
        #[diagnostic::do_not_recommend]
        impl Value for $rust {
            const TYPE: ColumnType = ColumnType::Scalar(Scalar::$scalar);
            const WIRE: WireType = WireType::$wire;
            const IS_PLAIN: bool = true;

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

/// Types that are written as another one, by code of this crate: with that type's column type, or with the one named.
macro_rules! travels_as {
    (@type $inner:ty) => { <$inner as $crate::message::Value>::TYPE };
    (@type $inner:ty, $scalar:ident) => {
        $crate::message::ColumnType::Scalar($crate::message::Scalar::$scalar)
    };
    ($([$($generics:tt)*] $rust:ty => $inner:ty $(as $scalar:ident)?, |$value:ident| $convert:expr;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> $crate::message::Value for $rust {
            const TYPE: $crate::message::ColumnType =
                $crate::message::value::travels_as!(@type $inner $(, $scalar)?);
            const WIRE: $crate::message::WireType = <$inner as $crate::message::Value>::WIRE;
            const IS_PLAIN: bool = true;

            #[inline]
            fn encode(&self, out: &mut $crate::message::Encoder) {
                let $value = self;
                <$inner as $crate::message::Value>::encode(&$convert, out);
            }

            #[inline]
            fn encode_with_key(&self, number: u32, out: &mut $crate::message::Encoder) {
                let $value = self;
                <$inner as $crate::message::Value>::encode_with_key(&$convert, number, out);
            }
        }
    )*};
}
pub(crate) use travels_as;

travels_as! {
    [] Date => i32 as Date, |value| value.as_days();
    [] Timestamp => i64 as Timestamp, |value| value.as_micros();
    [] TimestampNtz => i64 as TimestampNtz, |value| value.as_micros();
}

#[diagnostic::do_not_recommend]
impl<const P: u8, const S: u8> Value for Decimal<P, S> {
    const TYPE: ColumnType = {
        let () = Self::IN_RANGE;
        ColumnType::Scalar(Scalar::Decimal { precision: P, scale: S })
    };
    const WIRE: WireType = WireType::Delimited;
    const IS_PLAIN: bool = true;

    #[inline]
    fn encode(&self, out: &mut Encoder) {
        self.with_text(|text| out.delimited(text.as_bytes()));
    }

    #[inline]
    fn encode_with_key(&self, number: u32, out: &mut Encoder) {
        self.with_text(|text| out.delimited_field(number, text.as_bytes()));
    }
}

/// A value that is converted while its row is written, or the reason why that failed.
#[derive(Debug, Clone)]
pub struct Checked<V>(pub Result<V, ValueError>);

#[diagnostic::do_not_recommend]
impl<V: Value> Value for Checked<V> {
    const TYPE: ColumnType = V::TYPE;
    const WIRE: WireType = V::WIRE;
    const IS_PLAIN: bool = V::IS_PLAIN;

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
            Err(error) => {
                // The key identifies the column.
                out.key(number, Self::WIRE);
                out.refuse(error.clone());
            }
        }
    }
}

macro_rules! pointer {
    ($([$($generics:tt)*] $pointer:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> Value for $pointer {
            const TYPE: ColumnType = T::TYPE;
            const WIRE: WireType = T::WIRE;
            const IS_PLAIN: bool = T::IS_PLAIN;

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

#[diagnostic::do_not_recommend]
impl<T: Element + ?Sized> Element for &T {}
#[diagnostic::do_not_recommend]
impl<T: Element + ?Sized> Element for Arc<T> {}
#[diagnostic::do_not_recommend]
impl<T: Element + ?Sized> Element for Box<T> {}
#[diagnostic::do_not_recommend]
impl<T: Element + ToOwned + ?Sized> Element for Cow<'_, T> {}
#[diagnostic::do_not_recommend]
impl<T: Element + ?Sized> Element for Rc<T> {}
#[diagnostic::do_not_recommend]
impl<T: Element> Element for Checked<T> {}
#[diagnostic::do_not_recommend]
impl<const N: usize> Element for [u8; N] {}
#[diagnostic::do_not_recommend]
impl<const P: u8, const S: u8> Element for Decimal<P, S> {}

/// Values that an array can hold.
macro_rules! elements {
    ($($rust:ty),* $(,)?) => {$(
        #[diagnostic::do_not_recommend]
        impl $crate::message::Element for $rust {}
    )*};
}
pub(crate) use elements;

elements! { [u8], Bytes, Date, String, Timestamp, TimestampNtz, Variant, Vec<u8>, f32, f64, str }

/// Values that can be a map's key.
macro_rules! keys {
    ($([$($generics:tt)*] $rust:ty => $scalar:expr;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> $crate::message::Key for $rust {
            const KEY: $crate::message::Scalar = $scalar;
        }
    )*};
}
pub(crate) use keys;

keys! {
    [] Date => Scalar::Date;
    [] String => Scalar::String;
    [] Timestamp => Scalar::Timestamp;
    [] TimestampNtz => Scalar::TimestampNtz;
    [] Variant => Scalar::Variant;
    [] str => Scalar::String;
    [const P: u8, const S: u8] Decimal<P, S> => Scalar::Decimal { precision: P, scale: S };
    [T: Key + ?Sized] &T => T::KEY;
    [T: Key + ?Sized] Arc<T> => T::KEY;
    [T: Key + ?Sized] Box<T> => T::KEY;
    [T: Key + ToOwned + ?Sized] Cow<'_, T> => T::KEY;
    [T: Key + ?Sized] Rc<T> => T::KEY;
    [T: Key] Checked<T> => T::KEY;
}

//! How an attribute converts a field's value to the column's.
//!
//! | attribute | from | to |
//! |---|---|---|
//! | `timestamp(unit)`, `timestamp_ntz(unit)` | an integer of that unit since 1970-01-01 | TIMESTAMP, TIMESTAMP_NTZ |
//! | `date` | an integer of days since 1970-01-01 | DATE |
//! | `duration(unit)` | a duration of the standard library, chrono, jiff or time | BIGINT of that unit, floored |
//! | `decimal(p, s)` | an integer, plain text, a decimal of `rust_decimal` | DECIMAL(p, s) |
//! | `json` | any `Serialize` | VARIANT |
//! | `default` | an `Option` | the value inside, or its substitute |
//!
//! The conversions of a single value also apply through `Option`, through arrays, and through an `Option` of an array.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use zerobus_codegen::Scalar;

use super::encoder::{Encoder, WireType};
use super::schema::{ColumnType, Presence};
use super::value::{Element, Value};
use crate::values::{Date, Decimal, Timestamp, TimestampNtz, ValueError};

/// A single value that an attribute converts to `To`.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be converted as the attribute asks",
    label = "not a type that the attribute converts",
    note = "timestamp(unit), timestamp_ntz(unit) and date convert integers; duration(unit) converts durations",
    note = "decimal(p, s) converts integers, text and, with the feature of that name, rust_decimal::Decimal",
    note = "each of them also converts an Option or a Vec of these; for any other type name a function: #[zerobus(with = path)]"
)]
pub trait Convert<To> {
    /// The type that the column holds.
    type Out: Element;
    /// The column type.
    const TYPE: ColumnType = <Self::Out as Value>::TYPE;
    /// The wire type.
    const WIRE: WireType = <Self::Out as Value>::WIRE;

    /// The value as the column holds it.
    fn convert(&self) -> Self::Out;

    /// Appends the value as the column holds it.
    #[inline]
    fn encode(&self, out: &mut Encoder) {
        self.convert().encode(out);
    }
}

/// A field that an attribute converts to `To`: a single value, an `Option` of one, an array of them.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be converted as the attribute asks",
    label = "not a type that the attribute converts",
    note = "timestamp(unit), timestamp_ntz(unit) and date convert integers; duration(unit) converts durations",
    note = "decimal(p, s) converts integers, text and, with the feature of that name, rust_decimal::Decimal",
    note = "each of them also converts an Option or a Vec of these; for any other type name a function: #[zerobus(with = path)]"
)]
pub trait ConvertField<To> {
    /// The column type.
    const TYPE: ColumnType;
    /// Whether a value is required.
    const PRESENCE: Presence;

    /// Appends the field with its key, or nothing if there is no value.
    fn encode_converted(&self, number: u32, out: &mut Encoder);
}

/// Seconds.
#[derive(Debug)]
pub struct Secs;
/// Milliseconds.
#[derive(Debug)]
pub struct Millis;
/// Microseconds.
#[derive(Debug)]
pub struct Micros;
/// Nanoseconds.
#[derive(Debug)]
pub struct Nanos;

/// A `To` whose integer counts `Unit`s.
#[derive(Debug)]
pub struct In<Unit, To>(PhantomData<(Unit, To)>);

/// A BIGINT that counts the `Unit`s of a duration.
#[derive(Debug)]
pub struct Count<Unit>(PhantomData<Unit>);

/// A unit of time.
pub trait Unit {
    /// Its name, in the plural.
    const NAME: &'static str;
    /// Its length in nanoseconds.
    const NANOS: i128;
}

macro_rules! units {
    ($($unit:ident $name:literal $nanos:literal;)*) => {$(
        impl Unit for $unit {
            const NAME: &'static str = $name;
            const NANOS: i128 = $nanos;
        }
    )*};
}

units! {
    Micros "microseconds" 1_000;
    Millis "milliseconds" 1_000_000;
    Nanos "nanoseconds" 1;
    Secs "seconds" 1_000_000_000;
}

/// A single value as a field.
macro_rules! single {
    ([$($generics:tt)*] $from:ty => $to:ty) => {
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> $crate::message::convert::ConvertField<$to> for $from {
            const TYPE: $crate::message::ColumnType =
                <<Self as $crate::message::convert::Convert<$to>>::Out as $crate::message::Value>::TYPE;
            const PRESENCE: $crate::message::Presence = $crate::message::Presence::Required;

            #[inline]
            fn encode_converted(&self, number: u32, out: &mut $crate::message::Encoder) {
                let value = $crate::message::convert::Convert::<$to>::convert(self);
                $crate::message::Value::encode_with_key(&value, number, out);
            }
        }
    };
}
pub(crate) use single;

/// Converts one type into another.
macro_rules! convert {
    ($([$($generics:tt)*] $from:ty => $to:ty as $column:ty, |$value:ident| $convert:expr;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> $crate::message::convert::Convert<$to> for $from {
            type Out = $crate::message::Checked<$column>;

            #[inline]
            fn convert(&self) -> Self::Out {
                let $value = self;
                $crate::message::Checked($convert)
            }
        }

        $crate::message::convert::single!([$($generics)*] $from => $to);
    )*};
}
#[cfg(any(feature = "chrono", feature = "jiff", feature = "time"))]
pub(crate) use convert;

macro_rules! times {
    ($($unit:ident $constructor:ident $wide:ty: $($integer:ty),*;)*) => {$($(convert! {
        [] $integer => In<$unit, Timestamp> as Timestamp, |value| widen::<_, $wide>(*value, $unit::NAME).and_then(Timestamp::$constructor);
        [] $integer => In<$unit, TimestampNtz> as TimestampNtz, |value| widen::<_, $wide>(*value, $unit::NAME).and_then(TimestampNtz::$constructor);
    })*)*};
}

times! {
    Secs from_secs i64: i32, i64, u32, u64;
    Millis from_millis i64: i64, u64;
    Micros from_micros i64: i64, u64;
    Nanos from_nanos i128: i64, i128, u64;
}

convert! {
    [] i32 => Date as Date, |value| Date::from_days(*value);
    [] i64 => Date as Date, |value| widen(*value, "days").and_then(Date::from_days);
    [] u16 => Date as Date, |value| Date::from_days(i32::from(*value));
    [] u32 => Date as Date, |value| widen(*value, "days").and_then(Date::from_days);
    [const P: u8, const S: u8] String => Decimal<P, S> as Decimal<P, S>, |value| value.parse();
    [const P: u8, const S: u8] i128 => Decimal<P, S> as Decimal<P, S>, |value| (*value).try_into();
    [const P: u8, const S: u8] i32 => Decimal<P, S> as Decimal<P, S>, |value| i64::from(*value).try_into();
    [const P: u8, const S: u8] i64 => Decimal<P, S> as Decimal<P, S>, |value| (*value).try_into();
    [const P: u8, const S: u8] str => Decimal<P, S> as Decimal<P, S>, |value| value.parse();
    [const P: u8, const S: u8] u32 => Decimal<P, S> as Decimal<P, S>, |value| i64::from(*value).try_into();
    [const P: u8, const S: u8] u64 => Decimal<P, S> as Decimal<P, S>, |value| i128::from(*value).try_into();
    [U: Unit] Duration => Count<U> as i64, |value| i128::try_from(value.as_nanos()).map_or_else(|_| too_long::<U>(i128::MAX), count::<U>);
}

#[cfg(feature = "rust_decimal")]
convert! {
    [const P: u8, const S: u8] rust_decimal::Decimal => Decimal<P, S> as Decimal<P, S>, |value| (*value).try_into();
}

/// The whole units of a duration, as a BIGINT.
pub(crate) fn count<U: Unit>(nanos: i128) -> Result<i64, ValueError> {
    let units = nanos.div_euclid(U::NANOS);
    i64::try_from(units).or_else(|_| too_long::<U>(units))
}

const fn too_long<U: Unit>(found: i128) -> Result<i64, ValueError> {
    Err(ValueError::TooLong { found, unit: U::NAME })
}

/// The integer as the type that the constructor takes.
fn widen<T: Copy + Into<i128>, Wide: TryFrom<i128>>(value: T, unit: &'static str) -> Result<Wide, ValueError> {
    let found = value.into();
    Wide::try_from(found).map_err(|_| ValueError::OutOfRange { found, unit })
}

/// A pointer to a single value, which converts as that value does.
macro_rules! pointer {
    ($([$($generics:tt)*] $pointer:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> Convert<To> for $pointer {
            type Out = T::Out;

            #[inline]
            fn convert(&self) -> T::Out {
                (**self).convert()
            }
        }

        single!([$($generics)*] $pointer => To);
    )*};
}

pointer! {
    [T: Convert<To>, To] &T;
    [T: Convert<To>, To] Arc<T>;
    [T: Convert<To>, To] Box<T>;
    [T: Convert<To>, To] Rc<T>;
}

/// Text behind a pointer.
macro_rules! text {
    ($($pointer:ty),*) => {convert! {$(
        [const P: u8, const S: u8] $pointer => Decimal<P, S> as Decimal<P, S>, |value| value.parse();
    )*}};
}

text! { &str, Arc<str>, Box<str>, Cow<'_, str>, Rc<str> }

#[diagnostic::do_not_recommend]
impl<T: ConvertField<To>, To> ConvertField<To> for Option<T> {
    const TYPE: ColumnType = T::TYPE;
    const PRESENCE: Presence = match T::PRESENCE {
        Presence::Repeated => Presence::Repeated,
        Presence::Optional | Presence::Required => Presence::Optional,
    };

    #[inline]
    fn encode_converted(&self, number: u32, out: &mut Encoder) {
        if let Some(value) = self {
            value.encode_converted(number, out);
        }
    }
}

macro_rules! arrays {
    ($([$($generics:tt)*] $array:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> ConvertField<To> for $array {
            const TYPE: ColumnType = ColumnType::Array(&<T::Out as Value>::TYPE);
            const PRESENCE: Presence = Presence::Repeated;

            fn encode_converted(&self, number: u32, out: &mut Encoder) {
                for element in self.iter() {
                    element.convert().encode_with_key(number, out);
                }
            }
        }
    )*};
}

arrays! {
    [T: Convert<To>, To] &[T];
    [T: Convert<To>, To] Box<[T]>;
    [T: Convert<To>, To] Vec<T>;
    [T: Convert<To>, To, const N: usize] [T; N];
}

/// A value that serde writes as the JSON text of a VARIANT.
#[derive(Debug)]
pub struct Json<'a, T: ?Sized>(pub &'a T);

impl<T: Serialize + ?Sized> Value for Json<'_, T> {
    const TYPE: ColumnType = ColumnType::Scalar(Scalar::Variant);
    const WIRE: WireType = WireType::Delimited;

    fn encode(&self, out: &mut Encoder) {
        let mut result = Ok(());
        out.nested(|out| result = serde_json::to_writer(out, self.0));
        if let Err(error) = result {
            out.refuse(ValueError::Json { reason: error.to_string().into() });
        }
    }
}

/// An `Option` that a default can replace.
#[diagnostic::on_unimplemented(
    message = "`default` is for an Option, and `{Self}` is none",
    label = "never None, so no default can stand in for it",
    note = "remove the attribute: a value that is always there fills a NOT NULL column as it is"
)]
pub trait Optional {
    /// The type inside the `Option`.
    type Inner: Value;
    /// The column type.
    const TYPE: ColumnType;

    /// The value, or its substitute.
    fn or(&self, default: impl FnOnce() -> Self::Inner) -> Or<'_, Self::Inner>;
}

#[diagnostic::do_not_recommend]
impl<T: Value> Optional for Option<T> {
    type Inner = T;
    const TYPE: ColumnType = T::TYPE;

    #[inline]
    fn or(&self, default: impl FnOnce() -> T) -> Or<'_, T> {
        self.as_ref().map_or_else(|| Or::Default(default()), Or::Given)
    }
}

/// A value, or its substitute.
#[derive(Debug)]
pub enum Or<'a, T> {
    /// The substitute.
    Default(T),
    /// The value.
    Given(&'a T),
}

#[diagnostic::do_not_recommend]
impl<T: Value> Value for Or<'_, T> {
    const TYPE: ColumnType = T::TYPE;
    const WIRE: WireType = T::WIRE;

    #[inline]
    fn encode(&self, out: &mut Encoder) {
        match self {
            Self::Default(value) => value.encode(out),
            Self::Given(value) => value.encode(out),
        }
    }
}

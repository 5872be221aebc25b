//! How a field's value becomes the column's where an attribute says so: integers as times, other crates' decimals, JSON.

use std::marker::PhantomData;

use serde::Serialize;
use zerobus_codegen::Scalar;

use super::encoder::{Encoder, WireType};
use super::field::Field;
use super::schema::{ColumnType, FieldType, Presence};
use super::value::{Checked, Value};
use crate::values::{Date, Decimal, Timestamp, TimestampNtz, ValueError};

/// A type that an attribute converts to `To`: an integer of some unit, a decimal of another crate, a `Serialize`.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be converted as the attribute asks",
    label = "no integer, no text and no decimal that the attribute could convert",
    note = "timestamp(unit), timestamp_ntz(unit) and date convert integers, an Option or a Vec of them",
    note = "decimal(p, s) converts i32, i64, u64, String and, with the feature of that name, rust_decimal::Decimal",
    note = "for any other type write a function, and name it with #[zerobus(with = path)]"
)]
pub trait Convert<To> {
    /// What is written.
    type Out<'a>: Field
    where
        Self: 'a;

    /// Converts the value.
    fn convert(&self) -> Self::Out<'_>;
}

/// Seconds, as the unit of an integer.
#[derive(Debug)]
pub struct Secs;
/// Milliseconds, as the unit of an integer.
#[derive(Debug)]
pub struct Millis;
/// Microseconds, as the unit of an integer.
#[derive(Debug)]
pub struct Micros;
/// Nanoseconds, as the unit of an integer.
#[derive(Debug)]
pub struct Nanos;

/// A `To` whose integer counts `Unit`s.
#[derive(Debug)]
pub struct In<Unit, To>(PhantomData<(Unit, To)>);

/// The field's value as the attribute converts it.
#[inline]
pub fn convert<To, T: Convert<To> + ?Sized>(value: &T) -> T::Out<'_> {
    value.convert()
}

/// What a field of the type `T` says that an attribute converts.
#[must_use]
pub const fn type_as<'a, To, T: Convert<To> + ?Sized + 'a>() -> FieldType {
    FieldType::of::<T::Out<'a>>()
}

/// What a field of the type `T` says that a function converts.
#[must_use]
pub const fn type_with<'a, T: ?Sized + 'a, F: Field>(_: fn(&'a T) -> F) -> FieldType {
    FieldType::of::<F>()
}

/// The elements of an array, each converted while it is written.
#[derive(Debug)]
pub struct Each<'a, T, To>(&'a [T], PhantomData<To>);

/// A value that serde writes as the JSON text of a VARIANT.
#[derive(Debug)]
pub struct Json<'a, T: ?Sized>(pub &'a T);

/// An `Option`, for which a default can stand in.
#[diagnostic::on_unimplemented(
    message = "`default` is for an Option, and `{Self}` is none",
    label = "never None, so no default can stand in for it",
    note = "remove the attribute: a value that is always there fills a NOT NULL column as it is"
)]
pub trait Optional {
    /// What the `Option` holds.
    type Inner: Value;

    /// The value, if it is there.
    fn given(&self) -> Option<&Self::Inner>;
}

impl<T: Value> Optional for Option<T> {
    type Inner = T;

    #[inline]
    fn given(&self) -> Option<&T> {
        self.as_ref()
    }
}

/// A value, or what stands in for it.
#[derive(Debug)]
pub enum Or<'a, T> {
    /// What stands in.
    Default(T),
    /// The value.
    Given(&'a T),
}

/// What a field says for which a default can stand in.
#[must_use]
pub const fn type_or<T: Optional>() -> FieldType {
    FieldType::of::<T::Inner>()
}

/// The field's value, or what stands in for it.
#[inline]
pub fn or<T: Optional>(field: &T, default: impl FnOnce() -> T::Inner) -> Or<'_, T::Inner> {
    field.given().map_or_else(|| Or::Default(default()), Or::Given)
}

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

/// What a field says that is written as JSON.
#[must_use]
pub const fn type_json<'a, T: Serialize + ?Sized + 'a>() -> FieldType {
    FieldType::of::<Json<'a, T>>()
}

/// What a field says that is written as JSON, or left out.
#[must_use]
pub const fn type_optional_json<'a, T: Serialize + 'a>() -> FieldType {
    FieldType::of::<Option<Json<'a, T>>>()
}

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

impl<A: Convert<To>, To> Convert<To> for Option<A> {
    type Out<'a>
        = Option<A::Out<'a>>
    where
        Self: 'a;

    #[inline]
    fn convert(&self) -> Self::Out<'_> {
        self.as_ref().map(A::convert)
    }
}

/// Converts one type into another, alone and as the element of an array.
macro_rules! convert {
    ($([$($generics:tt)*] $from:ty => $to:ty as $column:ty, |$value:ident| $convert:expr;)*) => {$(
        impl<$($generics)*> Convert<$to> for $from {
            type Out<'a> = Checked<$column>;

            #[inline]
            fn convert(&self) -> Checked<$column> {
                let $value = self;
                Checked($convert)
            }
        }

        impl<$($generics)*> Convert<$to> for Vec<$from> {
            type Out<'a> = Each<'a, $from, $to>;

            #[inline]
            fn convert(&self) -> Each<'_, $from, $to> {
                Each(self, PhantomData)
            }
        }

        impl<$($generics)*> Field for Each<'_, $from, $to> {
            const TYPE: ColumnType = ColumnType::Array(&<$column as Value>::TYPE);
            const PRESENCE: Presence = Presence::Repeated;

            fn encode_field(&self, number: u32, out: &mut Encoder) {
                for element in self.0 {
                    Convert::<$to>::convert(element).encode_field(number, out);
                }
            }
        }
    )*};
}

macro_rules! times {
    ($($unit:ident $name:literal $constructor:ident $wide:ty: $($integer:ty),*;)*) => {$($(convert! {
        [] $integer => In<$unit, Timestamp> as Timestamp, |value| widen::<_, $wide>(*value, $name).and_then(Timestamp::$constructor);
        [] $integer => In<$unit, TimestampNtz> as TimestampNtz, |value| widen::<_, $wide>(*value, $name).and_then(TimestampNtz::$constructor);
    })*)*};
}

times! {
    Secs "seconds" from_secs i64: i32, i64, u32, u64;
    Millis "milliseconds" from_millis i64: i64, u64;
    Micros "microseconds" from_micros i64: i64, u64;
    Nanos "nanoseconds" from_nanos i128: i64, i128, u64;
}

convert! {
    [] i32 => Date as Date, |value| Date::from_days(*value);
    [] i64 => Date as Date, |value| widen(*value, "days").and_then(Date::from_days);
    [] u16 => Date as Date, |value| Date::from_days(i32::from(*value));
    [] u32 => Date as Date, |value| widen(*value, "days").and_then(Date::from_days);
    [const P: u8, const S: u8] String => Decimal<P, S> as Decimal<P, S>, |value| value.parse();
    [const P: u8, const S: u8] i32 => Decimal<P, S> as Decimal<P, S>, |value| i64::from(*value).try_into();
    [const P: u8, const S: u8] i64 => Decimal<P, S> as Decimal<P, S>, |value| (*value).try_into();
    [const P: u8, const S: u8] u64 => Decimal<P, S> as Decimal<P, S>, |value| i128::from(*value).try_into();
}

#[cfg(feature = "rust_decimal")]
convert! {
    [const P: u8, const S: u8] rust_decimal::Decimal => Decimal<P, S> as Decimal<P, S>, |value| (*value).try_into();
}

/// The integer in the type that the constructor takes.
fn widen<T: Copy + Into<i128>, Wide: TryFrom<i128>>(value: T, unit: &'static str) -> Result<Wide, ValueError> {
    let found = value.into();
    Wide::try_from(found).map_err(|_| ValueError::OutOfRange { found, unit })
}

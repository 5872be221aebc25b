//! `#[zerobus(with = …)]`: a function or a closure between a field and its column.
//!
//! The function takes a reference to the field, or to the content of its `Option`, its `Vec`, or both; its result
//! fills the column. The error of a `Result` refuses the row.
//!
//! The derive reads from the field's type which of these a closure takes, so that the closure's argument needs no
//! type. A path names a function whose type only the compiler knows. For it there is a trait for each possibility,
//! implemented for a different receiver: method lookup takes references off the receiver one by one, and so tries the
//! traits in the order in which they are declared here, until the bounds of one hold.

use std::fmt::Display;
use std::marker::PhantomData;
use std::ops::Deref;

use zerobus_codegen::Scalar;

use super::encoder::{Encoder, WireType};
use super::field::Field;
use super::schema::{ColumnType, FieldType, Presence};
use super::value::{Checked, Element, Key, Value};
use crate::values::ValueError;

/// What a function may return: a field, or a `Result` of a value.
#[diagnostic::on_unimplemented(
    message = "what the function returns, a `{Self}`, cannot fill a column",
    label = "returns a `{Self}`, which no column type holds",
    note = "a function returns a value, an Option or a collection of values, or a Result of a value and an error to show"
)]
pub trait Returned {
    /// The type that is written.
    type Column: Field;

    /// The value as it is written.
    fn column(self) -> Self::Column;
}

#[diagnostic::do_not_recommend]
impl<F: Field> Returned for F {
    type Column = F;

    #[inline]
    fn column(self) -> F {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<V: Value, E: Display> Returned for Result<V, E> {
    type Column = Checked<V>;

    #[inline]
    fn column(self) -> Checked<V> {
        Checked(self.map_err(|error| ValueError::Function { reason: error.to_string().into() }))
    }
}

/// The result of a function for a field: for the field itself, or for its content.
pub trait Output {
    /// The column type and presence.
    const FIELD_TYPE: FieldType;

    /// Appends the field with its key, or nothing if there is no value.
    fn encode(self, number: u32, out: &mut Encoder);
}

/// The result of a function for a field that is a single value.
pub trait Single: Output {
    /// The type that is written.
    type Value: Value;

    /// The value as it is written.
    fn value(self) -> Self::Value;
}

/// A function of a field of type `T`, with the encoding of its result.
///
/// It holds what it needs of `Output`, so that a result that is not a field is an error only where this is made.
#[derive(Debug)]
pub struct Function<'a, T: ?Sized, O> {
    call: fn(&'a T) -> O,
    field_type: FieldType,
    encode: fn(O, u32, &mut Encoder),
}

/// Names the field's type for a closure of the derive.
#[must_use]
#[inline]
pub const fn function<'a, T: ?Sized, O: Output>(call: fn(&'a T) -> O) -> Function<'a, T, O> {
    Function { call, field_type: O::FIELD_TYPE, encode: O::encode }
}

impl<'a, T: ?Sized, O> Function<'a, T, O> {
    /// The column type and presence of the function's result.
    #[must_use]
    pub const fn field_type(&self) -> FieldType {
        self.field_type
    }

    /// Appends the function's result for the field.
    #[inline]
    pub fn encode(&self, field: &'a T, number: u32, out: &mut Encoder) {
        (self.encode)((self.call)(field), number, out);
    }
}

/// A function that returns a single value.
#[derive(Debug)]
pub struct ValueFunction<'a, T: ?Sized, O> {
    call: fn(&'a T) -> O,
    column_type: ColumnType,
    wire: WireType,
    encode: fn(O, &mut Encoder),
}

/// As [`function`], for a newtype.
#[must_use]
#[inline]
pub const fn value<'a, T: ?Sized, O: Single>(call: fn(&'a T) -> O) -> ValueFunction<'a, T, O> {
    let encode = |output: O, out: &mut Encoder| output.value().encode(out);
    ValueFunction { call, column_type: <O::Value as Value>::TYPE, wire: <O::Value as Value>::WIRE, encode }
}

impl<'a, T: ?Sized, O> ValueFunction<'a, T, O> {
    /// The column type.
    #[must_use]
    pub const fn column_type(&self) -> ColumnType {
        self.column_type
    }

    /// The wire type.
    #[must_use]
    pub const fn wire(&self) -> WireType {
        self.wire
    }

    /// Appends the function's result for the field.
    #[inline]
    pub fn encode(&self, field: &'a T, out: &mut Encoder) {
        (self.encode)((self.call)(field), out);
    }
}

/// The type of a map's key that a function returns.
#[must_use]
pub const fn key<'a, T: ?Sized + 'a, O: Single<Value: Key>>(_: fn(&'a T) -> O) -> Scalar {
    <O::Value as Key>::KEY
}

/// The function's result for the whole field.
#[derive(Debug)]
pub struct Whole<R>(R);

/// The function's result for the value inside an `Option`.
#[derive(Debug)]
pub struct Inside<R>(Option<R>);

/// The elements of an array, to each of which the function is applied.
#[derive(Debug)]
pub struct Each<'a, T, F, By = Itself> {
    elements: &'a [T],
    function: F,
    by: PhantomData<By>,
}

/// The elements of an array inside an `Option`.
#[derive(Debug)]
pub struct InsideEach<'a, T, F, By = Itself>(Option<Each<'a, T, F, By>>);

/// Calls a closure with the field.
#[inline]
pub fn whole<'a, T: ?Sized, R>(field: &'a T, function: impl FnOnce(&'a T) -> R) -> Whole<R> {
    Whole(function(field))
}

/// Calls a closure with the value inside an `Option`.
#[inline]
pub fn inside<'a, T, R>(field: &'a Option<T>, function: impl FnOnce(&'a T) -> R) -> Inside<R> {
    Inside(field.as_ref().map(function))
}

/// Calls a closure with each element.
#[inline]
pub const fn each<'a, T, R, F: Fn(&'a T) -> R>(field: &'a [T], function: F) -> Each<'a, T, F> {
    Each::new(field, function)
}

/// Calls a closure with each element inside an `Option`.
#[inline]
pub fn inside_each<'a, T, R, F: Fn(&'a T) -> R>(field: &'a Option<Vec<T>>, function: F) -> InsideEach<'a, T, F> {
    InsideEach(field.as_ref().map(|elements| Each::new(elements, function)))
}

impl<R: Returned> Output for Whole<R> {
    const FIELD_TYPE: FieldType = FieldType::of::<R::Column>();

    #[inline]
    fn encode(self, number: u32, out: &mut Encoder) {
        self.0.column().encode_field(number, out);
    }
}

impl<R: Returned<Column: Value>> Single for Whole<R> {
    type Value = R::Column;

    #[inline]
    fn value(self) -> R::Column {
        self.0.column()
    }
}

impl<R: Returned> Output for Inside<R> {
    const FIELD_TYPE: FieldType = FieldType::of::<Option<R::Column>>();

    #[inline]
    fn encode(self, number: u32, out: &mut Encoder) {
        if let Some(value) = self.0 {
            value.column().encode_field(number, out);
        }
    }
}

impl<'a, T, F, By> Each<'a, T, F, By> {
    const fn new(elements: &'a [T], function: F) -> Self {
        Self { elements, function, by: PhantomData }
    }
}

impl<'a, T, F, By: Call<'a, T, F, Returned: Returned<Column: Element>>> Output for Each<'a, T, F, By> {
    const FIELD_TYPE: FieldType = FieldType {
        column_type: ColumnType::Array(&<<By::Returned as Returned>::Column as Value>::TYPE),
        presence: Presence::Repeated,
    };

    #[inline]
    fn encode(self, number: u32, out: &mut Encoder) {
        for element in self.elements {
            By::call(&self.function, element).column().encode_with_key(number, out);
        }
    }
}

impl<'a, T, F, By: Call<'a, T, F, Returned: Returned<Column: Element>>> Output for InsideEach<'a, T, F, By> {
    const FIELD_TYPE: FieldType = <Each<'a, T, F, By> as Output>::FIELD_TYPE;

    #[inline]
    fn encode(self, number: u32, out: &mut Encoder) {
        if let Some(elements) = self.0 {
            elements.encode(number, out);
        }
    }
}

/// How a function takes a value.
pub trait Call<'a, T: ?Sized, F> {
    /// Its return type.
    type Returned;

    /// Calls the function with the value.
    fn call(function: &F, value: &'a T) -> Self::Returned;
}

/// The function takes the value itself.
#[derive(Debug)]
pub struct Itself;

impl<'a, T: ?Sized + 'a, R, F: Fn(&'a T) -> R> Call<'a, T, F> for Itself {
    type Returned = R;

    #[inline]
    fn call(function: &F, value: &'a T) -> R {
        function(value)
    }
}

/// The function takes what the value dereferences to: `str` of a `String`, `[T]` of a `Vec<T>`.
#[derive(Debug)]
pub struct Target;

impl<'a, T: Deref<Target: 'a> + ?Sized, R, F: Fn(&'a T::Target) -> R> Call<'a, T, F> for Target {
    type Returned = R;

    #[inline]
    fn call(function: &F, value: &'a T) -> R {
        function(value)
    }
}

/// A function named by a path, for a field of type `T`.
#[derive(Debug)]
pub struct Named<'a, T: ?Sized, F>(F, PhantomData<&'a T>);

/// Names the field's type for a function that a path names.
#[must_use]
pub const fn named<'a, T: ?Sized, F>(function: F) -> Named<'a, T, F> {
    Named(function, PhantomData)
}

/// One possible parameter of a function named by a path, for each nesting of the field's type.
macro_rules! possibility {
    ($name:ident $receiver:ident $by:ident:
        $([$($generics:tt)*] $whole:ty, $value:ty => $output:ty, |$field:ident, $function:ident| $call:expr;)*
    ) => {
        /// See the module's documentation.
        pub trait $name<'a, T: ?Sized> {
            /// The function's result for the field.
            type Output;

            /// Calls the function with the field.
            fn call_named(&self, field: &'a T) -> Self::Output;
        }

        $(impl<'a, $($generics)* F: Copy> $name<'a, $whole> for $receiver<'_, Named<'a, $whole, F>>
        where
            $by: Call<'a, $value, F>,
        {
            type Output = $output;

            #[inline]
            fn call_named(&self, $field: &'a $whole) -> $output {
                let $function = self.0;
                $call
            }
        })*
    };
}

// The receivers in the order in which they are tried.
type Try1<'r, T> = &'r Try2<'r, T>;
type Try2<'r, T> = &'r Try3<'r, T>;
type Try3<'r, T> = &'r Try4<'r, T>;
type Try4<'r, T> = &'r Try5<'r, T>;
type Try5<'r, T> = &'r Try6<'r, T>;
type Try6<'r, T> = &'r Try7<'r, T>;
type Try7<'r, T> = &'r Try8<'r, T>;
type Try8<'r, T> = &'r T;

/// What a function returns for a value.
type ReturnedBy<'a, By, T, F> = <By as Call<'a, T, F>>::Returned;

// A `Vec<u8>` is one value, although a function of any type would also take each of its bytes.
possibility! { NamedBytes Try1 Itself:
    [] Vec<u8>, Vec<u8> => Whole<ReturnedBy<'a, Itself, Vec<u8>, F>>, |field, function| Whole(Itself::call(&function, field));
    [] Option<Vec<u8>>, Vec<u8> => Inside<ReturnedBy<'a, Itself, Vec<u8>, F>>,
        |field, function| Inside(field.as_ref().map(|bytes| Itself::call(&function, bytes)));
}
possibility! { NamedBytesTarget Try2 Target:
    [] Vec<u8>, Vec<u8> => Whole<ReturnedBy<'a, Target, Vec<u8>, F>>, |field, function| Whole(Target::call(&function, field));
    [] Option<Vec<u8>>, Vec<u8> => Inside<ReturnedBy<'a, Target, Vec<u8>, F>>,
        |field, function| Inside(field.as_ref().map(|bytes| Target::call(&function, bytes)));
}
possibility! { NamedInsideEach Try3 Itself:
    [T: 'a,] Option<Vec<T>>, T => InsideEach<'a, T, F, Itself>,
        |field, function| InsideEach(field.as_ref().map(|elements| Each::new(elements, function)));
}
possibility! { NamedInsideEachTarget Try4 Target:
    [T: 'a,] Option<Vec<T>>, T => InsideEach<'a, T, F, Target>,
        |field, function| InsideEach(field.as_ref().map(|elements| Each::new(elements, function)));
}
possibility! { NamedInside Try5 Itself:
    [T: 'a,] Option<T>, T => Inside<ReturnedBy<'a, Itself, T, F>>,
        |field, function| Inside(field.as_ref().map(|value| Itself::call(&function, value)));
    [T: 'a,] Vec<T>, T => Each<'a, T, F, Itself>, |field, function| Each::new(field, function);
}
possibility! { NamedInsideTarget Try6 Target:
    [T: 'a,] Option<T>, T => Inside<ReturnedBy<'a, Target, T, F>>,
        |field, function| Inside(field.as_ref().map(|value| Target::call(&function, value)));
    [T: 'a,] Vec<T>, T => Each<'a, T, F, Target>, |field, function| Each::new(field, function);
}
possibility! { NamedWhole Try7 Itself:
    [T: 'a,] T, T => Whole<ReturnedBy<'a, Itself, T, F>>, |field, function| Whole(Itself::call(&function, field));
}
possibility! { NamedWholeTarget Try8 Target:
    [T: 'a,] T, T => Whole<ReturnedBy<'a, Target, T, F>>, |field, function| Whole(Target::call(&function, field));
}

impl<'a, T: ?Sized, F> Named<'a, T, F> {
    /// The last resort, if no trait applies: its bound makes the compiler report what the function should have taken.
    #[inline]
    pub fn call_named<R>(&self, field: &'a T) -> Whole<R>
    where
        F: Fn(&'a T) -> R,
    {
        Whole((self.0)(field))
    }
}

/// The traits without their names, so that a glob import brings only their methods into the scope of the user's
/// function.
pub mod possibilities {
    pub use super::{
        NamedBytes as _, NamedBytesTarget as _, NamedInside as _, NamedInsideEach as _, NamedInsideEachTarget as _,
        NamedInsideTarget as _, NamedWhole as _, NamedWholeTarget as _,
    };
}

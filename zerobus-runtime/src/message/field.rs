//! Which types can be a field of a row: a value, an optional value, a collection.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use super::encoder::{Encoder, WireType};
use super::schema::{ColumnType, FieldType, Presence};
use super::value::{Element, Key, Value};

/// A field of a row.
///
/// Every [`Value`] is a field, as a NOT NULL column; `Option` makes it nullable; `Vec`, slices, arrays and sets of an
/// [`Element`] are ARRAY; `HashMap` and `BTreeMap` are MAP. So are a `&` and an `Arc` of these, and a `Cow` of a slice.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a row",
    label = "no column type holds a `{Self}`",
    note = "u64, u128 and usize do not fit BIGINT: convert to i64, or use #[zerobus(decimal(20, 0))] on a u64",
    note = "a struct or an enum needs #[derive(ZerobusMessage)]; any Serialize can fill a VARIANT with #[zerobus(json)]",
    note = "a Vec holds single values or structs; for a Vec of Vecs, wrap the inner one in a struct"
)]
pub trait Field {
    /// The column type.
    const TYPE: ColumnType;
    /// Whether a value is required.
    const PRESENCE: Presence;
    /// Whether writing it runs only code of this crate and of the derive: see [`Value::IS_PLAIN`].
    const IS_PLAIN: bool = false;

    /// Appends the field with its key, or nothing if there is no value.
    fn encode_field(&self, number: u32, out: &mut Encoder);
}

impl FieldType {
    /// The field type of the Rust type `F`.
    #[must_use]
    pub const fn of<F: Field + ?Sized>() -> Self {
        Self { column_type: F::TYPE, presence: F::PRESENCE }
    }
}

#[diagnostic::do_not_recommend]
impl<T: Value + ?Sized> Field for T {
    const TYPE: ColumnType = T::TYPE;
    const PRESENCE: Presence = Presence::Required;
    const IS_PLAIN: bool = T::IS_PLAIN;

    #[inline]
    fn encode_field(&self, number: u32, out: &mut Encoder) {
        self.encode_with_key(number, out);
    }
}

#[diagnostic::do_not_recommend]
impl<T: Field> Field for Option<T> {
    const TYPE: ColumnType = T::TYPE;
    const PRESENCE: Presence = match T::PRESENCE {
        Presence::Repeated => Presence::Repeated,
        Presence::Optional | Presence::Required => Presence::Optional,
    };
    const IS_PLAIN: bool = T::IS_PLAIN;

    #[inline]
    fn encode_field(&self, number: u32, out: &mut Encoder) {
        if let Some(value) = self {
            value.encode_field(number, out);
        }
    }
}

/// Types that hold elements in sequence.
macro_rules! arrays {
    ($([$($generics:tt)*] $array:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> $crate::message::Field for $array {
            const TYPE: $crate::message::ColumnType = $crate::message::ColumnType::Array(&T::TYPE);
            const PRESENCE: $crate::message::Presence = $crate::message::Presence::Repeated;
            const IS_PLAIN: bool = T::IS_PLAIN;

            #[inline]
            fn encode_field(&self, number: u32, out: &mut $crate::message::Encoder) {
                for element in self.iter() {
                    $crate::message::Field::encode_field(element, number, out);
                }
            }
        }
    )*};
}
#[cfg(any(feature = "indexmap", feature = "smallvec"))]
pub(crate) use arrays;

arrays! {
    [T: Element] &BTreeSet<T>;
    [T: Element, S] &HashSet<T, S>;
    [T: Element] &Vec<T>;
    [T: Element] &[T];
    [T: Element] Arc<Vec<T>>;
    [T: Element] Arc<[T]>;
    [T: Element] BTreeSet<T>;
    [T: Element] Box<[T]>;
    [T: Element + Clone] Cow<'_, [T]>;
    [T: Element, S] HashSet<T, S>;
    [T: Element] Rc<[T]>;
    [T: Element] Vec<T>;
    [T: Element] VecDeque<T>;
    [T: Element, const N: usize] &[T; N];
    [T: Element, const N: usize] [T; N];
}

/// Types that hold a value for each key.
macro_rules! maps {
    ($([$($generics:tt)*] $map:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> $crate::message::Field for $map {
            const TYPE: $crate::message::ColumnType = $crate::message::ColumnType::Map(K::KEY, &V::TYPE);
            const PRESENCE: $crate::message::Presence = $crate::message::Presence::Repeated;
            const IS_PLAIN: bool = K::IS_PLAIN && V::IS_PLAIN;

            #[inline]
            fn encode_field(&self, number: u32, out: &mut $crate::message::Encoder) {
                for (key, value) in self.iter() {
                    $crate::message::field::entry(number, key, value, out);
                }
            }
        }
    )*};
}
#[cfg(feature = "indexmap")]
pub(crate) use maps;

maps! {
    [K: Key, V: Element] &BTreeMap<K, V>;
    [K: Key, V: Element, S] &HashMap<K, V, S>;
    [K: Key, V: Element] Arc<BTreeMap<K, V>>;
    [K: Key, V: Element, S] Arc<HashMap<K, V, S>>;
    [K: Key, V: Element] BTreeMap<K, V>;
    [K: Key, V: Element, S] HashMap<K, V, S>;
}

/// Writes an entry of a map.
#[inline]
pub(crate) fn entry<K: Key, V: Element>(number: u32, key: &K, value: &V, out: &mut Encoder) {
    out.key(number, WireType::Delimited);
    out.nested(|out| {
        entry_part(1, key, out);
        entry_part(2, value, out);
    });
}

/// Writes a map entry's key or value, unless it is the default, which a reader fills in.
///
/// In every wire type the default, and only the default, is written as zero bytes alone: a zero, an empty length.
fn entry_part<T: Value>(number: u32, part: &T, out: &mut Encoder) {
    let before_key = out.len();
    out.key(number, T::WIRE);
    let before_value = out.len();
    part.encode(out);
    if out.as_slice()[before_value..].iter().all(|&byte| byte == 0) {
        out.truncate(before_key);
    }
}

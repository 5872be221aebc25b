//! What may be a field of a row: a value, an optional one, a collection.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::encoder::{Encoder, WireType};
use super::schema::{ColumnType, Presence};
use super::value::{Element, Key, Value};

/// A field of a row.
///
/// Every [`Value`] is one, as a NOT NULL column; `Option` makes it nullable; `Vec`, slices, arrays and sets of an
/// [`Element`] are ARRAY; `HashMap` and `BTreeMap` are MAP.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a row",
    label = "no column type holds a `{Self}`",
    note = "u64, u128 and usize do not fit BIGINT: convert to i64, or use #[zerobus(decimal(20, 0))] on a u64",
    note = "a struct needs #[derive(ZerobusMessage)]; any Serialize can fill a VARIANT with #[zerobus(json)]",
    note = "a Vec holds single values or structs; for a Vec of Vecs, wrap the inner one in a struct"
)]
pub trait Field {
    /// The column type.
    const TYPE: ColumnType;
    /// Whether a value must be there.
    const PRESENCE: Presence;

    /// Appends the field with its key, or nothing where there is no value.
    fn encode_field(&self, number: u32, out: &mut Encoder);
}

#[diagnostic::do_not_recommend]
impl<T: Value + ?Sized> Field for T {
    const TYPE: ColumnType = T::TYPE;
    const PRESENCE: Presence = Presence::Required;

    #[inline]
    fn encode_field(&self, number: u32, out: &mut Encoder) {
        self.encode_with_key(number, out);
    }
}

impl<T: Field> Field for Option<T> {
    const TYPE: ColumnType = T::TYPE;
    const PRESENCE: Presence = match T::PRESENCE {
        Presence::Repeated => Presence::Repeated,
        Presence::Optional | Presence::Required => Presence::Optional,
    };

    #[inline]
    fn encode_field(&self, number: u32, out: &mut Encoder) {
        if let Some(value) = self {
            value.encode_field(number, out);
        }
    }
}

macro_rules! arrays {
    ($([$($generics:tt)*] $array:ty;)*) => {$(
        impl<$($generics)*> Field for $array {
            const TYPE: ColumnType = ColumnType::Array(&T::TYPE);
            const PRESENCE: Presence = Presence::Repeated;

            #[inline]
            fn encode_field(&self, number: u32, out: &mut Encoder) {
                for element in self.iter() {
                    element.encode_field(number, out);
                }
            }
        }
    )*};
}

arrays! {
    [T: Element] &[T];
    [T: Element] BTreeSet<T>;
    [T: Element] Box<[T]>;
    [T: Element, S] HashSet<T, S>;
    [T: Element] Vec<T>;
    [T: Element] VecDeque<T>;
    [T: Element, const N: usize] [T; N];
}

macro_rules! maps {
    ($([$($generics:tt)*] $map:ty;)*) => {$(
        impl<$($generics)*> Field for $map {
            const TYPE: ColumnType = ColumnType::Map(K::KEY, &V::TYPE);
            const PRESENCE: Presence = Presence::Repeated;

            #[inline]
            fn encode_field(&self, number: u32, out: &mut Encoder) {
                for (key, value) in self {
                    out.key(number, WireType::Delimited);
                    out.nested(|out| {
                        entry_part(1, key, out);
                        entry_part(2, value, out);
                    });
                }
            }
        }
    )*};
}

maps! {
    [K: Key, V: Element] BTreeMap<K, V>;
    [K: Key, V: Element, S] HashMap<K, V, S>;
}

/// Writes a map entry's key or value, unless it is the default, which a reader fills in.
///
/// In every wire type the default, and nothing else, is written as zeros alone: a zero, an empty length.
fn entry_part<T: Value>(number: u32, part: &T, out: &mut Encoder) {
    let before_key = out.len();
    out.key(number, T::WIRE);
    let before_value = out.len();
    part.encode(out);
    if out.as_slice()[before_value..].iter().all(|&byte| byte == 0) {
        out.truncate(before_key);
    }
}

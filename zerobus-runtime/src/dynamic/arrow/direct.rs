//! Columns whose values are written as they are in the array: none is converted, and none can be refused.

use arrow_array::BooleanArray;

use super::arrays::{Bytes, Texts};
use crate::message::Encoder;

/// The values of such a column.
#[derive(Debug)]
pub(super) enum Direct<'a> {
    Booleans(&'a BooleanArray),
    Bytes(Bytes<'a>),
    Doubles(&'a [f64]),
    Floats(&'a [f32]),
    Ints(&'a [i32]),
    Longs(&'a [i64]),
    Texts(Texts<'a>),
}

impl Direct<'_> {
    /// Writes the value of a row, which is not null.
    #[inline]
    pub(super) fn write(&self, field: u32, row: usize, out: &mut Encoder) {
        match self {
            Self::Booleans(booleans) => out.varint_field(field, booleans.value(row).into()),
            Self::Bytes(bytes) => out.delimited_field(field, bytes.at(row)),
            Self::Doubles(doubles) => out.fixed_64_field(field, doubles[row].to_le_bytes()),
            Self::Floats(floats) => out.fixed_32_field(field, floats[row].to_le_bytes()),
            Self::Ints(ints) => out.varint_field(field, i64::from(ints[row]).cast_unsigned()),
            Self::Longs(longs) => out.varint_field(field, longs[row].cast_unsigned()),
            Self::Texts(texts) => out.delimited_field(field, texts.at(row).as_bytes()),
        }
    }
}

//! Columns whose values are written as the array has them: none needs a check, and none can be refused.

use arrow_array::{BooleanArray, StringViewArray};

use super::arrays::{Bytes, Texts, Unscaled};
use super::point;
use crate::message::Encoder;

/// The values of such a column.
#[derive(Debug)]
pub(super) enum Direct<'a> {
    Booleans(&'a BooleanArray),
    Bytes(Bytes<'a>),
    /// Decimals with this many digits after the point.
    Decimals(Unscaled<'a>, usize),
    Doubles(&'a [f64]),
    Floats(&'a [f32]),
    Ints(&'a [i32]),
    Longs(&'a [i64]),
    Texts(Texts<'a>),
    Views(&'a StringViewArray),
}

/// A view of a text of up to this many bytes holds the text, after the 32 bits of its length (Arrow's columnar format).
const LONGEST_IN_VIEW: u8 = 12;

impl Direct<'_> {
    /// Writes the value of a row, which is not null.
    #[expect(clippy::inline_always, reason = "a call would cost as much as the value itself")]
    #[inline(always)]
    pub(super) fn write(&self, field: u32, row: usize, out: &mut Encoder) {
        match self {
            Self::Booleans(booleans) => out.varint_field(field, booleans.values().value(row).into()),
            Self::Bytes(bytes) => out.delimited_field(field, bytes.at(row)),
            Self::Decimals(values, places) => point::write(field, values.at(row), *places, out),
            Self::Doubles(doubles) => out.fixed_64_field(field, doubles[row].to_le_bytes()),
            Self::Floats(floats) => out.fixed_32_field(field, floats[row].to_le_bytes()),
            Self::Ints(ints) => out.varint_field(field, i64::from(ints[row]).cast_unsigned()),
            Self::Longs(longs) => out.long_field(field, longs[row].cast_unsigned()),
            Self::Texts(texts) => out.delimited_field(field, texts.at(row).as_bytes()),
            Self::Views(texts) => {
                let view = texts.views()[row];
                match view.to_le_bytes() {
                    [length @ 0..=LONGEST_IN_VIEW, 0, 0, 0, ..] => out.short_field(field, view >> 32, length),
                    _ => out.delimited_field(field, texts.value(row).as_bytes()),
                }
            }
        }
    }
}

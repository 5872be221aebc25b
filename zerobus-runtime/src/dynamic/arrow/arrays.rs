//! The arrays of plain values, of each width and layout, and how one value of them is looked up.

use arrow_array::{
    BinaryArray, BinaryViewArray, Decimal256Array, FixedSizeBinaryArray, LargeBinaryArray, LargeStringArray,
    StringArray, StringViewArray,
};

#[derive(Debug, Clone, Copy)]
pub(super) enum Bytes<'a> {
    Fixed(&'a FixedSizeBinaryArray),
    Large(&'a LargeBinaryArray),
    Small(&'a BinaryArray),
    View(&'a BinaryViewArray),
}

#[derive(Debug)]
pub(super) enum Decimals<'a> {
    /// Their digits as integers, and how many of them follow the point.
    Narrow(Unscaled<'a>, i8),
    Wide(&'a Decimal256Array),
}

/// The digits of decimals as integers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unscaled<'a> {
    I32(&'a [i32]),
    I64(&'a [i64]),
    I128(&'a [i128]),
}

/// A decimal value.
#[derive(Debug)]
pub(super) enum Decimal {
    /// Its digits as an integer, and how many of them follow the point.
    Narrow(i128, i8),
    /// The text of a decimal of 256 bits.
    Wide(String),
}

#[derive(Debug)]
pub(super) enum Floats<'a> {
    /// Rust has no stable half-precision float; such columns are rare.
    F16(Vec<f32>),
    F32(&'a [f32]),
    F64(&'a [f64]),
}

#[derive(Debug)]
pub(super) enum Integers<'a> {
    I8(&'a [i8]),
    I16(&'a [i16]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    U64(&'a [u64]),
}

/// Where the elements of each list are.
#[derive(Debug)]
pub(super) enum Ranges<'a> {
    Fixed(usize),
    Large(&'a [i64]),
    Small(&'a [i32]),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Texts<'a> {
    Large(&'a LargeStringArray),
    Small(&'a StringArray),
    View(&'a StringViewArray),
}

impl Bytes<'_> {
    #[inline]
    pub(super) fn at(&self, row: usize) -> &[u8] {
        match self {
            Self::Fixed(values) => values.value(row),
            Self::Large(values) => values.value(row),
            Self::Small(values) => values.value(row),
            Self::View(values) => values.value(row),
        }
    }
}

impl Decimals<'_> {
    pub(super) fn at(&self, row: usize) -> Decimal {
        match self {
            Self::Narrow(values, scale) => Decimal::Narrow(values.at(row), *scale),
            Self::Wide(values) => Decimal::Wide(values.value_as_string(row)),
        }
    }
}

impl Unscaled<'_> {
    #[inline]
    pub(super) fn at(self, row: usize) -> i128 {
        match self {
            Self::I32(values) => values[row].into(),
            Self::I64(values) => values[row].into(),
            Self::I128(values) => values[row],
        }
    }

    /// Whether all of them, without their signs, are below this.
    pub(super) fn are_below(self, limit: u128) -> bool {
        match self {
            Self::I32(values) => values.iter().all(|value| u128::from(value.unsigned_abs()) < limit),
            Self::I64(values) => values.iter().all(|value| u128::from(value.unsigned_abs()) < limit),
            Self::I128(values) => values.iter().all(|value| value.unsigned_abs() < limit),
        }
    }
}

impl Floats<'_> {
    pub(super) fn at(&self, row: usize) -> f64 {
        match self {
            Self::F16(values) => values[row].into(),
            Self::F32(values) => values[row].into(),
            Self::F64(values) => values[row],
        }
    }

    /// The shortest digits that round-trip.
    pub(super) fn digits(&self, row: usize) -> String {
        match self {
            Self::F16(values) => values[row].to_string(),
            Self::F32(values) => values[row].to_string(),
            Self::F64(values) => values[row].to_string(),
        }
    }
}

impl Integers<'_> {
    pub(super) fn at(&self, row: usize) -> i128 {
        match self {
            Self::I8(values) => values[row].into(),
            Self::I16(values) => values[row].into(),
            Self::I32(values) => values[row].into(),
            Self::I64(values) => values[row].into(),
            Self::U8(values) => values[row].into(),
            Self::U16(values) => values[row].into(),
            Self::U32(values) => values[row].into(),
            Self::U64(values) => values[row].into(),
        }
    }
}

impl Ranges<'_> {
    #[inline]
    pub(super) fn at(&self, row: usize) -> std::ops::Range<usize> {
        match self {
            Self::Fixed(length) => row * length..(row + 1) * length,
            Self::Large(offsets) => large(offsets[row])..large(offsets[row + 1]),
            Self::Small(offsets) => small(offsets[row])..small(offsets[row + 1]),
        }
    }
}

/// An offset of a checked array, which is never negative.
pub(super) const fn small(offset: i32) -> usize {
    offset.unsigned_abs() as usize
}

fn large(offset: i64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl Texts<'_> {
    #[inline]
    pub(super) fn at(&self, row: usize) -> &str {
        match self {
            Self::Large(values) => values.value(row),
            Self::Small(values) => values.value(row),
            Self::View(values) => values.value(row),
        }
    }
}

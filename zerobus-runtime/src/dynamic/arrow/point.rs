//! A decimal as plain digits, with a point before its fraction.

use std::borrow::Cow;

use super::arrays::Decimal;
use crate::dynamic::digits;
use crate::message::Encoder;

/// The most digits after the point that are written without an allocation; Arrow's decimals of 128 bits have no more.
const MOST_SCALE: usize = 38;

/// A sign, the 39 digits of the largest number, a point, and a zero before it.
pub(super) const LONGEST: usize = 42;

/// Writes a decimal with this many digits after its point.
#[inline]
pub(super) fn write(field: u32, value: i128, places: usize, out: &mut Encoder) {
    match short(value, places) {
        Some((text, length)) => out.short_field(field, text, length),
        None => out.delimited_field(field, point(value, places, &mut [0; LONGEST])),
    }
}

/// A decimal of at most ten digits as text in a word, its first byte the lowest, and the length of that text.
#[inline]
fn short(value: i128, places: usize) -> Option<(u128, u8)> {
    let magnitude = u64::try_from(value.unsigned_abs()).ok()?;
    if magnitude >= digits::POWERS_OF_TEN[10] || places >= 10 {
        return None;
    }
    let power = digits::POWERS_OF_TEN[places];
    let mut text = Word::default();
    if places > 0 {
        text.put(magnitude % power, places);
        text.put_byte(b'.');
    }
    text.put(magnitude / power, 1);
    if value < 0 {
        text.put_byte(b'-');
    }
    Some((text.bytes, u8::try_from(text.length).ok()?))
}

/// A text of up to 16 bytes, which is written from its end.
#[derive(Default)]
struct Word {
    bytes: u128,
    length: usize,
}

impl Word {
    #[inline]
    fn put_byte(&mut self, byte: u8) {
        self.bytes = self.bytes << 8 | u128::from(byte);
        self.length += 1;
    }

    /// A number of at least this many digits.
    #[inline]
    fn put(&mut self, mut number: u64, least: usize) {
        let mut written = 0;
        while number >= 10 || written + 1 < least {
            self.bytes = self.bytes << 16 | u128::from(u16::from_le_bytes(PAIRS[(number % 100) as usize]));
            number /= 100;
            written += 2;
        }
        self.length += written;
        if number > 0 || written < least {
            self.put_byte(b'0' + (number % 10) as u8);
        }
    }
}

/// A decimal as plain digits, or with an exponent where its scale is not within Arrow's bounds for 128 bits.
pub(super) fn decimal_text(decimal: Decimal, buffer: &mut [u8; LONGEST]) -> Cow<'_, str> {
    match decimal {
        Decimal::Narrow(value, scale) => match usize::try_from(scale) {
            #[expect(clippy::expect_used, reason = "a sign, digits and a point are ASCII")]
            Ok(scale) if scale <= MOST_SCALE => str::from_utf8(point(value, scale, buffer)).expect("ASCII").into(),
            _ => format!("{value}e{}", -i16::from(scale)).into(),
        },
        Decimal::Wide(text) => text.into(),
    }
}

/// The first number with more digits than a DECIMAL has, by its digits.
pub(super) const POWERS_OF_TEN: [u128; MOST_SCALE + 1] = {
    let mut powers = [1; MOST_SCALE + 1];
    let mut digits = 1;
    while digits <= MOST_SCALE {
        powers[digits] = 10 * powers[digits - 1];
        digits += 1;
    }
    powers
};

/// A number as plain digits, with a point before the last `scale` of them.
pub(super) fn point(value: i128, scale: usize, buffer: &mut [u8; LONGEST]) -> &[u8] {
    let magnitude = value.unsigned_abs();
    // A 64-bit division is much cheaper than a 128-bit one.
    let mut start = match (u64::try_from(magnitude), digits::POWERS_OF_TEN.get(scale)) {
        (Ok(small), Some(power)) => {
            let mut end = put(small % power, scale, LONGEST, buffer);
            if scale > 0 {
                end -= 1;
                buffer[end] = b'.';
            }
            put(small / power, 1, end, buffer)
        }
        _ => long_point(magnitude, scale, buffer),
    };
    if value < 0 {
        start -= 1;
        buffer[start] = b'-';
    }
    &buffer[start..]
}

/// The numbers below 100, of two digits each.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number as usize] = [b'0' + number / 10, b'0' + number % 10];
        number += 1;
    }
    pairs
};

/// Writes a number of at least this many digits before `end`; returns its start.
fn put(mut number: u64, least: usize, end: usize, buffer: &mut [u8; LONGEST]) -> usize {
    let mut start = end;
    while number >= 10 || end - start + 1 < least {
        start -= 2;
        [buffer[start], buffer[start + 1]] = PAIRS[(number % 100) as usize];
        number /= 100;
    }
    if number > 0 || end - start < least {
        start -= 1;
        buffer[start] = b'0' + (number % 10) as u8;
    }
    start
}

/// Writes a number of any length with its point at the end of the buffer; returns its start.
fn long_point(mut number: u128, scale: usize, buffer: &mut [u8; LONGEST]) -> usize {
    let (mut start, mut written) = (LONGEST, 0);
    while number > 0 || written <= scale {
        if written == scale && scale > 0 {
            start -= 1;
            buffer[start] = b'.';
        }
        start -= 1;
        buffer[start] = b'0' + (number % 10) as u8;
        number /= 10;
        written += 1;
    }
    start
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_of_64_bits_are_written_as_longer_ones_are(value in any::<u64>(), bits in 0..64, scale in 0..=19_usize) {
            let value = i128::from(value >> bits);
            let (mut short, mut long) = ([0; LONGEST], [0; LONGEST]);
            let text = point(value, scale, &mut short);
            let start = long_point(value.unsigned_abs(), scale, &mut long);
            prop_assert_eq!(text, &long[start..]);
        }
    }

    proptest! {
        #[test]
        fn short_decimals_are_written_as_longer_ones_are(value in -9_999_999_999..=9_999_999_999_i64, bits in 0..34, scale in 0..10_usize) {
            let value = i128::from(value >> bits);
            let (text, length) = short(value, scale).unwrap();
            let mut buffer = [0; LONGEST];
            prop_assert_eq!(&text.to_le_bytes()[..usize::from(length)], point(value, scale, &mut buffer));
        }
    }

    #[test]
    fn a_decimal_is_written_with_its_point() {
        for (value, scale, expected) in [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (1999, 2, "19.99"),
            (-5, 2, "-0.05"),
            (-5, 0, "-5"),
            (i128::MIN, 0, "-170141183460469231731687303715884105728"),
            (i128::MIN, 38, "-1.70141183460469231731687303715884105728"),
        ] {
            assert_eq!(point(value, scale, &mut [0; LONGEST]), expected.as_bytes());
        }
    }
}

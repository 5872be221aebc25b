//! One value of an array into its column.

use std::borrow::Cow;

use zerobus_codegen::Scalar;

use super::ColumnPlan;
use super::arrays::{Decimal, Decimals, Floats, small};
use super::values::{Kind, Values};
use crate::dynamic::plan::{Shape, Slot};
use crate::dynamic::scalar::{self, Number};
use crate::dynamic::{RowPlan, RowProblem, decimal, digits, json};
use crate::message::{Encoder, WireType};
type Written = Result<(), RowProblem>;

/// The milliseconds in a day.
pub(super) const DAY: i64 = 86_400_000;

/// Writes the fields of a row or of a struct.
pub(super) fn fields(fields: &[(&ColumnPlan, Values<'_>)], row: usize, plan: &RowPlan, out: &mut Encoder) -> Written {
    for (column, values) in fields {
        value(&column.slot, values, row, plan, out).map_err(left(&column.name))?;
    }
    Ok(())
}

/// Adds a step to the path of a problem.
fn left(segment: &str) -> impl Fn(RowProblem) -> RowProblem {
    move |mut problem| {
        problem.leave(segment);
        problem
    }
}

#[inline]
fn value(slot: &Slot, values: &Values<'_>, row: usize, plan: &RowPlan, out: &mut Encoder) -> Written {
    if values.is_null(row) {
        return null(slot);
    }
    if let Some(direct) = &values.direct {
        direct.write(slot.number, row, out);
        return Ok(());
    }
    converted(slot, values, row, plan, out)
}

/// Writes a value that is not null in the form of its column.
pub(super) fn converted(slot: &Slot, values: &Values<'_>, row: usize, plan: &RowPlan, out: &mut Encoder) -> Written {
    match (&values.kind, &slot.shape) {
        (Kind::Dictionary(places, values), _) => value(slot, values, places[row], plan, out),
        (Kind::Null, _) => null(slot),
        (Kind::Text(texts), Shape::Scalar(scalar)) if *scalar != Scalar::Variant => {
            scalar::text(*scalar, slot.number, texts.at(row), out)
        }
        (Kind::Text(texts), _) => json::write_cell(plan, slot, texts.at(row), out),
        (kind, Shape::Scalar(scalar)) => plain(*scalar, slot.number, (kind, row), plan, out),
        (kind, _) => nested(slot, (kind, row), plan, out),
    }
}

#[cold]
fn null(slot: &Slot) -> Written {
    if slot.nullable {
        return Ok(());
    }
    Err(RowProblem::new("null", format!("{} NOT NULL", slot.shape.name())))
}

fn nested(slot: &Slot, (kind, row): (&Kind<'_>, usize), plan: &RowPlan, out: &mut Encoder) -> Written {
    match (kind, &slot.shape) {
        (Kind::List(ranges, values), Shape::List(element)) => {
            ranges.at(row).try_for_each(|place| value(element, values, place, plan, out)).map_err(left("element"))
        }
        (Kind::Map(offsets, entries), Shape::Map(_, slots)) => {
            let ((keys, values), (key, element)) = (&**entries, &**slots);
            (small(offsets[row])..small(offsets[row + 1])).try_for_each(|place| {
                within(slot.number, out, |out| {
                    value(key, keys, place, plan, out).map_err(left("key"))?;
                    value(element, values, place, plan, out).map_err(left("value"))
                })
            })
        }
        (Kind::Struct(columns), _) => within(slot.number, out, |out| fields(columns, row, plan, out)),
        _ => Err(RowProblem::new("a value of another shape", slot.shape.name())),
    }
}

/// Writes a nested message.
fn within(number: u32, out: &mut Encoder, write: impl FnOnce(&mut Encoder) -> Written) -> Written {
    let mut written = Ok(());
    out.key(number, WireType::Delimited);
    out.nested(|out| written = write(out));
    written
}

fn plain(scalar: Scalar, field: u32, (kind, row): (&Kind<'_>, usize), plan: &RowPlan, out: &mut Encoder) -> Written {
    match kind {
        Kind::Boolean(values) if scalar == Scalar::Variant => {
            let json = if values.value(row) { "true" } else { "false" };
            out.delimited_field(field, json.as_bytes());
            Ok(())
        }
        Kind::Boolean(values) => {
            out.varint_field(field, values.value(row).into());
            Ok(())
        }
        Kind::Bytes(values) => bytes(scalar, field, values.at(row), out),
        Kind::Days(values) => scalar::days(field, values[row].into(), out),
        Kind::Decimal(values) => exact(scalar, field, values, row, out),
        Kind::Float(values) => float(scalar, field, (values, row), plan, out),
        Kind::Integer(values) => integer(scalar, field, values.at(row), plan, out),
        Kind::MillisOfDay(values) => scalar::days(field, values[row].div_euclid(DAY).into(), out),
        Kind::Time(unit, values) => scalar::time(scalar, field, values[row].into(), *unit, out),
        _ => Err(RowProblem::new("a value of another shape", scalar.to_string())),
    }
}

fn bytes(scalar: Scalar, field: u32, bytes: &[u8], out: &mut Encoder) -> Written {
    if scalar == Scalar::Binary {
        out.delimited_field(field, bytes);
        return Ok(());
    }
    match str::from_utf8(bytes) {
        Ok(text) => scalar::text(scalar, field, text, out),
        Err(_) => Err(RowProblem::new("bytes that are not UTF-8", scalar.to_string())),
    }
}

fn integer(scalar: Scalar, field: u32, value: i128, plan: &RowPlan, out: &mut Encoder) -> Written {
    match scalar {
        Scalar::Decimal { precision, scale } => decimal::write((precision, scale), field, &value.to_string(), out),
        #[expect(clippy::cast_precision_loss, reason = "the nearest float, as of a number in JSON")]
        Scalar::Double | Scalar::Float => scalar::float(scalar, field, value as f64, out)
            .ok_or_else(|| RowProblem::new(format!("the number {value}"), scalar.to_string())),
        Scalar::Variant => {
            out.delimited_field(field, value.to_string().as_bytes());
            Ok(())
        }
        _ => scalar::number(scalar, field, Number::Whole(value), plan.options, out),
    }
}

fn float(
    scalar: Scalar,
    field: u32,
    (values, row): (&Floats<'_>, usize),
    plan: &RowPlan,
    out: &mut Encoder,
) -> Written {
    let value = values.at(row);
    let beyond = || RowProblem::new(format!("the number {value}"), scalar.to_string());
    match scalar {
        Scalar::Decimal { precision, scale } => decimal::write((precision, scale), field, &values.digits(row), out),
        Scalar::Double | Scalar::Float => scalar::float(scalar, field, value, out).ok_or_else(beyond),
        Scalar::Variant if value.is_finite() => {
            out.delimited_field(field, values.digits(row).as_bytes());
            Ok(())
        }
        Scalar::Variant => Err(beyond()),
        _ => scalar::number(scalar, field, Number::Float(value), plan.options, out),
    }
}

fn exact(scalar: Scalar, field: u32, values: &Decimals<'_>, row: usize, out: &mut Encoder) -> Written {
    let Scalar::Decimal { precision, scale } = scalar else {
        return Err(RowProblem::new("a decimal", scalar.to_string()));
    };
    let decimal = values.at(row);
    let mut buffer = [0; LONGEST];
    if let Decimal::Narrow(value, places) = decimal
        && let Ok(places) = usize::try_from(places)
        && places <= usize::from(scale)
        && value.unsigned_abs() < POWERS_OF_TEN[usize::from(precision - scale) + places]
    {
        // It fits, so its digits need no check.
        out.delimited_field(field, point(value, places, &mut buffer));
        return Ok(());
    }
    decimal::write((precision, scale), field, &decimal_text(decimal, &mut buffer), out)
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
const POWERS_OF_TEN: [u128; MOST_SCALE + 1] = {
    let mut powers = [1; MOST_SCALE + 1];
    let mut digits = 1;
    while digits <= MOST_SCALE {
        powers[digits] = 10 * powers[digits - 1];
        digits += 1;
    }
    powers
};

/// The most digits after the point that are written without an allocation; Arrow's decimals of 128 bits have no more.
const MOST_SCALE: usize = 38;

/// A sign, the 39 digits of the largest number, a point, and a zero before it.
pub(super) const LONGEST: usize = 42;

/// A number as plain digits, with a point before the last `scale` of them.
fn point(value: i128, scale: usize, buffer: &mut [u8; LONGEST]) -> &[u8] {
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

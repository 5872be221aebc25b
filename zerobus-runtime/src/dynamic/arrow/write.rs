//! One value of an array into its column.

use std::borrow::Cow;

use zerobus_codegen::Scalar;

use super::ColumnPlan;
use super::values::{Decimal, Decimals, Floats, Kind, Values, small};
use crate::dynamic::plan::{Shape, Slot};
use crate::dynamic::scalar::{self, Number};
use crate::dynamic::{RowPlan, RowProblem, decimal, json};
use crate::message::{Encoder, WireType};
type Written = Result<(), RowProblem>;

/// The milliseconds of a day.
pub(super) const DAY: i64 = 86_400_000;

/// Writes the fields of a row or of a struct.
pub(super) fn fields(fields: &[(&ColumnPlan, Values<'_>)], row: usize, plan: &RowPlan, out: &mut Encoder) -> Written {
    for (column, values) in fields {
        value(&column.slot, values, row, plan, out).map_err(left(&column.name))?;
    }
    Ok(())
}

/// Adds a step to the path of a problem on its way out.
fn left(segment: &str) -> impl Fn(RowProblem) -> RowProblem {
    move |mut problem| {
        problem.leave(segment);
        problem
    }
}

fn value(slot: &Slot, values: &Values<'_>, row: usize, plan: &RowPlan, out: &mut Encoder) -> Written {
    if values.is_null(row) {
        return null(slot);
    }
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
        Kind::Decimal(values) => digits(scalar, field, values, row, out),
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

fn digits(scalar: Scalar, field: u32, values: &Decimals<'_>, row: usize, out: &mut Encoder) -> Written {
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
        // It fits, and its digits need no look.
        out.delimited_field(field, point(value, places, &mut buffer).as_bytes());
        return Ok(());
    }
    decimal::write((precision, scale), field, &decimal_text(decimal, &mut buffer), out)
}

/// A decimal as plain digits, or with an exponent where its scale is not within Arrow's bounds for 128 bits.
pub(super) fn decimal_text(decimal: Decimal, buffer: &mut [u8; LONGEST]) -> Cow<'_, str> {
    match decimal {
        Decimal::Narrow(value, scale) => match usize::try_from(scale) {
            Ok(scale) if scale <= MOST_SCALE => point(value, scale, buffer).into(),
            _ => format!("{value}e{}", -i16::from(scale)).into(),
        },
        Decimal::Wide(text) => text.into(),
    }
}

/// The first number of more digits than a DECIMAL has, by its digits.
const POWERS_OF_TEN: [u128; MOST_SCALE + 1] = {
    let mut powers = [1; MOST_SCALE + 1];
    let mut digits = 1;
    while digits <= MOST_SCALE {
        powers[digits] = 10 * powers[digits - 1];
        digits += 1;
    }
    powers
};

/// The most digits behind the point that are written without an allocation; Arrow's decimals of 128 bits have no more.
const MOST_SCALE: usize = 38;

/// A sign, the 39 digits of the largest number, a point, and a zero before it.
pub(super) const LONGEST: usize = 42;

/// A number as plain digits, with a point before the last `scale` of them.
fn point(value: i128, scale: usize, buffer: &mut [u8; LONGEST]) -> &str {
    let (mut rest, mut start, mut written) = (value.unsigned_abs(), LONGEST, 0);
    while rest > 0 || written <= scale {
        if written == scale && scale > 0 {
            start -= 1;
            buffer[start] = b'.';
        }
        start -= 1;
        buffer[start] = b'0' + take_digit(&mut rest);
        written += 1;
    }
    if value < 0 {
        start -= 1;
        buffer[start] = b'-';
    }
    #[expect(clippy::expect_used, reason = "a sign, digits and a point are ASCII")]
    let text = str::from_utf8(&buffer[start..]).expect("ASCII");
    text
}

/// The last digit of a number, which is left without it; a division of 64 bits is much cheaper than one of 128.
fn take_digit(number: &mut u128) -> u8 {
    if let Ok(small) = u64::try_from(*number) {
        *number = (small / 10).into();
        return (small % 10) as u8;
    }
    let digit = (*number % 10) as u8;
    *number /= 10;
    digit
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(point(value, scale, &mut [0; LONGEST]), expected);
        }
    }
}

//! One value of an array into its column.

use zerobus_codegen::Scalar;

use super::ColumnPlan;
use super::arrays::{Decimals, Floats, small};
use super::point::{LONGEST, decimal_text};
use super::values::{Kind, Values};
use crate::dynamic::plan::{Shape, Slot};
use crate::dynamic::scalar::{self, Number};
use crate::dynamic::{RowPlan, RowProblem, decimal, json};
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

#[expect(clippy::inline_always, reason = "a call would cost as much as the value itself")]
#[inline(always)]
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

/// As `value`, for one that is inside of another.
#[inline(never)]
fn inner(slot: &Slot, values: &Values<'_>, row: usize, plan: &RowPlan, out: &mut Encoder) -> Written {
    value(slot, values, row, plan, out)
}

/// Writes a value that is not null in the form of its column.
#[inline(never)]
pub(super) fn converted(slot: &Slot, values: &Values<'_>, row: usize, plan: &RowPlan, out: &mut Encoder) -> Written {
    match (&values.kind, &slot.shape) {
        (Kind::Dictionary(places, values), _) => inner(slot, values, places[row], plan, out),
        (Kind::Null, _) => null(slot),
        (Kind::Text(texts), Shape::Scalar(scalar)) if *scalar != Scalar::Variant => {
            scalar::text(*scalar, slot.number, texts.at(row), plan.options, out)
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
            if let Some(direct) = values.all_direct() {
                ranges.at(row).for_each(|place| direct.write(element.number, place, out));
                return Ok(());
            }
            ranges.at(row).try_for_each(|place| inner(element, values, place, plan, out)).map_err(left("element"))
        }
        (Kind::Map(offsets, entries), Shape::Map(_, slots)) => {
            let ((keys, values), (key, element)) = (&**entries, &**slots);
            (small(offsets[row])..small(offsets[row + 1])).try_for_each(|place| {
                within(slot.number, out, |out| {
                    inner(key, keys, place, plan, out).map_err(left("key"))?;
                    inner(element, values, place, plan, out).map_err(left("value"))
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
        Kind::Bytes(values) => bytes(scalar, field, values.at(row), plan, out),
        Kind::Days(values) => scalar::days(field, values[row].into(), out),
        Kind::Decimal(values) => exact(scalar, field, values, row, out),
        Kind::Float(values) => float(scalar, field, (values, row), plan, out),
        Kind::Integer(values) => integer(scalar, field, values.at(row), plan, out),
        Kind::MillisOfDay(values) => scalar::days(field, values[row].div_euclid(DAY).into(), out),
        Kind::Time(unit, values) => scalar::time(scalar, field, values[row].into(), *unit, out),
        _ => Err(RowProblem::new("a value of another shape", scalar.to_string())),
    }
}

fn bytes(scalar: Scalar, field: u32, bytes: &[u8], plan: &RowPlan, out: &mut Encoder) -> Written {
    if scalar == Scalar::Binary {
        out.delimited_field(field, bytes);
        return Ok(());
    }
    match str::from_utf8(bytes) {
        Ok(text) => scalar::text(scalar, field, text, plan.options, out),
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
    decimal::write((precision, scale), field, &decimal_text(values.at(row), &mut [0; LONGEST]), out)
}

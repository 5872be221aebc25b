//! One value into its column; the table in the module above lists the accepted forms.

use std::borrow::Cow;

use base64::Engine as _;
use serde::de::IgnoredAny;
use zerobus_codegen::Scalar;

use super::problem::quoted;
use super::{DecimalMark, Options, RowProblem, TimeUnit, decimal, time};
use crate::json::BASE64;
use crate::message::Encoder;
use crate::values::{Date, Timestamp};

type Written = Result<(), RowProblem>;

/// A number in JSON.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Float(f64),
    Whole(i128),
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Float(float) => write!(f, "the number {float}"),
            Self::Whole(whole) => write!(f, "the number {whole}"),
        }
    }
}

/// Writes a number.
pub(super) fn number(scalar: Scalar, field: u32, number: Number, options: Options, out: &mut Encoder) -> Written {
    match scalar {
        Scalar::Byte | Scalar::Int | Scalar::Long | Scalar::Short => match whole(number) {
            Some(whole) => integer(scalar, field, whole, out),
            None => Err(mismatch(number, scalar)),
        },
        Scalar::Date | Scalar::Timestamp | Scalar::TimestampNtz => match number {
            Number::Whole(whole) => integer_time(scalar, field, whole, options, out),
            Number::Float(_) => Err(mismatch(number, scalar)),
        },
        _ => Err(mismatch(number, scalar)),
    }
}

/// Writes a text: a JSON string, a cell, or the key of a map.
pub(super) fn text(scalar: Scalar, field: u32, text: &str, options: Options, out: &mut Encoder) -> Written {
    // The value types would take an integer as microseconds or days, but a unit is never guessed.
    if matches!(scalar, Scalar::Date | Scalar::Timestamp | Scalar::TimestampNtz)
        && let Ok(whole) = text.parse()
    {
        return integer_time(scalar, field, whole, options, out);
    }
    match scalar {
        Scalar::Binary => {
            let bytes = BASE64.decode(text).map_err(|_| RowProblem::new(quoted(text), "BINARY as base64"))?;
            out.delimited_field(field, &bytes);
        }
        Scalar::Boolean => {
            let value = match text {
                _ if text.eq_ignore_ascii_case("true") => true,
                _ if text.eq_ignore_ascii_case("false") => false,
                _ => return Err(RowProblem::new(quoted(text), "BOOLEAN, true or false")),
            };
            out.varint_field(field, value.into());
        }
        Scalar::Byte | Scalar::Int | Scalar::Long | Scalar::Short => {
            let whole: i64 = text.parse().map_err(|_| mismatch_text(text, scalar))?;
            return integer(scalar, field, whole.into(), out);
        }
        Scalar::Char(length) | Scalar::Varchar(length) => {
            if text.len() > length as usize && text.chars().count() > length as usize {
                let found = format!("{} characters", text.chars().count());
                return Err(RowProblem::new(found, scalar.to_string()));
            }
            out.delimited_field(field, text.as_bytes());
        }
        Scalar::Decimal { precision, scale } => return decimal::write((precision, scale), field, text, out),
        Scalar::Double | Scalar::Float => {
            let value: f64 = text.parse().map_err(|_| mismatch_text(text, scalar))?;
            // A number that is too large is not infinity.
            let is_named = !text.bytes().any(|byte| byte.is_ascii_digit());
            let is_written = (value.is_finite() || is_named) && float(scalar, field, value, out).is_some();
            return if is_written { Ok(()) } else { Err(mismatch_text(text, scalar)) };
        }
        Scalar::Date => out.varint_field(field, sign_extended(time::date(text)?.as_days().into())),
        Scalar::String => out.delimited_field(field, text.as_bytes()),
        Scalar::Timestamp => out.varint_field(field, sign_extended(time::timestamp(text)?)),
        Scalar::TimestampNtz => out.varint_field(field, sign_extended(time::timestamp_ntz(text)?)),
        Scalar::Variant => out.delimited_field(field, serde_json::Value::from(text).to_string().as_bytes()),
    }
    Ok(())
}

/// A cell as a JSON string: with a point before a fraction.
pub(super) fn plain(scalar: Scalar, cell: &str, options: Options) -> Cow<'_, str> {
    // With a decimal comma a point is not accepted: the number stays unchanged, and is refused.
    if has_fraction(scalar) && options.mark == DecimalMark::Comma && !has_other_mark(scalar, cell, options) {
        return cell.replace(',', ".").into();
    }
    cell.into()
}

/// Writes a cell of text, where a comma may stand before a fraction.
pub(super) fn cell(scalar: Scalar, field: u32, cell: &str, options: Options, out: &mut Encoder) -> Written {
    if has_other_mark(scalar, cell, options) {
        let mark = match options.mark {
            DecimalMark::Comma => "comma",
            DecimalMark::Point => "point",
        };
        return Err(RowProblem::new(quoted(cell), format!("{scalar} with a decimal {mark}")));
    }
    text(scalar, field, &plain(scalar, cell, options), options, out)
}

/// Whether a number's cell has the mark that is not the plan's.
pub(super) fn has_other_mark(scalar: Scalar, cell: &str, options: Options) -> bool {
    let other = match options.mark {
        DecimalMark::Comma => '.',
        DecimalMark::Point => ',',
    };
    has_fraction(scalar) && cell.contains(other)
}

const fn has_fraction(scalar: Scalar) -> bool {
    matches!(scalar, Scalar::Decimal { .. } | Scalar::Double | Scalar::Float)
}

/// Writes a DECIMAL, a DOUBLE or a FLOAT from its JSON: a number or a string.
pub(super) fn digits(scalar: Scalar, field: u32, json: &str, options: Options, out: &mut Encoder) -> Written {
    let expected = || scalar.to_string();
    match json.as_bytes() {
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => {
            text(scalar, field, &json[1..json.len() - 1], options, out)
        }
        [b'"', ..] => {
            let unescaped: String =
                serde_json::from_str(json).map_err(|error| RowProblem::new(error.to_string(), expected()))?;
            text(scalar, field, &unescaped, options, out)
        }
        [b'-' | b'0'..=b'9', ..] => {
            if let Scalar::Decimal { precision, scale } = scalar {
                return decimal::write((precision, scale), field, json, out);
            }
            let value = json.parse().ok().filter(|value: &f64| value.is_finite());
            let written = value.and_then(|value| float(scalar, field, value, out));
            written.ok_or_else(|| RowProblem::new(format!("the number {json}"), expected()))
        }
        [b'[', ..] => Err(RowProblem::new("an array", expected())),
        [b'{', ..] => Err(RowProblem::new("an object", expected())),
        _ => Err(RowProblem::new("a boolean", expected())),
    }
}

/// Writes a VARIANT from the JSON of a text that holds JSON.
pub(super) fn variant_text(field: u32, json: &str, out: &mut Encoder) -> Written {
    let refused = |found| Err(RowProblem::new(found, "VARIANT as a text that holds JSON"));
    let Ok(text) = serde_json::from_str::<String>(json) else { return refused("a value that is no text".to_owned()) };
    if serde_json::from_str::<IgnoredAny>(&text).is_err() {
        return refused(quoted(&text));
    }
    out.delimited_field(field, text.as_bytes());
    Ok(())
}

/// A number that is whole, however it was written.
fn whole(number: Number) -> Option<i128> {
    /// Up to here every whole number is a distinct DOUBLE.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number {
        Number::Whole(whole) => Some(whole),
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 2^53")]
        Number::Float(float) if float.fract() == 0.0 && float.abs() <= EXACT => Some(float as i128),
        Number::Float(_) => None,
    }
}

fn integer(scalar: Scalar, field: u32, whole: i128, out: &mut Encoder) -> Written {
    let (least, most) = match scalar {
        Scalar::Byte => (i8::MIN.into(), i8::MAX.into()),
        Scalar::Short => (i16::MIN.into(), i16::MAX.into()),
        Scalar::Int => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN, i64::MAX),
    };
    match i64::try_from(whole) {
        Ok(value) if (least..=most).contains(&value) => {
            out.varint_field(field, sign_extended(value));
            Ok(())
        }
        _ => Err(RowProblem::new(format!("the number {whole}"), format!("{scalar}, {least} to {most}"))),
    }
}

/// Writes a FLOAT or DOUBLE, if it is within its range.
pub(super) fn float(scalar: Scalar, field: u32, value: f64, out: &mut Encoder) -> Option<()> {
    if scalar == Scalar::Double {
        out.fixed_64_field(field, value.to_le_bytes());
        return Some(());
    }
    #[expect(clippy::cast_possible_truncation, reason = "the nearest FLOAT; what is beyond it is refused below")]
    let narrow = value as f32;
    if narrow.is_infinite() && value.is_finite() {
        return None;
    }
    out.fixed_32_field(field, narrow.to_le_bytes());
    Some(())
}

fn integer_time(scalar: Scalar, field: u32, whole: i128, options: Options, out: &mut Encoder) -> Written {
    let Some(unit) = options.integer_times else {
        let expected = format!("{scalar} as text; an integer is taken where its unit is named");
        return Err(RowProblem::new(format!("the number {whole}"), expected));
    };
    if scalar == Scalar::Date { days(field, whole, out) } else { time(scalar, field, whole, unit, out) }
}

/// Writes a DATE from the days since 1970.
pub(super) fn days(field: u32, whole: i128, out: &mut Encoder) -> Written {
    let date = i32::try_from(whole).ok().and_then(|days| Date::from_days(days).ok());
    let Some(date) = date else { return Err(beyond(Scalar::Date, whole)) };
    out.varint_field(field, sign_extended(date.as_days().into()));
    Ok(())
}

/// Writes a TIMESTAMP or a TIMESTAMP_NTZ from a number of this unit.
pub(super) fn time(scalar: Scalar, field: u32, whole: i128, unit: TimeUnit, out: &mut Encoder) -> Written {
    let Some(micros) = micros(unit, whole) else { return Err(beyond(scalar, whole)) };
    out.varint_field(field, sign_extended(micros));
    Ok(())
}

/// A time of this unit in microseconds, within the years 0001 to 9999.
pub(super) fn micros(unit: TimeUnit, whole: i128) -> Option<i64> {
    let time = match (unit, i64::try_from(whole)) {
        (TimeUnit::Nanos, _) => Timestamp::from_nanos(whole).ok(),
        (TimeUnit::Micros, Ok(micros)) => Timestamp::from_micros(micros).ok(),
        (TimeUnit::Millis, Ok(millis)) => Timestamp::from_millis(millis).ok(),
        (TimeUnit::Secs, Ok(secs)) => Timestamp::from_secs(secs).ok(),
        (_, Err(_)) => None,
    };
    time.map(Timestamp::as_micros)
}

#[cold]
fn beyond(scalar: Scalar, whole: i128) -> RowProblem {
    RowProblem::new(format!("the number {whole}"), format!("{scalar} within the years 0001 to 9999"))
}

/// An integer as a varint's value.
const fn sign_extended(value: i64) -> u64 {
    value.cast_unsigned()
}

#[cold]
fn mismatch(number: Number, scalar: Scalar) -> RowProblem {
    RowProblem::new(number.to_string(), scalar.to_string())
}

#[cold]
fn mismatch_text(text: &str, scalar: Scalar) -> RowProblem {
    RowProblem::new(quoted(text), scalar.to_string())
}

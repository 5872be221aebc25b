//! Decodes a single value to a cell, and checks the range of its column's type.
//!
//! | column | rule |
//! |---|---|
//! | TINYINT, SMALLINT | in their ranges |
//! | CHAR(n), VARCHAR(n) | at most n characters |
//! | DATE, TIMESTAMP, TIMESTAMP_NTZ | in the years 0001 to 9999 |
//! | DECIMAL(p,s) | `-?digits[.digits]`, at most s digits behind the point, at most p - s before it |
//! | VARIANT | JSON |

use prost_reflect::Value;
use zerobus_codegen::Scalar;

use super::BadRecord;
use crate::row::Cell;

/// 0001-01-01 to 9999-12-31 in days since 1970-01-01.
const DAYS: std::ops::RangeInclusive<i32> = -719_162..=2_932_896;
/// 0001-01-01T00:00:00 to 9999-12-31T23:59:59.999999 in microseconds since 1970-01-01.
const MICROS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

pub(super) fn cell(scalar: Scalar, value: Value) -> Result<Cell, BadRecord> {
    let cell = match (scalar, value) {
        (Scalar::Binary, Value::Bytes(bytes)) => Cell::Bytes(bytes),
        (Scalar::Boolean, Value::Bool(flag)) => Cell::Bool(flag),
        (Scalar::Byte, Value::I32(n)) if i8::try_from(n).is_ok() => Cell::Int(n),
        (Scalar::Short, Value::I32(n)) if i16::try_from(n).is_ok() => Cell::Int(n),
        (Scalar::Date, Value::I32(n)) if DAYS.contains(&n) => Cell::Int(n),
        (Scalar::Byte | Scalar::Short | Scalar::Date, Value::I32(n)) => return Err(out_of_range(scalar, n)),
        (Scalar::Int, Value::I32(n)) => Cell::Int(n),
        (Scalar::Char(limit) | Scalar::Varchar(limit), Value::String(text)) => {
            let length = text.chars().count();
            if length > limit as usize {
                return Err(BadRecord::value(format!("{length} characters do not fit into {scalar}")));
            }
            Cell::Text(text)
        }
        (Scalar::Decimal { precision, scale }, Value::String(text)) => Cell::Decimal(
            decimal(&text, precision, scale).ok_or_else(|| BadRecord::value(format!("`{text}` is not a {scalar}")))?,
        ),
        (Scalar::Double, Value::F64(x)) => Cell::Double(x),
        (Scalar::Float, Value::F32(x)) => Cell::Float(x),
        (Scalar::Long, Value::I64(n)) => Cell::Long(n),
        (Scalar::String, Value::String(text)) => Cell::Text(text),
        (Scalar::Timestamp | Scalar::TimestampNtz, Value::I64(n)) if MICROS.contains(&n) => Cell::Long(n),
        (Scalar::Timestamp | Scalar::TimestampNtz, Value::I64(n)) => return Err(out_of_range(scalar, n)),
        (Scalar::Variant, Value::String(text)) => Cell::Variant(
            serde_json::from_str(&text)
                .map_err(|error| BadRecord::value(format!("the VARIANT is not JSON: {error}")))?,
        ),
        _ => return Err(BadRecord::value(format!("the value is not a {scalar}"))),
    };
    Ok(cell)
}

fn out_of_range(scalar: Scalar, value: impl std::fmt::Display) -> BadRecord {
    BadRecord::value(format!("{value} is out of the range of {scalar}"))
}

/// A decimal text as one integer of the column's scale.
fn decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let well_formed = (!whole.is_empty() || !fraction.is_empty())
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    if !well_formed || fraction.len() > usize::from(scale) {
        return None;
    }
    let padding = std::iter::repeat_n(b'0', usize::from(scale) - fraction.len());
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()).chain(padding) {
        value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    let limit = 10_i128.checked_pow(u32::from(precision))?;
    (value < limit).then_some(if text.starts_with('-') { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_plain_text_that_fits() {
        assert_eq!(decimal("19.99", 10, 2), Some(1999));
        assert_eq!(decimal("-0.5", 10, 2), Some(-50));
        assert_eq!(decimal("12345678", 10, 2), Some(1_234_567_800));
        assert_eq!(decimal(&"9".repeat(38), 38, 0), Some(10_i128.pow(38) - 1));
        for bad in ["", ".", "-", "1e3", "1.234", "123456789", " 1", "1,5", "NaN", "0x1", "--1"] {
            assert_eq!(decimal(bad, 10, 2), None, "{bad}");
        }
    }

    #[test]
    fn ranges_are_those_of_the_column() {
        assert_eq!(cell(Scalar::Byte, Value::I32(-128)), Ok(Cell::Int(-128)));
        assert!(cell(Scalar::Byte, Value::I32(128)).is_err());
        assert!(cell(Scalar::Short, Value::I32(-32_769)).is_err());
        assert_eq!(cell(Scalar::Timestamp, Value::I64(*MICROS.end())), Ok(Cell::Long(*MICROS.end())));
        assert!(cell(Scalar::Timestamp, Value::I64(*MICROS.end() + 1)).is_err());
        assert!(cell(Scalar::Date, Value::I32(*DAYS.start() - 1)).is_err());
        assert!(cell(Scalar::Varchar(2), Value::String("äöü".to_owned())).is_err());
        assert_eq!(cell(Scalar::Varchar(3), Value::String("äöü".to_owned())), Ok(Cell::Text("äöü".to_owned())));
        assert!(cell(Scalar::Variant, Value::String("{".to_owned())).is_err());
    }
}

//! A row of a batch as JSON text, for keeping the row.
//!
//! `is_whole` becomes false if a plan would not write the same row from the text.

use std::collections::HashSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use zerobus_codegen::Scalar;

use super::ColumnPlan;
use super::arrays::{Floats, small};
use super::point::{LONGEST, decimal_text};
use super::values::{Kind, Values};
use super::write::DAY;
use crate::dynamic::kept::{self, string};
use crate::dynamic::plan::{Shape, Slot};
use crate::dynamic::scalar::micros;
use crate::values::{Date, TimestampNtz};

/// The fields of a row or of a struct.
pub(super) fn object(fields: &[(&ColumnPlan, Values<'_>)], row: usize, is_whole: &mut bool) -> String {
    let fields = fields.iter().filter_map(|(column, values)| {
        let value = value(&column.slot, values, row, is_whole);
        (value != "null").then_some((&column.name, value))
    });
    kept::object(fields)
}

fn value(slot: &Slot, values: &Values<'_>, row: usize, is_whole: &mut bool) -> String {
    if values.is_null(row) {
        return Value::Null.to_string();
    }
    match (&values.kind, &slot.shape) {
        (Kind::Boolean(values), _) => values.value(row).to_string(),
        (Kind::Bytes(values), Shape::Scalar(Scalar::Binary)) => string(&BASE64_STANDARD.encode(values.at(row))),
        (Kind::Bytes(values), _) => {
            let text = String::from_utf8_lossy(values.at(row));
            *is_whole &= text.as_bytes() == values.at(row);
            string(&text)
        }
        (Kind::Days(values), _) => day(values[row].into(), is_whole),
        (Kind::Decimal(values), _) => string(&decimal_text(values.at(row), &mut [0; LONGEST])),
        (Kind::Dictionary(places, values), _) => value(slot, values, places[row], is_whole),
        (Kind::Float(values), Shape::Scalar(scalar)) => float(*scalar, values, row, is_whole),
        (Kind::Integer(values), _) => values.at(row).to_string(),
        (Kind::List(ranges, values), Shape::List(element)) => {
            let items = ranges.at(row).map(|place| self::value(element, values, place, is_whole));
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
        (Kind::Map(offsets, entries), Shape::Map(_, slots)) => {
            let (key, element) = &**slots;
            let (keys, values) = &**entries;
            let mut names = HashSet::new();
            kept::object((small(offsets[row])..small(offsets[row + 1])).map(|place| {
                // A null key becomes the text "null".
                *is_whole &= !keys.is_null(place);
                let name = name(self::value(key, keys, place, is_whole));
                *is_whole &= names.insert(name.clone());
                (name, self::value(element, values, place, is_whole))
            }))
        }
        (Kind::MillisOfDay(values), _) => day(values[row].div_euclid(DAY), is_whole),
        (Kind::Struct(fields), _) => object(fields, row, is_whole),
        (Kind::Text(values), Shape::Scalar(scalar)) if *scalar != Scalar::Variant => string(values.at(row)),
        (Kind::Text(values), _) => kept::nested(values.at(row), is_whole),
        (Kind::Time(unit, values), shape) => {
            let time = micros(*unit, values[row].into()).and_then(|micros| TimestampNtz::from_micros(micros).ok());
            let zone = if matches!(shape, Shape::Scalar(Scalar::Timestamp)) { "Z" } else { "" };
            *is_whole &= time.is_some();
            time.map_or_else(|| values[row].to_string(), |time| string(&format!("{time}{zone}")))
        }
        (Kind::Float(_) | Kind::List(..) | Kind::Map(..) | Kind::Null, _) => Value::Null.to_string(),
    }
}

/// A float with the digits from which a plan writes the same value. A value without a JSON number is text, which a plan
/// accepts, except in a VARIANT.
fn float(scalar: Scalar, values: &Floats<'_>, row: usize, is_whole: &mut bool) -> String {
    let value = values.at(row);
    if !value.is_finite() {
        *is_whole &= scalar != Scalar::Variant;
        return string(&value.to_string().replace("inf", "Infinity"));
    }
    match scalar {
        // A shorter float has other digits than the DOUBLE of the same value.
        Scalar::Double => value.to_string(),
        // Without a fraction it would be an integer, which may have any digits.
        Scalar::Byte | Scalar::Int | Scalar::Long | Scalar::Short => format!("{value:?}"),
        _ => values.digits(row),
    }
}

fn day(days: i64, is_whole: &mut bool) -> String {
    let date = i32::try_from(days).ok().and_then(|days| Date::from_days(days).ok());
    *is_whole &= date.is_some();
    date.map_or_else(|| days.to_string(), |date| string(&date.to_string()))
}

/// A map's key as text, from its JSON.
fn name(key: String) -> String {
    serde_json::from_str(&key).unwrap_or(key)
}

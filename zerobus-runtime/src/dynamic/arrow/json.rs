//! A row of a batch as JSON, from which a plan writes the same row: for keeping the row.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};
use zerobus_codegen::Scalar;

use super::ColumnPlan;
use super::arrays::small;
use super::values::{Kind, Values};
use super::write::{DAY, LONGEST, decimal_text};
use crate::dynamic::plan::{Shape, Slot};
use crate::dynamic::scalar::micros;
use crate::values::{Date, TimestampNtz};

/// The fields of a row or of a struct.
pub(super) fn object(fields: &[(&ColumnPlan, Values<'_>)], row: usize) -> Value {
    let fields = fields.iter().map(|(column, values)| (column.name.clone(), value(&column.slot, values, row)));
    Value::Object(fields.filter(|(_, value)| !value.is_null()).collect())
}

fn value(slot: &Slot, values: &Values<'_>, row: usize) -> Value {
    if values.is_null(row) {
        return Value::Null;
    }
    match (&values.kind, &slot.shape) {
        (Kind::Boolean(values), _) => values.value(row).into(),
        (Kind::Bytes(values), Shape::Scalar(Scalar::Binary)) => BASE64_STANDARD.encode(values.at(row)).into(),
        (Kind::Bytes(values), _) => String::from_utf8_lossy(values.at(row)).into(),
        (Kind::Days(values), _) => day(values[row].into()),
        (Kind::Decimal(values), _) => decimal_text(values.at(row), &mut [0; LONGEST]).into(),
        (Kind::Dictionary(places, values), _) => value(slot, values, places[row]),
        (Kind::Float(values), _) => {
            let digits = values.digits(row);
            // A value without a JSON number is text, which a plan accepts.
            serde_json::from_str(&digits).unwrap_or_else(|_| Value::from(digits.replace("inf", "Infinity")))
        }
        (Kind::Integer(values), _) => {
            let value = values.at(row);
            i64::try_from(value).map_or_else(|_| value.to_string().into(), Value::from)
        }
        (Kind::List(ranges, values), Shape::List(element)) => {
            ranges.at(row).map(|place| self::value(element, values, place)).collect()
        }
        (Kind::Map(offsets, entries), Shape::Map(_, slots)) => {
            let (key, element) = &**slots;
            let (keys, values) = &**entries;
            let entry = |place| (name(&self::value(key, keys, place)), self::value(element, values, place));
            Value::Object((small(offsets[row])..small(offsets[row + 1])).map(entry).collect::<Map<_, _>>())
        }
        (Kind::MillisOfDay(values), _) => day(values[row].div_euclid(DAY)),
        (Kind::Struct(fields), _) => object(fields, row),
        (Kind::Text(values), Shape::Scalar(scalar)) if *scalar != Scalar::Variant => values.at(row).into(),
        (Kind::Text(values), _) => {
            let text = values.at(row);
            serde_json::from_str(text).unwrap_or_else(|_| text.into())
        }
        (Kind::Time(unit, values), shape) => {
            let time = micros(*unit, values[row].into()).and_then(|micros| TimestampNtz::from_micros(micros).ok());
            let zone = if matches!(shape, Shape::Scalar(Scalar::Timestamp)) { "Z" } else { "" };
            time.map_or_else(|| values[row].into(), |time| format!("{time}{zone}").into())
        }
        (Kind::List(..) | Kind::Map(..) | Kind::Null, _) => Value::Null,
    }
}

fn day(days: i64) -> Value {
    let date = i32::try_from(days).ok().and_then(|days| Date::from_days(days).ok());
    date.map_or_else(|| days.into(), |date| date.to_string().into())
}

/// A map's key in JSON.
fn name(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), ToOwned::to_owned)
}

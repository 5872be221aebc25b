//! Rows as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use zerobus_codegen::{DataType, Element, Field, MapKey, Scalar, Table};

use crate::row::{Cell, Row};

/// A row as an object with a key for each column.
pub(crate) fn json(table: &Table, row: &Row) -> Value {
    object(table.columns(), row)
}

fn object(fields: &[Field], row: &Row) -> Value {
    let entries = fields
        .iter()
        .enumerate()
        .map(|(place, field)| (field.name.clone(), value(&field.data_type, row.cell(place, &field.data_type))));
    Value::Object(entries.collect())
}

pub(crate) fn value(data_type: &DataType, cell: &Cell) -> Value {
    match (data_type, cell) {
        (DataType::Array(element), Cell::List(items)) => items.iter().map(|cell| item(element, cell)).collect(),
        (DataType::Map(key, element), Cell::Map(entries)) => {
            let entries = entries.iter().map(|(k, v)| (self::key(*key, k), item(element, v)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        (DataType::Scalar(kind), cell) => scalar(*kind, cell),
        (DataType::Struct(row), Cell::Struct(cells)) => object(&row.fields, cells),
        _ => Value::Null,
    }
}

fn item(element: &Element, cell: &Cell) -> Value {
    match (element, cell) {
        (Element::Scalar(kind), cell) => scalar(*kind, cell),
        (Element::Struct(row), Cell::Struct(cells)) => object(&row.fields, cells),
        (Element::Struct(_), _) => Value::Null,
    }
}

fn scalar(scalar: Scalar, cell: &Cell) -> Value {
    match cell {
        Cell::Bool(flag) => json!(flag),
        Cell::Bytes(bytes) => json!(STANDARD.encode(bytes)),
        Cell::Decimal(digits) => json!(decimal(*digits, scalar)),
        Cell::Double(x) => number(*x),
        // The shortest text of the float: 0.1, not 0.10000000149011612.
        Cell::Float(x) => x.to_string().parse().map_or(Value::Null, number),
        Cell::Int(n) => json!(n),
        Cell::Long(n) => json!(n),
        Cell::Text(text) => json!(text),
        Cell::Variant(value) => json!(value.to_string()),
        Cell::List(_) | Cell::Map(_) | Cell::Null | Cell::Struct(_) => Value::Null,
    }
}

fn number(x: f64) -> Value {
    let text = || {
        if x.is_nan() {
            "NaN"
        } else if x > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
    };
    serde_json::Number::from_f64(x).map_or_else(|| json!(text()), Value::Number)
}

fn decimal(digits: i128, scalar: Scalar) -> String {
    let Scalar::Decimal { scale, .. } = scalar else { return digits.to_string() };
    let scale = usize::from(scale);
    let sign = if digits < 0 { "-" } else { "" };
    let text = format!("{:0>width$}", digits.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = text.split_at(text.len() - scale);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A key of a map, as text.
pub(crate) fn key(kind: MapKey, cell: &Cell) -> String {
    key_text(scalar(kind.scalar(), cell))
}

fn key_text(key: Value) -> String {
    match key {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_scale() {
        let scalar = Scalar::Decimal { precision: 10, scale: 2 };
        assert_eq!(decimal(1999, scalar), "19.99");
        assert_eq!(decimal(-5, scalar), "-0.05");
        assert_eq!(decimal(0, scalar), "0.00");
        assert_eq!(decimal(7, Scalar::Decimal { precision: 10, scale: 0 }), "7");
    }

    #[test]
    fn floats_keep_their_shortest_text() {
        assert_eq!(scalar(Scalar::Float, &Cell::Float(0.1)), json!(0.1));
        assert_eq!(scalar(Scalar::Float, &Cell::Float(f32::NAN)), json!("NaN"));
        assert_eq!(scalar(Scalar::Double, &Cell::Double(f64::NEG_INFINITY)), json!("-Infinity"));
    }
}

//! What a column requires of a value beyond its protobuf type, checked on the bytes that were written.
//!
//! | column | rule |
//! |---|---|
//! | CHAR(n), VARCHAR(n) | at most n characters, which are Unicode's scalar values |
//! | DATE, TIMESTAMP, TIMESTAMP_NTZ | in the years 0001 to 9999 |
//! | DECIMAL(p, s) | plain decimal text with no more digits than it has |
//! | TINYINT, SMALLINT | in their ranges |
//! | VARIANT | JSON |
//!
//! Types of the derive can break only the first rule, and nearly every text has no more bytes than its column allows
//! characters: so the length in bytes is compared first. Prost's structs have protobuf's own types, so any of their
//! values may break a rule.
//!
//! The bytes are searched, not the fields, so that a value is checked wherever it is, in arrays, maps and structs,
//! and for any Rust type.

use zerobus_codegen::Scalar;

use super::encoder::Encoder;
use super::refusal::{Step, Written};
use super::schema::{ColumnType, MessageSchema};
use crate::values::{Date, Timestamp, ValueError, unscaled};

/// The types of a field: as sent, with the numbers of its fields, and as the table has them.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    /// The type as sent.
    pub found: ColumnType,
    /// The table's type; its structs may have other numbers, and more fields.
    pub expected: ColumnType,
}

/// Refuses the row if a text of the field that was written since `start` is too long for its column.
///
/// `shortest` is the smallest of the lengths in the field's type.
#[inline]
pub fn hold_lengths(out: &mut Encoder, start: usize, shortest: u32, lengths: &'static Lengths) {
    // No text has more characters than the whole field has bytes.
    if out.len() - start > shortest as usize {
        look_through(out, start, |_| Some((lengths.found, lengths.expected)));
    }
}

/// Refuses the prost row that was written since `start` if a value does not fit its column.
pub fn hold_row(out: &mut Encoder, start: usize, schema: &'static MessageSchema) {
    look_through(out, start, |number| schema.types(schema, number));
}

#[inline(never)]
fn look_through(out: &mut Encoder, start: usize, types: impl Fn(u32) -> Option<(ColumnType, ColumnType)>) {
    let mut fields = Written::new(out.as_slice().get(start..).unwrap_or_default());
    let mut found = None;
    while let Some((number, content)) = fields.next() {
        let Some((goes_out, expected)) = types(number) else { continue };
        if let Some(misfit) = in_value(content, &goes_out, &expected) {
            found = Some((misfit, out.len() - fields.since_key()));
            break;
        }
    }
    if let Some((Misfit { error, path }, end)) = found {
        out.refuse_within(error, end, path);
    }
}

/// A value that does not fit its column.
struct Misfit {
    error: ValueError,
    /// The fields around it, innermost first.
    path: Vec<Step>,
}

fn in_value(content: &[u8], found: &ColumnType, expected: &ColumnType) -> Option<Misfit> {
    match (found, expected) {
        (ColumnType::Array(found), ColumnType::Array(expected)) => in_value(content, found, expected),
        (ColumnType::Map(found_key, found), ColumnType::Map(expected_key, expected)) => {
            in_fields(content, |number| match number {
                1 => Some((ColumnType::Scalar(*found_key), ColumnType::Scalar(*expected_key))),
                _ => Some((**found, **expected)),
            })
        }
        (ColumnType::Struct(found), ColumnType::Struct(expected)) => {
            in_fields(content, |number| found.types(expected, number))
        }
        (_, ColumnType::Scalar(column)) => {
            of_scalar(*column, content).err().map(|error| Misfit { error, path: Vec::new() })
        }
        _ => None,
    }
}

fn in_fields(message: &[u8], types: impl Fn(u32) -> Option<(ColumnType, ColumnType)>) -> Option<Misfit> {
    Written::new(message).enumerate().find_map(|(index, (number, content))| {
        let (found, expected) = types(number)?;
        let mut misfit = in_value(content, &found, &expected)?;
        misfit.path.push(Step::of(message, index, number));
        Some(misfit)
    })
}

impl MessageSchema {
    /// The types of the field of this number, here and in a struct with the same names.
    fn types(&self, expected: &Self, number: u32) -> Option<(ColumnType, ColumnType)> {
        let place = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        let found = self.fields.get(place)?;
        if std::ptr::eq(self, expected) {
            return Some((found.column_type, found.column_type));
        }
        let expected = expected.fields.iter().find(|field| field.name == found.name)?;
        Some((found.column_type, expected.column_type))
    }
}

fn of_scalar(column: Scalar, content: &[u8]) -> Result<(), ValueError> {
    match column {
        Scalar::Byte => in_range(i8::try_from(integer(content)).is_ok(), content, column),
        Scalar::Char(limit) | Scalar::Varchar(limit) => {
            let found = text(content).chars().count();
            if found > limit as usize { Err(ValueError::Length { found, column }) } else { Ok(()) }
        }
        Scalar::Date => Date::from_days(i32::try_from(integer(content)).unwrap_or(i32::MAX)).map(drop),
        Scalar::Decimal { precision, scale } => plain_decimal(text(content), precision, scale),
        Scalar::Short => in_range(i16::try_from(integer(content)).is_ok(), content, column),
        Scalar::Timestamp | Scalar::TimestampNtz => Timestamp::from_micros(integer(content)).map(drop),
        Scalar::Variant => match serde_json::from_slice::<serde::de::IgnoredAny>(content) {
            Ok(_) => Ok(()),
            Err(_) => Err(ValueError::malformed(text(content), "JSON")),
        },
        Scalar::Binary
        | Scalar::Boolean
        | Scalar::Double
        | Scalar::Float
        | Scalar::Int
        | Scalar::Long
        | Scalar::String => Ok(()),
    }
}

fn in_range(is_in_range: bool, content: &[u8], column: Scalar) -> Result<(), ValueError> {
    if is_in_range { Ok(()) } else { Err(ValueError::Range { found: integer(content), column }) }
}

/// For a text that is sent unchanged, zeros count as digits too.
fn plain_decimal(text: &str, precision: u8, scale: u8) -> Result<(), ValueError> {
    unscaled(text, precision, scale)?;
    match text.split_once('.') {
        Some((_, fraction)) if fraction.len() > usize::from(scale) => Err(ValueError::digits(text, precision, scale)),
        _ => Ok(()),
    }
}

/// Reads back an integer.
fn integer(mut content: &[u8]) -> i64 {
    // The content is a whole varint.
    prost::encoding::decode_varint(&mut content).unwrap_or_default().cast_signed()
}

/// Reads back a text, which is valid UTF-8.
fn text(content: &[u8]) -> &str {
    str::from_utf8(content).unwrap_or_default()
}

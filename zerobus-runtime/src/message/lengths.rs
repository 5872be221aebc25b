//! The length of a CHAR or a VARCHAR, held against what was written of a field.
//!
//! Lengths are in characters, which are Unicode's scalar values. Nearly every text takes no more bytes than its column takes
//! characters, so the length in bytes is compared first; only what is longer is looked through, by the bytes that were
//! written: so a text counts wherever it stands, in arrays, maps and structs, and whatever the Rust type is.

use zerobus_codegen::Scalar;

use super::encoder::Encoder;
use super::refusal::{Step, Written};
use super::schema::ColumnType;
use crate::values::ValueError;

/// The types of a field: what goes out, whose numbers those of the fields are, and what the table has.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    /// What goes out.
    pub found: ColumnType,
    /// What the table has; structs may have other numbers there, and more fields.
    pub expected: ColumnType,
}

/// Refuses the row if a text of the field that was written since `start` is too long for its column.
///
/// `shortest` is the least of the lengths in the field's type.
#[inline]
pub fn hold_lengths(out: &mut Encoder, start: usize, shortest: u32, lengths: &'static Lengths) {
    // No text has more characters than all of the field has bytes.
    if out.len() - start > shortest as usize {
        look_through(out, start, lengths);
    }
}

#[inline(never)]
fn look_through(out: &mut Encoder, start: usize, lengths: &Lengths) {
    let bytes = out.as_slice().get(start..).unwrap_or_default();
    let mut fields = Written::new(bytes);
    let mut long = None;
    while let Some((_, content)) = fields.next() {
        if let Some(found) = in_value(content, &lengths.found, &lengths.expected) {
            // What is too long has a length, which stands between the key and the content.
            let content = content.len();
            let end = out.len() - fields.remaining() - content - prost::length_delimiter_len(content);
            long = Some((found, end));
            break;
        }
    }
    if let Some((Long { error, path }, end)) = long {
        out.refuse_within(error, end, path);
    }
}

/// A text that is too long.
struct Long {
    error: ValueError,
    /// The fields around it, innermost first.
    path: Vec<Step>,
}

fn in_value(content: &[u8], found: &ColumnType, expected: &ColumnType) -> Option<Long> {
    match (found, expected) {
        (ColumnType::Array(found), ColumnType::Array(expected)) => in_value(content, found, expected),
        (ColumnType::Map(found_key, found), ColumnType::Map(expected_key, expected)) => {
            in_fields(content, |number| match number {
                1 => Some((ColumnType::Scalar(*found_key), ColumnType::Scalar(*expected_key))),
                _ => Some((**found, **expected)),
            })
        }
        (ColumnType::Struct(found), ColumnType::Struct(expected)) => in_fields(content, |number| {
            let found = found.fields.iter().find(|field| field.number == number)?;
            let expected = expected.fields.iter().find(|field| field.name == found.name)?;
            Some((found.column_type, expected.column_type))
        }),
        (_, ColumnType::Scalar(column @ (Scalar::Char(limit) | Scalar::Varchar(limit)))) => {
            let found = str::from_utf8(content).unwrap_or_default().chars().count();
            let is_long = found > *limit as usize;
            is_long.then(|| Long { error: ValueError::Length { found, column: *column }, path: Vec::new() })
        }
        _ => None,
    }
}

fn in_fields(content: &[u8], types: impl Fn(u32) -> Option<(ColumnType, ColumnType)>) -> Option<Long> {
    Written::new(content).find_map(|(step, content)| {
        let (found, expected) = types(step.number)?;
        let mut long = in_value(content, &found, &expected)?;
        long.path.push(step);
        Some(long)
    })
}

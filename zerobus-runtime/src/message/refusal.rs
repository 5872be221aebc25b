//! A value that its column cannot hold, with its column path.
//!
//! The code that refuses a value does not know its column. But the bytes before the value do: the last key written is
//! that of its field. So the path is read from the row, from the innermost message outwards, as each message ends.

use std::fmt::Write as _;

use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::schema::{ColumnType, FieldSchema, MessageSchema};
use crate::values::ValueError;

/// The first value of a row that was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    error: ValueError,
    /// The length of the row when the value was refused, and later the start of the message around it.
    end: usize,
    /// The fields around the value, innermost first.
    path: Vec<Step>,
    /// Whether the value itself was written.
    is_written: bool,
}

/// A field by its number, and which of its elements, from 0 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) number: u32,
    pub(super) element: usize,
}

impl Refusal {
    pub(super) const fn new(error: ValueError, end: usize) -> Self {
        Self { error, end, path: Vec::new(), is_written: false }
    }

    /// Ends the message whose length is at `start`. If the value is inside, the message becomes a step of its path.
    #[cold]
    pub(super) fn leave(&mut self, bytes: &[u8], start: usize) {
        if start < self.end {
            self.step(bytes.get(start + 1..self.end).unwrap_or_default());
            self.end = start;
        }
    }

    pub(super) fn into_error(self) -> ValueError {
        self.error
    }

    /// The path of the column in a row of this schema that begins at `start`, and the reason of the refusal.
    #[cold]
    pub(super) fn located(mut self, schema: &MessageSchema, bytes: &[u8], start: usize) -> (String, ValueError) {
        self.step(bytes.get(start..self.end).unwrap_or_default());
        let mut path = String::new();
        let mut message = Some(schema);
        let mut steps = self.path.iter().rev();
        while let Some(step) = steps.next() {
            let Some(field) =
                message.and_then(|message| message.fields.iter().find(|field| field.number == step.number))
            else {
                break;
            };
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(field.name);
            message = inside(field, *step, &mut steps, &mut path);
        }
        (path, self.error)
    }

    /// A value that was written and then refused: `end` is after its field's key, and `path` continues from there.
    pub(super) const fn within(error: ValueError, end: usize, path: Vec<Step>) -> Self {
        Self { error, end, path, is_written: true }
    }

    pub(super) const fn is_written(&self) -> bool {
        self.is_written
    }

    /// Adds the last field of a message that is written so far.
    fn step(&mut self, written: &[u8]) {
        let last = Written::new(written).enumerate().last();
        self.path.extend(last.map(|(index, (number, _))| Step::of(written, index, number)));
    }
}

impl Step {
    /// The field that comes after this many others in a message.
    #[cold]
    pub(super) fn of(message: &[u8], index: usize, number: u32) -> Self {
        let before = Written::new(message).take(index).filter(|(before, _)| *before == number);
        Self { number, element: before.count() }
    }
}

/// The fields of a message that is written so far, each with its number and its content: the bytes after its length,
/// if it has one.
pub(super) struct Written<'a> {
    rest: &'a [u8],
    /// How many bytes follow the last key.
    since_key: usize,
}

impl<'a> Written<'a> {
    pub(super) const fn new(message: &'a [u8]) -> Self {
        Self { rest: message, since_key: 0 }
    }

    /// How many bytes follow the last key.
    pub(super) const fn since_key(&self) -> usize {
        self.since_key
    }
}

impl<'a> Iterator for Written<'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (number, wire_type) = decode_key(&mut self.rest).ok()?;
        let behind_key = self.rest;
        self.since_key = behind_key.len();
        if !self.rest.has_remaining() || !skip(wire_type, number, &mut self.rest) {
            self.rest = &[];
            return Some((number, &[]));
        }
        let (mut content, _) = behind_key.split_at(behind_key.len() - self.rest.len());
        if wire_type == WireType::LengthDelimited {
            // The content that was skipped starts with a length.
            let _ = decode_varint(&mut content);
        }
        Some((number, content))
    }
}

fn skip(wire_type: WireType, number: u32, written: &mut &[u8]) -> bool {
    skip_field(wire_type, number, written, DecodeContext::default()).is_ok()
}

/// Continues inside a field: returns its message, if it has one. An element is named by its index, a map entry's part
/// by `key` or `value`.
fn inside<'a>(
    field: &FieldSchema,
    step: Step,
    steps: &mut impl Iterator<Item = &'a Step>,
    path: &mut String,
) -> Option<&'static MessageSchema> {
    match field.column_type {
        ColumnType::Array(element) => {
            // Writing to a `String` cannot fail.
            let _ = write!(path, "[{}]", step.element);
            message(element)
        }
        ColumnType::Map(_, value) => {
            path.push_str(if steps.next().is_some_and(|part| part.number == 1) { ".key" } else { ".value" });
            message(value)
        }
        ColumnType::Scalar(_) => None,
        ColumnType::Struct(inner) => Some(inner),
    }
}

const fn message(column_type: &ColumnType) -> Option<&'static MessageSchema> {
    match column_type {
        ColumnType::Struct(inner) => Some(inner),
        _ => None,
    }
}

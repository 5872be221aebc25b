//! A protobuf message as JSON, by its descriptor: like the service's JSON records, in the order of the descriptor.
//!
//! | field | JSON |
//! |---|---|
//! | integers, bool, finite floats | numbers, `true`, `false` |
//! | NaN, infinities | `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | string, bytes, enum | text, base64, its number |
//! | message, map, repeated | an object, an object, an array |
//!
//! Fields without a value are left out. A message that does not follow its descriptor has no JSON form: a field of
//! another type, text that is not UTF-8, a field that the descriptor lacks.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto};
use serde_json::value::RawValue;

use crate::schemas::MessageSchema;

/// How deep messages may be nested.
const DEEPEST: u32 = 100;

/// The message as one line of JSON; `None` if it does not follow its descriptor.
pub(crate) fn json_of(schema: &MessageSchema, message: &[u8]) -> Option<Box<RawValue>> {
    let mut out = String::new();
    Writer { schema, out: &mut out, left: DEEPEST }.message(schema.root(), message)?;
    RawValue::from_string(out).ok()
}

/// A value as received on the wire.
#[derive(Debug, Clone, Copy)]
enum Wire<'a> {
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
    Fixed64([u8; 8]),
    Varint(u64),
}

struct Writer<'d, 'o> {
    schema: &'d MessageSchema,
    out: &'o mut String,
    left: u32,
}

impl<'d> Writer<'d, '_> {
    fn message(&mut self, descriptor: &'d DescriptorProto, message: &[u8]) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        let mut values = fields(message)?;
        let mut separator = '{';
        for field in &descriptor.field {
            let Some(found) = values.remove(&u32::try_from(field.number()).ok()?) else { continue };
            self.out.push(separator);
            self.out.push_str(&quoted(field.name())?);
            self.out.push(':');
            self.field(field, &found)?;
            separator = ',';
        }
        if separator == '{' {
            self.out.push('{');
        }
        self.out.push('}');
        self.left += 1;
        values.is_empty().then_some(())
    }

    fn field(&mut self, field: &FieldDescriptorProto, found: &[Wire<'_>]) -> Option<()> {
        if field.label() != Label::Repeated {
            return self.value(field, *found.last()?);
        }
        if let Some(entry) = self
            .schema
            .message_of(field)
            .filter(|nested| nested.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry))
        {
            return self.map(entry, found);
        }
        let mut elements = Vec::new();
        for wire in found {
            match wire {
                Wire::Bytes(packed) if !is_delimited(field.r#type()) => unpack(field.r#type(), packed, &mut elements)?,
                other => elements.push(*other),
            }
        }
        self.list('[', ']', &elements, |this, element| this.value(field, *element))
    }

    fn map(&mut self, entry: &'d DescriptorProto, found: &[Wire<'_>]) -> Option<()> {
        let part = |number| entry.field.iter().find(move |field| field.number() == number);
        let (key, value) = (part(1)?, part(2)?);
        self.list('{', '}', found, |this, wire| {
            let Wire::Bytes(message) = wire else { return None };
            let parts = fields(message)?;
            let part = |field: &FieldDescriptorProto, number| match parts.get(&number) {
                Some(found) => found.last().copied(),
                None => zero(field.r#type()),
            };
            this.key(key, part(key, 1)?)?;
            this.out.push(':');
            this.value(value, part(value, 2)?)
        })
    }

    fn list<T>(
        &mut self,
        open: char,
        close: char,
        items: &[T],
        mut item: impl FnMut(&mut Self, &T) -> Option<()>,
    ) -> Option<()> {
        self.out.push(open);
        for (place, value) in items.iter().enumerate() {
            if place > 0 {
                self.out.push(',');
            }
            item(self, value)?;
        }
        self.out.push(close);
        Some(())
    }

    /// The key of a JSON object is text, whatever its type.
    fn key(&mut self, field: &FieldDescriptorProto, wire: Wire<'_>) -> Option<()> {
        let is_text = field.r#type() == Type::String;
        if !is_text {
            self.out.push('"');
        }
        self.value(field, wire)?;
        if !is_text {
            self.out.push('"');
        }
        Some(())
    }

    fn value(&mut self, field: &FieldDescriptorProto, wire: Wire<'_>) -> Option<()> {
        if let (Type::Message, Wire::Bytes(bytes)) = (field.r#type(), wire) {
            let nested = self.schema.message_of(field)?;
            return self.message(nested, bytes);
        }
        self.out.push_str(&scalar(field.r#type(), wire)?);
        Some(())
    }
}

/// A value that is not a message.
fn scalar(kind: Type, wire: Wire<'_>) -> Option<String> {
    Some(match (kind, wire) {
        (Type::String, Wire::Bytes(bytes)) => quoted(std::str::from_utf8(bytes).ok()?)?,
        (Type::Bytes, Wire::Bytes(bytes)) => quoted(&BASE64_STANDARD.encode(bytes))?,
        (Type::Double, Wire::Fixed64(bits)) => float(f64::from_le_bytes(bits))?,
        (Type::Float, Wire::Fixed32(bits)) => single(f32::from_le_bytes(bits))?,
        (Type::Bool, Wire::Varint(bits)) => (bits != 0).to_string(),
        (Type::Enum | Type::Int32, Wire::Varint(bits)) => low(bits).cast_signed().to_string(),
        (Type::Int64, Wire::Varint(bits)) => bits.cast_signed().to_string(),
        (Type::Uint32, Wire::Varint(bits)) => low(bits).to_string(),
        (Type::Uint64, Wire::Varint(bits)) => bits.to_string(),
        (Type::Sint32 | Type::Sint64, Wire::Varint(bits)) => {
            ((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()).to_string()
        }
        (Type::Fixed32, Wire::Fixed32(bits)) => u32::from_le_bytes(bits).to_string(),
        (Type::Sfixed32, Wire::Fixed32(bits)) => i32::from_le_bytes(bits).to_string(),
        (Type::Fixed64, Wire::Fixed64(bits)) => u64::from_le_bytes(bits).to_string(),
        (Type::Sfixed64, Wire::Fixed64(bits)) => i64::from_le_bytes(bits).to_string(),
        _ => return None,
    })
}

fn quoted(text: &str) -> Option<String> {
    serde_json::to_string(text).ok()
}

fn float(value: f64) -> Option<String> {
    if value.is_finite() { serde_json::to_string(&value).ok() } else { Some(not_finite(value)) }
}

/// With digits that distinguish 32-bit floats.
fn single(value: f32) -> Option<String> {
    if value.is_finite() { serde_json::to_string(&value).ok() } else { Some(not_finite(value.into())) }
}

fn not_finite(value: f64) -> String {
    let name = if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    };
    format!("\"{name}\"")
}

/// The low half: a negative `int32` has 64 bits on the wire.
fn low(bits: u64) -> u32 {
    let [a, b, c, d, ..] = bits.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// What a part of a map's entry is if the entry lacks it.
const fn zero<'a>(kind: Type) -> Option<Wire<'a>> {
    Some(match kind {
        Type::Double | Type::Fixed64 | Type::Sfixed64 => Wire::Fixed64([0; 8]),
        Type::Float | Type::Fixed32 | Type::Sfixed32 => Wire::Fixed32([0; 4]),
        Type::Bytes | Type::Message | Type::String => Wire::Bytes(&[]),
        Type::Group => return None,
        _ => Wire::Varint(0),
    })
}

const fn is_delimited(kind: Type) -> bool {
    matches!(kind, Type::Bytes | Type::Group | Type::Message | Type::String)
}

/// The fields of a message by their numbers; `None` if it is malformed.
fn fields(mut message: &[u8]) -> Option<BTreeMap<u32, Vec<Wire<'_>>>> {
    let mut values = BTreeMap::<_, Vec<_>>::new();
    while !message.is_empty() {
        let (number, wire_type) = decode_key(&mut message).ok()?;
        let wire = take(wire_type, &mut message)?;
        values.entry(number).or_default().push(wire);
    }
    Some(values)
}

fn take<'a>(wire_type: WireType, rest: &mut &'a [u8]) -> Option<Wire<'a>> {
    Some(match wire_type {
        WireType::Varint => Wire::Varint(decode_varint(rest).ok()?),
        WireType::SixtyFourBit => Wire::Fixed64(*split(rest)?),
        WireType::ThirtyTwoBit => Wire::Fixed32(*split(rest)?),
        WireType::LengthDelimited => {
            let len = usize::try_from(decode_varint(rest).ok()?).ok()?;
            let (bytes, behind) = rest.split_at_checked(len)?;
            *rest = behind;
            Wire::Bytes(bytes)
        }
        WireType::StartGroup | WireType::EndGroup => return None,
    })
}

fn split<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(bytes)
}

/// The elements of a packed field.
fn unpack<'a>(kind: Type, mut packed: &'a [u8], elements: &mut Vec<Wire<'a>>) -> Option<()> {
    let wire_type = match kind {
        Type::Double | Type::Fixed64 | Type::Sfixed64 => WireType::SixtyFourBit,
        Type::Float | Type::Fixed32 | Type::Sfixed32 => WireType::ThirtyTwoBit,
        _ => WireType::Varint,
    };
    while !packed.is_empty() {
        elements.push(take(wire_type, &mut packed)?);
    }
    Some(())
}

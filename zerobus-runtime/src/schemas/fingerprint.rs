//! The fingerprint of a descriptor, by which a reader of encoded rows recognises the schema that they have.

use prost_types::DescriptorProto;
use prost_types::field_descriptor_proto::Label;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::MessageSchema;

/// A hash of what gives encoded rows their meaning: the number, name and type of each field, also of nested messages,
/// and the values of enums. The names of messages and the order of fields do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) fn of(schema: &MessageSchema) -> Self {
        let mut hash = Fnv::default();
        let mut messages = vec![schema.root()];
        let mut place = 0;
        while let Some(message) = messages.get(place).copied() {
            hash.message(schema, message, &mut messages);
            place += 1;
        }
        Self(hash.0)
    }
}

/// The hash FNV-1a, whose values are the same on every machine and in every release.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// Adds a message. A nested message counts as its place in `messages`, so that recursive types end.
    fn message<'d>(
        &mut self,
        schema: &'d MessageSchema,
        message: &'d DescriptorProto,
        messages: &mut Vec<&'d DescriptorProto>,
    ) {
        let mut fields: Vec<_> = message.field.iter().collect();
        fields.sort_by_key(|field| field.number());
        self.number(fields.len());
        for field in fields {
            self.number(field.number());
            self.text(field.name());
            self.number(field.r#type);
            self.number(field.label() == Label::Repeated);
            let Some(nested) = schema.message_of(field) else { continue };
            let place = messages.iter().position(|known| std::ptr::eq(*known, nested));
            self.number(place.unwrap_or(messages.len()));
            if place.is_none() {
                messages.push(nested);
            }
        }
        self.number(message.enum_type.len());
        for value in message.enum_type.iter().flat_map(|of| &of.value) {
            self.number(value.number());
            self.text(value.name());
        }
    }

    fn number(&mut self, number: impl std::fmt::Debug) {
        self.text(&format!("{number:?}"));
    }

    fn text(&mut self, text: &str) {
        // The byte after a text is in no text, so that two texts are not taken for one.
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

//! The schema of rows that are protobuf messages: a self-contained descriptor.

use prost_types::{DescriptorProto, FieldDescriptorProto};

use super::Fingerprint;

/// A descriptor in which the message type of a field can be found.
#[derive(Debug)]
pub(crate) struct MessageSchema {
    root: DescriptorProto,
    /// What the names of its types begin with: `.shop.Order`.
    prefix: String,
    fingerprint: Fingerprint,
}

impl MessageSchema {
    /// `None` if the descriptor is not self-contained.
    pub(crate) fn new(root: DescriptorProto) -> Option<Self> {
        let package = zerobus_codegen::self_contained_package(&root).ok()?;
        let dot = if package.is_empty() { "" } else { "." };
        let prefix = format!("{dot}{package}.{}", root.name());
        let mut schema = Self { root, prefix, fingerprint: Fingerprint::default() };
        schema.fingerprint = Fingerprint::of(&schema);
        Some(schema)
    }

    /// The message type of the rows.
    pub(crate) const fn root(&self) -> &DescriptorProto {
        &self.root
    }

    /// The fingerprint of the descriptor.
    pub(crate) const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The message type of a field: `.shop.Order.Line` is `Line` in the root.
    pub(crate) fn message_of(&self, field: &FieldDescriptorProto) -> Option<&DescriptorProto> {
        let mut names = field.type_name().strip_prefix(&self.prefix)?.split('.');
        if names.next() != Some("") {
            return None;
        }
        names.try_fold(&self.root, |found, name| found.nested_type.iter().find(|nested| nested.name() == name))
    }
}

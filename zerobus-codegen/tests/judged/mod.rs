//! Compares our descriptor with a compiler's descriptor of the `.proto`, name by name.

use std::fmt::Debug;

use prost_types::{DescriptorProto, FieldDescriptorProto, MessageOptions};

/// The result of comparing a table's descriptor with the compiler's message, which is in a package.
pub(crate) struct Judged<'a> {
    /// The package: `.main.sales`, or empty.
    pub(crate) package: &'a str,
    differences: Vec<String>,
    /// The map entries that have other names in the compiler's message, or are ordinary messages there.
    entries: Vec<String>,
}

impl<'a> Judged<'a> {
    /// Compares everything. Only the package's prefix and `proto3_optional`, which proto2 does not have, may differ.
    pub(crate) fn compare(ours: &DescriptorProto, theirs: &DescriptorProto, package: &'a str) -> Self {
        let mut judged = Self { package, differences: Vec::new(), entries: Vec::new() };
        let scope = format!(".{}", ours.name());
        judged.equal(&scope, "name", ours.name(), theirs.name());
        judged.message(&scope, &scope, ours, theirs);
        judged
    }

    /// The differences that are not allowed.
    pub(crate) fn differences(&self) -> &[String] {
        &self.differences
    }

    /// The map entries that differ because a compiler chooses their names.
    pub(crate) fn entries(&self) -> &[String] {
        &self.entries
    }

    fn message(&mut self, ours_at: &str, theirs_at: &str, ours: &DescriptorProto, theirs: &DescriptorProto) {
        self.equal(ours_at, "number of fields", &ours.field.len(), &theirs.field.len());
        self.equal(ours_at, "number of messages", &ours.nested_type.len(), &theirs.nested_type.len());
        // Nested messages are in the same order, with any names.
        for (ours, theirs) in ours.nested_type.iter().zip(&theirs.nested_type) {
            let ours_at = format!("{ours_at}.{}", ours.name());
            if is_entry(ours) && (ours.name() != theirs.name() || !is_entry(theirs)) {
                self.entries.push(ours_at.clone());
            } else {
                self.equal(&ours_at, "name", ours.name(), theirs.name());
                self.equal(&ours_at, "options", &ours.options, &theirs.options);
            }
            self.message(&ours_at, &format!("{theirs_at}.{}", theirs.name()), ours, theirs);
        }
        for (ours_field, theirs_field) in ours.field.iter().zip(&theirs.field) {
            let at = format!("{ours_at}.{}", ours_field.name());
            self.field(&at, ours_field, theirs_field);
        }
        let rest = |message: &DescriptorProto| DescriptorProto {
            name: None,
            field: Vec::new(),
            nested_type: Vec::new(),
            options: None,
            ..message.clone()
        };
        self.equal(ours_at, "rest", &rest(ours), &rest(theirs));
    }

    fn field(&mut self, at: &str, ours: &FieldDescriptorProto, theirs: &FieldDescriptorProto) {
        let names_entry = self.entries.iter().any(|entry| entry == ours.type_name());
        if !names_entry {
            let expected = ours.type_name.as_ref().map(|name| format!("{}{name}", self.package));
            self.equal(at, "type name", &expected, &theirs.type_name);
        }
        let rest = |field: &FieldDescriptorProto| FieldDescriptorProto {
            type_name: None,
            proto3_optional: None,
            ..field.clone()
        };
        self.equal(at, "rest", &rest(ours), &rest(theirs));
    }

    fn equal<T: PartialEq + Debug + ?Sized>(&mut self, at: &str, what: &str, ours: &T, theirs: &T) {
        if ours != theirs {
            self.differences.push(format!("{at}: {what}: ours {ours:?}, theirs {theirs:?}"));
        }
    }
}

fn is_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(MessageOptions::map_entry)
}

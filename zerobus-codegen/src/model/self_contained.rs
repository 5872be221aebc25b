//! Descriptors supplied by users: checks that a descriptor is self-contained, or makes a self-contained one.
//!
//! A stream is opened with a single `DescriptorProto`, so the type of every field must be the message itself or be
//! nested in it. Type names are absolute; they can begin with a package (`.shop.Order.Line`), the same for all. The
//! service refuses every other descriptor with code 4033.

mod gather;

use std::collections::HashSet;

use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FieldDescriptorProto};

use super::Printable;

pub use gather::descriptor_of;

/// The deepest nesting of messages; protobuf's own parsers have about the same limit.
const MAX_DEPTH: usize = 100;

/// Why a descriptor cannot open a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// The name of a message is not an identifier.
    #[error("message {} has a name that is not an identifier", Printable(.message))]
    BadName {
        /// The path of the message.
        message: String,
    },
    /// A message has no name.
    #[error("a message of the descriptor has no name")]
    Nameless,
    /// The files do not have the message.
    #[error("the files have no message {}{}", Printable(.message), others(.found))]
    NoSuchMessage {
        /// The requested name.
        message: String,
        /// Messages that the files have, at most ten.
        found: Vec<String>,
    },
    /// The type of a field is not inside the message, or its name is relative.
    #[error(
        "the descriptor is not self-contained: field {} has type `{}`, which is not an absolute name of a type inside the message",
        Printable(.field), Printable(.type_name)
    )]
    NotSelfContained {
        /// The path of the field: `Order.lines`.
        field: String,
        /// The name of its type, as in the descriptor.
        type_name: String,
    },
    /// Messages nest too deep.
    #[error("message {} nests deeper than {MAX_DEPTH} levels", Printable(.message))]
    TooDeep {
        /// The path of the message.
        message: String,
    },
    /// The type of a field is in none of the files.
    #[error("field {} has type `{}`, which is in none of the files", Printable(.field), Printable(.type_name))]
    UnknownType {
        /// The full name of the field: `shop.Order.lines`.
        field: String,
        /// The name of its type.
        type_name: String,
    },
}

fn others(found: &[String]) -> String {
    if found.is_empty() {
        return ", nor any other".to_owned();
    }
    format!("; they have {}", Printable(&found.join(", ")))
}

impl DescriptorError {
    /// The remedy, if one is known.
    #[must_use]
    pub const fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::BadName { .. } | Self::Nameless | Self::TooDeep { .. } => None,
            Self::NoSuchMessage { .. } => Some("name the message with its package, as in shop.Order"),
            Self::NotSelfContained { .. } => Some(
                "make it with `descriptor_of`, which gathers imported and sibling messages into one descriptor with absolute type names",
            ),
            Self::UnknownType { .. } => Some("write the files with `protoc --include_imports --descriptor_set_out`"),
        }
    }
}

/// Checks that a descriptor can open a stream. Returns the package that its type names begin with; empty if they have
/// none.
///
/// # Errors
/// If a field's type is not inside the message, or its name is relative.
pub fn self_contained_package(root: &DescriptorProto) -> Result<String, DescriptorError> {
    let mut types = HashSet::new();
    collect(root, root.name().to_owned(), 0, &mut types)?;
    let longest = types.iter().map(String::len).max().unwrap_or_default();
    let mut packages = Packages { root: root.name(), types, longest, left: None };
    packages.message(root, root.name())?;
    Ok(packages.left.and_then(|left| left.into_iter().next()).unwrap_or_default())
}

/// The paths of all messages and enums: `Order`, `Order.Line`.
fn collect(
    message: &DescriptorProto,
    path: String,
    depth: usize,
    types: &mut HashSet<String>,
) -> Result<(), DescriptorError> {
    check(message, &path, depth)?;
    for nested in &message.nested_type {
        collect(nested, format!("{path}.{}", nested.name()), depth + 1, types)?;
    }
    types.extend(message.enum_type.iter().map(|nested| format!("{path}.{}", nested.name())));
    types.insert(path);
    Ok(())
}

/// Checks each message: its name is an identifier, and it is not nested too deeply.
fn check(message: &DescriptorProto, path: &str, depth: usize) -> Result<(), DescriptorError> {
    if depth > MAX_DEPTH {
        return Err(DescriptorError::TooDeep { message: path.to_owned() });
    }
    if message.name().is_empty() {
        return Err(DescriptorError::Nameless);
    }
    let is_identifier = message.name().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_identifier { Ok(()) } else { Err(DescriptorError::BadName { message: path.to_owned() }) }
}

/// Whether a field's type is looked up by name.
fn has_named_type(field: &FieldDescriptorProto) -> bool {
    let is_named = field.r#type.is_some() && matches!(field.r#type(), Type::Enum | Type::Group | Type::Message);
    is_named || field.type_name.is_some()
}

/// The packages that fit all type names so far.
struct Packages<'a> {
    root: &'a str,
    types: HashSet<String>,
    /// The length of the longest type path.
    longest: usize,
    /// The possible packages, shortest first; `None` before the first type name.
    left: Option<Vec<String>>,
}

impl Packages<'_> {
    fn message(&mut self, message: &DescriptorProto, path: &str) -> Result<(), DescriptorError> {
        for field in message.field.iter().chain(&message.extension) {
            self.field(field, path)?;
        }
        message.nested_type.iter().try_for_each(|nested| self.message(nested, &format!("{path}.{}", nested.name())))
    }

    fn field(&mut self, field: &FieldDescriptorProto, path: &str) -> Result<(), DescriptorError> {
        let refused = |type_name: &str| DescriptorError::NotSelfContained {
            field: format!("{path}.{}", field.name()),
            type_name: type_name.to_owned(),
        };
        for name in field.type_name.iter().chain(&field.extendee) {
            if !self.admit(name) {
                return Err(refused(name));
            }
        }
        if has_named_type(field) && field.type_name.is_none() { Err(refused("")) } else { Ok(()) }
    }

    /// Whether an absolute name is a type inside the root, in one of the remaining packages.
    fn admit(&mut self, name: &str) -> bool {
        let Some(name) = name.strip_prefix('.') else { return false };
        if let Some(left) = &mut self.left {
            left.retain(|package| {
                let path = name.strip_prefix(package.as_str());
                let path = if package.is_empty() { path } else { path.and_then(|path| path.strip_prefix('.')) };
                path.is_some_and(|path| self.types.contains(path))
            });
            return !left.is_empty();
        }
        let mut left = Vec::new();
        for (start, segment) in segments(name) {
            // A longer suffix cannot be a type's path; skipping it keeps the cost of a name with many parts linear.
            let may_be_path = name.len() - start <= self.longest;
            if may_be_path && segment == self.root && self.types.contains(&name[start..]) {
                left.push(name[..start].trim_end_matches('.').to_owned());
            }
        }
        let is_inside = !left.is_empty();
        self.left = Some(left);
        is_inside
    }
}

/// The parts of a dotted name, each with its offset.
fn segments(name: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    name.split('.').map(move |segment| {
        let place = start;
        start += segment.len() + 1;
        (place, segment)
    })
}

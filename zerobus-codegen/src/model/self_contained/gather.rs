//! Gathers one message from many files into a descriptor, with all types that it uses nested in it.
//!
//! Types nested in the message keep their place. Others move into it, side by side. A map's entry stays in the message
//! that has the map, as protobuf requires.

use std::collections::{BTreeMap, HashMap, HashSet};

use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, MessageOptions};

use super::{DescriptorError, check, has_named_type};
use crate::model::UniqueNames;

/// How many message names an error lists.
const LISTED: usize = 10;

/// The descriptor of a message for opening a stream: imported and sibling messages are nested in it, and type names are
/// absolute without a package.
///
/// `message` is the full name, `shop.Order`. Messages that it does not use are left out, and so are extensions. If the
/// name of a moved message is taken, a number is appended; message names do not appear in encoded rows.
///
/// A proto3 field without `optional` is not written if it is zero or empty, so it arrives as NULL: use `optional`.
///
/// # Errors
/// If the files do not have the message, or a type that it uses.
///
/// ```
/// use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
///
/// // Usually decoded from what `protoc --include_imports --descriptor_set_out` wrote.
/// let order = DescriptorProto { name: Some("Order".to_owned()), ..Default::default() };
/// let file = FileDescriptorProto { package: Some("shop".to_owned()), message_type: vec![order], ..Default::default() };
/// let descriptor = zerobus_codegen::descriptor_of(&FileDescriptorSet { file: vec![file] }, "shop.Order")?;
/// assert_eq!(descriptor.name(), "Order");
/// # Ok::<(), zerobus_codegen::DescriptorError>(())
/// ```
pub fn descriptor_of(files: &FileDescriptorSet, message: &str) -> Result<DescriptorProto, DescriptorError> {
    let name = message.strip_prefix('.').unwrap_or(message);
    let types = Types::of(files)?;
    let Some((name, Type::Message(root))) = types.by_name.get_key_value(name) else {
        return Err(types.no_such_message(name));
    };
    let used = types.used_by(name)?;
    Ok(Gathering::new(&types, name, root, &used).descriptor(root))
}

/// A type in the files.
#[derive(Debug, Clone, Copy)]
enum Type<'a> {
    Enum(&'a EnumDescriptorProto),
    Message(&'a DescriptorProto),
}

/// Every type in the files, by its full name: `shop.Order.Line`.
#[derive(Debug, Default)]
struct Types<'a> {
    by_name: BTreeMap<String, Type<'a>>,
}

impl<'a> Types<'a> {
    fn of(files: &'a FileDescriptorSet) -> Result<Self, DescriptorError> {
        let mut types = Self::default();
        for file in &files.file {
            for message in &file.message_type {
                types.add(message, join(file.package(), message.name()), 0)?;
            }
            types.add_enums(&file.enum_type, file.package());
        }
        Ok(types)
    }

    fn add(&mut self, message: &'a DescriptorProto, path: String, depth: usize) -> Result<(), DescriptorError> {
        check(message, &path, depth)?;
        for nested in &message.nested_type {
            self.add(nested, join(&path, nested.name()), depth + 1)?;
        }
        self.add_enums(&message.enum_type, &path);
        self.by_name.insert(path, Type::Message(message));
        Ok(())
    }

    fn add_enums(&mut self, enums: &'a [EnumDescriptorProto], scope: &str) {
        self.by_name.extend(enums.iter().map(|inner| (join(scope, inner.name()), Type::Enum(inner))));
    }

    /// The full name of a field's type; a relative name is resolved from the innermost scope outwards.
    fn resolve(&self, scope: &str, name: &str) -> Option<&str> {
        if let Some(absolute) = name.strip_prefix('.') {
            return self.by_name.get_key_value(absolute).map(|(name, _)| name.as_str());
        }
        let mut scope = scope;
        loop {
            if let Some((name, _)) = self.by_name.get_key_value(&join(scope, name)) {
                return Some(name);
            }
            if scope.is_empty() {
                return None;
            }
            scope = outer(scope);
        }
    }

    /// The full names of the types that a message uses, each once: first itself, then in the order of the fields.
    fn used_by<'b>(&'b self, root: &'b str) -> Result<Vec<&'b str>, DescriptorError> {
        let mut used = vec![root];
        let mut seen = HashSet::from([root]);
        let mut next = 0;
        while let Some(&scope) = used.get(next) {
            next += 1;
            let Some(Type::Message(message)) = self.by_name.get(scope) else { continue };
            for field in message.field.iter().filter(|field| has_named_type(field)) {
                let type_name = field.type_name();
                let unknown = || DescriptorError::UnknownType {
                    field: join(scope, field.name()),
                    type_name: type_name.to_owned(),
                };
                let found = self.resolve(scope, type_name).ok_or_else(unknown)?;
                if seen.insert(found) {
                    used.push(found);
                }
            }
        }
        Ok(used)
    }

    fn no_such_message(&self, message: &str) -> DescriptorError {
        let messages =
            self.by_name.iter().filter(|(_, found)| matches!(found, Type::Message(inner) if !is_entry(inner)));
        let found = messages.map(|(name, _)| name.clone()).take(LISTED).collect();
        DescriptorError::NoSuchMessage { message: message.to_owned(), found }
    }
}

/// The place of each used type in the new descriptor.
struct Gathering<'a> {
    types: &'a Types<'a>,
    /// The full name of the message.
    root: &'a str,
    /// The types that stay in their message.
    kept: HashSet<&'a str>,
    /// The types that move into the root.
    moved: Vec<&'a str>,
    /// The new absolute name of each used type, by its full name.
    places: HashMap<&'a str, String>,
    /// The names that are taken in the root's scope.
    taken: UniqueNames,
    /// The new names of the values of moved enums, by the enum's full name.
    values: HashMap<&'a str, Vec<String>>,
}

impl<'a> Gathering<'a> {
    fn new(types: &'a Types<'a>, root: &'a str, message: &DescriptorProto, used: &[&'a str]) -> Self {
        let (kept, moved, places) = (HashSet::new(), Vec::new(), HashMap::new());
        let (taken, values) = (UniqueNames::default(), HashMap::new());
        let mut gathering = Self { types, root, kept, moved, places, taken, values };
        let is_used: HashSet<&str> = used.iter().copied().collect();
        for name in used {
            gathering.keep(name, &is_used);
        }
        gathering.take_names_of(message);
        // An entry's new name begins with that of the message that has the map, so entries come last.
        let (entries, others): (Vec<&str>, Vec<&str>) = used.iter().partition(|name| gathering.is_kept_entry(name));
        for name in others.into_iter().chain(entries) {
            gathering.place(name);
        }
        gathering.name_values();
        gathering
    }

    /// Marks a type as kept if it can stay in place: a type inside the root, with the messages around it, or an entry
    /// of a used message.
    fn keep(&mut self, name: &'a str, is_used: &HashSet<&str>) {
        if let Some(inner) = self.inside_root(name) {
            let ends = inner.match_indices('.').map(|(at, _)| self.root.len() + at).skip(1).chain([name.len()]);
            self.kept.extend(ends.map(|end| &name[..end]));
        } else if self.is_entry(name) && is_used.contains(outer(name)) {
            self.kept.insert(name);
        }
    }

    /// The part of a type's name after the root's; `None` if the type is not the root or inside it.
    fn inside_root<'b>(&self, name: &'b str) -> Option<&'b str> {
        name.strip_prefix(self.root).filter(|inner| inner.is_empty() || inner.starts_with('.'))
    }

    fn is_kept_entry(&self, name: &str) -> bool {
        self.kept.contains(name) && self.inside_root(name).is_none()
    }

    fn take_names_of(&mut self, root: &DescriptorProto) {
        let is_kept = |name: &str| self.kept.contains(join(self.root, name).as_str());
        let nested = root.nested_type.iter().map(DescriptorProto::name).filter(|name| is_kept(name));
        let enums: Vec<_> = root.enum_type.iter().filter(|inner| is_kept(inner.name())).collect();
        let values = enums.iter().flat_map(|inner| &inner.value).map(prost_types::EnumValueDescriptorProto::name);
        let fields = root.field.iter().map(FieldDescriptorProto::name);
        let oneofs = root.oneof_decl.iter().map(prost_types::OneofDescriptorProto::name);
        let names = nested.chain(enums.iter().map(|inner| inner.name())).chain(values).chain(fields).chain(oneofs);
        self.taken = names.collect();
    }

    fn place(&mut self, name: &'a str) {
        let root = last(self.root);
        let place = if let Some(inner) = self.inside_root(name) {
            format!(".{root}{inner}")
        } else if let Some(parent) = self.places.get(outer(name)).filter(|_| self.kept.contains(name)) {
            format!("{parent}.{}", last(name))
        } else {
            self.moved.push(name);
            format!(".{root}.{}", self.taken.unique(last(name)))
        };
        self.places.insert(name, place);
    }

    /// Names the values of moved enums. They belong to the same scope as the enum, so they must be unique there.
    fn name_values(&mut self) {
        for name in &self.moved {
            if let Some(Type::Enum(inner)) = self.types.by_name.get(*name) {
                let values = inner.value.iter().map(|value| self.taken.unique(value.name())).collect();
                self.values.insert(name, values);
            }
        }
    }

    fn is_entry(&self, name: &str) -> bool {
        matches!(self.types.by_name.get(name), Some(Type::Message(message)) if is_entry(message))
    }

    fn descriptor(self, root: &DescriptorProto) -> DescriptorProto {
        let mut gathered = self.message(self.root, root);
        for &name in &self.moved {
            let place = self.places.get(name).map(|place| last(place).to_owned());
            match self.types.by_name.get(name) {
                Some(Type::Message(inner)) => {
                    gathered.nested_type.push(DescriptorProto { name: place, ..self.message(name, inner) });
                }
                Some(Type::Enum(inner)) => {
                    gathered.enum_type.push(EnumDescriptorProto { name: place, ..self.enumeration(name, inner) });
                }
                None => {}
            }
        }
        gathered
    }

    /// A message with the new type names of its fields and the kept types inside it.
    fn message(&self, name: &str, message: &DescriptorProto) -> DescriptorProto {
        // A message that only encloses a used one is not used in rows, and the types of its fields were not gathered.
        let is_used = self.places.contains_key(name);
        let mut gathered = if is_used {
            DescriptorProto {
                field: message.field.iter().map(|field| self.field(name, field)).collect(),
                oneof_decl: message.oneof_decl.clone(),
                options: message.options.clone(),
                reserved_range: message.reserved_range.clone(),
                reserved_name: message.reserved_name.clone(),
                ..DescriptorProto::default()
            }
        } else {
            DescriptorProto::default()
        };
        gathered.name.clone_from(&message.name);
        let is_inside = self.inside_root(name).is_some();
        let stays = |inner: &str| self.kept.contains(inner) && (is_inside || self.is_entry(inner));
        for nested in &message.nested_type {
            let name = join(name, nested.name());
            if stays(&name) {
                gathered.nested_type.push(self.message(&name, nested));
            }
        }
        let enums = message.enum_type.iter().filter(|inner| stays(&join(name, inner.name())));
        gathered.enum_type.extend(enums.cloned());
        gathered
    }

    fn field(&self, scope: &str, field: &FieldDescriptorProto) -> FieldDescriptorProto {
        let mut gathered = field.clone();
        let found = field.type_name.as_deref().and_then(|type_name| self.types.resolve(scope, type_name));
        gathered.type_name = found.and_then(|found| self.places.get(found)).cloned();
        if let Some((value, enumeration)) = field.default_value.as_ref().zip(found) {
            gathered.default_value = Some(self.value_name(enumeration, value).to_owned());
        }
        gathered
    }

    /// The new name of an enum's value.
    fn value_name<'b>(&'b self, enumeration: &str, value: &'b str) -> &'b str {
        let (Some(Type::Enum(inner)), Some(names)) =
            (self.types.by_name.get(enumeration), self.values.get(enumeration))
        else {
            return value;
        };
        let mut values = inner.value.iter().zip(names);
        values.find(|(old, _)| old.name() == value).map_or(value, |(_, name)| name)
    }

    /// A moved enum, with the new names of its values.
    fn enumeration(&self, name: &str, inner: &EnumDescriptorProto) -> EnumDescriptorProto {
        let mut moved = inner.clone();
        for (value, name) in moved.value.iter_mut().zip(self.values.get(name).into_iter().flatten()) {
            value.name = Some(name.clone());
        }
        moved
    }
}

fn is_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(MessageOptions::map_entry)
}

fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

fn last(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

fn outer(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(outer, _)| outer)
}

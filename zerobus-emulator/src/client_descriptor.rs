//! The descriptor that a client opens a stream with: read, its type names resolved, its message made ready.

use std::collections::HashSet;

use prost::Message;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use prost_types::{DescriptorProto, FileDescriptorProto};

use crate::refusal::Refusal;

/// Reads a serialized `DescriptorProto`.
///
/// Its type names may be relative, or absolute with a package that only the client knows (`.t.Air.Pos`): each is
/// rewritten to the nested message that it means.
pub(crate) fn read(bytes: &[u8]) -> Result<MessageDescriptor, Refusal> {
    let mut root = DescriptorProto::decode(bytes).map_err(|error| Refusal::bad_descriptor(&error.to_string()))?;
    let name = root.name().to_owned();
    if name.is_empty() {
        return Err(Refusal::bad_descriptor("it has no name; send the DescriptorProto of the record's message"));
    }
    let mut messages = HashSet::new();
    collect(&root, "", &mut messages);
    resolve(&mut root, "", &messages).map_err(|why| Refusal::bad_descriptor(&why))?;
    pool(root)?.get_message_by_name(&name).ok_or_else(|| Refusal::bad_descriptor("its name is not an identifier"))
}

/// The message of a descriptor that is known to be whole: the table's own, for JSON records.
pub(crate) fn of_table(descriptor: &DescriptorProto) -> Result<MessageDescriptor, Refusal> {
    read(&descriptor.encode_to_vec())
}

fn pool(root: DescriptorProto) -> Result<DescriptorPool, Refusal> {
    let file = FileDescriptorProto {
        name: Some("client.proto".to_owned()),
        message_type: vec![root],
        ..FileDescriptorProto::default()
    };
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file).map_err(|error| Refusal::bad_descriptor(&error.to_string()))?;
    Ok(pool)
}

/// Every message's path from the root, as `Air.Pos`.
fn collect(message: &DescriptorProto, parent: &str, messages: &mut HashSet<String>) {
    let path = join(parent, message.name());
    for nested in &message.nested_type {
        collect(nested, &path, messages);
    }
    messages.insert(path);
}

fn resolve(message: &mut DescriptorProto, parent: &str, messages: &HashSet<String>) -> Result<(), String> {
    let path = join(parent, message.name());
    for field in &mut message.field {
        // Without a syntax the file is proto2, in which every field has presence anyway.
        field.proto3_optional = None;
        if let Some(name) = &field.type_name {
            let found = find(name, &path, messages).or_else(|| is_enum(field.r#type).then(|| name.clone()));
            let Some(found) = found else {
                return Err(format!("field {path}.{} is of type {name}, which is not nested in it", field.name()));
            };
            field.type_name = Some(found);
        }
    }
    message.nested_type.iter_mut().try_for_each(|nested| resolve(nested, &path, messages))
}

/// Relative names are looked for from the inside out; of absolute ones the longest end that is a path counts.
fn find(name: &str, scope: &str, messages: &HashSet<String>) -> Option<String> {
    let absolute = |path: &str| format!(".{path}");
    let Some(name) = name.strip_prefix('.') else {
        let mut scope = scope;
        loop {
            let path = join(scope, name);
            if messages.contains(&path) {
                return Some(absolute(&path));
            }
            if scope.is_empty() {
                return None;
            }
            scope = scope.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
    };
    let mut end = name;
    loop {
        if messages.contains(end) {
            return Some(absolute(end));
        }
        end = end.split_once('.')?.1;
    }
}

fn is_enum(field_type: Option<i32>) -> bool {
    field_type == Some(prost_types::field_descriptor_proto::Type::Enum.into())
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

#[cfg(test)]
mod tests {
    use prost_types::FieldDescriptorProto;
    use prost_types::field_descriptor_proto::{Label, Type};

    use super::*;

    fn air(type_name: &str) -> DescriptorProto {
        let field = FieldDescriptorProto {
            name: Some("pos".to_owned()),
            number: Some(1),
            label: Some(Label::Optional.into()),
            r#type: Some(Type::Message.into()),
            type_name: Some(type_name.to_owned()),
            proto3_optional: Some(true),
            ..FieldDescriptorProto::default()
        };
        let pos = DescriptorProto { name: Some("Pos".to_owned()), ..DescriptorProto::default() };
        DescriptorProto {
            name: Some("Air".to_owned()),
            field: vec![field],
            nested_type: vec![pos],
            ..DescriptorProto::default()
        }
    }

    #[test]
    fn type_names_resolve_whether_relative_absolute_or_with_a_package() {
        for name in ["Pos", "Air.Pos", ".Air.Pos", ".t.Air.Pos", ".com.example.v1.Air.Pos"] {
            let message = read(&air(name).encode_to_vec()).unwrap();
            let field = message.get_field_by_name("pos").unwrap();
            assert_eq!(field.kind().as_message().unwrap().full_name(), "Air.Pos", "{name}");
        }
    }

    #[test]
    fn a_type_from_elsewhere_and_bytes_of_something_else_are_refused() {
        let refusal = read(&air(".google.protobuf.Timestamp").encode_to_vec()).unwrap_err().to_string();
        assert!(refusal.contains("field Air.pos is of type .google.protobuf.Timestamp"), "{refusal}");
        assert!(read(b"\xff\xff\xff").is_err());
        assert!(read(b"").is_err());
    }
}

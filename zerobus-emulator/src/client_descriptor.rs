//! The descriptor that a client opens a stream with: read, its type names resolved, its message made ready.

use std::collections::HashMap;

use prost::Message;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use prost_types::{DescriptorProto, FileDescriptorProto};

use crate::refusal::Refusal;

/// Reads a serialized `DescriptorProto`.
///
/// Its type names may be relative, or absolute with a package that only the client knows (`.t.Air.Pos`): each is
/// rewritten to the nested message that it means. A message that has the name of a field beside it (the column `Location`
/// of a STRUCT, as the service's own converter names it) is renamed: names of messages do not travel.
pub(crate) fn read(bytes: &[u8]) -> Result<MessageDescriptor, Refusal> {
    let mut root = DescriptorProto::decode(bytes).map_err(|error| Refusal::bad_descriptor(&error.to_string()))?;
    let name = root.name().to_owned();
    if name.is_empty() {
        return Err(Refusal::bad_descriptor("it has no name; send the DescriptorProto of the record's message"));
    }
    let mut messages = HashMap::new();
    collect(&root, &name, &name, &mut messages);
    resolve(&mut root, &name, &messages).map_err(|why| Refusal::bad_descriptor(&why))?;
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

/// Every message's path from the root, as `Air.Pos`, and the path under which the pool takes it.
fn collect(message: &DescriptorProto, path: &str, taken: &str, messages: &mut HashMap<String, String>) {
    for nested in &message.nested_type {
        let name = free_name(nested.name(), message);
        collect(nested, &join(path, nested.name()), &join(taken, &name), messages);
    }
    messages.insert(path.to_owned(), taken.to_owned());
}

/// The name itself, or one that no field and no other message beside it has.
fn free_name(name: &str, parent: &DescriptorProto) -> String {
    let mut free = name.to_owned();
    while parent.field.iter().any(|field| field.name() == free)
        || (free != name && parent.nested_type.iter().any(|nested| nested.name() == free))
    {
        free.push('_');
    }
    free
}

fn resolve(message: &mut DescriptorProto, path: &str, messages: &HashMap<String, String>) -> Result<(), String> {
    for field in &mut message.field {
        // Without a syntax the file is proto2, in which every field has presence anyway.
        field.proto3_optional = None;
        if let Some(name) = &field.type_name {
            let found = find(name, path, messages).or_else(|| is_enum(field.r#type).then(|| name.clone()));
            let Some(found) = found else {
                return Err(format!("field {path}.{} is of type {name}, which is not nested in it", field.name()));
            };
            field.type_name = Some(found);
        }
    }
    for nested in &mut message.nested_type {
        let path = join(path, nested.name());
        resolve(nested, &path, messages)?;
        nested.name = messages.get(&path).and_then(|taken| taken.rsplit('.').next()).map(str::to_owned);
    }
    Ok(())
}

/// Relative names are looked for from the inside out; of absolute ones the longest end that is a path counts.
fn find(name: &str, scope: &str, messages: &HashMap<String, String>) -> Option<String> {
    let absolute = |path: &str| messages.get(path).map(|taken| format!(".{taken}"));
    let Some(name) = name.strip_prefix('.') else {
        let mut scope = scope;
        loop {
            if let Some(found) = absolute(&join(scope, name)) {
                return Some(found);
            }
            if scope.is_empty() {
                return None;
            }
            scope = scope.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
    };
    let mut end = name;
    loop {
        if let Some(found) = absolute(end) {
            return Some(found);
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
    fn a_message_with_the_name_of_its_field_steps_aside() {
        let mut air = air("Pos");
        air.field[0].name = Some("Pos".to_owned());
        let message = read(&air.encode_to_vec()).unwrap();
        let field = message.get_field_by_name("Pos").unwrap();
        assert_eq!(field.kind().as_message().unwrap().full_name(), "Air.Pos_");
    }

    #[test]
    fn a_type_from_elsewhere_and_bytes_of_something_else_are_refused() {
        let refusal = read(&air(".google.protobuf.Timestamp").encode_to_vec()).unwrap_err().to_string();
        assert!(refusal.contains("field Air.pos is of type .google.protobuf.Timestamp"), "{refusal}");
        assert!(read(b"\xff\xff\xff").is_err());
        assert!(read(b"").is_err());
    }
}

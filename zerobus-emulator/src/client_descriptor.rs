//! The descriptor that a client opens a stream with. It has to be self-contained, as at the service.

use prost::Message;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use prost_types::{DescriptorProto, FileDescriptorProto, MessageOptions};
use zerobus_codegen::{DescriptorError, displaced_entries, self_contained_package};

use crate::refusal::Refusal;

/// Reads a serialized `DescriptorProto`.
///
/// Its type names are absolute. They may begin with the client's own package (`.t.Air.Pos`): `protoc` writes that for
/// a `.proto` with a package.
pub(crate) fn read(bytes: &[u8]) -> Result<MessageDescriptor, Refusal> {
    let mut root = DescriptorProto::decode(bytes).map_err(|error| Refusal::bad_descriptor(&error.to_string()))?;
    let package = self_contained_package(&root).map_err(|error| refused(&error))?;
    mark_displaced_entries(&mut root);
    let name = if package.is_empty() { root.name().to_owned() } else { format!("{package}.{}", root.name()) };
    let file = FileDescriptorProto {
        name: Some("client.proto".to_owned()),
        package: Some(package).filter(|package| !package.is_empty()),
        message_type: vec![root],
        ..FileDescriptorProto::default()
    };
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_proto(file).map_err(|error| Refusal::bad_descriptor(&error.to_string()))?;
    pool.get_message_by_name(&name).ok_or_else(|| Refusal::bad_descriptor("its name is not an identifier"))
}

/// The message of a descriptor that is known to be complete: the table's own, for JSON records.
pub(crate) fn of_table(descriptor: &DescriptorProto) -> Result<MessageDescriptor, Refusal> {
    read(&descriptor.encode_to_vec())
}

/// The service's text has the field's name without its message.
fn refused(error: &DescriptorError) -> Refusal {
    match error {
        DescriptorError::NotSelfContained { field, type_name } => {
            let field = field.rsplit_once('.').map_or(field.as_str(), |(_, field)| field);
            Refusal::not_self_contained(field, type_name)
        }
        other => Refusal::bad_descriptor(&other.to_string()),
    }
}

/// Takes the entry of a map for one where protobuf's own name for it is taken, so that no `.proto` can call it an
/// entry.
fn mark_displaced_entries(message: &mut DescriptorProto) {
    for place in displaced_entries(message) {
        message.nested_type[place].options =
            Some(MessageOptions { map_entry: Some(true), ..MessageOptions::default() });
    }
    message.nested_type.iter_mut().for_each(mark_displaced_entries);
}

#[cfg(test)]
mod tests {
    use prost_types::FieldDescriptorProto;
    use prost_types::field_descriptor_proto::{Label, Type};

    use super::*;

    fn field(name: &str, type_name: &str) -> FieldDescriptorProto {
        FieldDescriptorProto {
            name: Some(name.to_owned()),
            number: Some(1),
            label: Some(Label::Optional.into()),
            r#type: Some(Type::Message.into()),
            type_name: Some(type_name.to_owned()),
            proto3_optional: Some(true),
            ..FieldDescriptorProto::default()
        }
    }

    fn air(type_name: &str) -> DescriptorProto {
        let pos = DescriptorProto { name: Some("Pos".to_owned()), ..DescriptorProto::default() };
        DescriptorProto {
            name: Some("Air".to_owned()),
            field: vec![field("pos", type_name)],
            nested_type: vec![pos],
            ..DescriptorProto::default()
        }
    }

    #[test]
    fn absolute_names_resolve_with_and_without_a_package() {
        for (name, full_name) in [
            (".Air.Pos", "Air.Pos"),
            (".t.Air.Pos", "t.Air.Pos"),
            (".com.example.v1.Air.Pos", "com.example.v1.Air.Pos"),
        ] {
            let message = read(&air(name).encode_to_vec()).unwrap();
            let field = message.get_field_by_name("pos").unwrap();
            assert_eq!(field.kind().as_message().unwrap().full_name(), full_name);
        }
    }

    #[test]
    fn what_is_not_self_contained_is_refused_in_the_words_of_the_service() {
        for name in ["Pos", "Air.Pos", ".google.protobuf.Timestamp", ".Pos"] {
            let refusal = read(&air(name).encode_to_vec()).unwrap_err().to_string();
            let text = format!("Proto not self-contained for field 'pos' with type name '{name}'.");
            assert_eq!(refusal, format!("{text} Error Code: 4033, Error State: 4."));
        }
    }

    #[test]
    fn bytes_of_something_else_and_names_that_clash_are_refused() {
        assert!(read(b"\xff\xff\xff").is_err());
        assert!(read(b"").is_err());
        let mut clash = air(".Air.Pos");
        clash.field[0].name = Some("Pos".to_owned());
        let refusal = read(&clash.encode_to_vec()).unwrap_err().to_string();
        assert!(refusal.contains("8001"), "{refusal}");
    }
}

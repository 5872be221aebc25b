//! A reader of rows that knows nothing but the descriptor with which their stream would open: prost-reflect.

use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use prost_types::{DescriptorProto, FileDescriptorProto};
use serde_json::Value;
use zerobus_runtime::{Encoder, ZerobusMessage};

/// The row as JSON.
pub(crate) fn read<T: ZerobusMessage>(row: &T) -> Value {
    let mut out = Encoder::new();
    row.encode_to(&mut out);
    assert_eq!(out.take_refusal(), None);
    let message = DynamicMessage::decode(pool(T::descriptor()), out.as_slice()).expect("the row decodes");
    assert_eq!(message.unknown_fields().count(), 0, "every field is one of the descriptor's");
    let options = SerializeOptions::new().stringify_64_bit_integers(false).use_proto_field_name(true);
    message.serialize_with_options(serde_json::value::Serializer, &options).expect("the row has JSON")
}

fn pool(descriptor: DescriptorProto) -> prost_reflect::MessageDescriptor {
    let name = descriptor.name().to_owned();
    let file = FileDescriptorProto {
        name: Some("row.proto".to_owned()),
        syntax: Some("proto2".to_owned()),
        message_type: vec![descriptor],
        ..Default::default()
    };
    let pool = DescriptorPool::from_file_descriptor_set(prost_types::FileDescriptorSet { file: vec![file] });
    pool.expect("the descriptor is whole").get_message_by_name(&name).expect("the message is there")
}

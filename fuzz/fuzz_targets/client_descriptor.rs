#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};

fuzz_target!(|bytes: &[u8]| {
    let Ok(descriptor) = DescriptorProto::decode(bytes) else { return };
    if let Ok(package) = zerobus_codegen::self_contained_package(&descriptor) {
        let file = FileDescriptorProto {
            name: Some("row.proto".to_owned()),
            package: Some(package).filter(|package| !package.is_empty()),
            message_type: vec![descriptor.clone()],
            ..FileDescriptorProto::default()
        };
        // What is wrong with it otherwise is the pool's to say, and without a panic.
        let _ = prost_reflect::DescriptorPool::from_file_descriptor_set(FileDescriptorSet { file: vec![file] });
    }
    if descriptor.name().is_empty() {
        return;
    }
    let file = FileDescriptorProto {
        name: Some("row.proto".to_owned()),
        package: Some("shop".to_owned()),
        message_type: vec![descriptor.clone()],
        ..FileDescriptorProto::default()
    };
    let name = format!("shop.{}", descriptor.name());
    if let Ok(whole) = zerobus_codegen::descriptor_of(&FileDescriptorSet { file: vec![file] }, &name) {
        zerobus_codegen::self_contained_package(&whole).expect("what was made self-contained is");
    }
});

//! Self-contained descriptors from the output of `protoc` or prost-build.

use std::borrow::Cow;

use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorSet};

use crate::error::{Error, Fault};

/// The descriptor of a message for [`encoded_stream`](crate::Client::encoded_stream): it contains imported and
/// sibling messages, and type names are absolute, without a package.
///
/// `files` is a `FileDescriptorSet`, or its bytes: the output of `protoc --include_imports --descriptor_set_out` or
/// of prost-build with `file_descriptor_set_path`. `message` is the full name, `shop.Order`.
///
/// A proto3 field without `optional` is not written if it is zero or empty, so it arrives as NULL: use `optional`.
///
/// # Errors
/// If the bytes are not a `FileDescriptorSet`, or the files lack the message or a type that it uses.
///
/// ```
/// use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
///
/// # let order = DescriptorProto { name: Some("Order".to_owned()), ..Default::default() };
/// # let file = FileDescriptorProto { package: Some("shop".to_owned()), message_type: vec![order], ..Default::default() };
/// # let files = FileDescriptorSet { file: vec![file] };
/// // In a program: `include_bytes!(concat!(env!("OUT_DIR"), "/shop.binpb"))`.
/// let bytes = prost::Message::encode_to_vec(&files);
/// let descriptor = zerobus_runtime::descriptor_of(&bytes, "shop.Order")?;
/// assert_eq!(descriptor.name(), "Order");
/// # Ok::<(), zerobus_runtime::Error>(())
/// ```
pub fn descriptor_of(files: &(impl DescriptorFiles + ?Sized), message: &str) -> Result<DescriptorProto, Error> {
    let files = files.read()?;
    zerobus_codegen::descriptor_of(&files, message).map_err(|error| Fault::Descriptor(error).into())
}

/// A `FileDescriptorSet`, or its bytes.
pub trait DescriptorFiles: sealed::Sealed {
    #[doc(hidden)]
    fn read(&self) -> Result<Cow<'_, FileDescriptorSet>, Error>;
}

impl DescriptorFiles for FileDescriptorSet {
    fn read(&self) -> Result<Cow<'_, FileDescriptorSet>, Error> {
        Ok(Cow::Borrowed(self))
    }
}

impl DescriptorFiles for [u8] {
    fn read(&self) -> Result<Cow<'_, FileDescriptorSet>, Error> {
        let files = FileDescriptorSet::decode(self).map_err(|source| Fault::DescriptorFiles { source })?;
        Ok(Cow::Owned(files))
    }
}

impl<const N: usize> DescriptorFiles for [u8; N] {
    fn read(&self) -> Result<Cow<'_, FileDescriptorSet>, Error> {
        self.as_slice().read()
    }
}

impl DescriptorFiles for Vec<u8> {
    fn read(&self) -> Result<Cow<'_, FileDescriptorSet>, Error> {
        self.as_slice().read()
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for prost_types::FileDescriptorSet {}
    impl Sealed for [u8] {}
    impl<const N: usize> Sealed for [u8; N] {}
    impl Sealed for Vec<u8> {}
}

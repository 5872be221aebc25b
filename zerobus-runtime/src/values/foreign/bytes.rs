//! The types of the crate `bytes`; `Bytes` itself needs no feature, since generated types may hold it.

use bytes::BytesMut;

use crate::message::value::{elements, travels_as};

travels_as! {
    [] BytesMut => [u8], |value| **value;
}

elements! { BytesMut }

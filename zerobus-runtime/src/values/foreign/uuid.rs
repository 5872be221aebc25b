//! The type of the crate `uuid`.

use uuid::Uuid;

use crate::message::Scalar;
use crate::message::value::{elements, keys, travels_as};

travels_as! {
    [] Uuid => str, |value| *value.as_hyphenated().encode_lower(&mut Uuid::encode_buffer());
}

elements! { Uuid }

keys! {
    [] Uuid => Scalar::String;
}

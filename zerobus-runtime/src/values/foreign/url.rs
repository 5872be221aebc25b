//! The type of the crate `url`.

use url::Url;

use crate::message::Scalar;
use crate::message::value::{elements, keys, travels_as};

travels_as! {
    [] Url => str, |value| *value.as_str();
}

elements! { Url }

keys! {
    [] Url => Scalar::String;
}

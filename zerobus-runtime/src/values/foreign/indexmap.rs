//! The types of the crate `indexmap`: their elements are written in insertion order.

use indexmap::{IndexMap, IndexSet};

use crate::message::field::{arrays, maps};
use crate::message::{Element, Key};

arrays! {
    [T: Element, S] IndexSet<T, S>;
}

maps! {
    [K: Key, V: Element, S] IndexMap<K, V, S>;
}

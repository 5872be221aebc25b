//! The types of the crate `indexmap`: what they hold is written in the order in which it was inserted.

use indexmap::{IndexMap, IndexSet};

use crate::message::field::{arrays, maps};
use crate::message::{Element, Key};

arrays! {
    [T: Element, S] IndexSet<T, S>;
}

maps! {
    [K: Key, V: Element, S] IndexMap<K, V, S>;
}

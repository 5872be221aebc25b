//! What a derived struct writes, judged by prost-reflect with the descriptor that a stream would open with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's panic is its verdict")]

mod attributes;
mod conversions;
#[path = "../reader/mod.rs"]
mod reader;
mod types;

use zerobus_runtime::ZerobusMessage;
use zerobus_runtime::message::Presence;

fn columns<T: ZerobusMessage>() -> Vec<(String, i32)> {
    T::descriptor().field.iter().map(|field| (field.name().to_owned(), field.number())).collect()
}

/// The columns that may be left out.
fn optional<T: ZerobusMessage>() -> Vec<&'static str> {
    let fields = T::SCHEMA.fields.iter();
    fields.filter(|field| field.presence == Presence::Optional).map(|field| field.name).collect()
}

/// Takes bytes in any container, as functions of other crates do.
fn hex(bytes: impl AsRef<[u8]>) -> String {
    use std::fmt::Write as _;
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

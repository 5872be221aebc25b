//! The user's functions can have any name, and traits with methods for every type can be in scope: the derive's code
//! never calls either by accident.
#![deny(warnings)]

use zerobus_runtime::{Encoder, ZerobusMessage};

/// Methods with names that the derive's code calls.
mod methods {
    #[allow(dead_code)]
    pub trait ForEveryType {
        fn as_str(self) -> u8;
        fn call(&self, _: u8);
        fn column_type(self);
        fn encode(&self, _: u8);
        fn field_type(self);
        fn len(&self) -> u8;
        fn named(self);
        fn nested(&self);
        fn wire(self);
    }

    impl<T> ForEveryType for T {
        fn as_str(self) -> u8 {
            0
        }
        fn call(&self, _: u8) {}
        fn column_type(self) {}
        fn encode(&self, _: u8) {}
        fn field_type(self) {}
        fn len(&self) -> u8 {
            0
        }
        fn named(self) {}
        fn nested(&self) {}
        fn wire(self) {}
    }
}

#[allow(unused_imports)]
use methods::ForEveryType as _;

/// A constant that a variable of the derive's code could shadow.
const COLUMN: &str = "column";

fn field(value: &u8) -> String {
    value.to_string()
}

fn function(value: &u8) -> String {
    value.to_string()
}

fn message(value: &u8) -> String {
    value.to_string()
}

fn out(value: &u8) -> String {
    value.to_string()
}

fn start(value: &u8) -> String {
    value.to_string()
}

fn text() -> String {
    "7".to_owned()
}

fn value() -> String {
    "7".to_owned()
}

#[derive(ZerobusMessage)]
struct Wrapped(#[zerobus(with = out)] u8);

#[derive(ZerobusMessage)]
struct Inner {
    #[zerobus(with = |inner| out(inner))]
    out: u8,
}

#[derive(ZerobusMessage)]
struct Row {
    #[zerobus(with = field)]
    by_field: u8,
    #[zerobus(with = |inner| field(inner))]
    by_field_closure: Option<u8>,
    #[zerobus(with = function)]
    by_function: u8,
    #[zerobus(with = message, type = "VARCHAR(9)")]
    by_message: u8,
    #[zerobus(with = |inner| message(inner), type = "VARCHAR(9)")]
    by_message_closure: Option<u8>,
    #[zerobus(with = out)]
    by_out: u8,
    #[zerobus(with = |inner| out(inner))]
    by_out_closure: Option<u8>,
    #[zerobus(with = start, type = "VARCHAR(9)")]
    by_start: u8,
    #[zerobus(with = |inner| start(inner), type = "CHAR(9)")]
    by_start_closure: u8,
    #[zerobus(default = text)]
    by_text: Option<String>,
    #[zerobus(default = value)]
    by_value: Option<String>,
    #[zerobus(default = || value())]
    by_value_closure: Option<String>,
    #[zerobus(with = |_| COLUMN, type = "VARCHAR(9)")]
    constant: u8,
    inner: Inner,
    #[zerobus(json)]
    value: Option<u8>,
    wrapped: Wrapped,
}

fn main() {
    let row = Row {
        by_field: 7, by_field_closure: Some(7), by_function: 7, by_message: 7, by_message_closure: Some(7), by_out: 7,
        by_out_closure: Some(7), by_start: 7, by_start_closure: 7, by_text: None, by_value: None, by_value_closure: None,
        constant: 7, inner: Inner { out: 7 }, value: Some(7), wrapped: Wrapped(7),
    };
    let mut out = Encoder::new();
    row.encode_to(&mut out);
    assert!(out.take_refusal().is_none());
    assert_eq!(Row::descriptor().field.len(), 16);
}

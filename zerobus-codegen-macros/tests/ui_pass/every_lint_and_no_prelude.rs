//! The derive's code passes every lint that a crate may deny, compiles in a module without a prelude, and works with a
//! renamed runtime.
#![deny(
    warnings,
    rust_2018_idioms,
    absolute_paths_not_starting_with_crate,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    missing_copy_implementations,
    missing_docs,
    non_ascii_idents,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unreachable_pub,
    unsafe_code,
    unused_import_braces,
    unused_lifetimes,
    unused_qualifications,
    unused_results,
    variant_size_differences
)]
#![no_implicit_prelude]

extern crate std;
extern crate zerobus_runtime as other;

mod rows {
    use ::other::ZerobusMessage;
    use ::std::string::{String, ToString as _};

    type Maybe<T> = ::std::option::Option<T>;

    /// Names that the derive's code must not mistake for those of the prelude.
    #[allow(dead_code)]
    struct Some;
    #[allow(dead_code)]
    struct Option;
    #[allow(dead_code)]
    struct Vec;
    #[allow(dead_code)]
    struct Box;
    #[allow(dead_code)]
    mod core {}

    fn text(number: &u64) -> String {
        number.to_string()
    }

    #[derive(ZerobusMessage, Clone, Copy)]
    #[zerobus(crate = ::other, rename_all = "SCREAMING-KEBAB-CASE")]
    enum Kind {
        FirstKind,
    }

    #[derive(ZerobusMessage)]
    #[zerobus(crate = ::other)]
    struct Days(#[zerobus(date)] i32);

    #[derive(ZerobusMessage)]
    #[zerobus(crate = ::other, table = "main.geo.earthquakes", unchecked)]
    pub(crate) struct Row<'a, T: 'a> {
        out: &'a str,
        field: Days,
        message: Maybe<Kind>,
        value: T,
        #[zerobus(with = text)]
        id: Maybe<u64>,
        #[zerobus(with = |number| text(number))]
        ids: ::std::vec::Vec<u64>,
        #[zerobus(json)]
        json: ::std::option::Option<i32>,
        #[zerobus(default)]
        level: Maybe<i32>,
        #[zerobus(timestamp(millis))]
        r#type: Maybe<i64>,
        #[zerobus(duration(secs))]
        took: ::std::time::Duration,
    }

    pub(crate) fn row() -> Row<'static, f64> {
        Row {
            out: "out",
            field: Days(1),
            message: Maybe::Some(Kind::FirstKind),
            value: 1.5,
            id: Maybe::Some(1),
            ids: ::std::vec::Vec::new(),
            json: ::std::option::Option::None,
            level: Maybe::None,
            r#type: Maybe::Some(2),
            took: ::std::time::Duration::ZERO,
        }
    }
}

macro_rules! row {
    ($name:ident, $type:ty) => {
        #[derive(other::ZerobusMessage)]
        #[zerobus(crate = other)]
        struct $name {
            #[zerobus(json)]
            json: $type,
            #[zerobus(with = |number| *number)]
            plain: $type,
        }
    };
}

row!(Expanded, ::std::option::Option<i64>);

fn main() {
    let mut out = other::Encoder::new();
    other::ZerobusMessage::encode_to(&rows::row(), &mut out);
    ::std::assert!(out.take_refusal().is_none());
    let row = Expanded { json: ::std::option::Option::None, plain: ::std::option::Option::Some(1) };
    other::ZerobusMessage::encode_to(&row, &mut out);
    ::std::assert_eq!(<Expanded as other::ZerobusMessage>::descriptor().field.len(), 2);
}

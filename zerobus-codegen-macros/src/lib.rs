//! `#[derive(ZerobusMessage)]`: a Rust struct as a row of a Unity Catalog table.
//!
//! Use it as `zerobus_runtime::ZerobusMessage`; this crate is its engine. A type passes through stages, a file each:
//!
//! | file | what it owns |
//! |---|---|
//! | `parse` | the attributes as they are written; `attribute` reads their lists, `function` a path or a closure |
//! | `model` | the column of every field, the text of every variant; `names` spells them |
//! | `check` | what is wrong before any other type is known |
//! | `table` | each field's column in the table, by the `snapshot` |
//! | `accessors` | the constants and methods of `column_names` and `setters` |
//! | `expand` | the implementation; `code` is that of one field, `held` what compares it with its column |
//!
//! What only types can tell is written as constants, which the compiler then evaluates.

mod accessors;
mod attribute;
mod check;
mod code;
mod expand;
mod function;
mod held;
mod model;
mod names;
mod parse;
mod snapshot;
mod table;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct of yours a row of a table, or a STRUCT inside one; an enum the text of a column.
///
/// ```
/// use std::time::SystemTime;
///
/// use zerobus_runtime::ZerobusMessage;
///
/// #[derive(ZerobusMessage)]
/// struct Reading<'a> {
///     device: &'a str,
///     at: SystemTime,
///     celsius: Option<f64>,
///     tags: Vec<String>,
///     position: Position,
/// }
///
/// #[derive(ZerobusMessage)]
/// struct Position {
///     latitude: f64,
///     longitude: f64,
/// }
/// ```
///
/// # Fields
///
/// A field is taken for what its type *is*, by the traits `Value` and `Field` of `zerobus_runtime::message`, so an
/// alias or a newtype works as well. A plain value is a NOT NULL column, an `Option` a nullable one; `Vec`, slices, arrays
/// and sets are ARRAY, `HashMap` and `BTreeMap` are MAP, a struct with this derive is STRUCT. The table of Rust types and
/// column types stands in the documentation of `zerobus_runtime::message::Value`.
///
/// A tuple struct of one field is a newtype: the column's value is that of the field, as the field's attributes convert
/// it. Other fields than the value are skipped: `struct Id<T>(i64, #[zerobus(skip)] PhantomData<T>)`.
///
/// ```
/// use zerobus_runtime::ZerobusMessage;
///
/// #[derive(ZerobusMessage)]
/// struct DeviceId(String);
///
/// #[derive(ZerobusMessage)]
/// struct Millis(#[zerobus(timestamp(millis))] i64);
///
/// #[derive(ZerobusMessage)]
/// struct Reading<T> {
///     device: DeviceId,
///     at: Millis,
///     value: T,
/// }
/// ```
///
/// An enum whose variants hold no data is a STRING: the name of the variant, as `rename_all` spells it, or the text that
/// `rename` gives it. It may be the key of a MAP. No other text can be sent.
///
/// ```
/// use zerobus_runtime::ZerobusMessage;
///
/// #[derive(ZerobusMessage)]
/// #[zerobus(rename_all = "kebab-case")]
/// enum Status {
///     InReview,
///     #[zerobus(rename = "done!")]
///     Done,
/// }
///
/// #[derive(ZerobusMessage)]
/// struct Report {
///     status: Status,
/// }
/// ```
///
/// # Held against a table
///
/// `#[zerobus(table = "catalog.schema.table")]` names the table, and the compiler holds the struct against the table's
/// snapshot, `schemas/catalog.schema.table.json` in the package's folder, which `zerobus-codegen fetch` writes. (Another
/// folder than `schemas` is named by `schemas = "…"` in the package's `zerobus.toml` or `[package.metadata.zerobus]`.) A column
/// that does not exist, a type that does not fit, a NOT NULL column without a field or with an `Option` for one: each is
/// an error at the field, nested structs included. Nullable columns may be left out. Numbers and order are the table's.
///
/// ```text
/// error[E0080]: evaluation panicked: column main.geo.earthquakes.mag is DOUBLE, field `mag: Option<String>` encodes STRING; use f64
///   --> src/main.rs:9:17
///    |
///  9 |     mag: Option<String>,
///    |          ^^^^^^
/// ```
///
/// With `unchecked` the struct has a table and is held against nothing; fields are then numbered from 1. The table may then
/// be a constant too.
///
/// ```
/// use zerobus_runtime::ZerobusMessage;
///
/// const TABLE: &str = "main.iot.readings";
///
/// #[derive(ZerobusMessage)]
/// #[zerobus(table = TABLE, unchecked)]
/// struct Reading {
///     device: String,
/// }
/// assert_eq!(Reading::TABLE, Some("main.iot.readings"));
/// ```
///
/// A struct with a type or a constant for a parameter is held against its table where it is used, not where it stands:
/// before that its types are not known.
///
/// A package without a build script is not compiled again when `zerobus.toml` is created: nothing tells cargo to look for
/// a file that was not there. A change of the file, or of a snapshot, is seen.
///
/// # Attributes of the struct, or the enum
///
/// | attribute | what it does |
/// |---|---|
/// | `table = "catalog.schema.table"` | names the table, and holds the struct against its snapshot |
/// | `unchecked` | with `table`: holds the struct against nothing, and `table` may be a constant |
/// | `rename_all = "…"` | makes column names of field names, or texts of variants: `camelCase`, `lowercase`, `PascalCase`, `SCREAMING_SNAKE_CASE`, `snake_case`, `UPPERCASE`; for variants also `kebab-case`, `SCREAMING-KEBAB-CASE` |
/// | `column_names` | a constant for each column's name: `Reading::COLUMN_DEVICE` is `"device"` |
/// | `setters` | a method for each field, `with_device(self, value)`; one of an `Option` takes the value too |
/// | `key` | on a newtype: it may be the key of a MAP |
/// | `crate = path` | where `zerobus_runtime` is to be found, if not at `::zerobus_runtime` |
///
/// ```
/// use std::collections::HashMap;
///
/// use zerobus_runtime as zerobus;
/// use zerobus_runtime::ZerobusMessage;
///
/// #[derive(ZerobusMessage, PartialEq, Eq, Hash)]
/// #[zerobus(key)]
/// struct Sensor(i32);
///
/// #[derive(ZerobusMessage)]
/// #[zerobus(crate = zerobus, rename_all = "camelCase")]
/// struct Reading {
///     by_sensor: HashMap<Sensor, f64>,
/// }
/// assert_eq!(Reading::descriptor().field[0].name(), "bySensor");
/// ```
///
/// # Attributes of a field
///
/// | attribute | what it does |
/// |---|---|
/// | `name = "column"`, `rename = "column"` | names the column; of a variant, the text that it is |
/// | `skip` | the field is no column |
/// | `default`, `default = path` | an `Option` that is `None` is written as its type's default, or as what the function or closure gives: so it can fill a NOT NULL column |
/// | `timestamp(unit)` | an integer of `secs`, `millis`, `micros` or `nanos` since 1970-01-01T00:00:00Z fills a TIMESTAMP |
/// | `timestamp_ntz(unit)` | the same of a wall clock, for a TIMESTAMP_NTZ |
/// | `date` | an integer of days since 1970-01-01 fills a DATE |
/// | `duration(unit)` | a `Duration` fills a BIGINT with its whole `secs`, `millis`, `micros` or `nanos` |
/// | `decimal(p, s)` | an integer, plain text, or a `rust_decimal::Decimal` fills a DECIMAL(p, s), exactly or not at all |
/// | `json` | any `Serialize` fills a VARIANT as its JSON; an `Option` that is `None` is NULL |
/// | `with = path`, `with = \|value\| …` | what the function or the closure makes of a reference to the value fills the column |
/// | `type = "VARCHAR(20)"` | the column's type, where no snapshot says it: the compiler holds the field against it, and a text that is longer than a CHAR or a VARCHAR, in characters, refuses its row |
/// | `number = n` | the protobuf field number; without it the one after that of the field before, from 1 |
///
/// ```
/// use std::time::Duration;
///
/// use zerobus_runtime::ZerobusMessage;
///
/// struct Rgb(u8, u8, u8);
///
/// impl Rgb {
///     fn hex(&self) -> String {
///         format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
///     }
/// }
///
/// #[derive(ZerobusMessage)]
/// struct Payment {
///     #[zerobus(name = "paymentId")]
///     id: i64,
///     #[zerobus(timestamp(millis))]
///     at: i64,
///     #[zerobus(timestamp_ntz(secs))]
///     local: Option<i64>,
///     #[zerobus(default)]
///     note: Option<String>,
///     #[zerobus(date)]
///     day: i32,
///     #[zerobus(decimal(10, 2))]
///     amount: String,
///     #[zerobus(json)]
///     details: Vec<(String, f64)>,
///     #[zerobus(duration(millis))]
///     took: Duration,
///     #[zerobus(with = Rgb::hex)]
///     colors: Vec<Rgb>,
///     #[zerobus(with = |color| i32::from(color.0))]
///     red: Option<Rgb>,
///     #[zerobus(type = "ARRAY<VARCHAR(20)>")]
///     tags: Vec<String>,
///     #[zerobus(number = 20)]
///     retries: i16,
///     #[zerobus(skip)]
///     attempts: u64,
/// }
/// ```
///
/// The conversions reach through an `Option`, through a `Vec`, and through an `Option` of a `Vec`; those of integers,
/// durations and decimals through slices, arrays and pointers too. A function of `with` that takes the `Option` or the `Vec`
/// itself is given that. A closure is given what is inside, unless its argument says otherwise: `|all: &Vec<Rgb>| …`. A
/// function may return a `Result`, whose error refuses the row.
///
/// A row cannot hold itself, nor an enum data: a STRUCT has a fixed depth and fixed fields. Write such a value to a VARIANT
/// with `json`.
///
/// There is no `flatten`: the numbers of a struct's fields are fixed where the struct stands. Structs nested deeper than
/// thirty levels need `#![recursion_limit = "256"]` in the crate, since the compiler evaluates their schemas in one go.
///
/// A conversion that finds no place in the column (a time beyond the year 9999, a decimal of too many digits) refuses
/// that row alone when it is sent, with an error that names the value.
#[proc_macro_derive(ZerobusMessage, attributes(zerobus))]
pub fn derive_zerobus_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let mut errors = Errors::default();
    let container = parse::container(&input, &mut errors);
    let mut message = model::message(&input, container, &mut errors);
    check::check(&mut message, &mut errors);
    let held_by = table::hold(&mut message, &mut errors);
    // Also beside errors: what the compiler finds wrong with the other fields is shown in the same run.
    let implementation = expand::implementation(&message, &held_by);
    errors.into_compile_errors().chain([implementation]).collect::<proc_macro2::TokenStream>().into()
}

/// Everything that is wrong with a type, reported at once.
#[derive(Default)]
struct Errors(Vec<syn::Error>);

impl Errors {
    fn push(&mut self, at: impl quote::ToTokens, message: impl std::fmt::Display) {
        self.0.push(syn::Error::new_spanned(at, message));
    }

    fn extend(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    const fn len(&self) -> usize {
        self.0.len()
    }

    fn into_compile_errors(self) -> impl Iterator<Item = proc_macro2::TokenStream> {
        self.0.into_iter().map(syn::Error::into_compile_error)
    }
}

//! `#[derive(ZerobusMessage)]`: a Rust struct as a row of a Unity Catalog table.
//!
//! Use it as `zerobus_runtime::ZerobusMessage`; this crate is its implementation. A type passes through stages, one
//! file each:
//!
//! | file | what it owns |
//! |---|---|
//! | `parse` | the attributes; `known` lists them, `attribute` reads their lists, `function` a path or a closure |
//! | `model` | the column of every field, the text of every variant; `names` spells them |
//! | `check` | the checks that need no other type |
//! | `resolve` | each field's column in the table's `snapshot` |
//! | `accessors` | the constants and methods of `column_names` and `setters` |
//! | `stamps` | the columns that the stream fills in |
//! | `expand` | the implementation; `code` is the code of one field, `column_check` compares it with its column, `schema_tokens` writes columns as constants |
//!
//! Checks that need the types are generated as constants, which the compiler evaluates.

mod accessors;
mod attribute;
mod check;
mod code;
mod column_check;
mod expand;
mod function;
mod known;
mod model;
mod names;
mod parse;
mod resolve;
mod schema_tokens;
mod snapshot;
mod stamps;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Maps a struct to a row of a table or to a nested STRUCT, and an enum to a STRING.
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
/// The traits `Value` and `Field` of `zerobus_runtime::message` decide the type of a column, so aliases and newtypes
/// work. A plain value is a NOT NULL column, an `Option` a nullable one. `Vec`, slices, arrays and sets are ARRAY,
/// `HashMap` and `BTreeMap` are MAP, a struct with this derive is STRUCT. `zerobus_runtime::message::Value` lists all
/// Rust types with their column types.
///
/// A tuple struct of one field is a newtype: the column holds the field's value, converted by the field's attributes.
/// Skip any other field: `struct Id<T>(i64, #[zerobus(skip)] PhantomData<T>)`.
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
/// An enum whose variants hold no data is a STRING: the variant's name, spelled by `rename_all`, or the text of
/// `rename`. It can be the key of a MAP.
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
/// # Checked against a table
///
/// `#[zerobus(table = "catalog.schema.table")]` names the table, and the compiler checks the struct against the table's
/// snapshot: `schemas/catalog.schema.table.json` in the package's folder, written by `zerobus-codegen fetch`. To use
/// another folder, set `schemas = "…"` in the package's `zerobus.toml` or `[package.metadata.zerobus]`. An unknown
/// column, a type that does not fit, a NOT NULL column without a field or with an `Option`: each is an error at the
/// field, also in nested structs. Nullable columns can be omitted. Field numbers and order are those of the table.
///
/// ```text
/// error[E0080]: evaluation panicked: column main.geo.earthquakes.mag is DOUBLE, field `mag: Option<String>` encodes STRING; use f64
///   --> src/main.rs:9:17
///    |
///  9 |     mag: Option<String>,
///    |          ^^^^^^
/// ```
///
/// With `unchecked` the struct names its table and is not checked; fields are then numbered from 1, and the table can
/// be a constant.
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
/// A struct with type or const parameters is checked where it is used, because its field types are not known before.
///
/// cargo rebuilds the crate when `zerobus.toml` or a snapshot changes. In a package without a build script it does not
/// notice that `zerobus.toml` was created.
///
/// # Attributes of the struct, or the enum
///
/// | attribute | what it does |
/// |---|---|
/// | `table = "catalog.schema.table"` | names the table and checks the struct against its snapshot |
/// | `unchecked` | with `table`: skips the check; `table` can then be a constant |
/// | `rename_all = "…"` | spelling of column names, or of the texts of variants: `camelCase`, `lowercase`, `PascalCase`, `SCREAMING_SNAKE_CASE`, `snake_case`, `UPPERCASE`; for variants also `kebab-case`, `SCREAMING-KEBAB-CASE` |
/// | `column_names` | a constant for each column's name: `Reading::COLUMN_DEVICE` is `"device"` |
/// | `setters` | a method for each field, `with_device(self, value)`; that of an `Option` also takes the plain value |
/// | `key` | on a newtype: it can be the key of a MAP |
/// | `crate = path` | path of `zerobus_runtime`, `::zerobus_runtime` by default |
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
/// | `name = "column"`, `rename = "column"` | names the column; on a variant, sets its text |
/// | `skip` | the field is not sent |
/// | `default`, `default = path` | `None` is written as the type's default, or as the result of the function or closure, so an `Option` can fill a NOT NULL column |
/// | `timestamp(unit)` | an integer of `secs`, `millis`, `micros` or `nanos` since 1970-01-01T00:00:00Z fills a TIMESTAMP |
/// | `timestamp_ntz(unit)` | the same for wall-clock time and a TIMESTAMP_NTZ |
/// | `date` | an integer of days since 1970-01-01 fills a DATE |
/// | `duration(unit)` | a `Duration` fills a BIGINT, rounded down to whole `secs`, `millis`, `micros` or `nanos` |
/// | `decimal(p, s)` | an integer, plain text, or a `rust_decimal::Decimal` fills a DECIMAL(p, s); a value that does not fit exactly is an error of its row |
/// | `json` | any `Serialize` fills a VARIANT as its JSON; an `Option` that is `None` is NULL |
/// | `with = path`, `with = \|value\| …` | the column is the result of the function or closure, called with a reference to the value |
/// | `type = "VARCHAR(20)"` | the column's type, for a struct without a snapshot: the compiler checks the field against it, and a row with a text longer than its CHAR or VARCHAR, in characters, is rejected |
/// | `stamp = "producer"`, `"epoch"`, `"sequence"` | the stream fills in the column with the producer of the row (a STRING), its run, or the number of the row (BIGINTs); the field's value is ignored |
/// | `number = n` | the protobuf field number; by default the previous field's number plus 1, starting at 1 |
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
/// Rows are stamped so that duplicates and gaps show in the table: a row keeps its stamps however often it is
/// delivered. A row has all three stamps or none, and the runtime needs its feature `spool` to open a stream of it.
///
/// ```
/// use zerobus_runtime::ZerobusMessage;
///
/// #[derive(ZerobusMessage)]
/// struct Reading {
///     celsius: f64,
///     #[zerobus(stamp = "producer")]
///     producer: Option<String>,
///     #[zerobus(stamp = "epoch")]
///     epoch: Option<i64>,
///     #[zerobus(stamp = "sequence")]
///     sequence: Option<i64>,
/// }
/// ```
///
/// Conversions apply inside an `Option`, a `Vec`, and an `Option` of a `Vec`; those of integers, durations and decimals
/// also inside slices, arrays and pointers. A function of `with` whose parameter is the `Option` or the `Vec` receives
/// it whole. A closure receives the inner value unless its argument is annotated: `|all: &Vec<Rgb>| …`. A function can
/// return a `Result`; an error rejects the row.
///
/// A STRUCT has a fixed depth and fixed fields, so a row cannot contain itself, and an enum cannot hold data. Write
/// such a value to a VARIANT with `json`.
///
/// There is no `flatten`: the field numbers of a struct are fixed where it is defined. Structs nested more than thirty
/// levels deep need `#![recursion_limit = "256"]` in the crate, because the compiler evaluates their schemas in one
/// step.
///
/// A value that does not fit its column (a time after the year 9999, a decimal with too many digits) fails the `send`
/// of that row, with an error that names the value.
#[proc_macro_derive(ZerobusMessage, attributes(zerobus))]
pub fn derive_zerobus_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let mut errors = Errors::default();
    let container = parse::container(&input, &mut errors);
    let mut message = model::message(&input, container, &mut errors);
    check::check(&mut message, &mut errors);
    let checked_with = resolve::resolve(&mut message, &mut errors);
    // Emitted beside errors too, so the compiler reports type errors of the other fields in the same run.
    let implementation = expand::implementation(&message, &checked_with);
    errors.into_compile_errors().chain([implementation]).collect::<proc_macro2::TokenStream>().into()
}

/// The errors of a type, reported together.
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

//! The attributes as they are written, each value beside the token that it came from.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, DeriveInput, Ident, LitInt, LitStr, Path, Token, parenthesized};

use crate::Errors;

/// `#[zerobus(…)]` on the struct.
#[derive(Default)]
pub(crate) struct Container {
    /// `crate = path`: where the runtime is to be found.
    pub(crate) runtime: Option<Path>,
    /// `key`: a newtype may be the key of a MAP.
    pub(crate) key: bool,
    /// `rename_all = "…"`.
    pub(crate) rename_all: Option<RenameRule>,
    /// `table = "catalog.schema.table"`.
    pub(crate) table: Option<LitStr>,
    /// `unchecked`, or `generated` where zerobus-codegen made the struct from the snapshot itself.
    pub(crate) unchecked: bool,
}

/// `#[zerobus(…)]` on a field.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    /// How the field's value becomes the column's.
    pub(crate) conversion: Option<(Span, Conversion)>,
    /// `name = "column"`.
    pub(crate) name: Option<LitStr>,
    /// `number = N`.
    pub(crate) number: Option<LitInt>,
    /// `skip`.
    pub(crate) skip: bool,
}

/// How a field's value becomes the column's, where its type does not say it.
#[derive(Clone)]
pub(crate) enum Conversion {
    /// `date`: an integer of days.
    Date,
    /// `default`, `default = path`: what stands in for `None`.
    Default(Option<Path>),
    /// `decimal(p, s)`: a decimal type of another crate.
    Decimal(LitInt, LitInt),
    /// `json`: any `Serialize` as a VARIANT.
    Json,
    /// `timestamp(unit)`: an integer.
    Timestamp(Unit),
    /// `timestamp_ntz(unit)`: an integer.
    TimestampNtz(Unit),
    /// `with = path`: what a function makes of it.
    With(Path),
}

/// The unit of an integer that means a time.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Micros,
    Millis,
    Nanos,
    Secs,
}

/// How the names of fields become those of columns.
#[derive(Clone, Copy)]
pub(crate) enum RenameRule {
    Camel,
    Lower,
    Pascal,
    ScreamingSnake,
    Snake,
    Upper,
}

const CONTAINER: &str =
    "expected one of: table = \"catalog.schema.table\", rename_all = \"…\", crate = path, key, unchecked";
const FIELD: &str = "expected one of: name = \"column\", skip, default, timestamp(unit), timestamp_ntz(unit), date, \
                     decimal(p, s), json, with = path, number = n";
const FLATTEN: &str = "`flatten` is not supported: the numbers of a struct's fields are fixed where the struct stands; \
                       nest it as a STRUCT, or write its fields here";
const RULES: &str = "expected one of: camelCase, lowercase, PascalCase, SCREAMING_SNAKE_CASE, snake_case, UPPERCASE";
const UNITS: &str = "expected the integer's unit: secs, millis, micros or nanos, as in timestamp(millis)";

/// Reads the struct's own attributes.
pub(crate) fn container(input: &DeriveInput, errors: &mut Errors) -> Container {
    let mut read = Container::default();
    each_meta(&input.attrs, errors, |meta| {
        match name_of(&meta).as_str() {
            "crate" => set(&meta, &mut read.runtime, meta.value()?.parse()?)?,
            "key" => read.key = true,
            "rename_all" => set(&meta, &mut read.rename_all, rename_rule(&meta.value()?.parse()?)?)?,
            "generated" | "unchecked" => read.unchecked = true,
            "table" => set(&meta, &mut read.table, meta.value()?.parse()?)?,
            other => return Err(meta.error(format!("unknown attribute `{other}` of a struct; {CONTAINER}"))),
        }
        Ok(())
    });
    read
}

/// Reads the attributes of one field.
pub(crate) fn field(attributes: &[Attribute], errors: &mut Errors) -> FieldAttributes {
    let mut read = FieldAttributes::default();
    each_meta(attributes, errors, |meta| {
        let name = name_of(&meta);
        match name.as_str() {
            "name" => set(&meta, &mut read.name, meta.value()?.parse()?)?,
            "number" => set(&meta, &mut read.number, meta.value()?.parse()?)?,
            "skip" => read.skip = true,
            _ => {
                let conversion = conversion(&meta, &name)?;
                if read.conversion.is_some() {
                    return Err(meta.error("a field is converted in one way only; remove one of the two"));
                }
                read.conversion = Some((meta.path.get_ident().map_or_else(Span::call_site, Ident::span), conversion));
            }
        }
        Ok(())
    });
    read
}

fn conversion(meta: &ParseNestedMeta<'_>, name: &str) -> syn::Result<Conversion> {
    Ok(match name {
        "date" => Conversion::Date,
        "decimal" => {
            let content;
            parenthesized!(content in meta.input);
            let precision = content.parse()?;
            content.parse::<Token![,]>()?;
            Conversion::Decimal(precision, content.parse()?)
        }
        "default" if meta.input.peek(Token![=]) => Conversion::Default(Some(meta.value()?.parse()?)),
        "default" => Conversion::Default(None),
        "flatten" => return Err(meta.error(FLATTEN)),
        "json" => Conversion::Json,
        "timestamp" => Conversion::Timestamp(unit(meta)?),
        "timestamp_ntz" => Conversion::TimestampNtz(unit(meta)?),
        "with" => Conversion::With(meta.value()?.parse()?),
        other => return Err(meta.error(format!("unknown attribute `{other}` of a field; {FIELD}"))),
    })
}

fn unit(meta: &ParseNestedMeta<'_>) -> syn::Result<Unit> {
    if !meta.input.peek(syn::token::Paren) {
        return Err(meta.error(UNITS));
    }
    let content;
    parenthesized!(content in meta.input);
    let unit: Ident = content.parse()?;
    match unit.to_string().as_str() {
        "micros" => Ok(Unit::Micros),
        "millis" => Ok(Unit::Millis),
        "nanos" => Ok(Unit::Nanos),
        "secs" => Ok(Unit::Secs),
        _ => Err(syn::Error::new(unit.span(), UNITS)),
    }
}

fn rename_rule(text: &LitStr) -> syn::Result<RenameRule> {
    Ok(match text.value().as_str() {
        "PascalCase" => RenameRule::Pascal,
        "SCREAMING_SNAKE_CASE" => RenameRule::ScreamingSnake,
        "UPPERCASE" => RenameRule::Upper,
        "camelCase" => RenameRule::Camel,
        "lowercase" => RenameRule::Lower,
        "snake_case" => RenameRule::Snake,
        _ => return Err(syn::Error::new(text.span(), RULES)),
    })
}

/// Walks through every `#[zerobus(…)]`; an attribute that is wrong does not hide the next one.
fn each_meta(
    attributes: &[Attribute],
    errors: &mut Errors,
    mut read: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("zerobus")) {
        if let Err(error) = attribute.parse_nested_meta(&mut read) {
            errors.extend(error);
        }
    }
}

fn name_of(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.get_ident().map(ToString::to_string).unwrap_or_default()
}

fn set<T>(meta: &ParseNestedMeta<'_>, slot: &mut Option<T>, value: T) -> syn::Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error(format!("`{}` stands twice; remove one of the two", name_of(meta)))),
    }
}

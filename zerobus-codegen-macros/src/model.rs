//! The type that the derive implements its traits for: a row with its columns, a newtype, or an enum with its texts.

use std::fmt::Display;

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Data, DataEnum, DataStruct, DeriveInput, Fields, FieldsUnnamed, Generics, Ident, Index, LitInt, LitStr, Member,
    Path, Type, Visibility, parse_quote,
};

use crate::Errors;
use crate::names::RenameRule;
use crate::parse::{self, Container, Conversion, FieldAttributes, StampAttribute, TableAttribute};

/// A type with `#[derive(ZerobusMessage)]`.
pub(crate) struct Message<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) generics: &'a Generics,
    pub(crate) runtime: Path,
    pub(crate) table: Option<TableAttribute>,
    pub(crate) shape: Shape<'a>,
    /// The attributes of the struct or the enum, as written.
    pub(crate) container: Container,
}

/// How the type maps to a table.
pub(crate) enum Shape<'a> {
    /// An enum without data: a STRING.
    Enum(Vec<Variant<'a>>),
    /// A tuple struct of one field: the field's value is the column's value.
    Newtype(Box<Newtype<'a>>),
    /// A row or a nested struct; fields are ordered by number.
    Row(Vec<Field<'a>>),
}

/// A variant and the text that it encodes as.
pub(crate) struct Variant<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) text: String,
    /// The span of the text.
    pub(crate) span: Span,
}

/// The field of a newtype.
pub(crate) struct Newtype<'a> {
    pub(crate) member: Member,
    pub(crate) ty: &'a Type,
    pub(crate) conversion: Option<Conversion>,
    /// Whether no error has been reported for it.
    pub(crate) good: bool,
}

/// A field that maps to a column.
pub(crate) struct Field<'a> {
    pub(crate) member: Member,
    pub(crate) visibility: &'a Visibility,
    pub(crate) ty: &'a Type,
    pub(crate) column: String,
    /// The span of the column's name.
    pub(crate) column_span: Span,
    pub(crate) number: u32,
    /// The column of the snapshot, or the one that `type` declares.
    pub(crate) expected: Option<zerobus_codegen::Field>,
    /// `type = "…"`.
    pub(crate) declared: Option<LitStr>,
    pub(crate) conversion: Option<Conversion>,
    /// `stamp = "…"`.
    pub(crate) stamp: Option<StampAttribute>,
    /// Whether no error has been reported for it. A field with an error keeps its column, and no code is generated for
    /// it.
    pub(crate) good: bool,
}

/// Builds the model of the type and reports the mistakes of its attributes.
pub(crate) fn message<'a>(input: &'a DeriveInput, mut container: Container, errors: &mut Errors) -> Message<'a> {
    let shape = match &input.data {
        Data::Enum(data) => Shape::Enum(variants(input, data, &container, errors)),
        Data::Struct(data) => shape(input, data, &container, errors),
        Data::Union(_) => {
            errors.push(&input.ident, "a union does not record which of its fields is set; use a struct or an enum");
            Shape::Row(Vec::new())
        }
    };
    let runtime = container.runtime.take().unwrap_or_else(|| parse_quote!(::zerobus_runtime));
    let table = container.table.take();
    Message { ident: &input.ident, generics: &input.generics, runtime, table, shape, container }
}

fn shape<'a>(input: &'a DeriveInput, data: &'a DataStruct, container: &Container, errors: &mut Errors) -> Shape<'a> {
    match &data.fields {
        Fields::Unnamed(fields) => newtype(input, fields, errors),
        Fields::Named(_) | Fields::Unit => {
            let rule = container.rename_all.and_then(|(span, rule)| column_rule(span, rule, errors));
            Shape::Row(self::fields(input, &data.fields, rule, errors))
        }
    }
}

/// A tuple struct; exactly one field is not skipped.
fn newtype<'a>(input: &'a DeriveInput, fields: &'a FieldsUnnamed, errors: &mut Errors) -> Shape<'a> {
    let read: Vec<_> = fields.unnamed.iter().map(|field| (field, parse::field(&field.attrs, errors))).collect();
    let mut values = (0..).zip(read).filter(|(_, (_, attributes))| !attributes.skip);
    let (Some((index, (field, attributes))), None) = (values.next(), values.next()) else {
        let message =
            "columns have names: use a struct with named fields, or a tuple struct of one field and skip the others";
        errors.push(&input.ident, message);
        return Shape::Row(Vec::new());
    };
    let FieldAttributes { conversion, name, number, sql_type, stamp, good, .. } = attributes;
    if let Some(name) = name {
        errors.push(name, "a newtype has no column name; set `name` at the field that holds this struct");
    }
    if let Some(number) = number {
        errors.push(number, "a newtype has no field number; set `number` at the field that holds this struct");
    }
    if let Some(sql_type) = sql_type {
        errors.push(sql_type, "a newtype has no column type; set `type` at the field that holds this struct");
    }
    if let Some(StampAttribute { span, .. }) = stamp {
        let message = "a newtype has no column to stamp; set `stamp` at the field that holds this struct";
        errors.extend(syn::Error::new(span, message));
    }
    Shape::Newtype(Box::new(Newtype { member: Index::from(index).into(), ty: &field.ty, conversion, good }))
}

fn variants<'a>(
    input: &'a DeriveInput,
    data: &'a DataEnum,
    container: &Container,
    errors: &mut Errors,
) -> Vec<Variant<'a>> {
    if let Some(variant) = data.variants.iter().find(|variant| !matches!(variant.fields, Fields::Unit)) {
        let message = format!(
            "an enum maps to STRING, and variant `{}` holds data: remove the data, or write the enum to a VARIANT with \
             #[zerobus(json)] at the field that holds it",
            variant.ident
        );
        errors.push(variant, message);
    }
    if data.variants.is_empty() {
        errors.push(&input.ident, "an enum without variants has no values; add a variant");
    }
    let rule = container.rename_all.map(|(_, rule)| rule);
    let variants = data.variants.iter().map(|variant| {
        let given = parse::variant(&variant.attrs, errors);
        let name = variant.ident.unraw().to_string();
        Variant {
            ident: &variant.ident,
            text: given.as_ref().map_or_else(|| renamed(name, rule), LitStr::value),
            span: given.as_ref().map_or(variant.ident.span(), Spanned::span),
        }
    });
    variants.collect()
}

fn renamed(name: String, rule: Option<RenameRule>) -> String {
    match rule {
        Some(rule) => rule.apply(&name),
        None => name,
    }
}

/// The rule, if it produces valid column names.
fn column_rule(span: Span, rule: RenameRule, errors: &mut Errors) -> Option<RenameRule> {
    if !rule.has_dashes() {
        return Some(rule);
    }
    let message =
        "a column name cannot contain a dash; this rule is for the variants of an enum. Did you mean `snake_case`?";
    errors.extend(syn::Error::new(span, message));
    None
}

fn fields<'a>(input: &DeriveInput, all: &'a Fields, rule: Option<RenameRule>, errors: &mut Errors) -> Vec<Field<'a>> {
    let mut fields = Vec::new();
    for field in all {
        let attributes = parse::field(&field.attrs, errors);
        if let (true, Some(StampAttribute { span, .. })) = (attributes.skip, attributes.stamp) {
            errors.extend(syn::Error::new(span, "a skipped field has no column to stamp; remove `skip` or `stamp`"));
        }
        let Some(ident) = field.ident.as_ref().filter(|_| !attributes.skip) else { continue };
        let next = fields.last().map_or(1, |last: &Field<'_>| last.number + 1);
        let name = ident.unraw().to_string();
        fields.push(Field {
            member: Member::Named(ident.clone()),
            visibility: &field.vis,
            ty: &field.ty,
            column: attributes.name.as_ref().map_or_else(|| renamed(name, rule), LitStr::value),
            column_span: attributes.name.as_ref().map_or(ident.span(), Spanned::span),
            number: attributes.number.map_or(next, |number| parse_number(&number, next, errors)),
            expected: None,
            declared: attributes.sql_type,
            conversion: attributes.conversion,
            stamp: attributes.stamp,
            good: attributes.good,
        });
    }
    if fields.is_empty() {
        errors.push(&input.ident, "a row needs at least one column; add a field");
    }
    fields.sort_by_key(|field| field.number);
    fields
}

fn parse_number(number: &LitInt, next: u32, errors: &mut Errors) -> u32 {
    number.base10_parse().unwrap_or_else(|_| {
        errors.push(number, no_number(number));
        next
    })
}

/// The message for a number outside of the valid range or reserved.
pub(crate) fn no_number(found: impl Display) -> String {
    format!("{found} is not a valid protobuf field number; expected 1 to 18999 or 20000 to 536870911")
}

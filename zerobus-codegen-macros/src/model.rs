//! The struct as a message: every field with its column and its number.

use heck::{ToLowerCamelCase, ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};
use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DataStruct, DeriveInput, Fields, Generics, Ident, LitInt, LitStr, Member, Path, Type, parse_quote};

use crate::Errors;
use crate::parse::{self, Container, Conversion, RenameRule};

/// What the derive implements its traits for.
pub(crate) struct Message<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) generics: &'a Generics,
    pub(crate) runtime: Path,
    pub(crate) table: Option<LitStr>,
    /// Whether the struct is to be held against the snapshot of its table.
    pub(crate) held: bool,
    pub(crate) shape: Shape<'a>,
}

/// What the struct is to a table.
pub(crate) enum Shape<'a> {
    /// A tuple struct of one field: the column's value is that of the field.
    Newtype {
        ty: &'a Type,
        /// Whether it may be the key of a MAP.
        key: bool,
    },
    /// A row, or a struct inside one; in the order of the fields' numbers.
    Row(Vec<Field<'a>>),
}

/// A field that is a column.
pub(crate) struct Field<'a> {
    pub(crate) member: Member,
    pub(crate) ty: &'a Type,
    pub(crate) column: String,
    /// Where the column's name stands.
    pub(crate) column_span: Span,
    pub(crate) number: u32,
    /// The column as the snapshot of the table has it.
    pub(crate) expected: Option<zerobus_codegen::Field>,
    pub(crate) conversion: Option<(Span, Conversion)>,
}

/// Gives every field of the struct its column.
pub(crate) fn message<'a>(input: &'a DeriveInput, container: Container, errors: &mut Errors) -> Message<'a> {
    let shape = match &input.data {
        Data::Struct(data) => shape(input, data, &container, errors),
        Data::Enum(_) | Data::Union(_) => {
            errors.push(&input.ident, "a row is a struct: ZerobusMessage cannot be derived for an enum or a union");
            Shape::Row(Vec::new())
        }
    };
    let runtime = container.runtime.unwrap_or_else(|| parse_quote!(::zerobus_runtime));
    let held = container.table.is_some() && !container.unchecked;
    Message { ident: &input.ident, generics: &input.generics, runtime, table: container.table, held, shape }
}

fn shape<'a>(input: &'a DeriveInput, data: &'a DataStruct, container: &Container, errors: &mut Errors) -> Shape<'a> {
    match &data.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
            Shape::Newtype { ty: &fields.unnamed[0].ty, key: container.key }
        }
        Fields::Unnamed(_) => {
            errors.push(
                &input.ident,
                "columns have names: use a struct with named fields, or a tuple struct of one field",
            );
            Shape::Row(Vec::new())
        }
        Fields::Named(_) | Fields::Unit => {
            if container.key {
                errors.push(
                    &input.ident,
                    "`key` is for a tuple struct of one field; a STRUCT cannot be the key of a MAP",
                );
            }
            Shape::Row(fields(input, &data.fields, container, errors))
        }
    }
}

fn fields<'a>(input: &DeriveInput, all: &'a Fields, container: &Container, errors: &mut Errors) -> Vec<Field<'a>> {
    let mut fields = Vec::new();
    for field in all {
        let attributes = parse::field(&field.attrs, errors);
        let Some(ident) = field.ident.as_ref().filter(|_| !attributes.skip) else { continue };
        let next = fields.last().map_or(1, |last: &Field<'_>| last.number + 1);
        fields.push(Field {
            member: Member::Named(ident.clone()),
            ty: &field.ty,
            column: attributes.name.as_ref().map_or_else(|| column_name(ident, container.rename_all), LitStr::value),
            column_span: attributes.name.as_ref().map_or(ident.span(), Spanned::span),
            number: attributes.number.map_or(next, |number| parse_number(&number, next, errors)),
            expected: None,
            conversion: attributes.conversion,
        });
    }
    if fields.is_empty() {
        errors.push(&input.ident, "a row has at least one column; add a field");
    }
    fields.sort_by_key(|field| field.number);
    fields
}

fn column_name(ident: &Ident, rule: Option<RenameRule>) -> String {
    let name = ident.unraw().to_string();
    match rule {
        None => name,
        Some(RenameRule::Camel) => name.to_lower_camel_case(),
        Some(RenameRule::Lower) => name.to_lowercase(),
        Some(RenameRule::Pascal) => name.to_upper_camel_case(),
        Some(RenameRule::ScreamingSnake) => name.to_shouty_snake_case(),
        Some(RenameRule::Snake) => name.to_snake_case(),
        Some(RenameRule::Upper) => name.to_uppercase(),
    }
}

fn parse_number(number: &LitInt, next: u32, errors: &mut Errors) -> u32 {
    number.base10_parse().unwrap_or_else(|error| {
        errors.extend(error);
        next
    })
}

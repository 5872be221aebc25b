//! What is wrong with a type before any other type is known.

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::RangeInclusive;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Member;
use syn::spanned::Spanned;
use zerobus_codegen::{Field as Column, TableName, is_column_name};

use crate::Errors;
use crate::accessors::constant;
use crate::model::{Field, Message, Shape, Variant};
use crate::parse::{Conversion, TableAttribute, Target};

/// The field numbers of protobuf, but for those that it keeps for itself.
const NUMBERS: RangeInclusive<u32> = 1..=(1 << 29) - 1;
const RESERVED: RangeInclusive<u32> = 19_000..=19_999;

/// Finds everything that the attributes and the spelling alone show to be wrong.
pub(crate) fn check(message: &mut Message<'_>, errors: &mut Errors) {
    container(message, errors);
    table(message, errors);
    let ident = message.ident;
    match &mut message.shape {
        Shape::Enum(variants) => texts(variants, errors),
        Shape::Newtype(newtype) => {
            let fits = converted(newtype.conversion.as_ref(), errors);
            let ends = recursion(ident, newtype.ty, newtype.conversion.as_ref(), errors);
            newtype.good &= fits && ends;
        }
        Shape::Row(fields) => {
            names(fields, errors);
            if message.container.column_names.is_some() {
                constants(fields, errors);
            }
            numbers(fields, errors);
            for field in fields {
                let fits = converted(field.conversion.as_ref(), errors);
                let ends = recursion(ident, field.ty, field.conversion.as_ref(), errors);
                let has_type = declared(field, errors);
                field.good &= fits && ends && has_type;
            }
        }
    }
}

/// Attributes that mean nothing for a type of this shape.
fn container(message: &Message<'_>, errors: &mut Errors) {
    let container = &message.container;
    let single = "is for a struct of columns, and this is a single value; remove it";
    if matches!(message.shape, Shape::Row(_)) {
        if let Some(key) = &container.key {
            errors.push(key, "`key` is for a tuple struct of one field; a STRUCT cannot be the key of a MAP");
        }
        if let (Some(unchecked), false) = (&container.unchecked, container.has_table) {
            errors.push(unchecked, "`unchecked` goes with `table`; without a table there is nothing to check");
        }
        return;
    }
    if let Some(table) = &message.table {
        errors.push(table, format!("`table` {single}"));
    }
    for word in [&container.unchecked, &container.column_names, &container.setters].into_iter().flatten() {
        errors.push(word, format!("`{word}` {single}"));
    }
    if let (Shape::Newtype(_), Some((span, _))) = (&message.shape, container.rename_all) {
        errors.extend(syn::Error::new(span, format!("`rename_all` {single}")));
    }
    if let (Shape::Enum(_), Some(key)) = (&message.shape, &container.key) {
        errors.push(key, "every enum may be the key of a MAP; remove `key`");
    }
}

fn table(message: &Message<'_>, errors: &mut Errors) {
    match &message.table {
        Some(TableAttribute::Constant(constant)) if message.container.unchecked.is_none() => errors.push(
            constant,
            "the snapshot of a table is found by its name, and a constant has none yet when the derive runs: write the \
             name in quotes, or add `unchecked` to hold the struct against no table",
        ),
        Some(TableAttribute::Literal(literal)) => {
            if let Err(error) = literal.value().parse::<TableName>() {
                errors.push(literal, error);
            }
        }
        _ => {}
    }
}

fn texts(variants: &[Variant<'_>], errors: &mut Errors) {
    let mut seen: HashMap<&str, &Ident> = HashMap::new();
    for variant in variants {
        if let Some(first) = seen.insert(&variant.text, variant.ident) {
            let message =
                format!("`{}` is also the text of `{first}`; a reader could not tell them apart", variant.text);
            errors.extend(syn::Error::new(variant.span, message));
        }
    }
}

fn names(fields: &[Field<'_>], errors: &mut Errors) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for field in fields {
        let column = &field.column;
        if !is_column_name(column) {
            let message = format!(
                "`{column}` is not a column that Zerobus writes: a name has ASCII letters, digits and _, and does not \
                 begin with a digit"
            );
            errors.extend(syn::Error::new(field.column_span, message));
        } else if let Some(first) = seen.insert(column.to_ascii_lowercase(), column) {
            let message = format!(
                "column `{column}` is also that of another field, `{first}`; names must differ in more than their case"
            );
            errors.extend(syn::Error::new(field.column_span, message));
        }
    }
}

/// The constants of `column_names`, which are spelled in capitals.
fn constants(fields: &[Field<'_>], errors: &mut Errors) {
    let mut seen: HashMap<String, &Member> = HashMap::new();
    for field in fields {
        let Some(constant) = constant(field) else { continue };
        if let Some(Member::Named(first)) = seen.get(&constant) {
            let message = format!(
                "`column_names` names the column of this field and that of `{first}` by one constant, {constant}; rename a \
                 field, and give it its column with `name`"
            );
            errors.push(&field.member, message);
        } else {
            seen.insert(constant, &field.member);
        }
    }
}

fn numbers(fields: &[Field<'_>], errors: &mut Errors) {
    for (i, field) in fields.iter().enumerate() {
        let number = field.number;
        if !NUMBERS.contains(&number) || RESERVED.contains(&number) {
            errors.push(&field.member, no_number(number));
        } else if i > 0 && fields[i - 1].number == number {
            errors.push(&field.member, format!("field number {number} is given twice"));
        }
    }
}

/// That this is not one of [`NUMBERS`].
pub(crate) fn no_number(found: impl Display) -> String {
    format!("{found} is not a field number of protobuf: 1 to 18999, or 20000 to 536870911")
}

/// Reads the type of the column, if the field names it; whether it is one.
fn declared(field: &mut Field<'_>, errors: &mut Errors) -> bool {
    let Some(literal) = &field.declared else { return true };
    // A number beyond this is an error of its own.
    let number = i32::try_from(field.number).unwrap_or(i32::MAX);
    match Column::of_type(&field.column, number, &literal.value()) {
        Ok(column) => field.expected = Some(column),
        Err(problems) => {
            for problem in &problems {
                errors.push(literal, format!("{}; {}", problem.found, problem.help));
            }
            return false;
        }
    }
    true
}

/// Whether a DECIMAL's digits are some that a column can have.
fn converted(conversion: Option<&Conversion>, errors: &mut Errors) -> bool {
    let Some(Conversion::Convert(Target::Decimal(precision, scale))) = conversion else { return true };
    let digits = (precision.base10_parse::<u8>(), scale.base10_parse::<u8>());
    let good = matches!(digits, (Ok(p @ 1..=38), Ok(s)) if s <= p);
    if !good {
        errors.push(precision, "DECIMAL(p, s) has p from 1 to 38 digits, s from 0 to p of them after the point");
    }
    good
}

/// Whether the type is free of itself. Through other types the compiler finds it.
fn recursion(ident: &Ident, ty: &syn::Type, conversion: Option<&Conversion>, errors: &mut Errors) -> bool {
    let dispatched = !matches!(conversion, Some(Conversion::Json | Conversion::With(_)));
    let ends = !dispatched || !holds(ty.to_token_stream(), ident);
    if !ends {
        let message = format!(
            "`{ident}` holds itself, and a STRUCT has a fixed depth: write the field to a VARIANT with #[zerobus(json)], or \
             keep the key of the other row instead"
        );
        errors.extend(syn::Error::new(ty.span(), message));
    }
    ends
}

/// Whether the tokens of a type name this one: by its name, or `Self`, without a path before it.
fn holds(tokens: TokenStream, ident: &Ident) -> bool {
    let mut behind_path = false;
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => holds(group.stream(), ident),
        TokenTree::Ident(found) => !std::mem::take(&mut behind_path) && (found == *ident || found == "Self"),
        TokenTree::Punct(punct) => {
            behind_path = punct.as_char() == ':';
            false
        }
        TokenTree::Literal(_) => false,
    })
}

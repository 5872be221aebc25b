//! The checks that need no other type: names, numbers, conversions and recursion.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Member;
use syn::spanned::Spanned;
use zerobus_codegen::{Field as Column, TableName, is_column_name};

use crate::Errors;
use crate::accessors::constant;
use crate::model::{Field, Message, Shape, Variant, no_number};
use crate::parse::{Conversion, TableAttribute, Target};

/// The valid field numbers of protobuf, including the reserved range.
const NUMBERS: RangeInclusive<u32> = 1..=(1 << 29) - 1;
const RESERVED: RangeInclusive<u32> = 19_000..=19_999;

/// Reports every mistake that the attributes and the tokens alone show.
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
            crate::stamps::check(fields, errors);
            for field in fields {
                let fits = converted(field.conversion.as_ref(), errors);
                let ends = recursion(ident, field.ty, field.conversion.as_ref(), errors);
                let has_type = declared(field, errors);
                field.good &= fits && ends && has_type;
            }
        }
    }
}

/// Reports attributes that have no meaning for a type of this shape.
fn container(message: &Message<'_>, errors: &mut Errors) {
    let container = &message.container;
    let single = "is for a struct of columns, and this is a single value; remove it";
    if matches!(message.shape, Shape::Row(_)) {
        if let Some(key) = &container.key {
            errors.push(key, "`key` is for a tuple struct of one field; a STRUCT cannot be the key of a MAP");
        }
        if let (Some(unchecked), false) = (&container.unchecked, container.has_table) {
            errors.push(unchecked, "`unchecked` needs `table`; without a table there is nothing to check");
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
        errors.push(key, "every enum can be the key of a MAP; remove `key`");
    }
}

fn table(message: &Message<'_>, errors: &mut Errors) {
    match &message.table {
        Some(TableAttribute::Constant(constant)) if message.container.unchecked.is_none() => errors.push(
            constant,
            "a snapshot is found by the table's name, and the derive cannot evaluate a constant: write the name in quotes, \
             or add `unchecked` to skip the check",
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
            let message = format!("`{}` is also the text of `{first}`; texts must differ", variant.text);
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
                "Zerobus does not support the column name `{column}`: a name has ASCII letters, digits and _, and does not \
                 begin with a digit"
            );
            errors.extend(syn::Error::new(field.column_span, message));
        } else if let Some(first) = seen.insert(column.to_ascii_lowercase(), column) {
            let message =
                format!("column `{column}` is also the column of field `{first}`; names must differ in more than case");
            errors.extend(syn::Error::new(field.column_span, message));
        }
    }
}

/// Reports equal names of the constants of `column_names`: they are in capitals, so different columns can collide.
fn constants(fields: &[Field<'_>], errors: &mut Errors) {
    let mut seen: HashMap<String, &Member> = HashMap::new();
    for field in fields {
        let Some(constant) = constant(field) else { continue };
        if let Some(Member::Named(first)) = seen.get(&constant) {
            let message = format!(
                "`column_names` makes the constant {constant} for this field and for `{first}`; rename a field, and set its \
                 column with `name`"
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
            errors.push(&field.member, format!("field number {number} is used twice"));
        }
    }
}

/// Parses the column type that `type` declares, if there is one. Returns whether it is valid.
fn declared(field: &mut Field<'_>, errors: &mut Errors) -> bool {
    let Some(literal) = &field.declared else { return true };
    // A larger number is reported by `numbers`.
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

/// Whether a DECIMAL column can have this precision and scale.
fn converted(conversion: Option<&Conversion>, errors: &mut Errors) -> bool {
    let Some(Conversion::Convert(Target::Decimal(precision, scale))) = conversion else { return true };
    let digits = (precision.base10_parse::<u8>(), scale.base10_parse::<u8>());
    let good = matches!(digits, (Ok(p @ 1..=38), Ok(s)) if s <= p);
    if !good {
        errors.push(precision, "DECIMAL(p, s) needs a precision p from 1 to 38 and a scale s from 0 to p");
    }
    good
}

/// Whether the field's type does not name the struct itself. The compiler finds recursion through other types.
fn recursion(ident: &Ident, ty: &syn::Type, conversion: Option<&Conversion>, errors: &mut Errors) -> bool {
    let dispatched = !matches!(conversion, Some(Conversion::Json | Conversion::With(_)));
    let ends = !dispatched || !holds(ty.to_token_stream(), ident);
    if !ends {
        let message = format!(
            "`{ident}` contains itself, and a STRUCT has a fixed depth: write the field to a VARIANT with #[zerobus(json)], or \
             store the key of the other row"
        );
        errors.extend(syn::Error::new(ty.span(), message));
    }
    ends
}

/// Whether the tokens name the type, as its name or `Self`, without a path in front.
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

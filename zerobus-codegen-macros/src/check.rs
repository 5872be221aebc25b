//! What is wrong with a struct before any type of it is known.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use zerobus_codegen::{TableName, is_column_name};

use crate::Errors;
use crate::model::{Field, Message, Shape};
use crate::parse::Conversion;

/// The field numbers of protobuf, but for those that it keeps for itself.
const NUMBERS: RangeInclusive<u32> = 1..=(1 << 29) - 1;
const RESERVED: RangeInclusive<u32> = 19_000..=19_999;

/// Tells everything that the attributes alone show to be wrong.
pub(crate) fn check(message: &Message<'_>, errors: &mut Errors) {
    if let Some(table) = &message.table
        && let Err(error) = table.value().parse::<TableName>()
    {
        errors.push(table, error);
    }
    let Shape::Row(fields) = &message.shape else { return };
    names(fields, errors);
    numbers(fields, errors);
    for field in fields {
        decimal(field, errors);
    }
}

fn names(fields: &[Field<'_>], errors: &mut Errors) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for field in fields {
        let column = &field.column;
        if !is_column_name(column) {
            let message = format!(
                "`{column}` is no column that Zerobus writes: a name is of ASCII letters, digits and _, and does not \
                 begin with a digit"
            );
            errors.extend(syn::Error::new(field.column_span, message));
        } else if let Some(first) = seen.insert(column.to_ascii_lowercase(), column) {
            let message =
                format!("column `{column}` is also that of another field, `{first}`: names differ in more than case");
            errors.extend(syn::Error::new(field.column_span, message));
        }
    }
}

fn numbers(fields: &[Field<'_>], errors: &mut Errors) {
    for (i, field) in fields.iter().enumerate() {
        let number = field.number;
        if !NUMBERS.contains(&number) || RESERVED.contains(&number) {
            errors.push(
                &field.member,
                format!("{number} is no field number of protobuf: 1 to 18999, or 20000 to 536870911"),
            );
        } else if i > 0 && fields[i - 1].number == number {
            errors.push(&field.member, format!("field number {number} stands twice"));
        }
    }
}

fn decimal(field: &Field<'_>, errors: &mut Errors) {
    let Some((_, Conversion::Decimal(precision, scale))) = &field.conversion else { return };
    let digits = (precision.base10_parse::<u8>(), scale.base10_parse::<u8>());
    if !matches!(digits, (Ok(p @ 1..=38), Ok(s)) if s <= p) {
        errors.push(precision, "DECIMAL(p, s) has p from 1 to 38 digits, s from 0 to p of them behind the point");
    }
}

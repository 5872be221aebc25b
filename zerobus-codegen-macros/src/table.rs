//! The struct held against its table by name: every field has a column, every NOT NULL column has a field.

use std::path::PathBuf;

use zerobus_codegen::{Table, TableName};

use crate::Errors;
use crate::model::{Field, Message, Shape};
use crate::snapshot;

/// Gives every field its column of the table, with the table's number and order; tells the files that were read.
pub(crate) fn hold(message: &mut Message<'_>, errors: &mut Errors) -> Option<Vec<PathBuf>> {
    let literal = message.table.clone().filter(|_| message.held)?;
    let name: TableName = literal.value().parse().ok()?;
    let snapshot = match snapshot::load(&name) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            errors.push(literal, error);
            return None;
        }
    };
    let ident = message.ident;
    if let Shape::Row(fields) = &mut message.shape {
        for field in fields.iter_mut() {
            find(field, &snapshot.table, errors);
        }
        fields.sort_by_key(|field| field.number);
        for missing in missing(fields, &snapshot.table) {
            errors.push(ident, missing);
        }
    }
    Some(snapshot.read)
}

fn find(field: &mut Field<'_>, table: &Table, errors: &mut Errors) {
    let Some(column) = table.columns().iter().find(|column| column.name == field.column) else {
        let column = &field.column;
        let message = format!("table {} has no column `{column}`; {}", table.name, remedy(column, table));
        errors.extend(syn::Error::new(field.column_span, message));
        return;
    };
    field.number = column.number.unsigned_abs();
    field.expected = Some(column.clone());
}

fn remedy(column: &str, table: &Table) -> String {
    if table.omitted_columns.iter().any(|omitted| omitted == column) {
        return "the table computes that column itself: remove the field, or add #[zerobus(skip)]".to_owned();
    }
    // `mag_type` for `magType`, `Id` for `id`: what is left when case and underscores are gone.
    let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
    match table.columns().iter().find(|other| plain(&other.name) == plain(column)) {
        Some(similar) => format!("for column `{0}` add #[zerobus(name = \"{0}\")]", similar.name),
        None => "remove the field, add #[zerobus(skip)], or fetch the table again".to_owned(),
    }
}

fn missing(fields: &[Field<'_>], table: &Table) -> Vec<String> {
    let has = |name: &str| fields.iter().any(|field| field.column == name);
    table
        .columns()
        .iter()
        .filter(|column| !column.nullable && !has(&column.name))
        .map(|column| {
            let (name, data_type) = (&column.name, &column.data_type);
            format!("column {}.{name} is {data_type} NOT NULL and has no field; add one", table.name)
        })
        .collect()
}

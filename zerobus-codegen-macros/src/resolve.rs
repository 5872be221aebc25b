//! Resolves each field to its column in the table's snapshot by name, and finds NOT NULL columns without a field.

use std::path::PathBuf;

use zerobus_codegen::{Table, TableName, likely};

use crate::Errors;
use crate::model::{Field, Message, Shape};
use crate::parse::TableAttribute;
use crate::snapshot;

/// Resolves every field to its column and takes the table's numbers and order. Returns the files that were read.
pub(crate) fn resolve(message: &mut Message<'_>, errors: &mut Errors) -> Vec<PathBuf> {
    let container = &message.container;
    let (Shape::Row(fields), Some(TableAttribute::Literal(literal))) = (&mut message.shape, &message.table) else {
        return Vec::new();
    };
    let is_checked = container.unchecked.is_none() && !container.generated;
    let Some(name) = literal.value().parse::<TableName>().ok().filter(|_| is_checked) else { return Vec::new() };
    let snapshot = match snapshot::load(&name) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            errors.push(literal, error);
            return Vec::new();
        }
    };
    for field in fields.iter_mut() {
        if let Some(literal) = field.declared.take() {
            errors.push(literal, format!("the snapshot of {name} has the type of this column; remove `type`"));
        }
        find(field, &snapshot.table, errors);
    }
    fields.sort_by_key(|field| field.number);
    for missing in missing(fields, &snapshot.table) {
        errors.push(message.ident, missing);
    }
    snapshot.read
}

fn find(field: &mut Field<'_>, table: &Table, errors: &mut Errors) {
    let Some(column) = table.columns().iter().find(|column| column.name == field.column) else {
        if !field.good {
            // The faulty attribute may be the one that names the column.
            return;
        }
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
    match likely(column, table.columns().iter().map(|column| column.name.as_str())) {
        Some(similar) => format!("did you mean `{similar}`? name it with #[zerobus(name = \"{similar}\")]"),
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

//! A row as SQL writes it: every name in backticks, every comment in quotes, so that none can leave its place.

use std::fmt::Write as _;

use super::printable::rewrites_the_line;
use super::{DataType, Element, Field, Struct, TableName};

impl Struct {
    /// The statement that creates a table for rows of this struct.
    ///
    /// ```
    /// use zerobus_codegen::{DataType, Field, Scalar, Struct};
    ///
    /// let id = Field::required("id", 1, DataType::Scalar(Scalar::Long));
    /// let sql = Struct { fields: vec![id] }.create_table(&"main.geo.quakes".parse()?);
    /// assert_eq!(sql, "CREATE TABLE `main`.`geo`.`quakes` (\n  `id` BIGINT NOT NULL\n)\nUSING DELTA;\n");
    /// # Ok::<(), zerobus_codegen::TableNameError>(())
    /// ```
    #[must_use]
    pub fn create_table(&self, name: &TableName) -> String {
        let lines: Vec<String> = self.fields.iter().map(|field| column_line(field, "")).collect();
        let name = [name.catalog(), name.schema(), name.table()].map(quoted_name).join(".");
        format!("CREATE TABLE {name} (\n{}\n)\nUSING DELTA;\n", lines.join(",\n"))
    }
}

/// A column's line, with what stands between its type and its comment.
pub(crate) fn column_line(field: &Field, between: &str) -> String {
    format!("  {} {}{}{between}{}", quoted_name(&field.name), sql(&field.data_type), not_null(field), comment(field))
}

fn sql(data_type: &DataType) -> String {
    match data_type {
        DataType::Array(inner) => format!("ARRAY<{}>", element(inner)),
        DataType::Map(key, value) => format!("MAP<{}, {}>", key.scalar(), element(value)),
        DataType::Scalar(scalar) => scalar.to_string(),
        DataType::Struct(fields) => fields_sql(fields),
    }
}

fn element(of: &Element) -> String {
    match of {
        Element::Scalar(scalar) => scalar.to_string(),
        Element::Struct(fields) => fields_sql(fields),
    }
}

fn fields_sql(row: &Struct) -> String {
    let fields = row.fields.iter().map(|field| {
        format!("{}: {}{}{}", quoted_name(&field.name), sql(&field.data_type), not_null(field), comment(field))
    });
    format!("STRUCT<{}>", fields.collect::<Vec<_>>().join(", "))
}

const fn not_null(field: &Field) -> &'static str {
    if field.nullable { "" } else { " NOT NULL" }
}

fn comment(field: &Field) -> String {
    field.comment.as_deref().map(|comment| format!(" COMMENT {}", quoted(comment))).unwrap_or_default()
}

pub(crate) fn quoted_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The text as a string of SQL, on one line and without a character that a terminal acts on.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            '\'' | '\\' => write!(quoted, "\\{c}"),
            '\n' => write!(quoted, "\\n"),
            c if rewrites_the_line(c) => write!(quoted, "\\u{:04X}", u32::from(c)),
            c => write!(quoted, "{c}"),
        };
    }
    quoted.push('\'');
    quoted
}

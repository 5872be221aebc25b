//! From `TableInfo` to `CREATE TABLE` and the grants that a writer needs. Every name stands in backticks and every comment
//! in quotes; an expression of the catalog's is printed only if it is one expression and nothing else.

use std::fmt::Write as _;

use super::expression::whole;
use crate::model::sql_text::{column_line, quoted, quoted_name};
use crate::{ColumnInfo, Report, Table, TableInfo};
use serde_json::Value;

/// The statement that creates the table.
///
/// # Errors
/// If the table is not one that Zerobus can write to.
pub fn create_table(info: &TableInfo) -> Result<String, Report> {
    let table = Table::try_from(info)?;
    let mut columns: Vec<&ColumnInfo> = info.columns.iter().collect();
    columns.sort_by_key(|column| column.position);
    let lines: Vec<String> = columns.iter().map(|column| line(column, &table)).collect();
    let streaming = info.table_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("STREAMING_TABLE"));
    let kind = if streaming { "CREATE STREAMING TABLE" } else { "CREATE TABLE" };
    let mut sql = format!("{kind} {} (\n{}\n)", full_name(&table), lines.join(",\n"));
    if !streaming {
        sql.push_str("\nUSING DELTA");
    }
    if !table.partition_columns.is_empty() {
        let columns: Vec<String> = table.partition_columns.iter().map(|name| quoted_name(name)).collect();
        // Writing to a String cannot fail.
        let _ = write!(sql, "\nPARTITIONED BY ({})", columns.join(", "));
    }
    if let Some(comment) = &table.comment {
        let _ = write!(sql, "\nCOMMENT {}", quoted(comment));
    }
    sql.push_str(";\n");
    Ok(sql)
}

/// The grants that a service principal needs to write to the table through Zerobus, each given explicitly.
#[must_use]
pub fn grants(table: &Table, grantee: &str) -> String {
    let (catalog, schema) = (quoted_name(table.name.catalog()), quoted_name(table.name.schema()));
    let (name, grantee) = (full_name(table), quoted_name(grantee));
    format!(
        "GRANT USE CATALOG ON CATALOG {catalog} TO {grantee};\n\
         GRANT USE SCHEMA ON SCHEMA {catalog}.{schema} TO {grantee};\n\
         GRANT SELECT, MODIFY ON TABLE {name} TO {grantee};\n"
    )
}

fn full_name(table: &Table) -> String {
    [table.name.catalog(), table.name.schema(), table.name.table()].map(quoted_name).join(".")
}

fn line(column: &ColumnInfo, table: &Table) -> String {
    if let Some(field) = table.columns().iter().find(|field| field.name == column.name) {
        let default = expression(&metadata(column, "CURRENT_DEFAULT"));
        return column_line(field, &default.map(|default| format!(" DEFAULT {default}")).unwrap_or_default());
    }
    let name = quoted_name(&column.name);
    let written = column.type_text.as_deref().unwrap_or_default();
    // The checked table knows no type of a column that it leaves out; a single word needs no check.
    let sql_type =
        if written.chars().all(|c| c.is_ascii_alphanumeric() || "_(),".contains(c)) { written } else { "STRING" };
    let sql_type = sql_type.to_uppercase();
    if let Some(expression) = expression(&metadata(column, "delta.generationExpression")) {
        return format!("  {name} {sql_type} GENERATED ALWAYS AS ({expression})");
    }
    let number = |key: &str| metadata(column, key).as_i64().unwrap_or(1);
    let (start, step) = (number("delta.identity.start"), number("delta.identity.step"));
    let explicit = metadata(column, "delta.identity.allowExplicitInsert").as_bool().unwrap_or(false);
    let when = if explicit { "BY DEFAULT" } else { "ALWAYS" };
    format!("  {name} {sql_type} GENERATED {when} AS IDENTITY (START WITH {start} INCREMENT BY {step})")
}

fn metadata(column: &ColumnInfo, key: &str) -> Value {
    let field: Option<Value> = column.type_json.as_deref().and_then(|text| serde_json::from_str(text).ok());
    field.map(|mut field| field["metadata"][key].take()).unwrap_or_default()
}

/// The text of an expression, if it is one and nothing else.
fn expression(value: &Value) -> Option<String> {
    whole(value.as_str()?).map(str::to_owned)
}

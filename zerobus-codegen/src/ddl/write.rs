//! Writes `CREATE TABLE`, and the grants that a writer needs, from `TableInfo`. Every name is in backticks and every
//! comment in quotes; an expression from the catalog is printed only if it cannot end early.

use std::fmt::Write as _;

use super::cursor::Cursor;
use super::expression::{Printed, printed};
use super::lexer::lexemes;
use crate::model::properties::{Property, property};
use crate::model::sql_text::{column_line, quoted, quoted_name, sql_type};
use crate::model::{ColumnSource, SqlField, SqlType, by_position, read_type};
use crate::{ColumnInfo, ColumnPath, Problem, Report, Securable, Table, TableInfo, TableName};

/// The property that enables DEFAULT in Delta.
const DEFAULTS: &str = "delta.feature.allowColumnDefaults";

/// The statements that create the table: CREATE TABLE with the properties that its columns need, and ALTER TABLE for
/// each CHECK constraint.
///
/// Reading them gives the same table. A default that cannot be printed is left out, and a comment says so.
///
/// # Errors
/// If Zerobus cannot write to the table, or the expression of a generated column or of a constraint cannot be printed.
pub fn create_table(info: &TableInfo) -> Result<String, Report> {
    statements(info, &Table::try_from(info)?)
}

/// The same for a table that is already checked. All columns are included, also those that `skip` omits from rows.
pub(crate) fn statements(info: &TableInfo, table: &Table) -> Result<String, Report> {
    let mut statement = Statement::default();
    for (_, column) in by_position(info) {
        statement.column(column);
    }
    statement.properties(info);
    if !statement.problems.is_empty() {
        return Err(Report { table: info.full_name(), problems: statement.problems });
    }
    Ok(statement.sql(info, table))
}

/// The privileges that writing to a table needs, from the catalog down. Those on the table must be granted by name and
/// on the table itself.
pub const NEEDED: [(Securable, &[&str]); 3] = [
    (Securable::Catalog, &["USE CATALOG"]),
    (Securable::Schema, &["USE SCHEMA"]),
    (Securable::Table, &["SELECT", "MODIFY"]),
];

/// The explicit grants that a service principal needs to write to the table through Zerobus.
#[must_use]
pub fn grants(table: &Table, grantee: &str) -> String {
    grants_on(&table.name, grantee)
}

/// The same for a table of which only the name is known.
#[must_use]
pub fn grants_on(table: &TableName, grantee: &str) -> String {
    NEEDED.into_iter().map(|(on, privileges)| grant(privileges, on, table, grantee) + "\n").collect()
}

/// The statement that grants privileges on a table, its schema or its catalog.
#[must_use]
pub fn grant(privileges: &[&str], on: Securable, table: &TableName, grantee: &str) -> String {
    let kind = match on {
        Securable::Catalog => "CATALOG",
        Securable::Schema => "SCHEMA",
        Securable::Table => "TABLE",
    };
    let name: Vec<String> = on.parts(table).into_iter().map(quoted_name).collect();
    format!("GRANT {} ON {kind} {} TO {};", privileges.join(", "), name.join("."), quoted_name(grantee))
}

/// The full name of a table in SQL, each part in backticks.
#[must_use]
pub fn quoted_table(table: &TableName) -> String {
    [table.catalog(), table.schema(), table.table()].map(quoted_name).join(".")
}

/// Whether a type from the catalog reads back as itself, so that it cannot inject SQL. This matters for types that
/// Zerobus does not support, which nothing else checks: a column that the table computes may have any type.
fn stays_a_type(written: &SqlType) -> bool {
    let text = sql_type(written);
    let (lexemes, unread) = lexemes(&text, 1);
    let mut cursor = Cursor::new(&lexemes);
    let read = cursor.sql_type();
    unread.is_none() && cursor.is_at_end() && read.is_ok_and(|read| sql_type(&read) == text)
}

/// The parts of the statements for a table.
#[derive(Default)]
struct Statement {
    /// SQL comments about parts that cannot be expressed in SQL.
    comments: Vec<String>,
    columns: Vec<String>,
    properties: Vec<(String, String)>,
    checks: Vec<(String, String)>,
    problems: Vec<Problem>,
}

impl Statement {
    fn column(&mut self, column: &ColumnInfo) {
        let read = match read_type(column).read {
            Ok(read) => read,
            Err(found) => {
                let path = ColumnPath::root().join(&column.name);
                return self.problems.push(Problem::new(&path, found, "fetch the table again"));
            }
        };
        if !stays_a_type(&read.sql_type) {
            let found = format!("its type `{}` is not a type of Databricks SQL", sql_type(&read.sql_type));
            let path = ColumnPath::root().join(&column.name);
            return self.problems.push(Problem::new(
                &path,
                found,
                "fetch the table again, or write the statement by hand",
            ));
        }
        let field = SqlField {
            name: column.name.clone(),
            sql_type: read.sql_type,
            nullable: column.nullable.or(read.nullable).unwrap_or(true),
            comment: column.comment.clone().filter(|comment| !comment.is_empty()).or(read.metadata.comment),
        };
        let source = read.metadata.source.map(|source| self.source(&field.name, &source)).unwrap_or_default();
        self.columns.push(column_line(&field, &source));
    }

    /// The clause for the source of a column's value.
    fn source(&mut self, column: &str, source: &ColumnSource) -> String {
        match source {
            ColumnSource::Default(expression) => {
                let value = match printed(expression) {
                    Some(Printed::Bare(expression)) => expression,
                    Some(Printed::InParentheses(expression)) => format!("({expression})"),
                    None => {
                        let name = quoted_name(column);
                        self.comments
                            .push(format!("-- The default of {name} is not a single expression, so it is left out."));
                        return String::new();
                    }
                };
                self.require(DEFAULTS, "supported");
                format!(" DEFAULT {value}")
            }
            ColumnSource::Generated(expression) => {
                let expression = self.expression(column, expression);
                format!(" GENERATED ALWAYS AS ({expression})")
            }
            ColumnSource::Identity { start, step, explicit } => {
                let when = if *explicit { "BY DEFAULT" } else { "ALWAYS" };
                format!(" GENERATED {when} AS IDENTITY (START WITH {start} INCREMENT BY {step})")
            }
        }
    }

    /// An expression that is printed in parentheses.
    fn expression(&mut self, of: &str, expression: &str) -> String {
        match printed(expression) {
            Some(Printed::Bare(expression) | Printed::InParentheses(expression)) => expression,
            None => {
                let path = ColumnPath::root().join(of);
                let found = format!("its expression `{expression}` is not a single SQL expression");
                self.problems.push(Problem::new(&path, found, "fetch the table again, or write the statement by hand"));
                String::new()
            }
        }
    }

    fn properties(&mut self, info: &TableInfo) {
        for (key, value) in &info.properties {
            match property(key) {
                Some(Property::Constraint(name)) => {
                    let expression = self.expression(name, value);
                    self.checks.push((name.to_owned(), expression));
                }
                Some(_) => self.require(key, value),
                None => {}
            }
        }
    }

    fn require(&mut self, key: &str, value: &str) {
        if !self.properties.iter().any(|(known, _)| known == key) {
            self.properties.push((key.to_owned(), value.to_owned()));
        }
    }

    fn sql(mut self, info: &TableInfo, table: &Table) -> String {
        let streaming = info.table_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("STREAMING_TABLE"));
        let (kind, format) = if streaming { ("STREAMING TABLE", "") } else { ("TABLE", "\nUSING DELTA") };
        let name = quoted_table(&table.name);
        let mut sql: String = self.comments.iter().flat_map(|comment| [comment, "\n"]).collect();
        // Writing to a String cannot fail.
        let _ = write!(sql, "CREATE {kind} {name} (\n{}\n){format}", self.columns.join(",\n"));
        if !table.partition_columns.is_empty() {
            let columns: Vec<String> = table.partition_columns.iter().map(|name| quoted_name(name)).collect();
            let _ = write!(sql, "\nPARTITIONED BY ({})", columns.join(", "));
        }
        if let Some(comment) = &table.comment {
            let _ = write!(sql, "\nCOMMENT {}", quoted(comment));
        }
        if !self.properties.is_empty() {
            self.properties.sort();
            let pair = |(key, value): &(String, String)| format!("{} = {}", quoted(key), quoted(value));
            let _ =
                write!(sql, "\nTBLPROPERTIES ({})", self.properties.iter().map(pair).collect::<Vec<_>>().join(", "));
        }
        sql.push_str(";\n");
        for (check, expression) in &self.checks {
            let _ = writeln!(sql, "ALTER TABLE {name} ADD CONSTRAINT {} CHECK ({expression});", quoted_name(check));
        }
        sql
    }
}

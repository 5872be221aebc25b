//! Tables as SQL: parses statements and writes `CREATE TABLE`.
//!
//! The reader never skips text: a statement that it does not understand is a [`DdlProblem`] with its place and, if
//! there is one, a suggestion.
//!
//! | file | what it owns |
//! |---|---|
//! | `cells` | the cells of a notebook source |
//! | `lexer` | splits text into lexemes with sqlparser's tokenizer |
//! | `statements` | the boundaries of statements |
//! | `cursor` | a cursor over a statement: words, names, strings, parentheses |
//! | `script` | all statements, in order of execution |
//! | `context` | the current catalog and schema, set by USE |
//! | `table_set`, `draft` | the tables so far, and the changes that statements make to one |
//! | `create_table`, `column`, `clauses` | CREATE TABLE, its columns and constraints, and its clauses |
//! | `types`, `expression` | a column's type, and where a DEFAULT ends |
//! | `alter`, `alter_column` | ALTER TABLE |
//! | `untouched` | statements that change no table's columns |
//! | `likely_type` | suggestions for unknown types |
//! | `table_info` | the `TableInfo` that a catalog would return for a table |
//! | `write` | writes `CREATE TABLE`, and the grants that a writer needs |
//! | `dedup` | statements that use the stamped columns to remove duplicates |
//! | `problem` | problems and warnings, with their places |

mod alter;
mod alter_column;
mod cells;
mod clauses;
mod column;
mod context;
mod create_table;
mod cursor;
mod dedup;
mod draft;
mod expression;
mod lexer;
mod likely_type;
mod problem;
mod script;
mod statements;
mod table_info;
mod table_set;
mod types;
mod untouched;
mod write;

pub use dedup::dedup;
pub use problem::{DdlError, DdlProblem, Place};
pub use script::{Findings, Script};
#[cfg(feature = "cli")]
pub(crate) use write::statements;
pub use write::{NEEDED, create_table, grant, grants, grants_on, quoted_table};

pub use crate::model::sql_text::quoted_name;

use crate::TableInfo;

/// The tables that SQL statements create, after all statements.
///
/// ```
/// let tables = zerobus_codegen::ddl::tables(
///     "CREATE TABLE main.geo.quakes (id STRING NOT NULL, at STRUCT<lon: DOUBLE NOT NULL, lat DOUBLE>) USING DELTA;",
/// )?;
/// assert_eq!(tables[0].full_name(), "main.geo.quakes");
/// assert_eq!(tables[0].columns.len(), 2);
/// # Ok::<(), zerobus_codegen::ddl::DdlError>(())
/// ```
///
/// # Errors
/// Returns every problem of the text. [`Script`] returns the valid tables beside the problems.
pub fn tables(text: &str) -> Result<Vec<TableInfo>, DdlError> {
    let mut script = Script::default();
    let findings = script.read(text);
    match DdlError::new(findings.problems) {
        Some(error) => Err(error),
        None => Ok(script.tables().map(|(_, table)| table).collect()),
    }
}

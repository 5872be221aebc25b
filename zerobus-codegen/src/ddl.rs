//! Tables as SQL: statements in, and `CREATE TABLE` out.
//!
//! A text is read whole or with an error: what the reader does not understand is a [`DdlProblem`] with its place and a
//! likely meaning, never passed over.
//!
//! | file | what it owns |
//! |---|---|
//! | `cells` | the cells of a notebook's source |
//! | `lexer` | from a text to lexemes, by sqlparser's tokenizer |
//! | `statements` | where one statement ends and the next begins |
//! | `cursor` | the small steps through a statement: words, names, strings, parentheses |
//! | `script` | every statement, in the order in which they would run |
//! | `context` | the current catalog and schema, as USE says |
//! | `table_set`, `draft` | the tables so far, and what statements may do to one |
//! | `create_table`, `column`, `clauses` | CREATE TABLE, its columns and constraints, what follows them |
//! | `types`, `expression` | a column's type, and where a DEFAULT ends |
//! | `alter`, `alter_column` | ALTER TABLE |
//! | `untouched` | statements that leave every table's columns alone |
//! | `likely_type` | which type an unknown word is likely meant to be |
//! | `table_info` | from a table of statements to the `TableInfo` that a catalog would give |
//! | `write` | from `TableInfo` to `CREATE TABLE` and the grants that a writer needs |
//! | `dedup` | statements over the columns that a stream stamps |
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

pub use dedup::{StampedColumns, dedup};
pub use problem::{DdlError, DdlProblem, Place};
pub use script::{Findings, Script};
#[cfg(feature = "cli")]
pub(crate) use write::statements;
pub use write::{create_table, grants, grants_on, quoted_table};

use crate::TableInfo;

/// The tables that a text of SQL statements creates, as the statements leave them.
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
/// If anything in it cannot be read, with every problem. [`Script`] gives the good tables beside the problems.
pub fn tables(text: &str) -> Result<Vec<TableInfo>, DdlError> {
    let mut script = Script::default();
    let findings = script.read(text);
    match DdlError::new(findings.problems) {
        Some(error) => Err(error),
        None => Ok(script.tables().map(|(_, table)| table).collect()),
    }
}

//! Statements that do not change the columns of tables, recognised by their first words; and statements that may change
//! them but are not supported.
//!
//! ```text
//! untouched := one of DATA, SESSION and PRIVILEGES, then any
//!            | ( CREATE | ALTER | DROP ) { MODIFIERS } one of OBJECTS, then any
//! unread    := one of UNREAD, any statement WITH SCHEMA EVOLUTION, a block, EXECUTE IMMEDIATE, CALL
//! ```
//! A statement that begins with any other word is an error.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::problem::DdlProblem;
use super::statements::{is, is_block, takes};
use crate::likely;

/// Statements about rows and files.
const DATA: &[&str] = &[
    "ANALYZE", "APPLY", "AUTO", "CACHE", "CLEAR", "COPY", "DELETE", "DESC", "DESCRIBE", "EXPLAIN", "FROM", "FSCK",
    "GENERATE", "GET", "INSERT", "LIST", "LOAD", "MERGE", "MSCK", "OPTIMIZE", "PUT", "REFRESH", "REMOVE", "REORG",
    "REPAIR", "SELECT", "SHOW", "SYNC", "TABLE", "TRUNCATE", "UNCACHE", "UPDATE", "VACUUM", "VALUES", "WITH",
];
/// Statements about the session.
const SESSION: &[&str] = &["ADD", "BEGIN", "COMMIT", "DECLARE", "RESET", "ROLLBACK", "SET", "START"];
/// Statements about privileges.
const PRIVILEGES: &[&str] = &["DENY", "GRANT", "REVOKE"];
/// Words between CREATE, ALTER or DROP and the object.
const MODIFIERS: &[&str] = &[
    "AGGREGATE",
    "EXTERNAL",
    "FOREIGN",
    "GLOBAL",
    "LIVE",
    "MATERIALIZED",
    "METRIC",
    "OR",
    "PRIVATE",
    "REFRESH",
    "REPLACE",
    "SERVICE",
    "STORAGE",
    "STREAMING",
    "TEMP",
    "TEMPORARY",
];
/// Objects other than tables.
const OBJECTS: &[&str] = &[
    "BLOOMFILTER",
    "CATALOG",
    "CONNECTION",
    "CREDENTIAL",
    "DATABASE",
    "FLOW",
    "FUNCTION",
    "GROUP",
    "LOCATION",
    "POLICY",
    "PROCEDURE",
    "PROVIDER",
    "RECIPIENT",
    "SCHEMA",
    "SERVER",
    "SHARE",
    "VARIABLE",
    "VIEW",
    "VOLUME",
];
/// Statements that create or change a table's columns in a way that only the catalog can resolve.
const UNREAD: &[(&[&str], &str)] = &[
    (&["CONVERT", "TO", "DELTA"], "CONVERT TO DELTA makes a table of files, and its columns are not in the statement"),
    (&["RESTORE"], "RESTORE returns a table to the columns of an earlier version, which is unknown here"),
    (&["UNDROP"], "UNDROP brings back a table that is not known here"),
];
/// The words that begin the steps of a script.
const STEPS: &[&str] = &["CASE", "FOR", "IF", "LOOP", "REPEAT", "WHILE"];

/// Checks a statement that should not change any table's columns. Returns a warning if it may, but likely does not.
///
/// # Errors
/// If it likely changes columns, or is not a statement of Databricks SQL.
pub(super) fn untouched(cursor: &Cursor<'_, '_>) -> Result<Option<String>, DdlProblem> {
    let Some(word) = cursor.keyword() else { return opening(cursor) };
    let begins = |words: &[&str]| words.contains(&word.as_str());
    if let Some((_, why)) = UNREAD.iter().find(|(words, _)| cursor.looks_at(words)) {
        return Err(cursor.problem(format!("{why}; write the resulting table as CREATE TABLE, or `fetch` it")));
    }
    if is_block(cursor.rest) || begins(STEPS) || is_labelled(cursor) {
        return script(cursor);
    }
    match word.as_str() {
        "CALL" => Ok(Some("a procedure may create and alter tables; the effect of CALL is not known here".to_owned())),
        "CREATE" | "ALTER" | "DROP" => object(cursor),
        "EXECUTE" => immediate(cursor),
        _ if begins(DATA) || begins(SESSION) || begins(PRIVILEGES) => Ok(evolution(cursor)),
        _ => Err(unknown(cursor, &word)),
    }
}

/// A statement that does not begin with a word.
fn opening(cursor: &Cursor<'_, '_>) -> Result<Option<String>, DdlProblem> {
    match cursor.token() {
        Some(Token::LParen) => Ok(None),
        Some(Token::Sharp) => Err(cursor.problem("`#` does not begin a comment in SQL; write `--`")),
        Some(Token::Mod) => Err(cursor.problem("`%` begins a cell of a notebook, and only at the beginning of a line")),
        _ => Err(cursor.expected("a statement")),
    }
}

fn unknown(cursor: &Cursor<'_, '_>, word: &str) -> DdlProblem {
    const OTHERS: &[&str] = &["ALTER", "CALL", "COMMENT", "CREATE", "DROP", "EXECUTE", "REPLACE", "USE"];
    let known: Vec<&'static str> = [DATA, SESSION, PRIVILEGES, OTHERS].concat();
    let found = cursor.found();
    match likely(word, known) {
        Some(likely) => {
            cursor.problem(format!("{found} does not begin a statement of Databricks SQL; did you mean {likely}?"))
        }
        None => {
            cursor.problem(format!("{found} does not begin a statement of Databricks SQL; is a `;` or a `--` missing?"))
        }
    }
}

/// CREATE, ALTER or DROP of an object other than a table.
fn object(cursor: &Cursor<'_, '_>) -> Result<Option<String>, DdlProblem> {
    let mut ahead = cursor.clone();
    ahead.step();
    if ahead.looks_at(&["OR", "ALTER"]) {
        return Err(ahead.expected("OR REPLACE"));
    }
    let foreign = ahead.looks_at(&["FOREIGN"]);
    while MODIFIERS.iter().any(|modifier| ahead.take(&[modifier])) {}
    if ahead.looks_at(&["TABLE"]) && foreign {
        return Ok(Some(
            "a foreign table belongs to another system, to which Zerobus cannot write, so it is left out".to_owned(),
        ));
    }
    if ahead.looks_at(&["TABLE"]) {
        return Ok(Some("a temporary table exists only in its session, so it is left out".to_owned()));
    }
    let Some(word) = ahead.keyword().filter(|word| OBJECTS.contains(&word.as_str())) else {
        let known: Vec<&'static str> = [OBJECTS, &["TABLE"]].concat();
        let likely = ahead.keyword().and_then(|word| likely(&word, known.iter().copied()));
        let likely = likely.map(|likely| format!(", likely {likely}")).unwrap_or_default();
        return Err(ahead.expected(&format!("what to create, alter or drop{likely}")));
    };
    let renamed = ["CATALOG", "DATABASE", "SCHEMA"].contains(&word.as_str()) && has(&ahead, &["RENAME"]);
    if cursor.looks_at(&["ALTER"]) && renamed {
        return Err(
            cursor.problem("RENAME of a catalog or a schema is not supported; write its tables with the new name")
        );
    }
    Ok(None)
}

fn script(cursor: &Cursor<'_, '_>) -> Result<Option<String>, DdlProblem> {
    let defines = [&["CREATE"][..], &["ALTER"], &["DROP"], &["REPLACE"]]
        .iter()
        .any(|words| has(cursor, words) && has(cursor, &["TABLE"]));
    if defines || has(cursor, &["EXECUTE", "IMMEDIATE"]) {
        return Err(cursor.problem(
            "this is a script, and which of its statements run is known only when it runs; move CREATE TABLE and ALTER \
             TABLE out of it",
        ));
    }
    Ok(None)
}

/// EXECUTE IMMEDIATE: returns `None` if its text does not change any table.
fn immediate(cursor: &Cursor<'_, '_>) -> Result<Option<String>, DdlProblem> {
    let mut ahead = cursor.clone();
    ahead.expect(&["EXECUTE", "IMMEDIATE"])?;
    match ahead.string() {
        Ok(text) if text.to_uppercase().contains("TABLE") => Err(cursor.problem(
            "EXECUTE IMMEDIATE runs a statement from a string, which is not read; write the statement itself",
        )),
        Ok(_) => Ok(None),
        Err(_) => Ok(Some(
            "EXECUTE IMMEDIATE runs a statement that is known only when it runs; tables that it creates or alters are not \
             known here"
                .to_owned(),
        )),
    }
}

/// A warning if writing rows may add columns.
fn evolution(cursor: &Cursor<'_, '_>) -> Option<String> {
    let merges = cursor.rest.iter().any(|lexeme| lexeme.text.to_lowercase().contains("mergeschema"));
    (merges || has(cursor, &["WITH", "SCHEMA", "EVOLUTION"]))
        .then(|| "this statement may add columns to a table, which are not known here".to_owned())
}

/// `label: BEGIN …`
fn is_labelled(cursor: &Cursor<'_, '_>) -> bool {
    let [_, colon, rest @ ..] = cursor.rest else { return false };
    colon.token == Token::Colon
        && (is_block(rest) || rest.first().is_some_and(|lexeme| STEPS.iter().any(|step| is(lexeme, step))))
}

/// Whether the statement contains these words.
fn has(cursor: &Cursor<'_, '_>, words: &[&str]) -> bool {
    (0..cursor.rest.len()).any(|at| takes(&cursor.rest[at..], words).is_some())
}

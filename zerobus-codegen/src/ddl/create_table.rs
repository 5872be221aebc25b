//! Reads CREATE TABLE.
//!
//! ```text
//! create := ( CREATE [ OR ( REPLACE | REFRESH ) ] [ PRIVATE ] { EXTERNAL | LIVE | STREAMING } TABLE | REPLACE TABLE )
//!           [ IF NOT EXISTS ] name "(" item { "," item } ")" { clause }
//! item   := column | constraint                                                   in `column`
//! clause :=                                                                       in `clauses`
//! ```
//! A table whose columns come from elsewhere (`AS query`, `LIKE`, `CLONE`, none at all) is an error that names the
//! source.

use sqlparser::tokenizer::Token;

use super::column::{Constraint, Item};
use super::context::Context;
use super::cursor::Cursor;
use super::draft::{Draft, Kind, Position};
use super::problem::{DdlProblem, Place};
use crate::likely;

/// What happens if a table with the name already exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    Refused,
    Kept,
    Replaced,
}

/// A statement that creates a table.
pub(super) struct Create {
    pub(super) place: Place,
    pub(super) name: [String; 3],
    pub(super) existing: Existing,
    /// The table, or the problems that make it unknown.
    pub(super) table: Result<Draft, Vec<DdlProblem>>,
}

/// Reads a statement that begins with CREATE … TABLE or REPLACE TABLE; `None` if it creates something else.
///
/// # Errors
/// If not even the table's name can be read.
pub(super) fn read(cursor: &mut Cursor<'_, '_>, context: &Context) -> Result<Option<Create>, DdlProblem> {
    let mut ahead = cursor.clone();
    let Some((kind, replaces)) = head(&mut ahead)? else { return Ok(None) };
    *cursor = ahead;
    let keeps = cursor.take(&["IF", "NOT", "EXISTS"]);
    let place = cursor.place();
    let name = context.table(cursor.dotted_name("the table's name")?, place)?;
    let mut draft = Draft::new(name.clone());
    draft.kind = kind;
    let full_name = draft.full_name();
    let table = body(cursor, draft).map_err(|problems| problems.into_iter().map(|p| p.of(&full_name)).collect());
    let existing = match (replaces, keeps) {
        // Both together are invalid.
        (false, false) | (true, true) => Existing::Refused,
        (false, true) => Existing::Kept,
        (true, false) => Existing::Replaced,
    };
    Ok(Some(Create { place, name, existing, table }))
}

/// Reads the words up to TABLE: the kind of table, and whether it replaces an existing one.
fn head(cursor: &mut Cursor<'_, '_>) -> Result<Option<(Kind, bool)>, DdlProblem> {
    if cursor.take(&["REPLACE", "TABLE"]) {
        return Ok(Some((Kind::Managed, true)));
    }
    cursor.expect(&["CREATE"])?;
    let replaces = cursor.take(&["OR", "REPLACE"]);
    // OR REFRESH keeps an existing table, as IF NOT EXISTS does, but can change its columns.
    let replaces = cursor.take(&["OR", "REFRESH"]) || replaces;
    cursor.take(&["PRIVATE"]);
    let mut kind = Kind::Managed;
    loop {
        if cursor.take(&["EXTERNAL"]) {
            kind = Kind::External;
        } else if cursor.take(&["STREAMING"]) || cursor.take(&["LIVE"]) {
            kind = Kind::Streaming;
        } else {
            return Ok(cursor.take(&["TABLE"]).then_some((kind, replaces)));
        }
    }
}

fn body(cursor: &mut Cursor<'_, '_>, mut draft: Draft) -> Result<Draft, Vec<DdlProblem>> {
    if cursor.token() != Some(&Token::LParen) {
        return Err(vec![without_columns(cursor)]);
    }
    let inside = cursor.parentheses("the columns").map_err(|problem| vec![problem])?;
    let mut problems = items(inside, &mut draft);
    if let Err(problem) = cursor.clauses(&mut draft) {
        // The clause may refer to a column that could not be read.
        if problems.is_empty() {
            problems.push(problem);
        }
    }
    if problems.is_empty() { Ok(draft) } else { Err(problems) }
}

/// The reason why a statement has no columns.
fn without_columns(cursor: &Cursor<'_, '_>) -> DdlProblem {
    let mut ahead = cursor.clone();
    let from = loop {
        match ahead.keyword().as_deref() {
            Some("AS") => break "come from a query",
            Some("CLONE") => break "are those of the table that it clones",
            Some("LIKE") => break "are those of another table",
            _ if ahead.is_at_end() => break "are not in the statement",
            _ => ahead.step(),
        }
    };
    let named = matches!(cursor.token(), None | Some(Token::Word(_)));
    if !named {
        return cursor.expected("a list of columns in parentheses");
    }
    cursor.problem(format!(
        "the table's columns {from}; write them out in parentheses, or `fetch` the table once it exists"
    ))
}

/// Reads every item; after an error it continues after the next comma.
fn items(mut inside: Cursor<'_, '_>, draft: &mut Draft) -> Vec<DdlProblem> {
    let (mut problems, mut constraints) = (Vec::new(), Vec::new());
    if inside.is_at_end() {
        problems.push(inside.problem("the list of columns is empty"));
    }
    while !inside.is_at_end() {
        let start = inside.clone();
        let read = item(&mut inside, draft).and_then(|constraint| {
            constraints.extend(constraint);
            separator(&mut inside)
        });
        if let Err(problem) = read {
            problems.push(problem);
            skip_item(&mut inside, start);
        }
    }
    if problems.is_empty() {
        for (place, constraint) in constraints {
            let applied = constraint.apply(draft);
            problems.extend(applied.err().map(|reason| DdlProblem::new(place, reason)));
        }
    }
    problems
}

/// Adds a column to the table, or returns a constraint, which can refer to later columns.
fn item(inside: &mut Cursor<'_, '_>, draft: &mut Draft) -> Result<Option<(Place, Constraint)>, DdlProblem> {
    let at = inside.clone();
    match inside.item()? {
        Item::Constraint(constraint) => Ok(Some((at.place(), constraint))),
        Item::Column(column) => {
            let name = column.field.name.clone();
            if !matches!(inside.token(), None | Some(Token::Comma)) {
                return Err(behind_column(inside, &name));
            }
            draft.add(&[], column, &Position::Last).map_err(|reason| at.problem(reason))?;
            Ok(None)
        }
    }
}

/// A comma followed by an item, or the end.
fn separator(inside: &mut Cursor<'_, '_>) -> Result<(), DdlProblem> {
    if inside.is_at_end() {
        return Ok(());
    }
    inside.expect_token(&Token::Comma)?;
    if inside.is_at_end() { Err(inside.expected("a column after the comma")) } else { Ok(()) }
}

/// The words that a clause of a column begins with.
const CLAUSES: &[&str] = &[
    "COLLATE",
    "COMMENT",
    "CONSTRAINT",
    "DEFAULT",
    "FOREIGN KEY",
    "GENERATED",
    "MASK",
    "NOT NULL",
    "PRIMARY KEY",
    "REFERENCES",
];

/// The error for text after a column that is not one of its clauses.
fn behind_column(inside: &Cursor<'_, '_>, name: &str) -> DdlProblem {
    let mut ahead = inside.clone();
    let column = ahead.name("").is_ok() && ahead.sql_type().is_ok();
    match inside.keyword().as_deref() {
        Some("AUTO_INCREMENT" | "AUTOINCREMENT" | "IDENTITY") => {
            inside.expected("a comma or a clause of the column, likely GENERATED ALWAYS AS IDENTITY")
        }
        Some("UNIQUE") => {
            inside.problem("Databricks SQL has no UNIQUE constraint; leave it out, or make it the primary key")
        }
        Some(word) if likely(word, CLAUSES.iter().copied()).is_some_and(|likely| likely != word) => {
            let likely = likely(word, CLAUSES.iter().copied()).unwrap_or_default();
            inside.expected(&format!("a comma or a clause of column {name}, likely {likely}"))
        }
        _ if column => inside.problem(format!("expected a comma after column {name}, found {}", inside.found())),
        _ => inside.expected(&format!("a comma or a clause of column {name}")),
    }
}

/// Skips the item with an error, which begins at `start`, and the comma after it.
///
/// A comma inside parentheses, or inside the angle brackets of a type, belongs to the item. If a type is not closed,
/// the next comma ends the item.
fn skip_item<'s, 'a>(inside: &mut Cursor<'s, 'a>, start: Cursor<'s, 'a>) {
    let mut whole = start;
    if skip_to_comma(&mut whole) {
        *inside = whole;
    } else {
        skip_to_comma(inside);
    }
}

/// Skips the next comma outside of brackets, or everything; returns whether each type was closed.
fn skip_to_comma(inside: &mut Cursor<'_, '_>) -> bool {
    let (mut parentheses, mut angles) = (0_i32, 0_i32);
    while let Some(token) = inside.token() {
        let opens_type = ["ARRAY", "MAP", "STRUCT"].iter().any(|word| inside.looks_at(&[word]));
        inside.step();
        match token {
            Token::LParen => parentheses += 1,
            Token::RParen => parentheses -= 1,
            Token::Gt if angles > 0 => angles -= 1,
            // Elsewhere `<` compares two values.
            _ if opens_type && inside.token() == Some(&Token::Lt) => angles += 1,
            Token::Comma if parentheses <= 0 && angles == 0 => return true,
            _ => {}
        }
    }
    angles == 0
}

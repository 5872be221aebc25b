//! The cells of a notebook source, as exported by Databricks. Any other text is one cell.
//!
//! ```text
//! source := cell { [ "-- COMMAND ----------" ] cell } [ down any ]
//! cell   := { "-- Databricks notebook source" | "-- DBTITLE " any | blank } body
//! body   := "-- MAGIC %" command { "-- MAGIC " line }      in another language, or in SQL said once more
//!         | "%" command { line }                           the same, as copied from the screen
//!         | { line }                                       in SQL
//! down   := "-- +goose Down" | "-- +migrate Down" | "-- migrate:down" | "-- //@UNDO"
//! ```
//! What undoes a migration is not part of what it does. What is cut away is replaced by spaces, so that places count from the beginning of the text.

use super::problem::{DdlProblem, Place};

/// A cell in SQL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// The SQL, its first line the cell's first.
    pub(super) sql: String,
    /// The line of the text in which the cell begins.
    pub(super) line: u32,
}

const COMMAND: &str = "-- COMMAND ----------";
const MAGIC: &str = "-- MAGIC";
/// What the part of a migration begins with that takes it back.
const DOWN: &[&str] = &["-- +goose down", "-- +migrate down", "-- migrate:down", "-- //@undo"];
/// Commands of a cell that create and alter no table.
const HARMLESS: &[&str] = &["conda", "fs", "md", "md-sandbox", "pip", "sh", "uv"];
/// Commands of a cell that may.
const OTHERS: &[&str] = &["python", "r", "run", "scala"];

/// The cells in SQL, and a warning for each that may define tables and is not read.
pub(super) fn cells(text: &str) -> (Vec<Cell>, Vec<DdlProblem>) {
    let (mut cells, mut warnings) = (Vec::new(), Vec::new());
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for (first, lines) in split(&text) {
        match read(&lines) {
            Ok(sql) => cells.push(Cell { sql, line: first }),
            Err((_, command)) if HARMLESS.contains(&command.as_str()) => {}
            Err((at, command)) => {
                let text = format!(
                    "this cell in %{command} is not read; a table that it creates or alters is not known here, so move \
                     such statements to a cell in SQL"
                );
                warnings.push(DdlProblem::new(Place { line: first + at, column: 1 }, text));
            }
        }
    }
    (cells, warnings)
}

/// The lines of each cell, with the number of the first.
fn split(text: &str) -> Vec<(u32, Vec<&str>)> {
    let mut cells = vec![(1, Vec::new())];
    for (number, line) in (1..).zip(text.split('\n')) {
        let begun = |lines: &[&str]| lines.iter().any(|line| is_content(line));
        if DOWN.iter().any(|down| line.trim().to_lowercase().starts_with(down)) {
            break;
        }
        if line.trim_end() == COMMAND {
            cells.push((number + 1, Vec::new()));
            continue;
        }
        if let Some((_, lines)) = cells.last()
            && begun(lines)
            && begins_cell(line, lines)
        {
            cells.push((number, Vec::new()));
        }
        if let Some((_, lines)) = cells.last_mut() {
            lines.push(line);
        }
    }
    cells
}

/// Whether a line names another language where the cell before has not said that it is over.
fn begins_cell(line: &str, before: &[&str]) -> bool {
    let in_magic = before.iter().any(|line| line.starts_with(MAGIC));
    let known = |text: &str| {
        command(text).is_some_and(|(command, _)| {
            command == "sql" || HARMLESS.contains(&command.as_str()) || OTHERS.contains(&command.as_str())
        })
    };
    match line.strip_prefix(MAGIC) {
        Some(rest) => !in_magic && known(rest),
        None => known(line),
    }
}

fn is_content(line: &str) -> bool {
    let line = line.trim();
    !(line.is_empty() || line == "-- Databricks notebook source" || line.starts_with("-- DBTITLE "))
}

/// The command in lower case that a line begins with, and what follows it.
fn command(line: &str) -> Option<(String, &str)> {
    let rest = line.trim_start().strip_prefix('%')?;
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    Some((rest[..end].to_lowercase(), &rest[end..])).filter(|(command, _)| !command.is_empty())
}

/// The SQL of a cell; of one in another language the line in which it says so, from 0, and the command.
fn read(lines: &[&str]) -> Result<String, (u32, String)> {
    let Some(at) = lines.iter().position(|line| is_content(line)) else { return Ok(String::new()) };
    let magic = lines[at].starts_with(MAGIC);
    let mut plain: Vec<String> =
        lines.iter().map(|line| if magic { without_magic(line) } else { (*line).to_owned() }).collect();
    if let Some((command, rest)) = command(&plain[at]) {
        if command != "sql" {
            return Err((u32::try_from(at).unwrap_or(u32::MAX), command));
        }
        let blank = plain[at].chars().count() - rest.chars().count();
        plain[at] = format!("{}{rest}", " ".repeat(blank));
    }
    Ok(plain.join("\n"))
}

/// The line with spaces in place of what marks it as part of a cell in another language.
fn without_magic(line: &str) -> String {
    match line.strip_prefix(MAGIC) {
        Some(rest) => format!("{}{rest}", " ".repeat(MAGIC.len())),
        None => line.to_owned(),
    }
}

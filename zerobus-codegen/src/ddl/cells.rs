//! The cells of a notebook source that Databricks exported. Any other text is one cell.
//!
//! ```text
//! source := cell { [ m " COMMAND ----------" ] cell } [ down any ]
//! m      := "--" | "#" | "//"                              starts a comment in the notebook's language
//! cell   := { m " Databricks notebook source" | m " DBTITLE " any | blank } body
//! body   := m " MAGIC %" command { m " MAGIC " line }      in the command's language, which may be SQL
//!         | "%" command { line }                           the same, copied from the screen
//!         | { line }                                       in the notebook's language
//! down   := "-- +goose Down" | "-- +migrate Down" | "-- migrate:down" | "-- //@UNDO"
//! ```
//! The first line with content, `m " Databricks notebook source"`, shows the language: SQL unless it begins with `#` or
//! `//`. The part that undoes a migration (`down`) is not read. Removed text is replaced by spaces, so that places in
//! the whole text stay the same.

use super::problem::{DdlProblem, Place};

/// A cell in SQL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// The SQL; its first line is the cell's first line.
    pub(super) sql: String,
    /// The line of the text in which the cell begins.
    pub(super) line: u32,
}

/// The marks in a notebook's source.
struct Marks {
    source: &'static str,
    command: &'static str,
    magic: &'static str,
    title: &'static str,
    /// The language of cells without a command, if it is not SQL.
    language: Option<&'static str>,
}

/// The marks in each language, those of SQL first.
const MARKS: [Marks; 3] = [
    Marks {
        source: "-- Databricks notebook source",
        command: "-- COMMAND ----------",
        magic: "-- MAGIC",
        title: "-- DBTITLE ",
        language: None,
    },
    Marks {
        source: "# Databricks notebook source",
        command: "# COMMAND ----------",
        magic: "# MAGIC",
        title: "# DBTITLE ",
        language: Some("Python or R"),
    },
    Marks {
        source: "// Databricks notebook source",
        command: "// COMMAND ----------",
        magic: "// MAGIC",
        title: "// DBTITLE ",
        language: Some("Scala"),
    },
];
/// The first lines of the part that undoes a migration.
const DOWN: &[&str] = &["-- +goose down", "-- +migrate down", "-- migrate:down", "-- //@undo"];
/// Commands whose cells cannot create or alter a table.
const HARMLESS: &[&str] = &["conda", "fs", "md", "md-sandbox", "pip", "sh", "uv"];
/// Commands whose cells may create or alter a table.
const OTHERS: &[&str] = &["python", "r", "run", "scala"];

/// The cells in SQL, and a warning for each cell that may define tables but is not read.
pub(super) fn cells(text: &str) -> (Vec<Cell>, Vec<DdlProblem>) {
    let (mut cells, mut warnings) = (Vec::new(), Vec::new());
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let marks = Marks::of(&text);
    for (first, lines) in marks.split(&text) {
        match marks.read(&lines) {
            Ok(sql) => cells.push(Cell { sql, line: first }),
            Err((at, language)) => {
                let text = format!(
                    "this cell in {language} is not read; a table that it creates or alters is not known here, so move \
                     such statements to a cell in SQL"
                );
                warnings.extend(at.map(|at| DdlProblem::new(Place { line: first + at, column: 1 }, text)));
            }
        }
    }
    (cells, warnings)
}

impl Marks {
    fn of(text: &str) -> &'static Self {
        let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        MARKS.iter().find(|marks| marks.source == first).unwrap_or(&MARKS[0])
    }

    /// The lines of each cell, with the number of the first.
    fn split<'t>(&self, text: &'t str) -> Vec<(u32, Vec<&'t str>)> {
        let mut cells = vec![(1, Vec::new())];
        for (number, line) in (1..).zip(text.split('\n')) {
            let begun = |lines: &[&str]| lines.iter().any(|line| self.is_content(line));
            if DOWN.iter().any(|down| line.trim().to_lowercase().starts_with(down)) {
                break;
            }
            if line.trim_end() == self.command {
                cells.push((number + 1, Vec::new()));
                continue;
            }
            if let Some((_, lines)) = cells.last()
                && self.language.is_none()
                && begun(lines)
                && self.begins_cell(line, lines)
            {
                cells.push((number, Vec::new()));
            }
            if let Some((_, lines)) = cells.last_mut() {
                lines.push(line);
            }
        }
        cells
    }

    /// Whether a line begins a cell in another language without a separator after the cell before.
    fn begins_cell(&self, line: &str, before: &[&str]) -> bool {
        let in_magic = before.iter().any(|line| line.starts_with(self.magic));
        let known = |text: &str| {
            command(text).is_some_and(|(command, _)| {
                command == "sql" || HARMLESS.contains(&command.as_str()) || OTHERS.contains(&command.as_str())
            })
        };
        match line.strip_prefix(self.magic) {
            Some(rest) => !in_magic && known(rest),
            None => known(line),
        }
    }

    fn is_content(&self, line: &str) -> bool {
        let line = line.trim();
        !(line.is_empty() || line == self.source || line.starts_with(self.title))
    }

    /// The SQL of a cell. For a cell in another language, the error has the language and, if the cell may define
    /// tables, the line where it begins, counted from 0.
    fn read(&self, lines: &[&str]) -> Result<String, (Option<u32>, String)> {
        let Some(at) = lines.iter().position(|line| self.is_content(line)) else { return Ok(String::new()) };
        let line = u32::try_from(at).unwrap_or(u32::MAX);
        let magic = lines[at].starts_with(self.magic);
        if let (Some(language), false) = (self.language, magic) {
            return Err((defines_tables(lines).then_some(line), language.to_owned()));
        }
        let mut plain: Vec<String> =
            lines.iter().map(|line| if magic { self.without_magic(line) } else { (*line).to_owned() }).collect();
        if let Some((command, rest)) = command(&plain[at]) {
            if command != "sql" {
                let harmless = HARMLESS.contains(&command.as_str());
                return Err(((!harmless).then_some(line), format!("%{command}")));
            }
            let blank = plain[at].chars().count() - rest.chars().count();
            plain[at] = format!("{}{rest}", " ".repeat(blank));
        }
        Ok(plain.join("\n"))
    }

    /// The line with spaces in place of its MAGIC mark.
    fn without_magic(&self, line: &str) -> String {
        match line.strip_prefix(self.magic) {
            Some(rest) => format!("{}{rest}", " ".repeat(self.magic.len())),
            None => line.to_owned(),
        }
    }
}

/// Whether code mentions a statement about a table, or a function that writes one.
fn defines_tables(lines: &[&str]) -> bool {
    let code = lines.join("\n").to_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| code.contains(word));
    any(&["create", "alter", "replace"]) && any(&["table"]) || any(&["saveastable", "writeto", "deltatable"])
}

/// The command at the start of a line, in lower case, and the text after it.
fn command(line: &str) -> Option<(String, &str)> {
    let rest = line.trim_start().strip_prefix('%')?;
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    Some((rest[..end].to_lowercase(), &rest[end..])).filter(|(command, _)| !command.is_empty())
}

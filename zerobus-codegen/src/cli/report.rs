//! What `fetch` and `generate` did, as lines for people or as one JSON document.

use serde_json::{Map, Value, json};

use super::arguments::{ReportFormat, Verbosity};
use super::{Outcome, chain};

/// What was done so far.
pub(super) struct Report {
    format: ReportFormat,
    verbosity: Verbosity,
    /// The lines and the exit code.
    outcome: Outcome,
    tables: Vec<Value>,
    notes: Vec<String>,
    warnings: Vec<String>,
    errors: Vec<String>,
}

impl Report {
    pub(super) fn new(format: ReportFormat, verbosity: Verbosity) -> Self {
        let (tables, notes, warnings, errors) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { format, verbosity, outcome: Outcome::default(), tables, notes, warnings, errors }
    }

    /// Adds what was done about a table: a line, and the same for programs.
    pub(super) fn table(&mut self, line: impl AsRef<str>, table: Value) {
        self.line(line);
        self.tables.push(table);
    }

    /// Adds a line that says nothing that a program needs.
    pub(super) fn line(&mut self, line: impl AsRef<str>) {
        if self.verbosity == Verbosity::Normal {
            self.outcome.line(line);
        }
    }

    /// Adds something worth knowing.
    pub(super) fn note(&mut self, note: String) {
        self.line(&note);
        self.notes.push(note);
    }

    /// Adds something that the user should act on.
    pub(super) fn warn(&mut self, warning: &dyn std::fmt::Display) {
        self.outcome.warn(warning);
        self.warnings.push(warning.to_string());
    }

    /// Adds an error, with everything that led to it.
    pub(super) fn fail(&mut self, error: &dyn std::error::Error) {
        self.outcome.fail(error);
        self.errors.push(chain(error));
    }

    /// Adds an error that has only its text.
    pub(super) fn fault(&mut self, text: String) {
        self.outcome.fault(&text);
        self.errors.push(text);
    }

    /// Everything, with these members added for programs.
    pub(super) fn finish(self, members: Map<String, Value>) -> Outcome {
        if self.format == ReportFormat::Text {
            return self.outcome;
        }
        let mut document = members;
        document.insert("tables".to_owned(), json!(self.tables));
        document.insert("errors".to_owned(), json!(self.errors));
        document.insert("warnings".to_owned(), json!(self.warnings));
        document.insert("notes".to_owned(), json!(self.notes));
        let mut outcome = Outcome { code: self.outcome.code, ..Outcome::default() };
        outcome.line(format!("{:#}", Value::from(document)));
        outcome
    }
}

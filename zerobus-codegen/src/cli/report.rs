//! The report of `fetch` and `generate`: their results, as lines of text or as one JSON document.

use serde_json::{Map, Value, json};

use super::arguments::{ReportFormat, Verbosity};
use super::{Outcome, chain};

/// The results so far.
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

    /// Adds the result for a table: a line of text, and the same as JSON.
    pub(super) fn table(&mut self, line: impl AsRef<str>, table: Value) {
        self.line(line);
        self.tables.push(table);
    }

    /// Adds a line that appears only in text output.
    pub(super) fn line(&mut self, line: impl AsRef<str>) {
        if self.verbosity == Verbosity::Normal {
            self.outcome.line(line);
        }
    }

    /// Adds a remark.
    pub(super) fn note(&mut self, note: String) {
        self.line(&note);
        self.notes.push(note);
    }

    /// Adds a warning that the user should act on.
    pub(super) fn warn(&mut self, warning: &dyn std::fmt::Display) {
        self.outcome.warn(warning);
        self.warnings.push(warning.to_string());
    }

    /// Adds an error with its causes.
    pub(super) fn fail(&mut self, error: &dyn std::error::Error) {
        self.outcome.fail(error);
        self.errors.push(chain(error));
    }

    /// Adds an error by its text.
    pub(super) fn fault(&mut self, text: String) {
        self.outcome.fault(&text);
        self.errors.push(text);
    }

    /// Renders the report; the JSON document also gets these members.
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

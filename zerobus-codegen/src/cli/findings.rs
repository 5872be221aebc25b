//! What a check found, as text, as JSON, or as annotations of a GitHub workflow.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Outcome;
use super::arguments::Format;
use crate::{Change, Drift, Printable, Severity, Warning};

/// What a check found.
#[derive(Default)]
pub(super) struct Findings {
    drifts: Vec<(Drift, Option<PathBuf>)>,
    errors: Vec<(String, Option<PathBuf>)>,
    warnings: Vec<Warning>,
}

impl Findings {
    /// Adds what happened to a table whose snapshot is this file.
    pub(super) fn drift(&mut self, drift: Drift, snapshot: Option<&Path>) {
        self.drifts.push((drift, snapshot.map(Path::to_owned)));
    }

    /// Adds an error about this file.
    pub(super) fn error(&mut self, text: String, file: Option<&Path>) {
        self.errors.push((text, file.map(Path::to_owned)));
    }

    /// Adds what the user should know of the sources.
    pub(super) fn warnings(&mut self, warnings: &[Warning]) {
        self.warnings.extend_from_slice(warnings);
    }

    /// Everything in this format, with the exit code that it earns.
    pub(super) fn outcome(&self, format: Format) -> Outcome {
        let mut outcome = match format {
            Format::Github => self.github(),
            Format::Json => self.json(),
            Format::Text => self.text(),
        };
        outcome.code = match self.severity() {
            _ if !self.errors.is_empty() => 1,
            None => 0,
            Some(Severity::Safe) => 3,
            Some(Severity::Breaking) => 4,
        };
        outcome
    }

    fn severity(&self) -> Option<Severity> {
        self.drifts.iter().filter_map(|(drift, _)| drift.severity()).max()
    }

    fn text(&self) -> Outcome {
        let mut outcome = Outcome::default();
        if self.drifts.is_empty() && self.errors.is_empty() {
            outcome.line("everything is as the snapshots say");
        }
        for (drift, _) in &self.drifts {
            outcome.line(format!("{}: {}", Printable(&drift.table), word(drift.severity())));
            for change in &drift.changes {
                outcome.line(format!("  {:<8}  {change}", change.kind.severity()));
            }
        }
        for warning in &self.warnings {
            outcome.warn(warning);
        }
        for (error, _) in &self.errors {
            // Writing to a String cannot fail.
            let _ = writeln!(outcome.err, "error: {error}");
        }
        outcome
    }

    fn json(&self) -> Outcome {
        let tables: Vec<Value> = self.drifts.iter().map(|(drift, file)| table_json(drift, file.as_deref())).collect();
        let errors = self.errors.iter().map(|(error, file)| json!({"text": error, "file": file.as_deref().map(shown)}));
        let warnings = self.warnings.iter().map(|warning| json!({"text": warning.text, "file": shown(&warning.path)}));
        let document = json!({
            "drift": word(self.severity()),
            "tables": tables,
            "errors": errors.collect::<Vec<_>>(),
            "warnings": warnings.collect::<Vec<_>>(),
        });
        let mut outcome = Outcome::default();
        outcome.line(format!("{document:#}"));
        outcome
    }

    fn github(&self) -> Outcome {
        let mut outcome = Outcome::default();
        for (drift, file) in &self.drifts {
            let text = file.as_ref().and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
            for change in &drift.changes {
                let severity = change.kind.severity();
                let level = if severity == Severity::Breaking { "error" } else { "warning" };
                let title = format!("{severity} drift of {}", Printable(&drift.table));
                let place = place(file.as_deref(), line_of(&text, change));
                outcome.line(format!("::{level} {place}title={}::{}", property(&title), data(&change.to_string())));
            }
        }
        for Warning { path, text } in &self.warnings {
            outcome.line(format!("::warning {}title=zerobus-codegen::{}", place(Some(path), None), data(text)));
        }
        for (error, file) in &self.errors {
            let place = place(file.as_deref(), None);
            outcome.line(format!("::error {place}title=zerobus-codegen::{}", data(error)));
        }
        outcome
    }
}

fn word(severity: Option<Severity>) -> String {
    severity.map_or_else(|| "none".to_owned(), |severity| severity.to_string())
}

fn table_json(drift: &Drift, file: Option<&Path>) -> Value {
    let changes: Vec<Value> = drift.changes.iter().map(change_json).collect();
    json!({"table": drift.table, "drift": word(drift.severity()), "file": file.map(shown), "changes": changes})
}

fn change_json(change: &Change) -> Value {
    use crate::ChangeKind as Kind;
    let mut json = json!({
        "column": change.path.to_string(),
        "change": change.kind.name(),
        "severity": change.kind.severity().to_string(),
        "text": change.to_string(),
    });
    match &change.kind {
        Kind::Added { data_type, nullable } => {
            (json["type"], json["nullable"]) = (json!(data_type), json!(nullable));
        }
        Kind::Renamed { to } => json["to"] = json!(to),
        Kind::Retyped { from, to } => (json["from"], json["to"]) = (json!(from), json!(to)),
        _ => {}
    }
    json
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Where an annotation goes, with a comma behind it.
fn place(file: Option<&Path>, line: Option<usize>) -> String {
    let Some(file) = file else { return String::new() };
    let line = line.map(|line| format!("line={line},")).unwrap_or_default();
    format!("file={},{line}", property(&shown(file)))
}

/// The line of a snapshot where the change's column begins.
fn line_of(snapshot: &str, change: &Change) -> Option<usize> {
    let column = change.path.segments().first()?;
    let entry = format!("\"name\": {}", json!(column));
    snapshot.lines().position(|line| line.contains(&entry)).map(|at| at + 1)
}

/// Text of an annotation, escaped as GitHub's runner reads it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of an annotation, escaped as GitHub's runner reads it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

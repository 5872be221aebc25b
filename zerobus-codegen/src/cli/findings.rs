//! Findings: the results of a check with the policy's verdicts, printed in one of the formats.
//!
//! | file | format |
//! |---|---|
//! | `github` | annotations of a GitHub workflow: each finding at its line |
//! | `json` | one JSON document |
//! | `junit` | JUnit XML: one test case per change |
//! | `markdown` | a Markdown table, for a comment on a pull request |
//! | `sarif` | SARIF 2.1.0, for code scanning |
//! | `text` | lines of text |

mod github;
mod json;
mod junit;
mod markdown;
mod sarif;
mod text;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::Outcome;
use super::arguments::{Format, Verbosity};
use crate::{Allowance, Change, Day, Drift, Policy, Severity, Verdict, Warning};

/// The findings of a check.
pub(super) struct Findings {
    policy: Policy,
    today: Day,
    drifts: Vec<(Drift, Option<PathBuf>)>,
    errors: Vec<(String, Option<PathBuf>)>,
    notes: Vec<String>,
    warnings: Vec<Warning>,
}

/// A table that was compared.
struct Compared<'a> {
    drift: &'a Drift,
    file: Option<&'a Path>,
    changes: Vec<Judged<'a>>,
}

/// A change and the policy's verdict.
struct Judged<'a> {
    change: &'a Change,
    verdict: Verdict<'a>,
    /// The line of its column, if it is known.
    line: Option<usize>,
}

impl Findings {
    /// No findings yet; later ones are judged by this policy.
    pub(super) fn new(policy: Policy) -> Self {
        let (drifts, errors, notes, warnings) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { policy, today: today(), drifts, errors, notes, warnings }
    }

    /// Adds the drift of a table, with the file of its snapshot.
    pub(super) fn drift(&mut self, drift: Drift, snapshot: Option<&Path>) {
        self.drifts.push((drift, snapshot.map(Path::to_owned)));
    }

    /// Adds an error about this file.
    pub(super) fn error(&mut self, text: String, file: Option<&Path>) {
        self.errors.push((text, file.map(Path::to_owned)));
    }

    /// Adds a remark.
    pub(super) fn note(&mut self, text: String) {
        self.notes.push(text);
    }

    /// Adds warnings about the sources.
    pub(super) fn warnings(&mut self, warnings: &[Warning]) {
        self.warnings.extend_from_slice(warnings);
    }

    /// Whether an error was found.
    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Renders everything in this format, and sets the exit code.
    pub(super) fn outcome(mut self, format: Format, verbosity: Verbosity) -> Outcome {
        let unused: Vec<String> = self.unused().map(stale).collect();
        self.notes.extend(unused);
        let compared: Vec<Compared> =
            self.drifts.iter().map(|(drift, file)| self.compared(drift, file.as_deref())).collect();
        let mut outcome = match format {
            Format::Github => github::outcome(&self, &compared),
            Format::Json => json::outcome(&self, &compared),
            Format::Junit => junit::outcome(&self, &compared),
            Format::Markdown => markdown::outcome(&self, &compared),
            Format::Sarif => sarif::outcome(&self, &compared),
            Format::Text => text::outcome(&self, &compared, verbosity),
        };
        outcome.code = self.code(&compared);
        outcome
    }

    fn compared<'a>(&'a self, drift: &'a Drift, file: Option<&'a Path>) -> Compared<'a> {
        let lines = Lines::of(file.filter(|_| !drift.changes.is_empty()));
        let judged = |change| Judged {
            change,
            verdict: self.policy.judge(&drift.table, change, self.today),
            line: lines.find(&drift.table, change),
        };
        Compared { drift, file, changes: drift.changes.iter().map(judged).collect() }
    }

    /// The exit code: 1 for an error, otherwise that of the worst class that counts.
    fn code(&self, compared: &[Compared<'_>]) -> u8 {
        if self.has_errors() {
            return 1;
        }
        // Without a threshold, safe drift does not fail, but has its exit code.
        let counts = |judged: &&Judged| match judged.verdict {
            Verdict::Fails(_) => true,
            Verdict::Allowed(_) => false,
            Verdict::Notice | Verdict::Warns => self.policy.fail_on.is_none(),
        };
        let all = compared.iter().flat_map(|compared| &compared.changes);
        match all.filter(counts).map(|judged| judged.change.severity).max() {
            None => 0,
            Some(Severity::Safe) => 3,
            Some(Severity::Breaking) => 4,
            Some(Severity::SomeRowsRefused) => 5,
            Some(Severity::SilentlyWrong) => 6,
        }
    }

    /// The allowances for compared tables that match none of the changes.
    fn unused(&self) -> impl Iterator<Item = &Allowance> {
        let concerns = |allowance: &&Allowance| self.drifts.iter().any(|(drift, _)| allowance.concerns(&drift.table));
        let is_used = |allowance: &Allowance| {
            self.drifts.iter().any(|(drift, _)| {
                drift.changes.iter().any(|change| match self.policy.judge(&drift.table, change, self.today) {
                    Verdict::Allowed(used) | Verdict::Fails(Some(used)) => used == allowance,
                    _ => false,
                })
            })
        };
        self.policy.allow.iter().filter(concerns).filter(move |allowance| !is_used(allowance))
    }
}

impl Compared<'_> {
    /// The worst class among the changes that are not allowed.
    fn severity(&self) -> Option<Severity> {
        let counts = |judged: &&Judged| !matches!(judged.verdict, Verdict::Allowed(_));
        self.changes.iter().filter(counts).map(|judged| judged.change.severity).max()
    }

    /// The class in text output.
    fn class(&self) -> String {
        match self.severity() {
            Some(severity) => severity.to_string(),
            None if self.changes.is_empty() => "none".to_owned(),
            None => "allowed".to_owned(),
        }
    }

    /// The class in machine-readable output.
    fn class_name(&self) -> &'static str {
        match self.severity() {
            Some(severity) => severity.name(),
            None if self.changes.is_empty() => "none",
            None => "allowed",
        }
    }
}

impl Judged<'_> {
    /// The change's class, or `allowed`.
    fn class(&self) -> String {
        match self.verdict {
            Verdict::Allowed(_) => "allowed".to_owned(),
            _ => self.change.severity.to_string(),
        }
    }

    /// The change, with the reason and the last day of its allowance, if it has one.
    fn text(&self) -> String {
        match self.verdict {
            Verdict::Allowed(Allowance { reason, until, .. }) => {
                format!("{} (allowed until {until}: {})", self.change, crate::Printable(reason))
            }
            Verdict::Fails(Some(Allowance { reason, until, .. })) => {
                format!("{} (was allowed until {until}: {})", self.change, crate::Printable(reason))
            }
            _ => self.change.to_string(),
        }
    }
}

fn stale(Allowance { path, until, .. }: &Allowance) -> String {
    format!("the allowance at {} (until {until}) allows nothing; remove it", crate::Printable(path))
}

/// The current day in UTC.
fn today() -> Day {
    let date = time::OffsetDateTime::now_utc().date();
    #[expect(
        clippy::expect_used,
        reason = "a date of the crate time is a day of the calendar, and its clock is in its range"
    )]
    Day::new(date.year(), date.month().into(), date.day()).expect("a day of the calendar")
}

/// The text of a source, in which the lines of columns are looked up.
struct Lines {
    text: String,
    /// In a snapshot, the first line of each entry by its quoted name.
    entries: HashMap<String, usize>,
}

impl Lines {
    fn of(file: Option<&Path>) -> Self {
        let bytes = file.and_then(|file| fs::read(file).ok()).unwrap_or_default();
        let text = crate::file_text(&bytes).unwrap_or_default().into_owned();
        let mut entries = HashMap::new();
        for (line, entry) in (1..).zip(text.lines()) {
            if let Some(name) = entry.trim_start().strip_prefix("\"name\": ") {
                entries.entry(name.trim_end_matches(',').to_owned()).or_insert(line);
            }
        }
        Self { text, entries }
    }

    /// The line of a change's column: in a snapshot the line of its entry; in statements the first line, from the
    /// table's name on, that contains the column's name as a word.
    fn find(&self, table: &str, change: &Change) -> Option<usize> {
        let column = change.path.segments().first()?;
        if !self.entries.is_empty() {
            return self.entries.get(&serde_json::Value::from(column.as_str()).to_string()).copied();
        }
        let name = table.rsplit('.').next()?;
        let mut lines = (1..).zip(self.text.lines()).skip_while(|(_, line)| !has_word(line, name));
        lines.find(|(_, line)| has_word(line, column)).map(|(at, _)| at)
    }
}

fn has_word(line: &str, word: &str) -> bool {
    let is_in_word = |c: char| c.is_alphanumeric() || c == '_';
    line.split(|c| !is_in_word(c)).any(|found| found.eq_ignore_ascii_case(word))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

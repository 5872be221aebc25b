//! Findings as lines of text.

use std::fmt::Write as _;

use super::super::Outcome;
use super::{Compared, Findings, Verbosity};
use crate::Printable;

pub(super) fn outcome(findings: &Findings, compared: &[Compared<'_>], verbosity: Verbosity) -> Outcome {
    let mut outcome = Outcome::default();
    let quiet = verbosity == Verbosity::Quiet;
    for table in compared.iter().filter(|table| !quiet || !table.changes.is_empty()) {
        outcome.line(format!("{}: {}", Printable(&table.drift.table), table.class()));
        // At least as wide as `breaking`, so the common classes align across tables.
        let width = table.changes.iter().map(|judged| judged.class().len()).max().unwrap_or_default().max(8);
        for judged in &table.changes {
            outcome.line(format!("  {:<width$}  {}", judged.class(), judged.text()));
        }
    }
    for note in findings.notes.iter().filter(|_| !quiet) {
        outcome.line(note);
    }
    for warning in &findings.warnings {
        outcome.warn(warning);
    }
    for (error, _) in &findings.errors {
        // Writing to a String cannot fail.
        let _ = writeln!(outcome.err, "error: {error}");
    }
    outcome
}

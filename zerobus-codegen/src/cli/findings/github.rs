//! Findings as annotations of a GitHub workflow, each at its line.

use std::path::Path;

use super::super::Outcome;
use super::{Compared, Findings, shown};
use crate::{Printable, Verdict, Warning};

pub(super) fn outcome(findings: &Findings, compared: &[Compared<'_>]) -> Outcome {
    let mut outcome = Outcome::default();
    for table in compared {
        for judged in &table.changes {
            let level = match judged.verdict {
                Verdict::Fails(_) => "error",
                Verdict::Warns => "warning",
                Verdict::Allowed(_) | Verdict::Notice => "notice",
            };
            let title = format!("{} drift of {}", judged.class(), Printable(&table.drift.table));
            let place = place(table.file, judged.line);
            outcome.line(format!("::{level} {place}title={}::{}", property(&title), data(&judged.text())));
        }
    }
    for Warning { path, text } in &findings.warnings {
        outcome.line(format!("::warning {}title=zerobus-codegen::{}", place(Some(path), None), data(text)));
    }
    for note in &findings.notes {
        outcome.line(format!("::notice title=zerobus-codegen::{}", data(note)));
    }
    for (error, file) in &findings.errors {
        let place = place(file.as_deref(), None);
        outcome.line(format!("::error {place}title=zerobus-codegen::{}", data(error)));
    }
    outcome
}

/// The place of an annotation, followed by a comma.
fn place(file: Option<&Path>, line: Option<usize>) -> String {
    let Some(file) = file else { return String::new() };
    let line = line.map(|line| format!("line={line},")).unwrap_or_default();
    format!("file={},{line}", property(&shown(file)))
}

/// Text of an annotation, escaped as GitHub's runner reads it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of an annotation, escaped as GitHub's runner reads it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

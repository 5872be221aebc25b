//! Findings as a Markdown table, for a comment on a pull request.

use super::super::Outcome;
use super::{Compared, Findings, Judged, shown};
use crate::Verdict;

pub(super) fn outcome(findings: &Findings, compared: &[Compared<'_>]) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.line("### Schema drift\n");
    let changed: Vec<&Compared> = compared.iter().filter(|table| !table.changes.is_empty()).collect();
    if changed.is_empty() {
        outcome.line(format!("No drift; {} tables compared.", compared.len()));
    } else {
        outcome.line("| | table | change | class |\n|---|---|---|---|");
    }
    for table in changed {
        for judged in &table.changes {
            let (name, text) = (escaped(&table.drift.table), escaped(&judged.text()));
            outcome.line(format!("| {} | {name} | {text} | {} |", mark(judged), judged.class()));
        }
    }
    let errors = findings.errors.iter().map(|(text, _)| ("error", text.clone()));
    let warnings =
        findings.warnings.iter().map(|warning| ("warning", format!("{}: {}", shown(&warning.path), warning.text)));
    let notes = findings.notes.iter().map(|note| ("note", note.clone()));
    let messages: Vec<(&str, String)> = errors.chain(warnings).chain(notes).collect();
    if !messages.is_empty() {
        outcome.line("");
    }
    for (level, text) in messages {
        outcome.line(format!("- **{level}**: {}", escaped(&text)));
    }
    outcome
}

const fn mark(judged: &Judged<'_>) -> &'static str {
    match judged.verdict {
        Verdict::Allowed(_) => "➖",
        Verdict::Fails(_) => "❌",
        Verdict::Notice => "ℹ️",
        Verdict::Warns => "⚠️",
    }
}

/// Escapes text for Markdown: no markup, no HTML, no mentions, one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("&#64;"),
            ':' => escaped.push_str("&#58;"),
            '\n' => escaped.push_str("<br>"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '!' | '>' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

//! Findings as JUnit XML: one test case per change, per table without changes, and per error.

use std::fmt::Write as _;

use super::super::Outcome;
use super::{Compared, Findings, Judged, shown};
use crate::Verdict;

pub(super) fn outcome(findings: &Findings, compared: &[Compared<'_>]) -> Outcome {
    let mut cases = String::new();
    for table in compared {
        if table.changes.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(cases, "    <testcase classname=\"{}\" name=\"no drift\"/>", escaped(&table.drift.table));
        }
        for judged in &table.changes {
            case(&mut cases, &table.drift.table, judged);
        }
    }
    for (error, file) in &findings.errors {
        let file = file.as_deref().map_or_else(|| "zerobus-codegen".to_owned(), shown);
        let (file, error) = (escaped(&file), escaped(error));
        let _ = writeln!(
            cases,
            "    <testcase classname=\"{file}\" name=\"error\"><error message=\"{error}\"/></testcase>"
        );
    }
    let mut outcome = Outcome::default();
    outcome.line("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    outcome.line("<testsuites>");
    outcome.line(format!("  <testsuite name=\"zerobus-codegen\" {}>", counts(findings, compared)));
    outcome.out.push_str(&cases);
    let messages: Vec<String> = findings.warnings.iter().map(|warning| format!("warning: {warning}")).collect();
    let messages = messages.iter().chain(&findings.notes).map(|line| escaped(line)).collect::<Vec<_>>().join("\n");
    outcome.line(format!("    <system-out>{messages}</system-out>"));
    outcome.line("  </testsuite>");
    outcome.line("</testsuites>");
    outcome
}

fn counts(findings: &Findings, compared: &[Compared<'_>]) -> String {
    let all = || compared.iter().flat_map(|table| &table.changes);
    let unchanged = compared.iter().filter(|table| table.changes.is_empty()).count();
    let tests = all().count() + unchanged + findings.errors.len();
    let failures = all().filter(|judged| matches!(judged.verdict, Verdict::Fails(_))).count();
    let skipped = all().filter(|judged| matches!(judged.verdict, Verdict::Allowed(_))).count();
    let errors = findings.errors.len();
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
}

fn case(cases: &mut String, table: &str, judged: &Judged<'_>) {
    let path = judged.change.path.to_string();
    let kind = judged.change.kind.name();
    let name = if path.is_empty() { kind.to_owned() } else { format!("{path} {kind}") };
    let (class, text) = (escaped(&judged.class()), escaped(&judged.text()));
    let result = match judged.verdict {
        Verdict::Allowed(_) => format!("<skipped message=\"{text}\"/>"),
        Verdict::Fails(_) => format!("<failure type=\"{class}\" message=\"{text}\"/>"),
        Verdict::Notice | Verdict::Warns => format!("<system-out>{class}: {text}</system-out>"),
    };
    let (table, name) = (escaped(table), escaped(&name));
    // Writing to a String cannot fail.
    let _ = writeln!(cases, "    <testcase classname=\"{table}\" name=\"{name}\">{result}</testcase>");
}

/// Escapes the text of an element or an attribute; characters that XML cannot hold are replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

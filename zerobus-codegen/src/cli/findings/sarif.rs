//! Findings as SARIF 2.1.0, for code scanning.

use std::path::{Component, Path};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::super::Outcome;
use super::{Compared, Findings, Judged};
use crate::{Allowance, ChangeKind, Printable, Verdict};

/// The characters that need no escape in a URI segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The rules for findings other than changes.
const ERROR: &str = "error";
const WARNING: &str = "warning";

pub(super) fn outcome(findings: &Findings, compared: &[Compared<'_>]) -> Outcome {
    let mut results: Vec<Value> =
        compared.iter().flat_map(|table| table.changes.iter().map(|judged| change(table, judged))).collect();
    results.extend(findings.errors.iter().map(|(text, file)| result(ERROR, "error", text, (file.as_deref(), None))));
    let warnings = findings.warnings.iter();
    results.extend(warnings.map(|warning| result(WARNING, "warning", &warning.text, (Some(&warning.path), None))));
    let names = ChangeKind::NAMES.into_iter().chain([ERROR, WARNING]);
    let rules: Vec<Value> =
        names.map(|name| json!({"id": name, "shortDescription": {"text": described(name)}})).collect();
    let driver = json!({
        "name": "zerobus-codegen",
        "version": env!("CARGO_PKG_VERSION"),
        "informationUri": env!("CARGO_PKG_REPOSITORY"),
        "rules": rules,
    });
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    });
    let mut outcome = Outcome::default();
    outcome.line(format!("{document:#}"));
    outcome
}

fn change(table: &Compared<'_>, judged: &Judged<'_>) -> Value {
    let level = match judged.verdict {
        Verdict::Fails(_) => "error",
        Verdict::Warns => "warning",
        Verdict::Allowed(_) | Verdict::Notice => "note",
    };
    let text = format!("{}: {}: {}", Printable(&table.drift.table), judged.class(), judged.text());
    let mut result = result(judged.change.kind.name(), level, &text, (table.file, judged.line));
    if let Verdict::Allowed(Allowance { reason, .. }) = judged.verdict {
        result["suppressions"] = json!([{"kind": "external", "justification": reason}]);
    }
    result
}

fn result(rule: &str, level: &str, text: &str, (file, line): (Option<&Path>, Option<usize>)) -> Value {
    let mut result = json!({"ruleId": rule, "level": level, "message": {"text": text}});
    if let Some(file) = file {
        let mut place = json!({"artifactLocation": {"uri": uri(file)}});
        // Code scanning does not show a result without a line.
        place["region"] = json!({"startLine": line.unwrap_or(1)});
        result["locations"] = json!([{"physicalLocation": place}]);
    }
    result
}

/// A file as a URI; it is relative if the path is.
fn uri(file: &Path) -> String {
    let segment = |component: Component<'_>| match component {
        Component::RootDir => Some(String::new()),
        Component::CurDir => None,
        other => Some(utf8_percent_encode(&other.as_os_str().to_string_lossy(), SEGMENT).to_string()),
    };
    let path = file.components().filter_map(segment).collect::<Vec<_>>().join("/");
    if file.is_absolute() { format!("file://{path}") } else { path }
}

fn described(name: &str) -> &'static str {
    match name {
        "added" => "A column was added.",
        "dropped" => "A column was dropped.",
        "made_generated" => "A column was made a generated one.",
        "made_not_null" => "A column was made NOT NULL.",
        "made_nullable" => "A column was made nullable.",
        "made_plain" => "A generated column was made a plain one.",
        "moved" => "A column was moved among the others.",
        "obstacle_added" => "The table got something for which the service refuses it.",
        "obstacle_removed" => "The table lost something for which the service refused it.",
        "renamed" => "A column was renamed.",
        "retyped" => "A column was given another type.",
        "table_added" => "A table was added.",
        "table_dropped" => "A table was dropped.",
        "unsupported" => "Zerobus can no longer write to the table.",
        ERROR => "Something could not be read or compared, or a generated file is stale.",
        _ => "Something to act on before the service refuses it.",
    }
}

//! Findings as one JSON document.

use serde_json::{Value, json};

use super::super::Outcome;
use super::{Compared, Findings, Judged, shown};
use crate::{Allowance, ChangeKind as Kind, Obstacle, Verdict};

pub(super) fn outcome(findings: &Findings, compared: &[Compared<'_>]) -> Outcome {
    let errors = findings.errors.iter();
    let errors = errors.map(|(error, file)| json!({"text": error, "file": file.as_deref().map(shown)}));
    let warnings = findings.warnings.iter();
    let warnings = warnings.map(|warning| json!({"text": warning.text, "file": shown(&warning.path)}));
    let worst = compared.iter().max_by_key(|table| (table.severity(), !table.changes.is_empty()));
    let document = json!({
        "drift": worst.map_or("none", Compared::class_name),
        "tables": compared.iter().map(table).collect::<Vec<_>>(),
        "errors": errors.collect::<Vec<_>>(),
        "warnings": warnings.collect::<Vec<_>>(),
        "notes": findings.notes,
    });
    let mut outcome = Outcome::default();
    outcome.line(format!("{document:#}"));
    outcome
}

fn table(compared: &Compared<'_>) -> Value {
    let changes: Vec<Value> = compared.changes.iter().map(change).collect();
    let file = compared.file.map(shown);
    json!({"table": compared.drift.table, "drift": compared.class_name(), "file": file, "changes": changes})
}

fn change(judged: &Judged<'_>) -> Value {
    let change = judged.change;
    let (verdict, allowance) = match judged.verdict {
        Verdict::Allowed(allowance) => ("allowed", Some(allowance)),
        Verdict::Fails(allowance) => ("fails", allowance),
        Verdict::Notice => ("notice", None),
        Verdict::Warns => ("warns", None),
    };
    let mut json = json!({
        "column": change.path.to_string(),
        "change": change.kind.name(),
        "severity": change.severity.name(),
        "verdict": verdict,
        "reason": change.reason,
        "text": change.to_string(),
        "line": judged.line,
    });
    if let Some(Allowance { reason, until, .. }) = allowance {
        json["allowance"] = json!({"reason": reason, "until": until.to_string()});
    }
    match &change.kind {
        Kind::Added { data_type, nullable } | Kind::MadePlain { data_type, nullable } => {
            (json["type"], json["nullable"]) = (json!(data_type), json!(nullable));
        }
        Kind::ObstacleAdded(obstacle) | Kind::ObstacleRemoved(obstacle) => {
            json["obstacle"] = json!(Obstacle::to_string(obstacle));
        }
        Kind::Renamed { to } => json["to"] = json!(to),
        Kind::Retyped { from, to } => (json["from"], json["to"]) = (json!(from), json!(to)),
        _ => {}
    }
    json
}

//! Compares the outcomes of the emulator and of the endpoint.

use std::fmt::Write as _;

use serde_json::{Value, json};
use zerobus_codegen::Printable;

use super::{Likeness, Outcome, Probe};

/// One probe's outcome.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) probe: &'static Probe,
    pub(crate) observed: Outcome,
}

/// All outcomes.
#[derive(Debug)]
pub(crate) struct Report {
    findings: Vec<Finding>,
    /// Secrets, and what replaces them.
    hidden: Vec<(String, &'static str)>,
}

impl Finding {
    pub(crate) fn likeness(&self) -> Likeness {
        self.probe.compare(&self.observed)
    }

    /// The verdict.
    fn verdict(&self) -> &'static str {
        match (self.likeness(), &self.observed, self.probe.is_certain) {
            (Likeness::Same, _, true) => "same",
            (Likeness::Same, _, false) => "same; the rule was uncertain",
            (Likeness::OtherCode, ..) => "same; the code was not known",
            (Likeness::Different, Outcome::Failed(_), _) => "not found out",
            (Likeness::Different, _, true) => "DIFFERENT",
            (Likeness::Different, _, false) => "different; the rule was uncertain, this is what was learned",
        }
    }
}

impl Report {
    pub(super) fn new(findings: Vec<Finding>, hidden: Vec<(String, &'static str)>) -> Self {
        Self { findings, hidden }
    }

    #[cfg(test)]
    pub(super) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The probes whose outcome differs from the emulator's, or that failed.
    pub(crate) fn different(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.likeness() == Likeness::Different)
    }

    /// A table in Markdown, followed by the texts of the outcomes that differ.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from("| probe | rule | emulator | this endpoint | verdict |\n|---|---|---|---|---|\n");
        for finding in &self.findings {
            let Probe { name, rule, emulator, .. } = finding.probe;
            let (observed, verdict) = (self.shown(&finding.observed.to_string()), finding.verdict());
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| `{name}` | {rule} | {emulator} | {observed} | {verdict} |");
        }
        let same = self.findings.len() - self.different().count();
        let _ = writeln!(text, "\n{same} of {} as the emulator.", self.findings.len());
        let not_same = self.findings.iter().filter(|finding| finding.likeness() != Likeness::Same);
        for finding in not_same.filter(|finding| !finding.observed.text().is_empty()) {
            let _ = writeln!(text, "{}: {}", finding.probe.name, self.shown(finding.observed.text()));
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let findings = self.findings.iter().map(|finding| {
            json!({
                "probe": finding.probe.name,
                "rule": finding.probe.rule,
                "certain": finding.probe.is_certain,
                "emulator": finding.probe.emulator,
                "observed": self.shown(&finding.observed.to_string()),
                "text": self.shown(finding.observed.text()),
                "same": finding.likeness() != Likeness::Different,
            })
        });
        json!({ "version": env!("CARGO_PKG_VERSION"), "findings": findings.collect::<Vec<_>>() })
    }

    /// A server's text on one line, without secrets and names of the workspace.
    fn shown(&self, text: &str) -> String {
        let hide = |text: String, (hidden, shown): &(String, &str)| text.replace(hidden, shown);
        let text = self.hidden.iter().fold(text.to_owned(), hide);
        Printable(&text).to_string().replace('|', "\\|")
    }
}

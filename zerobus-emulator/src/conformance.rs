//! The rules of CONFORMANCE.md that a client can observe, as probes against any endpoint.
//!
//! A probe does one thing over the network and reports the outcome. The report compares it with the emulator's known
//! outcome, so one command shows where the emulator and the service differ.
//!
//! | file | what it owns |
//! |---|---|
//! | `target` | the endpoint, the credentials, and the tables that the probes write to |
//! | `target_error` | why an endpoint cannot be probed |
//! | `tables` | the DDL, grants and descriptors of these tables |
//! | `call` | one EphemeralStream call without any checks |
//! | `outcome` | the outcome of a probe |
//! | `probes` | every probe, by area |
//! | `report` | the comparison |

mod call;
mod outcome;
mod probes;
mod report;
mod tables;
mod target;
mod target_error;

use std::time::Duration;

pub(crate) use outcome::Outcome;
pub(crate) use probes::{Likeness, Probe};
pub(crate) use report::{Finding, Report};
pub(crate) use tables::{ddl, schemas};
pub(crate) use target::Target;

/// How long a probe may take; a timeout is an outcome as well.
const PROBE_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs every probe against the target, one after the other.
pub(crate) async fn run(target: &Target, mut progress: impl FnMut(&Probe)) -> Report {
    let mut findings = Vec::new();
    for probe in probes::all() {
        progress(probe);
        let observed = match tokio::time::timeout(PROBE_TIMEOUT, (probe.run)(target)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Failed(format!("no answer within {} seconds", PROBE_TIMEOUT.as_secs())),
        };
        findings.push(Finding { probe, observed });
    }
    Report::new(findings, target.hidden().await)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Emulator;

    /// The names in the columns of CONFORMANCE.md that are headed `probe`.
    fn documented() -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut column = None;
        for line in include_str!("../CONFORMANCE.md").lines() {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            if !line.starts_with('|') {
                column = None;
            } else if let Some(place) = cells.iter().position(|cell| *cell == "probe") {
                column = Some(place);
            } else if let Some(cell) = column.and_then(|place| cells.get(place)) {
                names.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
            }
        }
        names
    }

    #[test]
    fn every_probe_stands_in_the_table_of_rules_and_every_rule_names_one_that_exists() {
        let probes: BTreeSet<String> = probes::all().iter().map(|probe| probe.name.to_owned()).collect();
        assert_eq!(probes.len(), probes::all().len(), "a name is that of one probe");
        assert_eq!(documented(), probes);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_emulator_does_what_the_probes_say_of_it() {
        let folder = tempfile::tempdir().unwrap();
        for (name, json) in schemas("main.probes").unwrap() {
            std::fs::write(folder.path().join(format!("{name}.json")), json).unwrap();
        }
        let emulator = Emulator::builder().schemas(folder.path()).start().await.unwrap();
        let target = Target::of_emulator(&emulator, "main.probes").unwrap();
        let report = run(&target, |_| {}).await;
        let different: Vec<_> =
            report.findings().iter().filter(|finding| finding.likeness() != Likeness::Same).collect();
        assert!(different.is_empty(), "{different:#?}");
        let text = report.text();
        assert!(!text.contains(emulator.client_secret()) && !text.contains(emulator.client_id()), "{text}");
    }

    /// An endpoint that does not exist fails every probe, and the run ends.
    #[tokio::test(flavor = "multi_thread")]
    async fn an_endpoint_that_is_not_there_fails_every_probe() {
        let target = Target::new(target::Settings {
            endpoint: "http://127.0.0.1:1".to_owned(),
            workspace: "http://127.0.0.1:1".to_owned(),
            workspace_id: None,
            client_id: "id".to_owned(),
            client_secret: "hidden-secret".to_owned(),
            schema: "main.probes".to_owned(),
        });
        let report = run(&target.unwrap(), |_| {}).await;
        assert_eq!(report.different().count(), probes::all().len());
        assert!(!report.text().contains("hidden-secret"));
        assert!(!report.json().to_string().contains("hidden-secret"));
    }
}

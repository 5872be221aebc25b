//! `ddl`: snapshots as SQL.

use super::Outcome;
use super::arguments::Ddl;
use crate::Snapshots;
use crate::ddl::{grants, statements};

pub(super) fn run(arguments: &Ddl) -> Outcome {
    let options = arguments.config.options();
    let read = match options.and_then(|options| Snapshots::read_without(&arguments.schemas, &options.skip)) {
        Ok(read) => read,
        Err(error) => return Outcome::failed(&error),
    };
    let mut outcome = Outcome::default();
    for (i, snapshot) in read.tables.iter().enumerate() {
        match statements(&snapshot.info, &snapshot.table) {
            Ok(statement) => {
                let apart = if i > 0 { "\n" } else { "" };
                outcome.line(format!("{apart}{statement}{}", grants(&snapshot.table, &arguments.grantee)).trim_end());
            }
            Err(report) => outcome.fail(&report),
        }
    }
    for warning in &read.warnings {
        outcome.warn(warning);
    }
    for failure in &read.failures {
        outcome.fail(failure);
    }
    outcome
}

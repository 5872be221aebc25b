//! `ddl`: snapshots as SQL.

use super::Outcome;
use super::arguments::Ddl;
use crate::Snapshots;
use crate::ddl::{create_table, grants};

pub(super) fn run(arguments: &Ddl) -> Outcome {
    let read = match Snapshots::read(&arguments.schemas) {
        Ok(read) => read,
        Err(error) => return Outcome::failed(&error),
    };
    let mut outcome = Outcome::default();
    for (i, snapshot) in read.tables.iter().enumerate() {
        match create_table(&snapshot.info) {
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

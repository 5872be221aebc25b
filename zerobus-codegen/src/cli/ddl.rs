//! `ddl`: snapshots as SQL.

use super::Outcome;
use super::arguments::Ddl;
use crate::Snapshots;
use crate::ddl::{StampedColumns, dedup, grants, statements};

pub(super) fn run(arguments: &Ddl) -> Outcome {
    let options = arguments.config.options();
    // One file of a folder may be asked for, and the options name other tables as well.
    let read = match options.and_then(|options| Snapshots::read_whole(&arguments.schemas, &options.skip.lenient())) {
        Ok(read) => read,
        Err(error) => return Outcome::failed(&error),
    };
    let mut outcome = Outcome::default();
    // Read as a whole, each snapshot has what the catalog said.
    let tables = read.tables.iter().filter_map(|snapshot| Some((snapshot.info.as_ref()?, &snapshot.table)));
    for (i, (info, table)) in tables.enumerate() {
        let apart = if i > 0 { "\n" } else { "" };
        if let (true, [producer, epoch, sequence]) = (arguments.dedup, &arguments.stamped[..]) {
            let [producer, epoch, sequence] = [producer, epoch, sequence].map(Clone::clone);
            match dedup(table, &StampedColumns { producer, epoch, sequence }) {
                Ok(text) => outcome.line(format!("{apart}{text}").trim_end()),
                Err(report) => outcome.fail(&report),
            }
            continue;
        }
        match statements(info, table) {
            Ok(statement) => {
                outcome.line(format!("{apart}{statement}{}", grants(table, &arguments.grantee)).trim_end());
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

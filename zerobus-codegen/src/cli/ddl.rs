//! `ddl`: prints snapshots as SQL.

use super::Outcome;
use super::arguments::Ddl;
use crate::ddl::{dedup, grants, statements};
use crate::{Options, Snapshots, StampedColumns, Table};

pub(super) fn run(arguments: &Ddl) -> Outcome {
    let options = match arguments.config.options() {
        Ok(options) => options,
        Err(error) => return Outcome::failed(&error),
    };
    // The arguments may name a single snapshot, while `skip` also has paths of other tables.
    let read = match Snapshots::read_whole(&arguments.schemas, &options.skip.lenient()) {
        Ok(read) => read,
        Err(error) => return Outcome::failed(&error),
    };
    let mut outcome = Outcome::default();
    // `read_whole` keeps the catalog's description with each snapshot.
    let tables = read.tables.iter().filter_map(|snapshot| Some((snapshot.info.as_ref()?, &snapshot.table)));
    for (i, (info, table)) in tables.enumerate() {
        let apart = if i > 0 { "\n" } else { "" };
        if arguments.dedup {
            let Some(columns) = stamped(arguments, &options, table) else { continue };
            match dedup(table, &columns) {
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

/// The stamped columns, from the arguments or the options file; `None` if the file has stamps only for other tables.
fn stamped(arguments: &Ddl, options: &Options, table: &Table) -> Option<StampedColumns> {
    match &arguments.stamped[..] {
        [producer, epoch, sequence] => {
            let [producer, epoch, sequence] = [producer, epoch, sequence].map(Clone::clone);
            Some(StampedColumns { producer, epoch, sequence })
        }
        _ if options.stamps.is_empty() => Some(StampedColumns::default()),
        _ => options.stamps_of(&table.name).cloned(),
    }
}

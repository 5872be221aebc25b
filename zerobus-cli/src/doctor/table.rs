//! The table itself: kind, properties, columns, and what changed since its snapshot.

use std::path::PathBuf;

use zerobus_codegen::{Drift, Obstacle, Severity, Snapshots, Table, TableInfo, ddl};

use super::finding::{Findings, Layer};
use crate::schema::in_snapshots;

pub(super) fn examine(info: &TableInfo, schemas: &[PathBuf], findings: &mut Findings) {
    let table = match Table::try_from(info) {
        Ok(table) => table,
        Err(report) => {
            for problem in &report.problems {
                let place =
                    if problem.path.segments().is_empty() { String::new() } else { format!("{}: ", problem.path) };
                findings.failed(Layer::Kind, format!("{place}{}", problem.found), format!("# {}", problem.help));
            }
            return;
        }
    };
    for obstacle in &table.obstacles {
        let place =
            if obstacle.path().segments().is_empty() { String::new() } else { format!("{}: ", obstacle.path()) };
        findings.failed(Layer::Kind, format!("{place}{obstacle}"), mending(&table, obstacle));
    }
    if table.obstacles.is_empty() {
        findings.fine(Layer::Kind, format!("Zerobus carries all {} columns of a row", table.columns().len()));
    }
    if !schemas.is_empty() {
        drift(&table, schemas, findings);
    }
}

/// The statement that takes an obstacle away, or what to do where none does.
fn mending(table: &Table, obstacle: &Obstacle) -> String {
    let name = ddl::quoted_table(&table.name);
    match obstacle {
        Obstacle::ChangeDataFeed => {
            format!("ALTER TABLE {name} SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'false');")
        }
        Obstacle::Check { name: constraint } => {
            format!("ALTER TABLE {name} DROP CONSTRAINT `{}`;", constraint.replace('`', "``"))
        }
        Obstacle::RowTracking => format!("ALTER TABLE {name} SET TBLPROPERTIES ('delta.enableRowTracking' = 'false');"),
        other => format!("# {}", other.help()),
    }
}

fn drift(table: &Table, schemas: &[PathBuf], findings: &mut Findings) {
    let snapshot = Snapshots::read(schemas).map_err(Into::into).and_then(|read| in_snapshots(&read, &table.name));
    let again = format!("zerobus fetch {} --out schemas", table.name);
    let snapshot = match snapshot {
        Ok(snapshot) => snapshot,
        Err(failure) => {
            findings.failed(Layer::Drift, failure.to_string(), again);
            return;
        }
    };
    let drift = Drift::between(&snapshot, table);
    let changes: Vec<String> = drift.changes.iter().map(ToString::to_string).collect();
    match drift.severity() {
        None => findings.fine(Layer::Drift, "the table is as its snapshot says"),
        Some(Severity::Safe) => findings.warning(Layer::Drift, changes.join("; "), again),
        Some(_) => findings.failed(Layer::Drift, changes.join("; "), again),
    }
}

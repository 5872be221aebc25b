//! The table: its kind, properties and columns, and its drift from a snapshot.

use std::path::PathBuf;

use zerobus_codegen::{Drift, Obstacle, Problem, Severity, Snapshots, Table, TableInfo, TableName, ddl};

use super::finding::{Findings, Layer};
use crate::schema::in_snapshots;

pub(super) fn examine(info: &TableInfo, schemas: &[PathBuf], findings: &mut Findings) {
    let table = match Table::try_from(info) {
        Ok(table) => table,
        Err(report) => {
            for problem in &report.problems {
                let place =
                    if problem.path.segments().is_empty() { String::new() } else { format!("{}: ", problem.path) };
                let found = format!("{place}{}", problem.found);
                match without(info, problem) {
                    Some(statement) => findings.failed(Layer::Kind, format!("{found}; {}", problem.help), statement),
                    None => findings.failed(Layer::Kind, found, format!("# {}", problem.help)),
                }
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
        findings.fine(Layer::Kind, format!("Zerobus can write all {} columns", table.columns().len()));
    }
    if !schemas.is_empty() {
        drift(&table, schemas, findings);
    }
}

/// The statement that drops the column of a problem, if the problem is the column's type.
fn without(info: &TableInfo, problem: &Problem) -> Option<String> {
    let [name] = problem.path.segments() else { return None };
    let table = TableName::new(&info.catalog_name, &info.schema_name, &info.name).ok()?;
    let mut column = info.columns.iter().find(|column| column.name == *name)?.clone();
    // Checks the type alone, without the column's name and position and the rest of the table.
    (column.name, column.position) = ("alone".to_owned(), Some(0));
    let mut alone = info.clone();
    (alone.columns, alone.table_type, alone.data_source_format) = (vec![column], None, None);
    alone.properties.clear();
    Table::try_from(&alone).is_err().then(|| {
        format!(
            "ALTER TABLE {} DROP COLUMN {}; -- its values are lost",
            ddl::quoted_table(&table),
            ddl::quoted_name(name)
        )
    })
}

/// The statement that removes an obstacle, or a comment with what to do if no statement can.
fn mending(table: &Table, obstacle: &Obstacle) -> String {
    let name = ddl::quoted_table(&table.name);
    match obstacle {
        Obstacle::ChangeDataFeed => {
            format!("ALTER TABLE {name} SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'false');")
        }
        Obstacle::Check { name: constraint } => {
            format!("ALTER TABLE {name} DROP CONSTRAINT {};", ddl::quoted_name(constraint))
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

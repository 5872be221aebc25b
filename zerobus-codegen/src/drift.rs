//! The changes between two versions of a table's schema, and their effect on a program built from the older one.
//!
//! | change | class | reason |
//! |---|---|---|
//! | nullable column added | safe | a program that omits it writes NULL |
//! | column made nullable | safe | a program that sends it keeps working |
//! | ARRAY or MAP made NOT NULL | safe | an absent one is empty on the wire |
//! | column retyped, same wire type | safe, some rows refused or silently wrong | see `retype` |
//! | column retyped, another wire type | breaking | the service refuses a field of another type |
//! | NOT NULL column added, other column made NOT NULL | breaking | the service refuses a row without it |
//! | column dropped or renamed | breaking | the service refuses a field that is not a column |
//! | column moved among the others | breaking | some paths of the service refuse fields out of the table's order |
//! | generated or identity column added, or a column made one | breaking | the service refuses the table |
//! | another obstacle added: column mapping, a CHECK constraint, … | breaking | the service refuses the table |
//!
//! The same applies inside structs, array elements and map values. A changed comment is not drift.
//!
//! | file | what it owns |
//! |---|---|
//! | `between` | the walk over two tables |
//! | `change` | one change: its kind, its class and the reason |
//! | `order` | which columns were renamed or moved |
//! | `policy` | which changes are allowed, and which fail a check |
//! | `retype` | the effect of each change of type |

mod between;
mod change;
mod order;
mod policy;
mod retype;

pub use change::{Change, ChangeKind, Severity};
pub use policy::{Allowance, ChangeNames, Day, Policy, Threshold, Verdict};

use crate::{ColumnPath, Report, Table};

/// The changes of one table, in column order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drift {
    /// The table's full name.
    pub table: String,
    /// The changes; empty if the schema is the same.
    pub changes: Vec<Change>,
}

impl Drift {
    /// Compares two schemas of a table.
    ///
    /// ```
    /// # let json = include_str!("../../examples/quickstart/schemas/main.geo.earthquakes.json");
    /// use zerobus_codegen::{Drift, Severity, Table, TableInfo};
    ///
    /// let mut info: TableInfo = serde_json::from_str(json)?;
    /// let old = Table::try_from(&info)?;
    /// info.columns.retain(|column| column.name != "mag");
    /// let drift = Drift::between(&old, &Table::try_from(&info)?);
    /// assert_eq!(drift.severity(), Some(Severity::Breaking));
    /// assert_eq!(drift.changes[0].to_string(), "mag: dropped; the service refuses a field that is not a column");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn between(old: &Table, new: &Table) -> Self {
        Self { table: old.name.to_string(), changes: between::changes(old, new) }
    }

    /// The drift of a table that Zerobus can no longer write to.
    #[must_use]
    pub fn unsupported(report: &Report) -> Self {
        let changes = report.problems.iter().map(|problem| {
            let kind = ChangeKind::Unsupported { found: problem.found.clone() };
            Change::new(problem.path.clone(), kind, Severity::Breaking, problem.help.clone())
        });
        Self { table: report.table.clone(), changes: changes.collect() }
    }

    /// The drift of a table that exists only on the newer side.
    #[must_use]
    pub fn table_added(table: &Table) -> Self {
        Self::of_table(table, ChangeKind::TableAdded, Severity::Safe, "no program writes to it yet")
    }

    /// The drift of a table that exists only on the older side.
    #[must_use]
    pub fn table_dropped(table: &Table) -> Self {
        Self::of_table(
            table,
            ChangeKind::TableDropped,
            Severity::Breaking,
            "the service refuses to open a stream to it",
        )
    }

    /// The severity of the worst change; `None` without changes.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        self.changes.iter().map(|change| change.severity).max()
    }

    fn of_table(table: &Table, kind: ChangeKind, severity: Severity, reason: &'static str) -> Self {
        Self { table: table.name.to_string(), changes: vec![Change::new(ColumnPath::root(), kind, severity, reason)] }
    }
}

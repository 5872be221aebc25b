//! The source of a table's schema: snapshots, CREATE TABLE statements, or the catalog.

use zerobus_codegen::{Catalog, Snapshots, Table, TableInfo, TableName};
use zerobus_runtime::dynamic::{RowPlan, UnknownColumns};

use crate::arguments::{Login, Rows};
use crate::failure::Failure;

impl Rows {
    /// The plan for encoding rows of this table.
    pub(crate) async fn plan(&self, table: &TableName, login: &Login) -> Result<RowPlan, Failure> {
        let mut plan = RowPlan::new(&self.table(table, login).await?);
        if let Some(unit) = self.time_unit {
            plan = plan.integer_times(unit.into());
        }
        if self.ignore_unknown {
            plan = plan.unknown_columns(UnknownColumns::Ignore);
        }
        Ok(plan)
    }

    async fn table(&self, name: &TableName, login: &Login) -> Result<Table, Failure> {
        if self.schemas.is_empty() && self.ddl.is_empty() {
            return Ok(Table::try_from(&in_catalog(name.clone(), login).await?)?);
        }
        let snapshots = Snapshots::read(self.schemas.iter().chain(&self.ddl))?;
        in_snapshots(&snapshots, name)
    }
}

/// Finds the table among the snapshots.
pub(crate) fn in_snapshots(snapshots: &Snapshots, name: &TableName) -> Result<Table, Failure> {
    let is_it = |found: &TableName| found.to_string().eq_ignore_ascii_case(&name.to_string());
    if let Some(found) = snapshots.tables.iter().find(|snapshot| is_it(&snapshot.table.name)) {
        return Ok(found.table.clone());
    }
    if let Some(failure) = snapshots.failures.first() {
        return Err(Failure::text(failure.to_string()));
    }
    let known: Vec<String> = snapshots.tables.iter().take(10).map(|found| found.table.name.to_string()).collect();
    Err(Failure::text(format!("the schemas have no table {name}; they have {}", known.join(", "))))
}

/// Asks the catalog for the table.
async fn in_catalog(name: TableName, login: &Login) -> Result<TableInfo, Failure> {
    let login = login.catalog()?;
    let asked = tokio::task::spawn_blocking(move || Catalog::connect(login)?.table(&name)).await;
    Ok(asked.map_err(|error| Failure::new("cannot ask the catalog", error))??)
}

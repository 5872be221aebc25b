//! `fetch`: snapshots from a catalog.

use super::Outcome;
use super::arguments::{self, Fetch};
use crate::output::{Written, replace};
use crate::{Catalog, CatalogError, Login, LoginOptions, Table, TableName};

pub(super) fn run(arguments: &Fetch) -> Outcome {
    let mut outcome = Outcome::default();
    let mut names: Vec<TableName> = Vec::new();
    for name in &arguments.names {
        match name.parse() {
            Ok(name) => names.push(name),
            Err(error) => outcome.fail(&error),
        }
    }
    if outcome.code != 0 {
        return outcome;
    }
    let catalog = match connect(&arguments.login) {
        Ok(catalog) => catalog,
        Err(error) => return Outcome::failed(&error),
    };
    for name in &names {
        if let Err(error) = fetch(&catalog, name, arguments, &mut outcome) {
            outcome.fail(error.as_ref());
        }
    }
    outcome
}

/// The catalog that arguments, environment and profile name.
pub(super) fn connect(login: &arguments::Login) -> Result<Catalog, CatalogError> {
    let options = LoginOptions { host: login.host.clone(), profile: login.profile.clone() };
    Catalog::connect(Login::from_environment(&options)?)
}

fn fetch(
    catalog: &Catalog,
    name: &TableName,
    arguments: &Fetch,
    outcome: &mut Outcome,
) -> Result<(), Box<dyn std::error::Error>> {
    let info = catalog.table(name)?;
    let path = arguments.out.join(format!("{name}.json"));
    let written = match replace(&path, info.snapshot_text()?.as_bytes())? {
        Written::Changed => "written",
        Written::Unchanged => "unchanged",
    };
    outcome.line(format!("{}: {written}, {} columns", path.display(), info.columns.len()));
    if let Err(report) = Table::try_from(&info) {
        outcome.line(format!("warning: {report}"));
    }
    Ok(())
}

//! Grants: which of the needed ones the workspace reports, and the statements for the missing ones.

use zerobus_codegen::{Catalog, CatalogError, Privilege, Securable, TableName, ddl};

use super::finding::{Findings, Layer};
use super::setup::Setup;

/// Checks the grants. Returns the statements for the missing ones, or for all if the grants cannot be read.
///
/// A missing grant is only a warning: grants to the principal's groups are not reported. The token check is decisive.
pub(super) async fn examine(catalog: Catalog, name: &TableName, setup: &Setup, findings: &mut Findings) -> String {
    let all = ddl::grants_on(name, setup.client_id());
    let (asked, principal) = (name.clone(), setup.client_id().to_owned());
    let found = tokio::task::spawn_blocking(move || missing(&catalog, &asked, &principal)).await;
    match found {
        Ok(Ok(missing)) if missing.is_empty() => {
            findings.fine(Layer::Grants, format!("{} has every grant that {name} needs", setup.client_id()));
            all
        }
        Ok(Ok(missing)) => {
            let statements: Vec<String> =
                missing.iter().map(|(on, privileges)| ddl::grant(privileges, *on, name, setup.client_id())).collect();
            let privileges: Vec<&str> = missing.iter().flat_map(|(_, privileges)| privileges).copied().collect();
            let found = format!("{} was not granted {} itself", setup.client_id(), privileges.join(", "));
            findings.warning(Layer::Grants, found, statements.join("\n"));
            statements.join("\n")
        }
        Ok(Err(error)) => {
            findings.skipped(Layer::Grants, format!("the grants could not be read: {error}"));
            all
        }
        Err(_) => all,
    }
}

type Missing = Vec<(Securable, Vec<&'static str>)>;

fn missing(catalog: &Catalog, name: &TableName, principal: &str) -> Result<Missing, CatalogError> {
    let mut missing = Vec::new();
    for (on, needed) in ddl::NEEDED {
        let has = catalog.privileges(on, name, principal)?;
        let lacking: Vec<&str> = needed.iter().filter(|needed| !is_granted(on, needed, &has)).copied().collect();
        if !lacking.is_empty() {
            missing.push((on, lacking));
        }
    }
    Ok(missing)
}

fn is_granted(on: Securable, needed: &str, has: &[Privilege]) -> bool {
    has.iter().any(|privilege| match on {
        Securable::Catalog | Securable::Schema => privilege.name == needed || privilege.name == "ALL PRIVILEGES",
        Securable::Table => privilege.name == needed && !privilege.is_inherited,
    })
}

//! Whether the service principal may use the workspace at all.

use zerobus_codegen::{Catalog, CatalogError, Principal, Printable};

use super::finding::{Findings, Layer};
use super::setup::Setup;

/// The API's name for "Workspace access" in the admin settings.
const NEEDED: &str = "workspace-access";

/// Asks the workspace for the principal's entitlements.
///
/// If it is missing, that is only a warning: the response does not include entitlements from groups.
pub(super) async fn examine(catalog: Catalog, setup: &Setup, findings: &mut Findings) -> Option<Catalog> {
    let (answer, catalog) = tokio::task::spawn_blocking(move || (catalog.principal(), catalog)).await.ok()?;
    let principal = setup.client_id();
    match answer {
        Ok(found) if found.entitlements.iter().any(|entitlement| entitlement == NEEDED) => {
            findings.fine(Layer::Entitlement, format!("{principal} has Workspace access"));
        }
        Ok(found) => {
            findings.warning(Layer::Entitlement, missing(principal, &found), grant(&found.id));
        }
        // A workspace refuses every call of a principal without it, with this word in the message.
        Err(CatalogError::Denied { message, .. }) if message.to_ascii_lowercase().contains("entitlement") => {
            let command = format!("databricks service-principals list --filter 'applicationId eq \"{principal}\"'");
            let found = format!(
                "{principal} lacks Workspace access, which an administrator of the workspace grants: {message}"
            );
            findings.failed(Layer::Entitlement, found, command);
            return None;
        }
        Err(CatalogError::NotFound { .. }) => {
            findings.skipped(Layer::Entitlement, "the workspace has no list of entitlements".to_owned());
        }
        Err(error) => findings.skipped(Layer::Entitlement, format!("the entitlements could not be read: {error}")),
    }
    Some(catalog)
}

fn missing(principal: &str, found: &Principal) -> String {
    let groups = found.groups.join(", ");
    let groups = if groups.is_empty() { String::new() } else { format!(", unless one of its groups has it: {groups}") };
    format!("{principal} was not given Workspace access itself{groups}")
}

/// The command with which an administrator grants the entitlement.
fn grant(id: &str) -> String {
    // The id comes from the server and goes into a command line.
    let id = if id.bytes().all(|byte| byte.is_ascii_alphanumeric()) { id } else { "<id>" };
    format!(
        "databricks service-principals patch {} --json '{{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"],\
         \"Operations\":[{{\"op\":\"add\",\"path\":\"entitlements\",\"value\":[{{\"value\":\"{NEEDED}\"}}]}}]}}'",
        Printable(id)
    )
}

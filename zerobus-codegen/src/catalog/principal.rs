//! Who asks, as the workspace knows the caller.

use serde::Deserialize;

use super::{Catalog, CatalogError};

/// The caller of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal {
    /// The workspace's number of the caller.
    pub id: String,
    /// What the caller itself was allowed in the workspace, such as `workspace-access`; groups may allow more.
    pub entitlements: Vec<String>,
    /// The names of the caller's groups.
    pub groups: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    id: String,
    #[serde(default)]
    entitlements: Vec<Entitlement>,
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Entitlement {
    value: String,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    display: String,
}

impl Catalog {
    /// Who the credentials belong to.
    ///
    /// # Errors
    /// If the credentials may not ask, or the workspace does not answer this, as an open-source catalog.
    pub fn principal(&self) -> Result<Principal, CatalogError> {
        let answer: Answer = self.get("/api/2.0/preview/scim/v2/Me", "the caller's entitlements")?;
        Ok(Principal {
            id: answer.id,
            entitlements: answer.entitlements.into_iter().map(|found| found.value).collect(),
            groups: answer.groups.into_iter().map(|found| found.display).collect(),
        })
    }
}

//! The principal that the credentials belong to, as the workspace describes it.

use serde::Deserialize;

use super::{Catalog, CatalogError};

/// A principal of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal {
    /// The principal's id in the workspace.
    pub id: String,
    /// The entitlements granted to the principal itself, such as `workspace-access`; its groups may have more.
    pub entitlements: Vec<String>,
    /// The names of the principal's groups.
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
    /// The principal that the credentials belong to.
    ///
    /// # Errors
    /// If the credentials do not permit the request, or the server does not support it, like the open-source server.
    pub fn principal(&self) -> Result<Principal, CatalogError> {
        let answer: Answer = self.get("/api/2.0/preview/scim/v2/Me", "the caller's entitlements")?;
        Ok(Principal {
            id: answer.id,
            entitlements: answer.entitlements.into_iter().map(|found| found.value).collect(),
            groups: answer.groups.into_iter().map(|found| found.display).collect(),
        })
    }
}

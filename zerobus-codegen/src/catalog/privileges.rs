//! The privileges of a principal, as the catalog reports them.

use serde::Deserialize;

use super::{Catalog, CatalogError, segment};
use crate::{Securable, TableName};

/// A privilege on an object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Privilege {
    /// The name in SQL: `SELECT`, `USE CATALOG`, `ALL PRIVILEGES`.
    pub name: String,
    /// Whether it is inherited from a parent object and not granted on the object itself.
    pub is_inherited: bool,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    privilege_assignments: Vec<Assignment>,
}

#[derive(Deserialize)]
struct Assignment {
    #[serde(default)]
    privileges: Vec<Effective>,
}

#[derive(Deserialize)]
struct Effective {
    privilege: String,
    #[serde(default)]
    inherited_from_name: Option<String>,
}

impl Catalog {
    /// The privileges of a principal on a table, its schema or its catalog. Grants to the principal's groups are not
    /// included.
    ///
    /// # Errors
    /// If the credentials do not permit the request, or the catalog cannot be reached.
    pub fn privileges(
        &self,
        on: Securable,
        table: &TableName,
        principal: &str,
    ) -> Result<Vec<Privilege>, CatalogError> {
        let kind = match on {
            Securable::Catalog => "catalog",
            Securable::Schema => "schema",
            Securable::Table => "table",
        };
        let parts: Vec<String> = on.parts(table).into_iter().map(segment).collect();
        let (name, principal) = (parts.join("."), segment(principal));
        let path = format!("/api/2.1/unity-catalog/effective-permissions/{kind}/{name}?principal={principal}");
        let answer: Answer = self.get(&path, &format!("the privileges on the {kind} {}", on.parts(table).join(".")))?;
        let privileges = answer.privilege_assignments.into_iter().flat_map(|assignment| assignment.privileges);
        let privilege = |found: Effective| Privilege {
            name: found.privilege.replace('_', " "),
            is_inherited: found.inherited_from_name.is_some_and(|name| !name.is_empty()),
        };
        Ok(privileges.map(privilege).collect())
    }
}

//! Lists the tables of a catalog page by page. An empty page can be followed by another.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Catalog, CatalogError, TablePattern, segment};
use crate::TableName;

/// The schema of metadata in every catalog.
const INFORMATION_SCHEMA: &str = "information_schema";

/// A table in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedTable {
    /// The full name.
    pub name: TableName,
    /// `MANAGED`, `VIEW`, ...; absent if the server omits it.
    pub table_type: Option<String>,
}

#[derive(Deserialize)]
struct SchemaEntry {
    name: String,
}

#[derive(Deserialize)]
struct TableEntry {
    name: String,
    catalog_name: String,
    schema_name: String,
    #[serde(default)]
    table_type: Option<String>,
}

/// A page of a listing; the key of its entries depends on the listing.
#[derive(Deserialize)]
struct Page<T> {
    #[serde(default = "Option::default", alias = "schemas", alias = "tables")]
    entries: Option<Vec<T>>,
    #[serde(default)]
    next_page_token: Option<String>,
}

impl Catalog {
    /// The tables of a pattern, sorted by name. A pattern of one table needs no request.
    ///
    /// # Errors
    /// If the catalog or schema does not exist, the credentials do not permit listing it, or the catalog cannot be reached.
    pub fn list(&self, pattern: &TablePattern) -> Result<Vec<ListedTable>, CatalogError> {
        let mut tables = match pattern {
            TablePattern::Catalog { catalog } => {
                let mut tables = Vec::new();
                let query = format!("schemas?catalog_name={}", segment(catalog));
                for schema in self.pages::<SchemaEntry>(&query, pattern)? {
                    if schema.name != INFORMATION_SCHEMA {
                        tables.extend(self.list_schema(catalog, &schema.name, pattern)?);
                    }
                }
                tables
            }
            TablePattern::Schema { catalog, schema } => self.list_schema(catalog, schema, pattern)?,
            TablePattern::Table(name) => vec![ListedTable { name: name.clone(), table_type: None }],
        };
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        tables.dedup_by(|a, b| a.name == b.name);
        Ok(tables)
    }

    fn list_schema(
        &self,
        catalog: &str,
        schema: &str,
        pattern: &TablePattern,
    ) -> Result<Vec<ListedTable>, CatalogError> {
        let query = format!("tables?catalog_name={}&schema_name={}", segment(catalog), segment(schema));
        let entries = self.pages::<TableEntry>(&query, pattern)?;
        // A name that is none cannot be asked for; a server that lists it is not to be believed.
        let tables = entries.into_iter().filter_map(|entry| {
            let name = TableName::new(&entry.catalog_name, &entry.schema_name, &entry.name).ok()?;
            Some(ListedTable { name, table_type: entry.table_type })
        });
        Ok(tables.collect())
    }

    fn pages<T: DeserializeOwned>(&self, query: &str, pattern: &TablePattern) -> Result<Vec<T>, CatalogError> {
        let mut entries = Vec::new();
        let mut token = String::new();
        loop {
            let path = format!("/api/2.1/unity-catalog/{query}&max_results=0&page_token={}", segment(&token));
            let page: Page<T> = self.get(&path, &pattern.to_string())?;
            entries.extend(page.entries.into_iter().flatten());
            match page.next_page_token.filter(|next| !next.is_empty()) {
                None => return Ok(entries),
                Some(next) if next == token => {
                    let found = "the same page again and again".to_owned();
                    return Err(CatalogError::Answer { url: self.url(&path), what: pattern.to_string(), found });
                }
                Some(next) => token = next,
            }
        }
    }
}

//! Lists the tables of a catalog page by page. An empty page can be followed by another.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Catalog, CatalogError, TablePattern, segment};
use crate::{TableName, TableNameError};

/// The schema with metadata that every catalog has.
const INFORMATION_SCHEMA: &str = "information_schema";

/// The tables of a pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing {
    /// The tables, sorted by name.
    pub tables: Vec<ListedTable>,
    /// Entries with names that Unity Catalog forbids; they cannot be fetched.
    pub invalid: Vec<TableNameError>,
}

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
    /// The tables that match a pattern. A pattern that names one table needs no request.
    ///
    /// # Errors
    /// If the catalog or schema does not exist, the credentials do not permit listing it, or the catalog cannot be
    /// reached.
    pub fn list(&self, pattern: &TablePattern) -> Result<Listing, CatalogError> {
        let mut listing = Listing::default();
        match pattern {
            TablePattern::Catalog { catalog } => {
                let query = format!("schemas?catalog_name={}", segment(catalog));
                for schema in self.pages::<SchemaEntry>(&query, pattern)? {
                    if schema.name != INFORMATION_SCHEMA {
                        self.list_schema(catalog, &schema.name, pattern, &mut listing)?;
                    }
                }
            }
            TablePattern::Schema { catalog, schema } => self.list_schema(catalog, schema, pattern, &mut listing)?,
            TablePattern::Table(name) => listing.tables.push(ListedTable { name: name.clone(), table_type: None }),
        }
        listing.tables.sort_by(|a, b| a.name.cmp(&b.name));
        listing.tables.dedup_by(|a, b| a.name == b.name);
        Ok(listing)
    }

    fn list_schema(
        &self,
        catalog: &str,
        schema: &str,
        pattern: &TablePattern,
        listing: &mut Listing,
    ) -> Result<(), CatalogError> {
        let query = format!("tables?catalog_name={}&schema_name={}", segment(catalog), segment(schema));
        for entry in self.pages::<TableEntry>(&query, pattern)? {
            match TableName::new(&entry.catalog_name, &entry.schema_name, &entry.name) {
                Ok(name) => listing.tables.push(ListedTable { name, table_type: entry.table_type }),
                Err(error) => listing.invalid.push(error),
            }
        }
        Ok(())
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

//! The order of tables and their modules.

use std::collections::BTreeMap;

use crate::{Table, module_name};

/// Tables by catalog and schema, in the order of their modules' names.
pub(super) struct Layout<'a> {
    /// The catalogs with their schemas, each spelled as in its first table.
    pub(super) catalogs: Vec<(&'a str, Schemas<'a>)>,
}

type Schemas<'a> = Vec<(&'a str, Vec<&'a Table>)>;

impl<'a> Layout<'a> {
    pub(super) fn new(tables: &[&'a Table]) -> Self {
        let mut tables = tables.to_vec();
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        let catalogs = grouped(&tables, |table| table.name.catalog());
        let catalogs =
            catalogs.into_iter().map(|(catalog, tables)| (catalog, grouped(&tables, |table| table.name.schema())));
        Self { catalogs: catalogs.collect() }
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = &'a Table> {
        self.catalogs.iter().flat_map(|(_, schemas)| schemas).flat_map(|(_, tables)| tables.iter().copied())
    }
}

/// Groups tables by a name, without regard to case, as in Unity Catalog.
fn grouped<'a>(tables: &[&'a Table], name: impl Fn(&'a Table) -> &'a str) -> Vec<(&'a str, Vec<&'a Table>)> {
    let mut groups: BTreeMap<String, (&str, Vec<&Table>)> = BTreeMap::new();
    for table in tables {
        let name = name(table);
        groups.entry(module_name(name)).or_insert_with(|| (name, Vec::new())).1.push(table);
    }
    groups.into_values().collect()
}

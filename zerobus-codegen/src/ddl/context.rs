//! The context of names: the current catalog and schema, set by USE.

use super::cursor::Cursor;
use super::problem::{DdlProblem, Place};

/// The catalog and schema of unqualified names at a point in the statements.
#[derive(Debug, Default)]
pub(super) struct Context {
    catalog: Option<String>,
    schema: Option<String>,
    /// The place of a USE that could not be read: until the next one, the context is unknown.
    unread: Option<Place>,
}

impl Context {
    /// Applies `USE CATALOG name`, `USE [SCHEMA | DATABASE] [catalog.]schema` or `SET CATALOG name`, after USE or SET.
    pub(super) fn follow(&mut self, cursor: &mut Cursor<'_, '_>) -> Result<(), DdlProblem> {
        let place = cursor.place();
        let outcome = self.read(cursor);
        if outcome.is_err() {
            *self = Self { unread: Some(place), ..Self::default() };
        }
        outcome
    }

    fn read(&mut self, cursor: &mut Cursor<'_, '_>) -> Result<(), DdlProblem> {
        let catalog = cursor.take(&["CATALOG"]);
        let _ = !catalog && (cursor.take(&["SCHEMA"]) || cursor.take(&["DATABASE"]) || cursor.take(&["NAMESPACE"]));
        let name = match cursor.string() {
            Ok(name) => vec![name],
            Err(_) => cursor.dotted_name(if catalog { "a catalog's name" } else { "a schema's name" })?,
        };
        cursor.finish("the end of the statement")?;
        match (&name[..], catalog) {
            // USE CATALOG also selects the schema `default`.
            ([catalog], true) => (self.catalog, self.schema) = (Some(catalog.clone()), Some("default".to_owned())),
            ([schema], false) => self.schema = Some(schema.clone()),
            ([catalog, schema], false) => (self.catalog, self.schema) = (Some(catalog.clone()), Some(schema.clone())),
            _ => return Err(cursor.problem(format!("`{}` is neither a catalog nor a schema", name.join(".")))),
        }
        self.unread = None;
        Ok(())
    }

    /// The three parts of a table's name.
    pub(super) fn table(&self, parts: Vec<String>, place: Place) -> Result<[String; 3], DdlProblem> {
        let written = parts.join(".");
        let missing = |what: &str| {
            let why = match self.unread {
                Some(place) => format!("the USE at {place} could not be read"),
                None => "no USE CATALOG before it says which".to_owned(),
            };
            DdlProblem::new(
                place,
                format!("the table's name `{written}` has no {what}, and {why}; write catalog.schema.table"),
            )
        };
        let mut parts = parts.into_iter().rev();
        let table = parts.next().ok_or_else(|| missing("name"))?;
        let [catalog, schema] = match (parts.next(), parts.next(), parts.next()) {
            (Some(schema), Some(catalog), None) => [catalog, schema],
            (Some(schema), None, None) => [self.catalog.clone().ok_or_else(|| missing("catalog"))?, schema],
            (None, ..) => {
                let catalog = self.catalog.clone().ok_or_else(|| missing("catalog and no schema"))?;
                [catalog, self.schema.clone().ok_or_else(|| missing("schema"))?]
            }
            (Some(_), _, Some(_)) => {
                let text =
                    format!("the table's name `{written}` has more than three parts; write catalog.schema.table");
                return Err(DdlProblem::new(place, text));
            }
        };
        Ok([catalog, schema, table])
    }

    /// The full name of a schema, completed from the context.
    pub(super) fn schema(&self, parts: &[String]) -> Option<[String; 2]> {
        match parts {
            [schema] => Some([self.catalog.clone()?, schema.clone()]),
            [catalog, schema] => Some([catalog.clone(), schema.clone()]),
            _ => None,
        }
    }
}

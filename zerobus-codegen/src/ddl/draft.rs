//! The draft of a table, and the changes that statements can make to its columns.

use std::collections::BTreeMap;

use crate::model::{ColumnSource, SqlField, SqlType};

/// The kind of a table, as its clauses define it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    External,
    Managed,
    Streaming,
}

/// A table as built by the statements so far.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// Catalog, schema, table.
    pub(super) name: [String; 3],
    pub(super) kind: Kind,
    pub(super) format: Option<String>,
    pub(super) comment: Option<String>,
    /// The columns, as the fields of a struct.
    pub(super) row: SqlType,
    /// The sources of values that rows do not have, by the column's name in lower case.
    pub(super) sources: BTreeMap<String, ColumnSource>,
    /// Partition columns, outermost first.
    pub(super) partitions: Vec<String>,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) primary_key: Option<PrimaryKey>,
}

/// A primary key, with its name if the statement has one.
#[derive(Debug, Clone)]
pub(super) struct PrimaryKey(pub(super) Option<String>);

/// A column as a statement defines it.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) field: SqlField,
    pub(super) source: Option<ColumnSource>,
    /// The primary key, if it is this column alone.
    pub(super) primary_key: Option<PrimaryKey>,
    /// The CHECK constraints in the column's own clauses, with their names.
    pub(super) checks: Vec<(Option<String>, String)>,
}

impl Column {
    /// Whether the column has only a name and a type.
    pub(super) const fn is_bare(&self) -> bool {
        let Self { field, source, primary_key, checks } = self;
        field.nullable && field.comment.is_none() && source.is_none() && primary_key.is_none() && checks.is_empty()
    }
}

/// The position of a column or field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Position {
    After(String),
    First,
    Last,
}

impl Draft {
    pub(super) fn new(name: [String; 3]) -> Self {
        Self {
            name,
            kind: Kind::Managed,
            format: None,
            comment: None,
            row: SqlType::Struct(Vec::new()),
            sources: BTreeMap::new(),
            partitions: Vec::new(),
            properties: BTreeMap::new(),
            primary_key: None,
        }
    }

    pub(super) fn full_name(&self) -> String {
        self.name.join(".")
    }

    pub(super) fn columns(&self) -> &[SqlField] {
        if let SqlType::Struct(fields) = &self.row { fields } else { &[] }
    }

    /// Adds a column, or a field if the path leads into a STRUCT.
    pub(super) fn add(&mut self, parent: &[String], column: Column, position: &Position) -> Result<(), String> {
        let fields = fields_mut(&mut self.row, parent)?;
        let name = column.field.name.clone();
        if place_of(fields, &name).is_some() {
            return Err(format!("there is a column `{}` already", shown(parent, &name)));
        }
        if let (Some(_), [_, ..]) = (&column.source, parent) {
            return Err(format!("`{}` is a field of a STRUCT, and only a column has a default", shown(parent, &name)));
        }
        fields.push(column.field);
        let last = fields.len() - 1;
        move_to(fields, last, position)?;
        if let Some(source) = column.source {
            self.sources.insert(name.to_lowercase(), source);
        }
        if let Some(key) = column.primary_key {
            self.set_primary_key(key)?;
        }
        column.checks.into_iter().try_for_each(|(name, expression)| self.add_check(name, expression))
    }

    pub(super) fn remove(&mut self, path: &[String]) -> Result<(), String> {
        let (name, parent) = split(path)?;
        if parent.is_empty() && self.partitions.iter().any(|partition| partition.eq_ignore_ascii_case(name)) {
            return Err(format!("`{name}` is a partition column, which cannot be dropped"));
        }
        let fields = fields_mut(&mut self.row, parent)?;
        let at = place_of(fields, name).ok_or_else(|| missing(parent, name))?;
        fields.remove(at);
        if parent.is_empty() {
            self.sources.remove(&name.to_lowercase());
        }
        Ok(())
    }

    pub(super) fn rename(&mut self, path: &[String], to: &str) -> Result<(), String> {
        let (name, parent) = split(path)?;
        let fields = fields_mut(&mut self.row, parent)?;
        let at = place_of(fields, name).ok_or_else(|| missing(parent, name))?;
        if place_of(fields, to).is_some_and(|other| other != at) {
            return Err(format!("there is a column `{}` already", shown(parent, to)));
        }
        to.clone_into(&mut fields[at].name);
        if parent.is_empty() {
            if let Some(source) = self.sources.remove(&name.to_lowercase()) {
                self.sources.insert(to.to_lowercase(), source);
            }
            for partition in self.partitions.iter_mut().filter(|partition| partition.eq_ignore_ascii_case(name)) {
                to.clone_into(partition);
            }
        }
        Ok(())
    }

    pub(super) fn reorder(&mut self, path: &[String], position: &Position) -> Result<(), String> {
        let (name, parent) = split(path)?;
        let fields = fields_mut(&mut self.row, parent)?;
        let at = place_of(fields, name).ok_or_else(|| missing(parent, name))?;
        move_to(fields, at, position)
    }

    /// The column, or the field in one, that a path names.
    pub(super) fn field_mut(&mut self, path: &[String]) -> Result<&mut SqlField, String> {
        let (name, parent) = split(path)?;
        let fields = fields_mut(&mut self.row, parent)?;
        let at = place_of(fields, name).ok_or_else(|| missing(parent, name))?;
        Ok(&mut fields[at])
    }

    /// Sets or removes a column's default; computed columns stay unchanged.
    pub(super) fn set_source(&mut self, path: &[String], source: Option<ColumnSource>) -> Result<(), String> {
        let name = self.field_mut(path)?.name.to_lowercase();
        let [_] = path else { return Err(format!("`{}` is not a column, so it has no default", path.join("."))) };
        if let Some(ColumnSource::Generated(_) | ColumnSource::Identity { .. }) = self.sources.get(&name) {
            return Err(format!("`{name}` is computed by the table, and has no default"));
        }
        match source {
            Some(source) => self.sources.insert(name, source),
            None => self.sources.remove(&name),
        };
        Ok(())
    }

    /// The type at a path, which may end at an array's element or a map's key or value.
    pub(super) fn type_mut(&mut self, path: &[String]) -> Result<&mut SqlType, String> {
        type_mut(&mut self.row, path)
    }

    /// Adds a CHECK constraint, which Delta stores as a property of the table.
    pub(super) fn add_check(&mut self, name: Option<String>, expression: String) -> Result<(), String> {
        let count = self.properties.keys().filter(|key| key.starts_with(CHECKS)).count();
        let name = name.unwrap_or_else(|| format!("check_{}", count + 1));
        match self.properties.insert(format!("{CHECKS}{}", name.to_lowercase()), expression) {
            Some(_) => {
                Err(format!("the table has a CHECK constraint `{name}` already; give the constraint another name"))
            }
            None => Ok(()),
        }
    }

    /// Notes that the table has a primary key.
    pub(super) fn set_primary_key(&mut self, key: PrimaryKey) -> Result<(), String> {
        match self.primary_key.replace(key) {
            Some(_) => Err("the table has a primary key already, and can have one only".to_owned()),
            None => Ok(()),
        }
    }

    pub(super) fn drop_primary_key(&mut self) {
        self.primary_key = None;
    }

    /// Drops a constraint. Databricks chooses a name for an unnamed primary key, so an unknown name may be that key's.
    pub(super) fn drop_constraint(&mut self, name: &str) {
        let is_check = self.properties.remove(&format!("{CHECKS}{}", name.to_lowercase())).is_some();
        let is_key = |PrimaryKey(key): &PrimaryKey| key.as_ref().is_none_or(|key| key.eq_ignore_ascii_case(name));
        if !is_check && self.primary_key.as_ref().is_some_and(is_key) {
            self.primary_key = None;
        }
    }
}

/// The prefix of the properties of CHECK constraints.
const CHECKS: &str = "delta.constraints.";

/// The last part of a path, and the parts before it.
fn split(path: &[String]) -> Result<(&String, &[String]), String> {
    path.split_last().ok_or_else(|| "a column's name is missing".to_owned())
}

/// The fields of the struct that a path leads to.
fn fields_mut<'a>(of: &'a mut SqlType, path: &[String]) -> Result<&'a mut Vec<SqlField>, String> {
    match type_mut(of, path)? {
        SqlType::Struct(fields) => Ok(fields),
        _ => Err(format!("`{}` is not a STRUCT", path.join("."))),
    }
}

fn type_mut<'a>(of: &'a mut SqlType, path: &[String]) -> Result<&'a mut SqlType, String> {
    let mut found = of;
    for (depth, part) in path.iter().enumerate() {
        let missing = || missing(&path[..depth], part);
        let word = part.to_lowercase();
        found = match (found, word.as_str()) {
            (SqlType::Array(element), "element") => element,
            (SqlType::Map(key, _), "key") => key,
            (SqlType::Map(_, value), "value") => value,
            (SqlType::Struct(fields), _) => {
                let at = place_of(fields, part).ok_or_else(missing)?;
                &mut fields[at].sql_type
            }
            _ => return Err(missing()),
        };
    }
    Ok(found)
}

/// The index of a field. Names are compared without regard to case, as in Databricks.
fn place_of(fields: &[SqlField], name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    fields.iter().position(|field| field.name.to_lowercase() == name)
}

fn move_to(fields: &mut Vec<SqlField>, from: usize, position: &Position) -> Result<(), String> {
    let field = fields.remove(from);
    let to = match position {
        Position::After(name) => place_of(fields, name).map(|at| at + 1),
        Position::First => Some(0),
        Position::Last => Some(fields.len()),
    };
    fields.insert(to.unwrap_or(from), field);
    match (to, position) {
        (None, Position::After(name)) => Err(format!("there is no column `{name}` to put it after")),
        _ => Ok(()),
    }
}

fn missing(parent: &[String], name: &str) -> String {
    format!("there is no column `{}`", shown(parent, name))
}

fn shown(parent: &[String], name: &str) -> String {
    let mut path = parent.to_vec();
    path.push(name.to_owned());
    path.join(".")
}

//! What happened to a table's schema between two moments, and what it does to a program that is deployed.
//!
//! | change | severity | because the service |
//! |---|---|---|
//! | nullable column added | safe | stores NULL for a column that is left out |
//! | column made nullable | safe | takes a value as before |
//! | NOT NULL column added, column made NOT NULL | breaking | refuses a row without it |
//! | column dropped or renamed | breaking | refuses a field that is no column |
//! | column retyped | breaking | refuses a field of another type |
//! | column moved among the others | breaking | refuses, on some paths, fields out of the table's order |
//! | column made a generated one | breaking | refuses to write what the table computes |
//!
//! The same holds inside structs, array elements and map values. Comments are no drift.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display};

use crate::{ColumnPath, DataType, Element, Field, Printable, Report, Struct, Table};

/// What a change does to a program that is deployed.
///
/// The order is that of harm, the worse one the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Nothing: it goes on writing.
    Safe,
    /// It can no longer write.
    Breaking,
}

/// What happened at one place of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind {
    /// A column is new.
    Added {
        /// Its type.
        data_type: String,
        /// Whether it may be left out.
        nullable: bool,
    },
    /// A column is gone.
    Dropped,
    /// The table computes the column itself.
    MadeGenerated,
    /// NOT NULL was added to a column.
    MadeNotNull,
    /// NOT NULL was taken from a column.
    MadeNullable,
    /// A column stands elsewhere among the others.
    Moved,
    /// A column has another name.
    Renamed {
        /// The name that it has now.
        to: String,
    },
    /// A column has another type.
    Retyped {
        /// The type that it had.
        from: String,
        /// The type that it has now.
        to: String,
    },
    /// The table is new.
    TableAdded,
    /// The table is gone, or not to be seen.
    TableDropped,
    /// Zerobus cannot write to the table as it stands.
    Unsupported {
        /// What was found.
        found: String,
        /// What to do about it.
        help: String,
    },
}

/// One change of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Where: under the name that it had, if it had one; empty for the table as a whole.
    pub path: ColumnPath,
    /// What happened.
    pub kind: ChangeKind,
}

/// Every change of one table, in the order of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drift {
    /// The table's full name.
    pub table: String,
    /// The changes; none if the schema is the same.
    pub changes: Vec<Change>,
}

impl ChangeKind {
    /// What the change does to a program that is deployed.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Added { nullable: true, .. } | Self::MadeNullable | Self::TableAdded => Severity::Safe,
            Self::Added { nullable: false, .. }
            | Self::Dropped
            | Self::MadeGenerated
            | Self::MadeNotNull
            | Self::Moved
            | Self::Renamed { .. }
            | Self::Retyped { .. }
            | Self::TableDropped
            | Self::Unsupported { .. } => Severity::Breaking,
        }
    }

    /// The change's name, one word for programs: `added`, `made_not_null`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Added { .. } => "added",
            Self::Dropped => "dropped",
            Self::MadeGenerated => "made_generated",
            Self::MadeNotNull => "made_not_null",
            Self::MadeNullable => "made_nullable",
            Self::Moved => "moved",
            Self::Renamed { .. } => "renamed",
            Self::Retyped { .. } => "retyped",
            Self::TableAdded => "table_added",
            Self::TableDropped => "table_dropped",
            Self::Unsupported { .. } => "unsupported",
        }
    }
}

impl Drift {
    /// The changes that lead from one schema of a table to another.
    ///
    /// ```
    /// # let json = include_str!("../../examples/quickstart/schemas/main.geo.earthquakes.json");
    /// use zerobus_codegen::{Drift, Severity, Table, TableInfo};
    ///
    /// let mut info: TableInfo = serde_json::from_str(json)?;
    /// let old = Table::try_from(&info)?;
    /// info.columns.retain(|column| column.name != "mag");
    /// let drift = Drift::between(&old, &Table::try_from(&info)?);
    /// assert_eq!(drift.severity(), Some(Severity::Breaking));
    /// assert_eq!(drift.changes[0].to_string(), "mag: dropped; the service refuses a field that is no column");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn between(old: &Table, new: &Table) -> Self {
        let mut changes = Vec::new();
        let mut comparison = Comparison { changes: &mut changes, generated: &new.omitted_columns };
        comparison.rows(&ColumnPath::root(), &old.row, &new.row);
        Self { table: old.name.to_string(), changes }
    }

    /// The drift of a table that cannot be written to any more.
    #[must_use]
    pub fn unsupported(report: &Report) -> Self {
        let changes = report.problems.iter().map(|problem| Change {
            path: problem.path.clone(),
            kind: ChangeKind::Unsupported { found: problem.found.clone(), help: problem.help.clone() },
        });
        Self { table: report.table.clone(), changes: changes.collect() }
    }

    /// The drift of a table that is on one side alone, or of which only this is known.
    #[must_use]
    pub fn of_table(table: &Table, kind: ChangeKind) -> Self {
        Self { table: table.name.to_string(), changes: vec![Change { path: ColumnPath::root(), kind }] }
    }

    /// The worst of the changes; `None` if there are none.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        self.changes.iter().map(|change| change.kind.severity()).max()
    }
}

/// A walk over two rows at once.
struct Comparison<'a> {
    changes: &'a mut Vec<Change>,
    /// The columns of the new table that it computes itself; none inside a struct.
    generated: &'a [String],
}

impl Comparison<'_> {
    fn change(&mut self, path: ColumnPath, kind: ChangeKind) {
        self.changes.push(Change { path, kind });
    }

    fn rows(&mut self, path: &ColumnPath, old: &Struct, new: &Struct) {
        let by_name: HashMap<&str, &Field> = new.fields.iter().map(|field| (field.name.as_str(), field)).collect();
        let renamed = renamed(old, new);
        let moved = moved(old, new);
        for field in &old.fields {
            let path = path.join(&field.name);
            if let Some(same) = by_name.get(field.name.as_str()) {
                if moved.contains(field.name.as_str()) {
                    self.change(path.clone(), ChangeKind::Moved);
                }
                self.field(path, field, same);
            } else if let Some(to) = renamed.get(field.name.as_str()) {
                self.change(path.clone(), ChangeKind::Renamed { to: to.name.clone() });
                self.field(path, field, to);
            } else if path.segments().len() == 1 && self.generated.contains(&field.name) {
                self.change(path, ChangeKind::MadeGenerated);
            } else {
                self.change(path, ChangeKind::Dropped);
            }
        }
        let known: HashSet<&str> = old.fields.iter().map(|field| field.name.as_str()).collect();
        let is_new =
            |field: &&Field| !known.contains(field.name.as_str()) && !renamed.values().any(|to| to.name == field.name);
        for field in new.fields.iter().filter(is_new) {
            let (data_type, nullable) = (field.data_type.to_string(), field.nullable);
            self.change(path.join(&field.name), ChangeKind::Added { data_type, nullable });
        }
    }

    fn field(&mut self, path: ColumnPath, old: &Field, new: &Field) {
        self.data_types(&path, &old.data_type, &new.data_type);
        match (old.nullable, new.nullable) {
            (true, false) => self.change(path, ChangeKind::MadeNotNull),
            (false, true) => self.change(path, ChangeKind::MadeNullable),
            (false, false) | (true, true) => {}
        }
    }

    fn data_types(&mut self, path: &ColumnPath, old: &DataType, new: &DataType) {
        match (old, new) {
            (DataType::Array(Element::Struct(old)), DataType::Array(Element::Struct(new))) => {
                self.rows(&path.join("element"), old, new);
            }
            (DataType::Map(key, Element::Struct(old)), DataType::Map(other, Element::Struct(new))) if key == other => {
                self.rows(&path.join("value"), old, new);
            }
            (DataType::Struct(old), DataType::Struct(new)) => self.rows(path, old, new),
            _ if old.to_string() == new.to_string() => {}
            _ => {
                self.change(path.clone(), ChangeKind::Retyped { from: old.to_string(), to: new.to_string() });
            }
        }
    }
}

/// The fields that have another name: one gone and one new, of the same type, in the same place.
fn renamed<'a>(old: &'a Struct, new: &'a Struct) -> HashMap<&'a str, &'a Field> {
    let names = |row: &'a Struct| row.fields.iter().map(|field| field.name.as_str()).collect::<HashSet<&str>>();
    let (known, kept) = (names(old), names(new));
    let by_number: HashMap<i32, &Field> = new
        .fields
        .iter()
        .filter(|field| !known.contains(field.name.as_str()))
        .map(|field| (field.number, field))
        .collect();
    let gone = old.fields.iter().filter(|field| !kept.contains(field.name.as_str()));
    gone.filter_map(|field| {
        let to = by_number.get(&field.number)?;
        (to.data_type.to_string() == field.data_type.to_string()).then_some((field.name.as_str(), *to))
    })
    .collect()
}

/// The fewest fields that had to move for the common ones to stand in their new order.
fn moved<'a>(old: &'a Struct, new: &Struct) -> HashSet<&'a str> {
    let places: HashMap<&str, usize> = new.fields.iter().map(|field| field.name.as_str()).zip(0..).collect();
    let common: Vec<(&str, usize)> =
        old.fields.iter().filter_map(|field| Some((field.name.as_str(), *places.get(field.name.as_str())?))).collect();
    if common.is_sorted_by_key(|&(_, place)| place) {
        return HashSet::new();
    }
    // The longest run that is in order stays; `length[i]` is that of the one that ends at i.
    let (mut length, mut before) = (vec![1; common.len()], vec![None; common.len()]);
    for i in 0..common.len() {
        for j in 0..i {
            if common[j].1 < common[i].1 && length[j] + 1 > length[i] {
                (length[i], before[i]) = (length[j] + 1, Some(j));
            }
        }
    }
    let mut stays = HashSet::new();
    let mut at = (0..common.len()).max_by_key(|&i| length[i]);
    while let Some(i) = at {
        stays.insert(common[i].0);
        at = before[i];
    }
    common.into_iter().map(|(name, _)| name).filter(|name| !stays.contains(name)).collect()
}

impl Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Breaking => "breaking",
            Self::Safe => "safe",
        })
    }
}

impl Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { data_type, nullable: true } => {
                write!(f, "added as {data_type}; a program that leaves it out writes NULL")
            }
            Self::Added { data_type, nullable: false } => {
                write!(f, "added as {data_type} NOT NULL; the service refuses a row without it")
            }
            Self::Dropped => f.write_str("dropped; the service refuses a field that is no column"),
            Self::MadeGenerated => f.write_str("made a generated column; a row must leave it out"),
            Self::MadeNotNull => f.write_str("made NOT NULL; the service refuses a row without it"),
            Self::MadeNullable => f.write_str("made nullable; a program that sends it goes on writing"),
            Self::Moved => f.write_str("moved among the columns; the service may refuse fields out of their order"),
            Self::Renamed { to } => {
                write!(f, "renamed to {}; the service refuses a field that is no column", Printable(to))
            }
            Self::Retyped { from, to } => {
                write!(f, "retyped from {from} to {to}; the service refuses a field of another type")
            }
            Self::TableAdded => f.write_str("the table is new"),
            Self::TableDropped => f.write_str("the table is gone, or not to be seen with these credentials"),
            Self::Unsupported { found, help } => {
                write!(f, "{}, so Zerobus cannot write to the table; {}", Printable(found), Printable(help))
            }
        }
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.segments().is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        self.kind.fmt(f)
    }
}

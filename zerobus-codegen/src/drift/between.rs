//! Compares two tables column by column.

use std::collections::{HashMap, HashSet};

use super::order::{moved, renamed};
use super::retype::{Effect, OTHER_WIRE_TYPE, scalars};
use super::{Change, ChangeKind, Severity};
use crate::{ColumnPath, DataType, Element, Field, Obstacle, Struct, Table};

/// The changes from one schema of a table to another.
pub(super) fn changes(old: &Table, new: &Table) -> Vec<Change> {
    let mut walk = Walk { changes: Vec::new(), computed_before: &old.omitted_columns, computed: &new.omitted_columns };
    walk.rows(&ColumnPath::root(), &old.row, &new.row);
    walk.obstacles(old, new);
    walk.changes
}

struct Walk<'a> {
    changes: Vec<Change>,
    /// The columns that the old table computes.
    computed_before: &'a [String],
    /// The columns that the new table computes.
    computed: &'a [String],
}

impl Walk<'_> {
    fn change(&mut self, path: ColumnPath, kind: ChangeKind, (severity, reason): Effect) {
        self.changes.push(Change::new(path, kind, severity, reason));
    }

    fn rows(&mut self, path: &ColumnPath, old: &Struct, new: &Struct) {
        let by_name: HashMap<&str, &Field> = new.fields.iter().map(|field| (field.name.as_str(), field)).collect();
        let renamed = renamed(old, new);
        let moved = moved(old, new);
        for field in &old.fields {
            let path = path.join(&field.name);
            if let Some(same) = by_name.get(field.name.as_str()) {
                if moved.contains(field.name.as_str()) {
                    self.change(path.clone(), ChangeKind::Moved, MOVED);
                }
                self.field(path, field, same);
            } else if let Some(to) = renamed.get(field.name.as_str()) {
                self.change(path.clone(), ChangeKind::Renamed { to: to.name.clone() }, NO_COLUMN);
                self.field(path, field, to);
            } else if is_column_of(&path, self.computed) {
                self.change(path, ChangeKind::MadeGenerated, COMPUTED);
            } else {
                self.change(path, ChangeKind::Dropped, NO_COLUMN);
            }
        }
        let known: HashSet<&str> = old.fields.iter().map(|field| field.name.as_str()).collect();
        let named: HashSet<&str> = renamed.values().map(|to| to.name.as_str()).collect();
        let is_new = |field: &&Field| !known.contains(field.name.as_str()) && !named.contains(field.name.as_str());
        for field in new.fields.iter().filter(is_new) {
            self.added(path.join(&field.name), field);
        }
    }

    fn added(&mut self, path: ColumnPath, field: &Field) {
        let (data_type, nullable) = (field.data_type.to_string(), field.nullable);
        let effect = if nullable { LEFT_OUT } else { MISSING };
        let kind = if is_column_of(&path, self.computed_before) {
            ChangeKind::MadePlain { data_type, nullable }
        } else {
            ChangeKind::Added { data_type, nullable }
        };
        self.change(path, kind, effect);
    }

    fn field(&mut self, path: ColumnPath, old: &Field, new: &Field) {
        self.data_types(&path, &old.data_type, &new.data_type);
        match (old.nullable, new.nullable) {
            (true, false) if matches!(new.data_type, DataType::Array(_) | DataType::Map(..)) => {
                self.change(path, ChangeKind::MadeNotNull, EMPTY);
            }
            (true, false) => self.change(path, ChangeKind::MadeNotNull, MISSING),
            (false, true) => self.change(path, ChangeKind::MadeNullable, SENT_ANYWAY),
            (false, false) | (true, true) => {}
        }
    }

    fn data_types(&mut self, path: &ColumnPath, old: &DataType, new: &DataType) {
        match (old, new) {
            (DataType::Array(old), DataType::Array(new)) if is_row(old) && is_row(new) => {
                self.elements(&path.join("element"), old, new);
            }
            (DataType::Map(old_key, old), DataType::Map(key, new)) if is_row(old) && is_row(new) => {
                let effect = scalars(old_key.scalar(), key.scalar());
                let (from, to) = (DataType::Map(*old_key, old.clone()), DataType::Map(*key, new.clone()));
                self.retyped(path, (&from, &to), effect);
                if effect.is_none_or(|(severity, _)| severity != Severity::Breaking) {
                    self.elements(&path.join("value"), old, new);
                }
            }
            (DataType::Struct(old), DataType::Struct(new)) => self.rows(path, old, new),
            _ => self.retyped(path, (old, new), effect(old, new)),
        }
    }

    fn elements(&mut self, path: &ColumnPath, old: &Element, new: &Element) {
        if let (Element::Struct(old), Element::Struct(new)) = (old, new) {
            self.rows(path, old, new);
        }
    }

    fn retyped(&mut self, path: &ColumnPath, (old, new): (&DataType, &DataType), effect: Option<Effect>) {
        if let Some(effect) = effect {
            let (from, to) = (old.to_string(), new.to_string());
            self.change(path.clone(), ChangeKind::Retyped { from, to }, effect);
        }
    }

    /// Adds the obstacles that only one of the tables has.
    fn obstacles(&mut self, old: &Table, new: &Table) {
        let reported: HashSet<ColumnPath> = self.changes.iter().map(|change| change.path.clone()).collect();
        let is_reported = |obstacle: &Obstacle| reported.contains(&obstacle.path());
        for obstacle in new.obstacles.iter().filter(|obstacle| !old.obstacles.contains(obstacle)) {
            if !is_reported(obstacle) {
                let kind = ChangeKind::ObstacleAdded(obstacle.clone());
                self.change(obstacle.path(), kind, (Severity::Breaking, obstacle.help()));
            }
        }
        for obstacle in old.obstacles.iter().filter(|obstacle| !new.obstacles.contains(obstacle)) {
            if !is_reported(obstacle) {
                let kind = ChangeKind::ObstacleRemoved(obstacle.clone());
                self.change(obstacle.path(), kind, (Severity::Safe, "rows have the same columns as before"));
            }
        }
    }
}

const COMPUTED: Effect = (Severity::Breaking, "the service refuses the table (error code 1022)");
const EMPTY: Effect = (Severity::Safe, "one that is absent is empty on the wire, and not NULL");
const LEFT_OUT: Effect = (Severity::Safe, "a program that leaves it out writes NULL");
const MISSING: Effect = (Severity::Breaking, "the service refuses a row without it");
const MOVED: Effect = (Severity::Breaking, "the service may refuse fields out of the table's order");
const NO_COLUMN: Effect = (Severity::Breaking, "the service refuses a field that is not a column");
const SENT_ANYWAY: Effect = (Severity::Safe, "a program that sends it keeps working");

/// The effect of a change of type; structs inside are compared elsewhere.
fn effect(old: &DataType, new: &DataType) -> Option<Effect> {
    match (old, new) {
        (DataType::Array(old), DataType::Array(new)) => element_effect(old, new),
        (DataType::Map(old_key, old), DataType::Map(key, new)) => {
            let effects = [scalars(old_key.scalar(), key.scalar()), element_effect(old, new)];
            effects.into_iter().flatten().max_by_key(|&(severity, _)| severity)
        }
        (DataType::Scalar(old), DataType::Scalar(new)) => scalars(*old, *new),
        _ => Some(OTHER_WIRE_TYPE),
    }
}

fn element_effect(old: &Element, new: &Element) -> Option<Effect> {
    match (old, new) {
        (Element::Scalar(old), Element::Scalar(new)) => scalars(*old, *new),
        _ => Some(OTHER_WIRE_TYPE),
    }
}

const fn is_row(element: &Element) -> bool {
    matches!(element, Element::Struct(_))
}

/// Whether the path is that of one of these columns itself, not of a field inside one.
fn is_column_of(path: &ColumnPath, columns: &[String]) -> bool {
    matches!(path.segments(), [column] if columns.contains(column))
}

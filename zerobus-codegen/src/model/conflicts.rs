//! Contradictions between the parts of a table's description. Each is a warning that names the part that is used.
//!
//! | property | its parts; the first one is used |
//! |---|---|
//! | a column's type | `type_json`, `type_text`, `type_name` with `type_precision` and `type_scale` |
//! | whether a column is nullable | `nullable`, `type_json` |
//! | a column's name | `name`, `type_json` |
//! | the order of the columns | `position`, the order of the list |
//! | the order of the partition columns | `partition_index`, the column's name |
//!
//! A part that cannot be read, or names a type that this crate does not know, contradicts nothing.

use super::column_type::{Part, type_of_text};
use super::sql_type::{Name, SqlField, SqlType, resolve};
use super::type_json::TypeJson;
use super::{ColumnInfo, ColumnPath, Note, Scalar, TableInfo};

/// The remedy for all of them.
const HELP: &str = "fetch the table again";

/// The contradictions within one column, whose type was read from this part.
pub(super) fn of_column(path: &ColumnPath, column: &ColumnInfo, read: &TypeJson, part: Part) -> Vec<Note> {
    let name = read.name.as_deref().filter(|name| !name.eq_ignore_ascii_case(&column.name)).map(|name| {
        let text = format!("its type_json is that of a column `{name}`, and is used; {HELP}");
        Note { path: path.clone(), text }
    });
    let nullable = match (column.nullable, read.nullable) {
        (Some(used), Some(other)) if used != other => {
            let say = |nullable| if nullable { "nullable" } else { "NOT NULL" };
            let text = format!(
                "its `nullable` means {}, and its type_json {}; the first is used; {HELP}",
                say(used),
                say(other)
            );
            Some(Note { path: path.clone(), text })
        }
        _ => None,
    };
    let types = texts(path, column, &read.sql_type, part).or_else(|| names(path, column, &read.sql_type, part));
    [name, nullable, types].into_iter().flatten().collect()
}

/// The contradictions in the order of a table's columns.
pub(super) fn of_order(info: &TableInfo) -> Vec<Note> {
    let mut found = Vec::new();
    let positions = info.columns.iter().filter_map(|column| Some((column.position?, column)));
    let positions: Vec<_> = positions.collect();
    if let Some(pair) = positions.windows(2).find(|pair| pair[1].0 < pair[0].0) {
        let text = format!(
            "its position {} is before that of column `{}`, which is listed before it; the positions are used",
            pair[1].0, pair[0].1.name
        );
        found.push(Note { path: ColumnPath::root().join(&pair[1].1.name), text });
    }
    found
}

/// Partition columns that claim one place.
pub(super) fn of_partitions(info: &TableInfo) -> Vec<Note> {
    let mut places: Vec<_> = info.columns.iter().filter_map(|column| Some((column.partition_index?, column))).collect();
    places.sort_by_key(|(place, column)| (*place, column.name.as_str()));
    let same = places.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    same.map(|pair| {
        let text = format!(
            "its partition_index {} is also that of column `{}`, which is assumed to be before it; {HELP}",
            pair[1].0, pair[0].1.name
        );
        Note { path: ColumnPath::root().join(&pair[1].1.name), text }
    })
    .collect()
}

/// The contradiction with `type_text`, if the type was read from another part.
fn texts(path: &ColumnPath, column: &ColumnInfo, used: &SqlType, part: Part) -> Option<Note> {
    if part != Part::Json {
        return None;
    }
    let other = type_of_text(column)?.ok()?;
    let Difference { path, used, other } = difference(path, used, &other)?;
    Some(Note { path, text: format!("type_json says {used}, and type_text {other}; type_json is used; {HELP}") })
}

/// The contradiction with `type_name`, if the type was read from another part.
fn names(path: &ColumnPath, column: &ColumnInfo, used: &SqlType, part: Part) -> Option<Note> {
    if part == Part::Name {
        return None;
    }
    let from = part.name();
    let name = column.type_name.as_deref()?.trim().to_lowercase();
    let digits = column.type_precision.filter(|&precision| precision > 0);
    let name = match (name.as_str(), digits) {
        ("decimal", Some(precision)) => format!("decimal({precision},{})", column.type_scale.unwrap_or(0)),
        _ => name,
    };
    if is_headed(used, &name) {
        return None;
    }
    let (used, name) = (used.headline(), name.to_uppercase());
    let text = format!("{from} says {used}, and type_name {name}; {from} is used; {HELP}");
    Some(Note { path: path.clone(), text })
}

/// Whether a type can have this `type_name`, which has only the outermost word and may be STRING for CHAR and VARCHAR.
fn is_headed(sql_type: &SqlType, name: &str) -> bool {
    let text = |scalar: &Scalar| matches!(scalar, Scalar::String | Scalar::Char(_) | Scalar::Varchar(_));
    match (sql_type, resolve(name)) {
        (_, _) if ["array", "map", "struct"].contains(&name) => sql_type.headline().eq_ignore_ascii_case(name),
        (_, Name::BadDecimal | Name::Unsupported) => true,
        (SqlType::Named(used), Name::Scalar(expected)) => match resolve(used) {
            Name::Scalar(Scalar::Decimal { .. }) if name == "decimal" => true,
            Name::Scalar(found) => found == expected || text(&found) && text(&expected),
            Name::BadDecimal => name.starts_with("decimal"),
            Name::Unsupported => false,
        },
        (SqlType::Array(_) | SqlType::Map(..) | SqlType::Struct(_), Name::Scalar(_)) => false,
    }
}

/// The place where two types differ, and what each has there.
struct Difference {
    path: ColumnPath,
    used: String,
    other: String,
}

/// The first place where two types differ in more than NOT NULL and comments.
fn difference(path: &ColumnPath, used: &SqlType, other: &SqlType) -> Option<Difference> {
    match (used, other) {
        (SqlType::Array(used), SqlType::Array(other)) => difference(&path.join("element"), used, other),
        (SqlType::Map(key, value), SqlType::Map(other_key, other_value)) => {
            difference(&path.join("key"), key, other_key)
                .or_else(|| difference(&path.join("value"), value, other_value))
        }
        (SqlType::Struct(used), SqlType::Struct(other)) => fields(path, used, other),
        (SqlType::Named(used_name), SqlType::Named(other_name)) if is_same(used_name, other_name) => None,
        _ => Some(Difference { path: path.clone(), used: used.headline(), other: other.headline() }),
    }
}

fn fields(path: &ColumnPath, used: &[SqlField], other: &[SqlField]) -> Option<Difference> {
    for (used, other) in used.iter().zip(other) {
        if used.name != other.name {
            let named = |field: &SqlField| format!("field `{}`", field.name);
            return Some(Difference { path: path.clone(), used: named(used), other: named(other) });
        }
        if let Some(found) = difference(&path.join(&used.name), &used.sql_type, &other.sql_type) {
            return Some(found);
        }
    }
    let count = |fields: &[SqlField]| format!("{} fields", fields.len());
    (used.len() != other.len()).then(|| Difference { path: path.clone(), used: count(used), other: count(other) })
}

/// Whether two names mean the same type. Names of types that Zerobus does not support are not compared.
fn is_same(a: &str, b: &str) -> bool {
    match (resolve(a), resolve(b)) {
        (Name::Scalar(a), Name::Scalar(b)) => a == b,
        (Name::Scalar(_), _) | (_, Name::Scalar(_)) => false,
        _ => true,
    }
}

//! A column's type, from the first part of its description that has one.

use super::sql_type::SqlType;
use super::type_json::{self, Metadata, TypeJson};
use super::{ColumnInfo, type_text};

/// A column's type, and the part of its description that it comes from.
pub(crate) struct ReadType {
    /// The type, or the text of a problem.
    pub(crate) read: Result<TypeJson, String>,
    pub(super) origin: Origin,
    pub(super) part: Part,
}

/// A part of a column's description that has a type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Json,
    Name,
    Text,
}

impl Part {
    /// Its name in the tables API.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Json => "type_json",
            Self::Name => "type_name",
            Self::Text => "type_text",
        }
    }
}

/// The part of the description that has the type.
pub(super) enum Origin {
    /// Another part than `type_json`, which cannot be read for this reason.
    BrokenJson(String),
    Json,
    /// Another part than `type_json`, which has no type.
    Text,
}

/// A column's type: from `type_json`, else from `type_text`, else from `type_name`.
pub(crate) fn read_type(column: &ColumnInfo) -> ReadType {
    let reason = match type_json::parse(column.type_json.as_deref().unwrap_or_default()) {
        Ok(Some(read)) => return ReadType { read: Ok(read), origin: Origin::Json, part: Part::Json },
        Ok(None) => None,
        Err(reason) => Some(reason),
    };
    let text = type_of_text(column);
    let part = if text.is_some() { Part::Text } else { Part::Name };
    let read = match text.or_else(|| type_of_name(column)) {
        Some(Ok(sql_type)) => Ok(TypeJson { name: None, sql_type, nullable: None, metadata: Metadata::default() }),
        Some(Err(reason)) => {
            let text = column.type_text.as_deref().unwrap_or_default();
            Err(format!("its type `{text}` cannot be read: {reason}"))
        }
        None => Err(match &reason {
            Some(reason) => format!("its type_json cannot be read: {reason}"),
            None => "none of type_json, type_text and type_name has its type".to_owned(),
        }),
    };
    ReadType { read, origin: reason.map_or(Origin::Text, Origin::BrokenJson), part }
}

/// The type of `type_text`, if there is one.
pub(super) fn type_of_text(column: &ColumnInfo) -> Option<Result<SqlType, String>> {
    column.type_text.as_deref().filter(|text| !text.trim().is_empty()).map(type_text::parse)
}

/// The type of `type_name`, which has only the outermost name: it is enough for types without parts.
fn type_of_name(column: &ColumnInfo) -> Option<Result<SqlType, String>> {
    let name = column.type_name.as_deref()?.trim().to_lowercase();
    match (name.as_str(), column.type_precision, column.type_scale) {
        ("" | "array" | "map" | "struct", ..) => None,
        ("decimal", Some(precision), scale) if precision > 0 => {
            Some(Ok(SqlType::named(&format!("decimal({precision},{})", scale.unwrap_or(0)))))
        }
        _ => Some(Ok(SqlType::named(&name))),
    }
}

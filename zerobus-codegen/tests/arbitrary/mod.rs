//! Generators of supported tables of every kind, in the format of the tables API.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// A type that a table can have.
#[derive(Debug, Clone)]
pub(crate) enum Type {
    Array(Box<Type>),
    Map(&'static str, Box<Type>),
    /// A scalar: its name in `type_json`, and its name in SQL.
    Scalar(&'static str, &'static str),
    Struct(Vec<Part>),
}

/// A column or a struct's field.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) r#type: Type,
    pub(crate) nullable: bool,
    pub(crate) comment: Option<String>,
}

const SCALARS: &[(&str, &str)] = &[
    ("boolean", "boolean"),
    ("byte", "tinyint"),
    ("short", "smallint"),
    ("integer", "int"),
    ("long", "bigint"),
    ("float", "float"),
    ("double", "double"),
    ("string", "string"),
    ("binary", "binary"),
    ("date", "date"),
    ("timestamp", "timestamp"),
    ("timestamp_ntz", "timestamp_ntz"),
    ("decimal(10,2)", "decimal(10,2)"),
    ("decimal(38,0)", "decimal(38,0)"),
    ("variant", "variant"),
];

const KEYS: &[&str] = &["boolean", "byte", "short", "integer", "long", "string", "date", "timestamp"];

/// Names that are difficult for generators.
const NAMES: &[&str] = &[
    "id",
    "type",
    "self",
    "Self",
    "super",
    "crate",
    "async",
    "gen",
    "_",
    "__",
    "_1",
    "a_b",
    "aB",
    "AB",
    "A_b",
    "String",
    "Option",
    "Vec",
    "value",
    "key",
    "element",
    "Location",
    "location",
    "LocationValue",
    "location_value",
    "LocationEntry",
    "location_entry",
    // Entries of maps that compete for one name.
    "a_bEntry",
    "ABEntry",
    "ABEntry2",
    "ABElement",
    "ABValue",
    "Entry",
    "_entry",
    "message",
    "optional",
    "repeated",
    "map",
    "int32",
    "package",
    "reserved",
    "to",
    "max",
    "true",
    "inf",
    "nan",
    "descriptor",
    "encode_to",
    "table",
    "number",
];

pub(crate) fn name() -> impl Strategy<Value = String> {
    prop_oneof![select(NAMES).prop_map(str::to_owned), "[A-Za-z_][A-Za-z0-9_]{0,10}"]
}

fn scalar() -> impl Strategy<Value = Type> {
    select(SCALARS).prop_map(|(json, sql)| Type::Scalar(json, sql))
}

/// A scalar or a struct, and the types that can contain one.
pub(crate) fn any_type(comments: bool) -> impl Strategy<Value = Type> {
    scalar().prop_recursive(4, 24, 5, move |inner| {
        let element = inner
            .prop_filter("a collection in a collection", |inner| matches!(inner, Type::Scalar(..) | Type::Struct(_)));
        prop_oneof![
            element.clone().prop_map(|element| Type::Array(Box::new(element))),
            (select(KEYS), element.clone()).prop_map(|(key, value)| Type::Map(key, Box::new(value))),
            parts(
                prop_oneof![
                    3 => element.clone(),
                    1 => element.clone().prop_map(|element| Type::Array(Box::new(element))),
                    1 => (select(KEYS), element).prop_map(|(key, value)| Type::Map(key, Box::new(value))),
                ]
                .boxed(),
                comments,
            )
            .prop_map(Type::Struct),
        ]
    })
}

fn parts(types: BoxedStrategy<Type>, comments: bool) -> impl Strategy<Value = Vec<Part>> {
    let comment = if comments { proptest::option::of(any::<String>()).boxed() } else { Just(None).boxed() };
    vec((name(), types, any::<bool>(), comment), 1..6).prop_map(|parts| {
        let mut seen = std::collections::HashSet::new();
        parts
            .into_iter()
            .filter(|(name, ..)| seen.insert(name.to_lowercase()))
            .map(|(name, r#type, nullable, comment)| Part { name, r#type, nullable, comment })
            .collect()
    })
}

/// The columns of a table.
pub(crate) fn columns(comments: bool) -> impl Strategy<Value = Vec<Part>> {
    parts(any_type(comments).boxed(), comments)
}

impl Type {
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Array(element) => json!({"type": "array", "elementType": element.json(), "containsNull": true}),
            Self::Map(key, value) => {
                json!({"type": "map", "keyType": key, "valueType": value.json(), "valueContainsNull": true})
            }
            Self::Scalar(json, _) => json!(json),
            Self::Struct(parts) => {
                json!({"type": "struct", "fields": parts.iter().map(Part::field_json).collect::<Vec<_>>()})
            }
        }
    }

    pub(crate) fn sql(&self) -> String {
        match self {
            Self::Array(element) => format!("array<{}>", element.sql()),
            Self::Map(key, value) => format!("map<{},{}>", sql_of(key), value.sql()),
            Self::Scalar(_, sql) => (*sql).to_owned(),
            Self::Struct(parts) => {
                let parts = parts.iter().map(|part| {
                    let not_null = if part.nullable { "" } else { " NOT NULL" };
                    format!("{}:{}{not_null}", part.name, part.r#type.sql())
                });
                format!("struct<{}>", parts.collect::<Vec<_>>().join(","))
            }
        }
    }

    /// The `type_name` of the tables API.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Array(_) => "ARRAY",
            Self::Map(..) => "MAP",
            Self::Struct(_) => "STRUCT",
            Self::Scalar("boolean", _) => "BOOLEAN",
            Self::Scalar("byte", _) => "BYTE",
            Self::Scalar("short", _) => "SHORT",
            Self::Scalar("integer", _) => "INT",
            Self::Scalar("long", _) => "LONG",
            Self::Scalar("float", _) => "FLOAT",
            Self::Scalar("double", _) => "DOUBLE",
            Self::Scalar("string", _) => "STRING",
            Self::Scalar("binary", _) => "BINARY",
            Self::Scalar("date", _) => "DATE",
            Self::Scalar("timestamp", _) => "TIMESTAMP",
            Self::Scalar("timestamp_ntz", _) => "TIMESTAMP_NTZ",
            Self::Scalar("variant", _) => "VARIANT",
            Self::Scalar(..) => "DECIMAL",
        }
    }
}

fn sql_of(json: &str) -> &'static str {
    SCALARS.iter().find(|(name, _)| *name == json).unwrap().1
}

impl Part {
    /// The whole field, the usual form of `type_json`.
    pub(crate) fn field_json(&self) -> Value {
        let metadata = self.comment.as_ref().map_or_else(|| json!({}), |comment| json!({"comment": comment}));
        json!({"name": self.name, "type": self.r#type.json(), "nullable": self.nullable, "metadata": metadata})
    }

    /// The column without its position.
    pub(crate) fn column_json(&self, position: usize) -> Value {
        let mut column = json!({
            "name": self.name,
            "type_text": self.r#type.sql(),
            "type_name": self.r#type.type_name(),
            "type_json": self.field_json().to_string(),
            "position": position,
            "nullable": self.nullable,
        });
        if let Some(comment) = &self.comment {
            column["comment"] = json!(comment);
        }
        column
    }
}

/// The JSON of a table with these columns, with a gap at every third position.
pub(crate) fn table_json(name: &str, columns: &[Part]) -> Value {
    let columns: Vec<Value> =
        columns.iter().enumerate().map(|(place, column)| column.column_json(place + place / 3)).collect();
    json!({
        "name": name,
        "catalog_name": "main",
        "schema_name": "any",
        "table_type": "MANAGED",
        "data_source_format": "DELTA",
        "columns": columns,
    })
}

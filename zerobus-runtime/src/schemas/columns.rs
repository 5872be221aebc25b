//! The kinds of a message's columns: what its values mean, which neither its descriptor nor its JSON says. An `int32` is
//! an INT or a DATE, and a text in JSON may be a STRING, a BINARY or a VARIANT.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zerobus_codegen::{DataType, Element, Scalar, Struct};

/// The kind of each column, and of each field, element, key and value in it, by its path in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns(Arc<BTreeMap<String, Kind>>);

/// Types whose values are taken for each other, as far as they fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Binary,
    Boolean,
    Date,
    Decimal,
    Double,
    Float,
    Integer,
    Text,
    Timestamp,
    TimestampNtz,
    Variant,
    /// Of a later version.
    #[serde(other)]
    Unknown,
}

impl Columns {
    pub(crate) fn of(row: &Struct) -> Self {
        let mut found = BTreeMap::new();
        add_fields(row, "", &mut found);
        Self(Arc::new(found))
    }

    /// The first path whose kind is another one here and there, with both kinds.
    #[cfg(feature = "dynamic")]
    pub(crate) fn difference(&self, other: &Self) -> Option<(&str, String, String)> {
        self.0.iter().find_map(|(path, kind)| {
            let other = other.0.get(path).filter(|other| *other != kind)?;
            Some((path.as_str(), kind.name(), other.name()))
        })
    }
}

impl Kind {
    const fn of(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Binary => Self::Binary,
            Scalar::Boolean => Self::Boolean,
            Scalar::Byte | Scalar::Int | Scalar::Long | Scalar::Short => Self::Integer,
            Scalar::Char(_) | Scalar::String | Scalar::Varchar(_) => Self::Text,
            Scalar::Date => Self::Date,
            Scalar::Decimal { .. } => Self::Decimal,
            Scalar::Double => Self::Double,
            Scalar::Float => Self::Float,
            Scalar::Timestamp => Self::Timestamp,
            Scalar::TimestampNtz => Self::TimestampNtz,
            Scalar::Variant => Self::Variant,
        }
    }

    /// Its name, for messages.
    #[cfg(feature = "dynamic")]
    fn name(self) -> String {
        let name = match self {
            Self::Integer => "an integer",
            Self::Text => "a text",
            Self::Unknown => "a kind that this version does not know",
            other => return format!("{other:?}").to_uppercase().replace("TIMESTAMPNTZ", "TIMESTAMP_NTZ"),
        };
        name.to_owned()
    }
}

fn add_fields(row: &Struct, path: &str, found: &mut BTreeMap<String, Kind>) {
    for field in &row.fields {
        let path = join(path, &field.name.to_lowercase());
        match &field.data_type {
            DataType::Array(element) => add_element(element, join(&path, "element"), found),
            DataType::Map(key, value) => {
                found.insert(join(&path, "key"), Kind::of(key.scalar()));
                add_element(value, join(&path, "value"), found);
            }
            DataType::Scalar(scalar) => {
                found.insert(path, Kind::of(*scalar));
            }
            DataType::Struct(inner) => add_fields(inner, &path, found),
        }
    }
}

fn add_element(element: &Element, path: String, found: &mut BTreeMap<String, Kind>) {
    match element {
        Element::Scalar(scalar) => {
            found.insert(path, Kind::of(*scalar));
        }
        Element::Struct(inner) => add_fields(inner, &path, found),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(|found| Self(Arc::new(found)))
    }
}

//! `TableInfo`: the JSON of the tables API, parsed leniently. It is also the format of a snapshot.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Printable, snapshot_json};

/// The response of `GET /api/2.1/unity-catalog/tables/{full_name}`, reduced to the schema.
///
/// Unknown keys are ignored, and a key that is missing is the same as one that is null: Databricks omits what the
/// open-source server writes as null.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableInfo {
    /// The table's own name, the last part of its full name.
    pub name: String,
    /// The catalog's name.
    pub catalog_name: String,
    /// The schema's name.
    pub schema_name: String,
    /// `MANAGED`, `VIEW`, ...; absent if the server omits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_type: Option<String>,
    /// `DELTA`, ...; absent if the server omits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_source_format: Option<String>,
    /// The columns in response order, which can differ from their positions.
    #[serde(default, deserialize_with = "null_as_default")]
    pub columns: Vec<ColumnInfo>,
    /// The table's comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The table's properties, including Delta's.
    #[serde(default, deserialize_with = "text_by_key", skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
}

/// A column as the tables API describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnInfo {
    /// The name.
    pub name: String,
    /// The type in SQL: `array<int>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_text: Option<String>,
    /// The type's outermost name: `ARRAY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// The type in Spark's JSON; the module `type_json` documents its shapes.
    #[serde(default, deserialize_with = "text_of_json", skip_serializing_if = "Option::is_none")]
    pub type_json: Option<String>,
    /// The precision of a `DECIMAL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_precision: Option<i64>,
    /// The scale of a `DECIMAL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_scale: Option<i64>,
    /// The position, from 0; gaps are possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
    /// Whether the column is nullable; absent means nullable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nullable: Option<bool>,
    /// The column's comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The place among the partition columns, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_index: Option<i64>,
}

impl TableInfo {
    /// The full name, joined from its three parts without checks.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}.{}.{}", self.catalog_name, self.schema_name, self.name)
    }
}

/// Parses the tables of a JSON file: one table, a list of tables, or the response of the list call.
///
/// # Errors
/// If the JSON is none of these.
pub fn tables_in_json(file: &[u8]) -> Result<Vec<TableInfo>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Listing {
        tables: Vec<TableInfo>,
    }
    let json = snapshot_json(file);
    if json.trim_ascii_start().starts_with(b"[") {
        return serde_json::from_slice(&json);
    }
    serde_json::from_slice(&json).map(|table| vec![table]).or_else(|error| {
        let listing: Result<Listing, _> = serde_json::from_slice(&json);
        listing.map(|listing| listing.tables).map_err(|_| error)
    })
}

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The API returns `type_json` as a string that holds JSON; a proxy or a person may have replaced it by the JSON
/// itself.
fn text_of_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<serde_json::Value>::deserialize(deserializer)? {
        None => None,
        Some(serde_json::Value::String(text)) => Some(text),
        Some(value) => Some(value.to_string()),
    })
}

/// Properties are strings. Any other value is read as its JSON text, and null as an absent property. A property that
/// appears twice is an error, because it is not known which value is meant.
fn text_by_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::<Properties>::deserialize(deserializer)?.map(|properties| properties.0).unwrap_or_default())
}

struct Properties(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PropertiesVisitor)
    }
}

struct PropertiesVisitor;

impl<'de> Visitor<'de> for PropertiesVisitor {
    type Value = Properties;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of properties")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
        let mut properties = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, serde_json::Value>()? {
            let text = match value {
                serde_json::Value::Null => continue,
                serde_json::Value::String(text) => text,
                other => other.to_string(),
            };
            match properties.entry(key) {
                Entry::Occupied(known) => {
                    let message = format!("the property `{}` appears twice", Printable(known.key()));
                    return Err(A::Error::custom(message));
                }
                Entry::Vacant(place) => place.insert(text),
            };
        }
        Ok(Properties(properties))
    }
}

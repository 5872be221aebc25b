//! The JSON of the tables API, as lenient as the API is; also the format of a snapshot.

use serde::{Deserialize, Deserializer, Serialize};

/// A table as `GET /api/2.1/unity-catalog/tables/{full_name}` describes it, reduced to what matters for its schema.
///
/// Unknown keys are ignored, and a key that is missing is the same as one that is null: Databricks omits what the
/// open-source server writes as null.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableInfo {
    /// The table's own name, the last part of the full one.
    pub name: String,
    /// The catalog's name.
    pub catalog_name: String,
    /// The schema's name.
    pub schema_name: String,
    /// `MANAGED`, `VIEW`, ...; absent where a server does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_type: Option<String>,
    /// `DELTA`, ...; absent where a server does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_source_format: Option<String>,
    /// The columns, in the order of the answer, which need not be that of their positions.
    #[serde(default, deserialize_with = "null_as_default")]
    pub columns: Vec<ColumnInfo>,
    /// The table's comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A column as the tables API describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnInfo {
    /// The name.
    pub name: String,
    /// The type as SQL writes it: `array<int>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_text: Option<String>,
    /// The type's outermost name: `ARRAY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// The type as Spark writes it in JSON; see the module `type_json` for its shapes.
    #[serde(default, deserialize_with = "text_of_json", skip_serializing_if = "Option::is_none")]
    pub type_json: Option<String>,
    /// Digits in all, of a `DECIMAL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_precision: Option<i64>,
    /// Digits behind the point, of a `DECIMAL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_scale: Option<i64>,
    /// The position, from 0; may leave gaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
    /// Whether the column may hold null; absent means that it may.
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
    /// The full name as the three parts give it, unchecked.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}.{}.{}", self.catalog_name, self.schema_name, self.name)
    }
}

/// The JSON in the file of a snapshot: some editors put a byte order mark in front, which is no JSON.
///
/// ```
/// assert_eq!(zerobus_codegen::snapshot_json(b"\xef\xbb\xbf{}"), b"{}");
/// ```
#[must_use]
pub fn snapshot_json(file: &[u8]) -> &[u8] {
    file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file)
}

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The API gives `type_json` as a string that holds JSON; a proxy or a person may have unfolded it.
fn text_of_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<serde_json::Value>::deserialize(deserializer)? {
        None => None,
        Some(serde_json::Value::String(text)) => Some(text),
        Some(value) => Some(value.to_string()),
    })
}

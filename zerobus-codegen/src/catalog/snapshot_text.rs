//! The text of a table's snapshot: only what matters for the schema, in a stable order, so that a diff of two snapshots
//! is a diff of two schemas.

use serde_json::{Map, Value};

use crate::TableInfo;
use crate::model::properties;

/// The keys of a field's metadata that matter for the schema.
const METADATA: &[&str] = &["CURRENT_DEFAULT", "__CHAR_VARCHAR_TYPE_STRING", "comment", "delta.generationExpression"];

impl TableInfo {
    /// The text of this table's snapshot: pretty-printed JSON, the columns by position, with a newline at the end.
    ///
    /// # Errors
    /// Never: a table is strings, numbers and lists of these.
    pub fn snapshot_text(&self) -> Result<String, serde_json::Error> {
        let mut info = self.clone();
        info.comment = info.comment.filter(|comment| !comment.is_empty());
        info.properties.retain(|key, _| properties::property(key).is_some());
        info.columns.sort_by_key(|column| column.position);
        for column in &mut info.columns {
            column.comment = column.comment.take().filter(|comment| !comment.is_empty());
            column.type_json = column.type_json.take().map(|text| canonical(&text));
            if column.type_precision == Some(0) && column.type_scale == Some(0) {
                (column.type_precision, column.type_scale) = (None, None);
            }
        }
        let mut text = serde_json::to_string_pretty(&info)?;
        text.push('\n');
        Ok(text)
    }
}

/// The JSON with sorted keys and without metadata that changes independently of the schema. Text that is not JSON is
/// unchanged.
fn canonical(text: &str) -> String {
    serde_json::from_str::<Value>(text).map_or_else(|_| text.to_owned(), |value| sorted(value).to_string())
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        Value::Object(object) => {
            let mut entries: Vec<(String, Value)> = object.into_iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            let entries = entries.into_iter().map(|(key, value)| {
                let value = if key == "metadata" { metadata(value) } else { sorted(value) };
                (key, value)
            });
            // Depending on its features, `serde_json` keeps this order or sorts the keys, which gives the same order.
            Value::Object(entries.collect::<Map<_, _>>())
        }
        other => other,
    }
}

fn metadata(value: Value) -> Value {
    match sorted(value) {
        Value::Object(object) => Value::Object(
            object
                .into_iter()
                .filter(|(key, _)| METADATA.contains(&key.as_str()) || key.starts_with("delta.identity."))
                .filter(|(key, _)| key != "delta.identity.highWaterMark")
                .collect(),
        ),
        other => other,
    }
}

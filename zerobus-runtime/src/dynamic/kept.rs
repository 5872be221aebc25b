//! A row as JSON text, for its dead letter.

use serde_json::Value;
use serde_json::value::RawValue;

/// The text of a row.
pub(super) struct Kept {
    pub(super) text: Vec<u8>,
    /// Whether a plan writes the same row from it.
    pub(super) is_whole: bool,
}

/// An object of these fields, each a name and the JSON of its value.
pub(super) fn object<N: AsRef<str>>(fields: impl IntoIterator<Item = (N, String)>) -> String {
    let fields = fields.into_iter().map(|(name, value)| format!("{}:{value}", string(name.as_ref())));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// A text as a JSON string.
pub(super) fn string(text: &str) -> String {
    Value::from(text).to_string()
}

/// JSON text of a nested value as it is, with its digits and its keys; a string if it is not JSON.
pub(super) fn nested(text: &str, is_whole: &mut bool) -> String {
    if let Ok(json) = serde_json::from_str::<&RawValue>(text) {
        return json.get().to_owned();
    }
    *is_whole = false;
    string(text)
}

//! `VARIANT`: a value of any shape, as JSON text.

use std::fmt::{self, Display};
use std::str::FromStr;

use super::ValueError;

/// A value of any shape: the value of a `VARIANT` column, as JSON text.
///
/// ```
/// use zerobus_runtime::Variant;
///
/// let variant: Variant = r#"{"mag": 4.2, "types": ["origin"]}"#.parse()?;
/// assert_eq!(variant.as_str(), r#"{"mag": 4.2, "types": ["origin"]}"#);
/// assert_eq!(Variant::of(&[1, 2])?.as_str(), "[1,2]");
/// assert!("{".parse::<Variant>().is_err());
/// # Ok::<(), zerobus_runtime::ValueError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variant(Box<str>);

impl Variant {
    /// Any value that serde can write as JSON.
    ///
    /// # Errors
    /// If the value has no JSON form (a map whose keys are not strings), or if its `Serialize` fails.
    pub fn of<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, ValueError> {
        serde_json::to_string(value)
            .map(|text| Self(text.into()))
            .map_err(|error| ValueError::Json { reason: error.to_string().into() })
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The JSON text as a value.
    #[must_use]
    pub fn to_value(&self) -> serde_json::Value {
        // This fails only for text nested too deeply for serde_json's values; the text itself was checked.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl Default for Variant {
    /// JSON's `null`.
    fn default() -> Self {
        Self("null".into())
    }
}

impl Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Variant {
    type Err = ValueError;

    /// Takes JSON text unchanged.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => Ok(Self(text.into())),
            Err(_) => Err(ValueError::malformed(text, "JSON text: {\"a\": 1}")),
        }
    }
}

impl From<serde_json::Value> for Variant {
    fn from(value: serde_json::Value) -> Self {
        Self(value.to_string().into())
    }
}

impl serde::Serialize for Variant {
    /// As a string that holds the JSON text, as the service's JSON path expects.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Variant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

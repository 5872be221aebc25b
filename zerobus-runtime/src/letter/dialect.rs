//! How a row of JSON writes what JSON has no type for: its dialect.

use serde::{Deserialize, Serialize};

/// The dialect of a row of JSON. The default is that of JSON streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Dialect {
    pub(crate) times: Times,
    pub(crate) variants: Variants,
}

/// The unit of integers in columns of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Times {
    #[default]
    Micros,
    Millis,
    Nanos,
    Secs,
    /// The row's plan names none, so it refuses them.
    Unnamed,
}

/// How a VARIANT is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Variants {
    /// As a text that holds JSON.
    #[default]
    Text,
    /// As its JSON.
    Values,
}

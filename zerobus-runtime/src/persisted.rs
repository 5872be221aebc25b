//! Whether a row that was not acknowledged may be in the table all the same.

/// Whether a row that is returned may be in the table all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Persisted {
    /// It never left this process.
    No,
    /// It was sent and not acknowledged: sending it again may duplicate it.
    Possibly,
}

//! Whether a row that was not acknowledged may still be in the table.

/// Whether a returned row may be in the table anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Persisted {
    /// It never left this process.
    No,
    /// It was sent but not acknowledged: sending it again may duplicate it.
    Possibly,
}

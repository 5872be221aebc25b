//! The encoding of a stream's records.

/// The encoding of a stream's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RecordKind {
    Json,
    Proto,
}

impl RecordKind {
    /// Its name, for messages.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Proto => "protobuf",
        }
    }
}

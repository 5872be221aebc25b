//! Why an endpoint cannot be probed.

/// Why an endpoint cannot be probed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("{0} is not set; endpoint and credentials are read from the environment")]
    Missing(&'static str),
    #[error("`{0}` is not the name of a schema, such as main.probes")]
    Schema(String),
    #[error("a table cannot be written as JSON")]
    Json(#[source] serde_json::Error),
}

impl TargetError {
    pub(super) fn schema(name: &str) -> Self {
        Self::Schema(name.to_owned())
    }

    pub(super) const fn json(source: serde_json::Error) -> Self {
        Self::Json(source)
    }
}

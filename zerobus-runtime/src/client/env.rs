//! Environment variables and how they are read.

pub(super) const ENDPOINT: &str = "ZEROBUS_SERVER_ENDPOINT";
pub(super) const WORKSPACE_URL: &str = "DATABRICKS_WORKSPACE_URL";
pub(super) const HOST: &str = "DATABRICKS_HOST";
pub(super) const CLIENT_ID: &str = "DATABRICKS_CLIENT_ID";
pub(super) const CLIENT_SECRET: &str = "DATABRICKS_CLIENT_SECRET";
pub(super) const TOKEN: &str = "DATABRICKS_TOKEN";
pub(super) const WORKSPACE_ID: &str = "DATABRICKS_WORKSPACE_ID";

/// A variable's value; an empty one is not set.
pub(super) fn read(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

//! The client: the service's address and the caller's identity.

mod builder;
mod env;
mod roots;
mod times;

use std::sync::Arc;

use ureq::Agent;

pub use builder::ClientBuilder;

use crate::auth::Cache;
use crate::error::{Error, Fault};
use crate::shared::Budget;
use crate::transport::Transport;

/// The service's address and the caller's identity.
///
/// A client is cheap to clone, and its clones share tokens. Every stream has a separate connection.
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use zerobus_runtime::Client;
///
/// let client = Client::builder()
///     .endpoint("1234567890123456.zerobus.us-west-2.cloud.databricks.com")
///     .workspace_url("https://example.cloud.databricks.com")
///     .credentials("client-id", "client-secret")
///     .build()?;
/// let stream = client.json_stream("main.geo.earthquakes").open().await?;
/// stream.send(&serde_json::json!({"id": "us7000n0bq", "mag": 4.2})).await?;
/// stream.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    tokens: Arc<Cache>,
    /// The byte budget that the client's streams share.
    budget: Option<Arc<Budget>>,
    /// Inserts rows by REST.
    rest: Arc<Agent>,
}

impl Client {
    /// A client from the environment: `ZEROBUS_SERVER_ENDPOINT`, `DATABRICKS_WORKSPACE_URL` (or `DATABRICKS_HOST`),
    /// `DATABRICKS_CLIENT_ID`, `DATABRICKS_CLIENT_SECRET`, and `DATABRICKS_WORKSPACE_ID` where the endpoint's first
    /// label is not the workspace's id.
    ///
    /// An empty variable counts as not set.
    ///
    /// # Errors
    /// If a variable is missing or an address is not valid.
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().from_env().build()
    }

    /// Configures a client explicitly.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Gets a token for a table, as opening a stream into it would: this checks that these credentials may write there.
    ///
    /// # Errors
    /// If the token endpoint refuses or cannot be reached, or the name is not `catalog.schema.table`.
    pub async fn authorize(&self, table: impl AsRef<str>) -> Result<(), Error> {
        let table = table.as_ref().parse().map_err(Fault::Table)?;
        self.tokens.token(&table).await.map(drop)
    }

    pub(crate) const fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(crate) const fn tokens(&self) -> &Arc<Cache> {
        &self.tokens
    }

    pub(crate) const fn rest(&self) -> &Arc<Agent> {
        &self.rest
    }

    pub(crate) const fn budget(&self) -> Option<&Arc<Budget>> {
        self.budget.as_ref()
    }
}

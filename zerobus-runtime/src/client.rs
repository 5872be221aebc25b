//! The client: the service's address and the caller's identity. It opens streams.

mod builder;
mod env;
mod roots;
mod times;

use std::sync::Arc;

use prost::Message;
use prost_types::DescriptorProto;
use ureq::Agent;

pub use builder::ClientBuilder;

use crate::auth::Cache;
use crate::error::{Error, Fault};
use crate::message::ZerobusMessage;
use crate::record_kind::RecordKind;
use crate::shared::Budget;
use crate::stream::{Encoded, Json, Prost, StreamBuilder};
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
    /// What inserts rows by REST.
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

    /// A stream of rows of a Rust type, into that type's table.
    pub fn stream<T: ZerobusMessage>(&self) -> StreamBuilder<T> {
        #[cfg(not(feature = "spool"))]
        const {
            assert!(T::STAMPS.is_none(), "rows with stamps need the feature `spool` of zerobus-runtime");
        }
        let table = T::TABLE.unwrap_or_default();
        let builder = StreamBuilder::new(self.clone(), table, RecordKind::Proto, Some(T::descriptor()));
        #[cfg(feature = "spool")]
        if let Some(stamps) = T::STAMPS {
            return builder.stamp(stamps.into());
        }
        builder
    }

    /// A stream of rows that serialize as JSON.
    pub fn json_stream(&self, table: impl AsRef<str>) -> StreamBuilder<Json> {
        StreamBuilder::new(self.clone(), table.as_ref(), RecordKind::Json, None)
    }

    /// A stream of rows that are already encoded as messages of this descriptor.
    ///
    /// The descriptor must be self-contained: it contains every type that it uses, and type names are absolute.
    /// [`descriptor_of`](crate::descriptor_of) makes such a descriptor from a message of a `.proto` file; for any
    /// other, `open` fails.
    pub fn encoded_stream(&self, table: impl AsRef<str>, descriptor: &DescriptorProto) -> StreamBuilder<Encoded> {
        StreamBuilder::new(self.clone(), table.as_ref(), RecordKind::Proto, Some(descriptor.clone()))
    }

    /// A stream of messages that prost generated from a `.proto` of one's own, with the message's descriptor.
    ///
    /// [`descriptor_of`](crate::descriptor_of) makes it of what `protoc --descriptor_set_out` writes. The service holds it
    /// against the table before `open` is ready, and so before the first row: a field that is no column, a type that does not
    /// fit and a NOT NULL column without a field are errors of `open`. That `T` is the message of the descriptor is the
    /// program's to see to.
    ///
    /// A proto3 field without `optional` is not written where it is zero or empty, and arrives as NULL.
    ///
    /// ```no_run
    /// # async fn f<Order: prost::Message>(client: zerobus_runtime::Client, order: Order, files: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
    /// let descriptor = zerobus_runtime::descriptor_of(files, "shop.Order")?;
    /// let stream = client.prost_stream::<Order>("main.shop.orders", &descriptor).open().await?;
    /// stream.send(&order).await?;
    /// stream.close().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn prost_stream<T: Message>(
        &self,
        table: impl AsRef<str>,
        descriptor: &DescriptorProto,
    ) -> StreamBuilder<Prost<T>> {
        StreamBuilder::new(self.clone(), table.as_ref(), RecordKind::Proto, Some(descriptor.clone()))
    }

    /// A stream of rows that are known at run time, into the table of this plan; its rows are [`RowPlan::json`] and the like.
    ///
    /// [`RowPlan::json`]: crate::dynamic::RowPlan::json
    #[cfg(feature = "dynamic")]
    pub fn dynamic_stream(&self, plan: &crate::dynamic::RowPlan) -> StreamBuilder<crate::dynamic::Dynamic> {
        let descriptor = plan.descriptor().clone();
        StreamBuilder::new(self.clone(), plan.table(), RecordKind::Proto, Some(descriptor))
    }

    /// Gets a token for a table, as a stream into it would: whether these credentials may write there is known then.
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

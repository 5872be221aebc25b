//! The kinds of streams that a client opens.

use prost::Message;
use prost_types::DescriptorProto;

use super::{Encoded, Json, Prost, StreamBuilder};
use crate::client::Client;
use crate::message::ZerobusMessage;
use crate::record_kind::RecordKind;
use crate::schemas::Columns;

impl Client {
    /// A stream of rows of a Rust type, into that type's table.
    pub fn stream<T: ZerobusMessage>(&self) -> StreamBuilder<T> {
        #[cfg(not(feature = "spool"))]
        const {
            assert!(T::STAMPS.is_none(), "rows with stamps need the feature `spool` of zerobus-runtime");
        }
        let table = T::TABLE.unwrap_or_default();
        let builder = StreamBuilder::new(self.clone(), table, RecordKind::Proto, Some(T::descriptor()));
        let builder = builder.of_columns(Columns::of(&T::SCHEMA.row()));
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

    /// A stream of messages that prost generated from your own `.proto`, with the message's descriptor.
    ///
    /// [`descriptor_of`](crate::descriptor_of) makes it from the output of `protoc --descriptor_set_out`. The service
    /// checks it against the table before `open` is ready, and so before the first row: a field that is not a column, a
    /// type that does not fit and a NOT NULL column without a field are errors of `open`. The program must ensure that
    /// `T` is the message of the descriptor.
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

    /// A stream of rows whose schema is known at run time, into the table of this plan; its rows are those of
    /// [`RowPlan::json`] and its sibling methods.
    ///
    /// [`RowPlan::json`]: crate::dynamic::RowPlan::json
    #[cfg(feature = "dynamic")]
    pub fn dynamic_stream(&self, plan: &crate::dynamic::RowPlan) -> StreamBuilder<crate::dynamic::Dynamic> {
        let descriptor = plan.descriptor().clone();
        let builder = StreamBuilder::new(self.clone(), plan.table(), RecordKind::Proto, Some(descriptor));
        builder.of_columns(plan.columns().clone())
    }
}

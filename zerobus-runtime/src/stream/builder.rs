//! The options of a stream, and its opening.

use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use prost_types::DescriptorProto;
use tokio::sync::oneshot;
use zerobus_codegen::TableName;

use super::{BlockingStream, Handle, IngestStream, LanesBuilder};
use crate::client::Client;
use crate::core::Settings;
use crate::driver::Driver;
use crate::error::{Error, Fault};
use crate::event::{OnEvent, StreamEvent};
use crate::meter::Meter;
use crate::shared::Shared;
use crate::transport::{RecordKind, create_stream};

/// The options of a stream; [`open`](Self::open) opens it.
///
/// ```no_run
/// # async fn f<T: zerobus_runtime::ZerobusMessage>(client: zerobus_runtime::Client) -> Result<(), zerobus_runtime::Error> {
/// use std::time::Duration;
///
/// let stream = client
///     .stream::<T>()
///     .table("main.geo.earthquakes")
///     .max_unacked_bytes(16 * 1024 * 1024)
///     .linger(Duration::from_millis(1))
///     .open()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a stream is opened by `open`"]
pub struct StreamBuilder<T> {
    client: Client,
    settings: Settings,
    kind: RecordKind,
    descriptor: Option<Arc<DescriptorProto>>,
    on_event: Option<Arc<OnEvent>>,
    rows: PhantomData<fn() -> T>,
}

/// A stream whose driver does not run yet.
pub(super) struct Prepared<T> {
    pub(super) stream: IngestStream<T>,
    pub(super) driver: Driver,
    pub(super) first_open: oneshot::Receiver<Result<(), Error>>,
}

impl<T> Clone for StreamBuilder<T> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            settings: self.settings.clone(),
            kind: self.kind,
            descriptor: self.descriptor.clone(),
            on_event: self.on_event.clone(),
            rows: PhantomData,
        }
    }
}

impl<T> StreamBuilder<T> {
    pub(crate) fn new(client: Client, table: &str, kind: RecordKind, descriptor: Option<DescriptorProto>) -> Self {
        let descriptor = descriptor.map(Arc::new);
        Self { client, settings: Settings::new(table), kind, descriptor, on_event: None, rows: PhantomData }
    }

    /// The table, as `catalog.schema.table`; by default the one that the row's type was made for.
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.settings.table = name.into();
        self
    }

    /// How many bytes may be accepted and not yet durable; 64 MiB by default.
    ///
    /// While they are used up, `send` waits and `try_send` refuses. A row above this is refused.
    pub const fn max_unacked_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_unacked_bytes = bytes;
        self
    }

    /// How many bytes a request may have; 256 KiB by default, at most 10,420,224.
    ///
    /// A single larger row goes in a request of its own.
    pub const fn max_batch_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_batch_bytes = bytes;
        self
    }

    /// How many rows a request may have; 100,000 by default.
    pub const fn max_batch_rows(mut self, rows: u32) -> Self {
        self.settings.max_batch_rows = rows;
        self
    }

    /// How many bytes a row may have, its key and length included; 10,420,224 by default, what the service takes.
    pub const fn max_row_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_row_bytes = bytes;
        self
    }

    /// How long the first row of a request may wait for more; not at all by default.
    ///
    /// Without it, a request goes as soon as the connection can take it, with what has gathered until then. Only where
    /// more than 64 KiB of rows come in a millisecond, it waits a millisecond to be full, unless somebody waits for one of
    /// its rows: requests of a few rows each would cost more than the rows.
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.settings.linger = linger;
        self
    }

    /// How long the server may leave the oldest request without an acknowledgement; a minute by default.
    ///
    /// Then the connection is given up and the rows are sent again on a new one.
    pub const fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.settings.ack_timeout = timeout;
        self
    }

    /// How long one attempt to open a connection may take, token included; 30 seconds by default.
    pub const fn open_timeout(mut self, timeout: Duration) -> Self {
        self.settings.open_timeout = timeout;
        self
    }

    /// How long a row may take from `send` to durable; five minutes by default.
    ///
    /// If a row takes longer, the stream gives up and hands back every row that is not durable.
    pub const fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.settings.delivery_timeout = timeout;
        self
    }

    /// The pause after the first failed attempt, and the longest; 250 ms and 30 seconds by default.
    ///
    /// The pause doubles from one to the next, and each lies at random between its half and its whole.
    pub const fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.backoff_min = first;
        self.settings.backoff_max = longest;
        self
    }

    /// How many attempts may fail one after the other without an acknowledgement between them; 20 by default.
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts;
        self
    }

    /// How many single rows the server may refuse before the stream gives up; 100 by default.
    ///
    /// Finding such a row takes a few connections. With 0 the first one ends the stream.
    pub const fn max_rejected_rows(mut self, rows: usize) -> Self {
        self.settings.max_rejected_rows = rows;
        self
    }

    /// Calls `hook` for every event of the stream, on its task: it must not block.
    pub fn on_event(mut self, hook: impl Fn(&StreamEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Arc::new(hook));
        self
    }

    /// Opens the stream: the server has accepted table, token and schema.
    ///
    /// # Errors
    /// If the table's name or an option is not valid, the descriptor is not self-contained, or the server cannot be
    /// reached or refuses. A failure that may pass is tried again a few times first.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn open(self) -> Result<IngestStream<T>, Error> {
        let Prepared { stream, driver, first_open } = self.prepare()?;
        driver.spawn();
        first_open.await.unwrap_or_else(|_| Err(Fault::ShutDown.into()))?;
        Ok(stream)
    }

    /// Opens the stream for a program without async; a thread of its own drives it.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if no thread can be started.
    pub fn open_blocking(self) -> Result<BlockingStream<T>, Error> {
        let Prepared { stream, driver, first_open } = self.prepare()?;
        BlockingStream::start(stream, driver, first_open)
    }

    /// So many streams into the table instead of one, with the order kept by key.
    ///
    /// A stream takes about 100 MB/s; a table takes a hundred times that.
    pub fn lanes(self, lanes: NonZeroUsize) -> LanesBuilder<T> {
        LanesBuilder::new(self, lanes)
    }

    pub(super) fn prepare(self) -> Result<Prepared<T>, Error> {
        let table = self.table_name()?;
        self.check()?;
        let descriptor = self.descriptor.as_deref().map(encoded).transpose()?;
        let meter = Meter::new(&self.settings.table);
        let shared = Shared::new(self.settings);
        let (sender, first_open) = oneshot::channel();
        // The handle comes first: if whoever opens goes, so does the handle, and the driver ends.
        let stream = IngestStream::new(Handle::new(Arc::clone(&shared)));
        let driver = Driver {
            shared,
            transport: self.client.transport().clone(),
            tokens: Arc::clone(self.client.tokens()),
            create: create_stream(self.kind, &table.to_string(), descriptor),
            table,
            kind: self.kind,
            on_event: self.on_event,
            meter,
            first_open: Some(sender),
        };
        Ok(Prepared { stream, driver, first_open })
    }

    fn table_name(&self) -> Result<TableName, Error> {
        if self.settings.table.is_empty() {
            return Err(Fault::Missing { what: "the table of the stream" }.into());
        }
        self.settings.table.parse().map_err(|error| Fault::Table(error).into())
    }

    fn check(&self) -> Result<(), Error> {
        let Settings { max_batch_bytes, max_batch_rows, max_row_bytes, max_unacked_bytes, max_attempts, .. } =
            self.settings;
        let limit = Settings::REQUEST_LIMIT;
        let within_limit = "1 to 10420224";
        in_range("max_batch_bytes", max_batch_bytes, limit, within_limit)?;
        in_range("max_row_bytes", max_row_bytes, limit, within_limit)?;
        in_range("max_unacked_bytes", max_unacked_bytes, usize::MAX, "at least 1")?;
        in_range("max_batch_rows", max_batch_rows as usize, usize::MAX, "at least 1")?;
        in_range("max_attempts", max_attempts as usize, usize::MAX, "at least 1")
    }
}

/// The bytes of a descriptor that the service can read: it refuses others only after token and connection.
fn encoded(descriptor: &DescriptorProto) -> Result<Bytes, Error> {
    zerobus_codegen::self_contained_package(descriptor).map_err(Fault::Descriptor)?;
    Ok(descriptor.encode_to_vec().into())
}

fn in_range(option: &'static str, value: usize, most: usize, expected: &'static str) -> Result<(), Error> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    Err(Fault::Option { option, found: value.to_string(), expected }.into())
}

//! The options of a stream.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use prost_types::DescriptorProto;
use zerobus_codegen::TableName;

#[cfg(feature = "spool")]
use super::stamps::{StampColumns, Stamping};
use crate::client::Client;
use crate::core::Settings;
use crate::dead_letters::DeadLetters;
use crate::error::{Error, Fault};
use crate::event::{Hooks, StreamEvent};
use crate::offset::Offset;
use crate::record_kind::RecordKind;
use crate::schemas::Columns;

/// The options of a stream. [`open`](Self::open) opens it.
///
/// Where a time or a number can be unlimited, `None` means no limit.
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
///     .delivery_timeout(None)
///     .open()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "call `open` to open the stream"]
pub struct StreamBuilder<T> {
    pub(super) client: Client,
    pub(super) settings: Settings,
    pub(super) descriptor: Option<Arc<DescriptorProto>>,
    /// What the columns are, if the kind of stream knows.
    pub(super) columns: Option<Columns>,
    pub(super) hooks: Hooks,
    pub(super) dead_letters: Option<DeadLetters>,
    #[cfg(feature = "spool")]
    pub(super) spool: Option<crate::spool::SpoolOptions>,
    #[cfg(feature = "spool")]
    pub(super) stamps: Stamping,
    rows: PhantomData<fn() -> T>,
}

impl<T> Clone for StreamBuilder<T> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            settings: self.settings.clone(),
            descriptor: self.descriptor.clone(),
            columns: self.columns.clone(),
            hooks: self.hooks.clone(),
            dead_letters: self.dead_letters.clone(),
            #[cfg(feature = "spool")]
            spool: self.spool.clone(),
            #[cfg(feature = "spool")]
            stamps: self.stamps.clone(),
            rows: PhantomData,
        }
    }
}

impl<T> StreamBuilder<T> {
    /// The same stream, whose rows have these columns.
    pub(crate) fn of_columns(self, columns: Columns) -> Self {
        Self { columns: Some(columns), ..self }
    }

    pub(crate) fn new(client: Client, table: &str, kind: RecordKind, descriptor: Option<DescriptorProto>) -> Self {
        let (settings, descriptor) = (Settings::new(table, kind), descriptor.map(Arc::new));
        Self {
            client,
            settings,
            columns: None,
            descriptor,
            hooks: Hooks::default(),
            dead_letters: None,
            #[cfg(feature = "spool")]
            spool: None,
            #[cfg(feature = "spool")]
            stamps: Stamping::default(),
            rows: PhantomData,
        }
    }

    /// The table, as `catalog.schema.table`; by default the table of the row's type.
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.settings.table = name.into();
        self
    }

    /// The most bytes that may be accepted and not yet durable; 64 MiB by default.
    ///
    /// When this budget is exhausted, `send` waits and `try_send` fails. A row larger than this is rejected.
    pub const fn max_unacked_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_unacked_bytes = bytes;
        self
    }

    /// The most bytes in a request; 256 KiB by default, at most 10,420,224.
    ///
    /// A larger row is sent in a separate request.
    pub const fn max_batch_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_batch_bytes = bytes;
        self
    }

    /// The most rows in a request; 100,000 by default.
    pub const fn max_batch_rows(mut self, rows: u32) -> Self {
        self.settings.max_batch_rows = rows;
        self
    }

    /// The most bytes in a row, including its key and length; 10,420,224 by default, the service's limit.
    pub const fn max_row_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_row_bytes = bytes;
        self
    }

    /// The most rows sent per second, to stay within the service's quota for a stream; no limit by default.
    ///
    /// Rows above the rate wait, first in memory and then in `send`. A burst is at most a tenth of a second's rows.
    pub fn max_rows_per_second(mut self, rows: impl Into<Option<u32>>) -> Self {
        self.settings.max_rows_per_second = rows.into();
        self
    }

    /// The most bytes of rows sent per second; no limit by default.
    pub fn max_bytes_per_second(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.settings.max_bytes_per_second = bytes.into();
        self
    }

    /// How long the first row of a request may wait for more; not at all by default.
    ///
    /// Without a linger, a request is sent as soon as the connection can take it, with the rows collected so far. If
    /// more than 64 KiB of rows arrive per millisecond, a request waits up to a millisecond to fill, unless a caller is
    /// waiting for one of its rows: requests of a few rows each would cost more than the rows.
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.settings.linger = linger;
        self
    }

    /// How long the server may be silent while requests are in flight; a minute by default.
    ///
    /// The time counts from the last acknowledgement that made rows durable. When it expires, the connection is dropped
    /// and the rows are sent again on a new one.
    pub fn ack_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.ack_timeout = timeout.into();
        self
    }

    /// How long one attempt to open a connection may take, including the token; 30 seconds by default.
    pub fn open_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.open_timeout = timeout.into();
        self
    }

    /// How long a row may take from `send` until it is durable; five minutes by default.
    ///
    /// If a row takes longer, the stream gives up and returns every row that is not durable.
    pub fn delivery_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.delivery_timeout = timeout.into();
        self
    }

    /// The pause after the first failed attempt, and the longest pause; 250 ms and 30 seconds by default.
    ///
    /// The pause doubles with each attempt, and each is randomized between half of it and all of it. A longer pause
    /// that the server or the token endpoint asks for is respected.
    pub const fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.settings.backoff_min = first;
        self.settings.backoff_max = longest;
        self
    }

    /// How many consecutive attempts may fail without an acknowledgement between them; 20 by default.
    pub fn max_attempts(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.settings.max_attempts = attempts.into();
        self
    }

    /// How many attempts [`open`](Self::open) makes; 4 by default, so that a wrong address is reported soon.
    pub fn max_first_attempts(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.settings.max_first_attempts = attempts.into();
        self
    }

    /// How many rows the server may refuse individually within [`rejected_within`](Self::rejected_within) before the
    /// stream gives up; 100 a minute by default.
    ///
    /// Finding such a row takes two connections. With 0 the first one ends the stream.
    pub const fn max_rejected_rows(mut self, rows: usize) -> Self {
        self.settings.max_rejected_rows = rows;
        self
    }

    /// Whether a row that the server refuses counts as progress, as one that it acknowledges does; no by default.
    ///
    /// Otherwise a stream whose rows are all refused ends after [`max_attempts`](Self::max_attempts), and pauses longer
    /// from attempt to attempt. With `true`, only `max_rejected_rows` ends it: for rows that come from a file, which may
    /// be refused one after another.
    pub const fn refusal_is_progress(mut self, is_progress: bool) -> Self {
        self.settings.refusal_is_progress = is_progress;
        self
    }

    /// The time window of [`max_rejected_rows`](Self::max_rejected_rows); a minute by default.
    pub const fn rejected_within(mut self, time: Duration) -> Self {
        self.settings.rejected_within = time;
        self
    }

    /// The most bytes of refused rows that wait for [`take_rejected`](crate::IngestStream::take_rejected) or for the
    /// [sink](Self::dead_letters); 16 MiB by default.
    ///
    /// They do not count toward [`max_unacked_bytes`](Self::max_unacked_bytes). Rows that the sink failed to take wait
    /// for `take_rejected`. A refused row that exceeds this limit ends the stream.
    ///
    /// Rows that `send` refuses end no stream: while as many bytes wait for the sink, it does not get another of them.
    pub const fn max_rejected_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_rejected_bytes = bytes;
        self
    }

    /// Fills in three columns of every row, so that duplicates of rows delivered more than once can be recognized.
    ///
    /// A row keeps its stamp over lost connections and, with a [spool](Self::spool), over restarts; no two rows have
    /// the same one. `zerobus-codegen ddl --dedup` prints the view that holds each row once, and the query that finds
    /// gaps.
    ///
    /// The row's type has these columns, and the stream overwrites their values: in a struct they are `Option`s that
    /// stay `None`. A JSON row leaves them out. A generated or derived type can name its
    /// [`Stamps`](crate::message::Stamps) itself; its streams need no call of `stamp`. Rows of
    /// [`send_undelivered`](crate::IngestStream::send_undelivered) that may be in the table keep the stamp that they
    /// have.
    ///
    /// ```no_run
    /// # async fn f<T: zerobus_runtime::ZerobusMessage>(client: zerobus_runtime::Client) -> Result<(), zerobus_runtime::Error> {
    /// use zerobus_runtime::StampColumns;
    ///
    /// let stream = client.stream::<T>().stamp(StampColumns::default()).producer("gateway-7").open().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`open`](Self::open) fails if the row's type lacks these columns, or if they have other types.
    #[cfg(feature = "spool")]
    pub fn stamp(mut self, columns: StampColumns) -> Self {
        self.stamps.columns = Some(columns);
        self
    }

    /// The name of this producer in the rows' stamps; random by default, and the same for every run with one spool.
    ///
    /// No two streams that are open at the same time may have the same name; lanes add their number to it.
    #[cfg(feature = "spool")]
    pub fn producer(mut self, name: impl Into<String>) -> Self {
        self.stamps.producer = Some(name.into());
        self
    }

    /// Where each row goes that the server or `send` refused; by default it is returned.
    ///
    /// See [`DeadLetters`] for the guarantees.
    pub fn dead_letters(mut self, sink: DeadLetters) -> Self {
        self.dead_letters = Some(sink);
        self
    }

    /// Calls `hook` for every event of the stream, on the stream's task; it must not block.
    pub fn on_event(mut self, hook: impl Fn(&StreamEvent) + Send + Sync + 'static) -> Self {
        self.hooks.on_event = Some(Arc::new(hook));
        self
    }

    /// Calls `hook` after acknowledgements with the offset up to which every row is settled, on the stream's task; it
    /// must not block.
    ///
    /// Each of these rows is durable, except those that an earlier [`Rejected`](StreamEvent::Rejected) event named. For
    /// lanes, use [`LanesBuilder::on_ack`](crate::LanesBuilder::on_ack), which also receives the lane.
    pub fn on_ack(mut self, hook: impl Fn(Offset) + Send + Sync + 'static) -> Self {
        self.hooks.on_ack = Some(Arc::new(hook));
        self
    }

    pub(super) fn table_name(&self) -> Result<TableName, Error> {
        if self.settings.table.is_empty() {
            return Err(Fault::Missing { what: "the table of the stream" }.into());
        }
        self.settings.table.parse().map_err(|error| Fault::Table(error).into())
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        #[cfg(feature = "spool")]
        self.check_spool()?;
        let settings = &self.settings;
        let within_limit = "it takes 1 to 10420224";
        let limit = Settings::REQUEST_LIMIT as u64;
        number("max_batch_bytes", settings.max_batch_bytes as u64, limit, within_limit)?;
        number("max_row_bytes", settings.max_row_bytes as u64, limit, within_limit)?;
        let positive = |option, value| number(option, value, u64::MAX, "it takes at least 1");
        positive("max_unacked_bytes", settings.max_unacked_bytes as u64)?;
        positive("max_batch_rows", settings.max_batch_rows.into())?;
        let unlimited = |option, value: Option<u64>| {
            value.map_or(Ok(()), |value| number(option, value, u64::MAX, "it takes at least 1, or None for no limit"))
        };
        unlimited("max_attempts", settings.max_attempts.map(Into::into))?;
        unlimited("max_first_attempts", settings.max_first_attempts.map(Into::into))?;
        unlimited("max_rows_per_second", settings.max_rows_per_second.map(Into::into))?;
        unlimited("max_bytes_per_second", settings.max_bytes_per_second)?;
        for (option, time) in [
            ("ack_timeout", settings.ack_timeout),
            ("open_timeout", settings.open_timeout),
            ("delivery_timeout", settings.delivery_timeout),
            ("rejected_within", Some(settings.rejected_within)),
            ("backoff", Some(settings.backoff_min.min(settings.backoff_max))),
        ] {
            if time.is_some_and(|time| time.is_zero()) {
                let expected = "it takes a time above zero, or None for no limit where there may be none";
                return Err(Fault::Option { option, found: "a time of zero".to_owned(), expected }.into());
            }
        }
        if settings.backoff_min > settings.backoff_max {
            let found = format!("{:?} and {:?}", settings.backoff_min, settings.backoff_max);
            let expected = "the first pause is not above the longest";
            return Err(Fault::Option { option: "backoff", found, expected }.into());
        }
        Ok(())
    }
}

fn number(option: &'static str, value: u64, most: u64, expected: &'static str) -> Result<(), Error> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    Err(Fault::Option { option, found: value.to_string(), expected }.into())
}

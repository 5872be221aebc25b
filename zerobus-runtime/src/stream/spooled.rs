//! Streams that keep their rows on disk until they are durable in the table: options, and waiting for the disk.

use std::hash::Hash;
use std::path::PathBuf;
use std::time::Duration;

use super::blocking::{block_on, current_thread};
use super::opening::off_the_runtime;
use super::{
    Accepts, BlockingLanes, BlockingStream, CloseError, Handle, IngestStream, LaneOffset, Lanes, StreamBuilder,
};
use crate::auth::Numbered;
use crate::core::{Otherwise, SpoolOverflow};
use crate::error::{Error, Fault};
use crate::offset::Offset;
use crate::shared::{Inner, Settled};
use crate::spool::{Spool, SpoolLevel, SpoolOptions};
use crate::stats::Report;
use crate::transport;

impl<T> StreamBuilder<T> {
    /// Keeps every row on disk from before it is sent until it is durable in the table.
    ///
    /// Rows that a killed process leaves in the folder are sent first by the next process that opens it, in order and
    /// with the schema they were written for. Delivery stays at least once: rows that were sent and not acknowledged
    /// are sent again.
    ///
    /// A folder belongs to one table and is used by one stream at a time. With a spool
    /// [`max_unacked_bytes`](Self::max_unacked_bytes) bounds only the memory and
    /// [`max_spool_bytes`](Self::max_spool_bytes) the disk; a stream waits for the end of any outage unless
    /// [`delivery_timeout`](Self::delivery_timeout) or [`max_attempts`](Self::max_attempts) is set after this; and
    /// [`open`](Self::open) succeeds while the service is away. Half of the memory is for rows being written to disk,
    /// and half for rows being sent to the service; a row may use at most half of it. The client's shared budget does
    /// not apply.
    ///
    /// ```no_run
    /// # async fn f<T: zerobus_runtime::ZerobusMessage>(client: zerobus_runtime::Client, row: T) -> Result<(), zerobus_runtime::Error> {
    /// use zerobus_runtime::SpoolLevel;
    ///
    /// let stream = client.stream::<T>().spool("/var/lib/sensors/spool").spool_level(SpoolLevel::Power).open().await?;
    /// let offset = stream.send(&row).await?;
    /// stream.spooled(offset).await?; // From here on the row survives the loss of power.
    /// # Ok(())
    /// # }
    /// ```
    pub fn spool(mut self, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        match &mut self.spool {
            Some(spool) => spool.folder = folder,
            None => self.spool = Some(SpoolOptions::new(folder)),
        }
        self.settings.delivery_timeout = None;
        self.settings.max_attempts = None;
        self.settings.max_first_attempts = None;
        self
    }

    /// What a spooled row survives; by default, the end of the process.
    pub fn spool_level(self, level: SpoolLevel) -> Self {
        self.with_spool(|spool| spool.level = level)
    }

    /// The most bytes that the spool may take on disk; 10 GiB by default, at least 1 MiB.
    ///
    /// When the spool is full, rows wait in memory and then in `send`, unless [`spool_overflow`](Self::spool_overflow)
    /// sets another policy.
    pub fn max_spool_bytes(self, bytes: u64) -> Self {
        self.with_spool(|spool| spool.max_bytes = bytes)
    }

    /// What happens when the spool is full; by default `send` waits, and no row is dropped.
    ///
    /// Dropped rows are counted ([`Stats::rows_dropped`](crate::Stats::rows_dropped)) and reported by the event
    /// [`SpoolDropped`](crate::StreamEvent::SpoolDropped).
    ///
    /// # Errors
    /// [`open`](Self::open) fails if the oldest rows are to be dropped and [`exactly_once`](Self::exactly_once) is
    /// set: the offsets of a persistent stream have no gaps.
    pub fn spool_overflow(mut self, overflow: SpoolOverflow) -> Self {
        self.settings.overflow = overflow;
        self.with_spool(|_| {})
    }

    /// The size of each spool file; 64 MiB by default, at most a quarter of `max_spool_bytes`.
    ///
    /// Disk space is freed one whole file at a time.
    pub fn spool_segment_bytes(self, bytes: u64) -> Self {
        self.with_spool(|spool| spool.segment_bytes = bytes)
    }

    /// Delivers each row exactly once, across lost connections, crashes and restarts.
    ///
    /// The rows are sent on one of the service's persistent streams, and the spool stores its name: the next process
    /// that opens the folder asks the service which rows it has, and continues after those. Which rows survive a
    /// crash depends on the [level](Self::spool_level) of the spool; a row that survives is in the table once.
    /// Requests are never split again: if the server refuses a row, the whole request that holds it is returned.
    ///
    /// The persistent streams of the service are in development. [`IngestStream::retire`] ends one that is no longer
    /// needed.
    ///
    /// # Errors
    /// [`open`](Self::open), or the stream, fails if the service has no persistent streams.
    pub fn exactly_once(self) -> Self {
        self.with_spool(|spool| spool.exactly_once = Some(Otherwise::Fail))
    }

    /// As [`exactly_once`](Self::exactly_once), but at least once where the service has no persistent streams: an event
    /// [`AtLeastOnce`](crate::StreamEvent::AtLeastOnce) and a warning then report it.
    pub fn exactly_once_if_available(self) -> Self {
        self.with_spool(|spool| spool.exactly_once = Some(Otherwise::AtLeastOnce))
    }

    fn with_spool(mut self, change: impl FnOnce(&mut SpoolOptions)) -> Self {
        change(self.spool.get_or_insert_with(|| SpoolOptions::new(PathBuf::new())));
        self
    }

    /// Validates the spool options.
    pub(super) fn check_spool(&self) -> Result<(), Error> {
        let Some(spool) = &self.spool else { return Ok(()) };
        let SpoolOptions { folder, level, segment_bytes, max_bytes, exactly_once } = spool;
        if folder.as_os_str().is_empty() {
            return Err(Fault::Missing { what: "the folder of the spool" }.into());
        }
        let option = |option, found: String, expected| Err(Fault::Option { option, found, expected }.into());
        if *max_bytes < 1024 * 1024 {
            return option("max_spool_bytes", max_bytes.to_string(), "it takes at least 1048576");
        }
        if *segment_bytes == 0 {
            return option("spool_segment_bytes", segment_bytes.to_string(), "it takes at least 1");
        }
        if self.settings.overflow == SpoolOverflow::DropOldest && exactly_once.is_some() {
            let expected = "it takes `Wait` or `DropNewest` with `exactly_once`, whose streams have no gaps";
            return option("spool_overflow", "DropOldest".to_owned(), expected);
        }
        match level {
            SpoolLevel::Interval(Duration::ZERO) => {
                option("spool_level", "an interval of zero".to_owned(), "it takes a time above zero, or `Power`")
            }
            _ => Ok(()),
        }
    }
}

impl<T> IngestStream<T> {
    /// Waits until this row and every row before it are as durable as the spool's level promises.
    ///
    /// A row waits in memory while the previous write completes, and for the [`linger`](StreamBuilder::linger); at high
    /// rates, up to a millisecond more.
    ///
    /// # Errors
    /// If the stream has no spool, has not accepted a row with this offset, or ended before the row was on disk; the
    /// row is then returned.
    pub async fn spooled(&self, offset: Offset) -> Result<(), Error> {
        self.handle.spooled(offset).await
    }

    /// Accepts a row, and waits until it is as durable as the spool's level promises: [`send`](Self::send) and
    /// [`spooled`](Self::spooled) in one.
    ///
    /// # Errors
    /// As these two.
    pub async fn send_spooled<R: ?Sized>(&self, row: &R) -> Result<Offset, Error>
    where
        T: Accepts<R>,
    {
        let offset = self.send(row).await?;
        self.spooled(offset).await?;
        Ok(offset)
    }

    /// Delivers every row, closes the stream, and permanently ends the persistent stream that it wrote to: the next
    /// stream that is opened with this folder creates another one.
    ///
    /// A persistent stream that is only closed continues when its folder is opened again.
    ///
    /// # Errors
    /// As [`close`](Self::close), and if another stream has opened the folder; nothing is then ended. Also if the
    /// service does not answer within [`open_timeout`](StreamBuilder::open_timeout); the folder no longer names the
    /// persistent stream then, and `retire` can be called again to end it.
    pub async fn retire(&self) -> Result<Report, CloseError> {
        let report = self.close().await?;
        let stream_id = self.handle.shared().lock().session.persistent_stream();
        let Some(stream_id) = stream_id else { return Ok(report) };
        // The note goes first, since a folder that names a stream which no longer exists cannot be opened.
        self.forget_stream().await?;
        self.end_stream(&stream_id).await?;
        Ok(report)
    }

    async fn forget_stream(&self) -> Result<(), Error> {
        let Some(spool) = &self.options.spool else { return Ok(()) };
        let (folder, encoding) = (spool.folder.clone(), self.options.settings.kind.name());
        let table = self.options.table_name()?.to_string();
        off_the_runtime(move || Spool::forget_stream(&folder, &table, encoding)).await
    }

    /// Asks the service to end a persistent stream.
    async fn end_stream(&self, stream_id: &str) -> Result<(), Error> {
        let (table, client) = (self.options.table_name()?, &self.options.client);
        let ended = async {
            let Numbered { token, .. } = client.tokens().token(&table).await?;
            transport::retire(client.transport(), &token, &table.to_string(), stream_id).await
        };
        let Some(after) = self.options.settings.open_timeout else { return ended.await };
        let late = |_| Err(Fault::RetireTimeout { table: table.to_string(), after }.into());
        tokio::time::timeout(after, ended).await.unwrap_or_else(late)
    }
}

impl Handle {
    async fn spooled(&self, offset: Offset) -> Result<(), Error> {
        let shared = self.shared();
        if shared.bell().is_none() {
            return Err(Fault::Missing { what: "the spool of the stream" }.into());
        }
        shared.expect(offset);
        let ready = move |inner: &mut Inner| {
            if offset.value() >= inner.session.ledger().accepted {
                return Some(Err(Fault::UnknownOffset { offset }.into()));
            }
            inner.session.is_promised(offset.value())
        };
        Settled::spooled(&**shared, offset.value(), ready).await
    }
}

impl<T> Lanes<T> {
    /// Waits until this row, and every row before it on its lane, is as durable as the spool's level promises: see
    /// [`IngestStream::spooled`].
    ///
    /// # Errors
    /// As [`IngestStream::spooled`].
    pub async fn spooled(&self, row: LaneOffset) -> Result<(), Error> {
        match self.handles().get(row.lane()) {
            Some(handle) => handle.spooled(row.offset()).await,
            None => Err(Fault::UnknownOffset { offset: row.offset() }.into()),
        }
    }

    /// Accepts a row, and waits until it is as durable as the spool's level promises: [`send`](Self::send) and
    /// [`spooled`](Self::spooled) in one.
    ///
    /// # Errors
    /// As these two.
    pub async fn send_spooled<R: ?Sized>(&self, key: &(impl Hash + ?Sized), row: &R) -> Result<LaneOffset, Error>
    where
        T: Accepts<R>,
    {
        let row = self.send(key, row).await?;
        self.spooled(row).await?;
        Ok(row)
    }
}

impl<T> BlockingLanes<T> {
    /// Accepts a row, and waits until it is as durable as the spool's level promises: see [`Lanes::send_spooled`].
    ///
    /// # Errors
    /// As [`Lanes::send_spooled`].
    pub fn send_spooled<R: ?Sized>(&self, key: &(impl Hash + ?Sized), row: &R) -> Result<LaneOffset, Error>
    where
        T: Accepts<R>,
    {
        self.with(|lanes| block_on(lanes.send_spooled(key, row)))
    }

    /// Waits until this row is as durable as the spool's level promises: see [`Lanes::spooled`].
    ///
    /// # Errors
    /// As [`Lanes::spooled`].
    pub fn spooled(&self, row: LaneOffset) -> Result<(), Error> {
        self.with(|lanes| block_on(lanes.spooled(row)))
    }
}

impl<T> BlockingStream<T> {
    /// Accepts a row, and waits until it is spooled: see [`IngestStream::send_spooled`].
    ///
    /// # Errors
    /// As [`IngestStream::send_spooled`].
    pub fn send_spooled<R: ?Sized>(&self, row: &R) -> Result<Offset, Error>
    where
        T: Accepts<R>,
    {
        self.with(|stream| block_on(stream.send_spooled(row)))
    }

    /// Delivers every row, closes the stream, and ends its persistent stream: see [`IngestStream::retire`].
    ///
    /// # Errors
    /// As [`IngestStream::retire`], and if no runtime can be started for the request to the service.
    pub fn retire(&self) -> Result<Report, CloseError> {
        let runtime = current_thread()?;
        self.with(|stream| runtime.block_on(stream.retire()))
    }

    /// Waits until this row is as durable as the spool's level promises: see [`IngestStream::spooled`].
    ///
    /// # Errors
    /// As [`IngestStream::spooled`].
    pub fn spooled(&self, offset: Offset) -> Result<(), Error> {
        self.with(|stream| block_on(stream.spooled(offset)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use zerobus_codegen::TableName;

    use super::super::opening::Opening;
    use super::super::prepared::Prepared;
    use crate::auth::{Token, TokenFuture, TokenProvider};
    use crate::client::Client;
    use crate::error::ErrorKind;

    #[derive(Debug)]
    struct Known;

    impl TokenProvider for Known {
        fn token(&self, _: &TableName) -> TokenFuture<'_> {
            Box::pin(async { Ok(Token::new("a token", Duration::from_secs(3600))) })
        }
    }

    #[tokio::test]
    async fn retiring_ends_in_time_although_the_service_does_not_answer() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", silent.local_addr().unwrap());
        let client = Client::builder().endpoint(endpoint).token_provider(Known).build().unwrap();
        let options = Arc::new(client.json_stream("main.test.rows").open_timeout(Duration::from_millis(30)));
        let opened = Opening::new(&*options).unwrap().finish_blocking().unwrap();
        let Prepared { stream, driver: _driver, .. } = options.prepare(opened, None);
        let error = stream.end_stream("one").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.is_retryable() && error.to_string().ends_with("call `retire` again"), "{error}");
    }
}

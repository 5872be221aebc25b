//! A stream whose rows are kept on disk until they are durable in the table: its options, and the wait for the disk.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::blocking::block_on;
use super::{BlockingStream, IngestStream, StreamBuilder};
use crate::error::{Error, Fault};
use crate::offset::Offset;
use crate::shared::{Inner, Settled};
use crate::spool::{SpoolLevel, SpoolOptions};

impl<T> StreamBuilder<T> {
    /// Keeps every row on disk from before it is sent until it is durable in the table.
    ///
    /// What a killed process leaves in the folder is sent first by the next one that opens it, in order, for the schema
    /// that it was written for. Delivery stays at least once: rows that were sent and not acknowledged are sent again.
    ///
    /// One stream has a folder at a time, for one table. With a spool
    /// [`max_unacked_bytes`](Self::max_unacked_bytes) bounds the memory alone and
    /// [`max_spool_bytes`](Self::max_spool_bytes) the disk; a stream waits for the end of any outage unless
    /// [`delivery_timeout`](Self::delivery_timeout) or [`max_attempts`](Self::max_attempts) is set after this; and
    /// [`open`](Self::open) succeeds while the service is away. Half of that memory is for rows on
    /// their way to disk, and half for those on their way to the service; a row may have half of it at most. The budget
    /// that the streams of a client share does not apply.
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

    /// What a spooled row survives; the end of the process by default.
    pub fn spool_level(self, level: SpoolLevel) -> Self {
        self.with_spool(|spool| spool.level = level)
    }

    /// How many bytes the spool may have on disk; 10 GiB by default, at least 1 MiB.
    ///
    /// While they are used up, rows wait in memory and then in `send`. No row is dropped.
    pub fn max_spool_bytes(self, bytes: u64) -> Self {
        self.with_spool(|spool| spool.max_bytes = bytes)
    }

    /// How many bytes a file of the spool has; 64 MiB by default, and a quarter of the whole at most.
    ///
    /// Disk space is given back by whole files.
    pub fn spool_segment_bytes(self, bytes: u64) -> Self {
        self.with_spool(|spool| spool.segment_bytes = bytes)
    }

    fn with_spool(mut self, change: impl FnOnce(&mut SpoolOptions)) -> Self {
        change(self.spool.get_or_insert_with(|| SpoolOptions::new(PathBuf::new())));
        self
    }

    /// Whether these options are for several streams at once.
    pub(super) fn check_lanes(&self, lanes: NonZeroUsize) -> Result<(), Error> {
        if self.spool.is_none() {
            return Ok(());
        }
        let (found, expected) = (format!("{lanes} lanes with one spool"), "each stream has a spool of its own");
        Err(Fault::Option { option: "lanes", found, expected }.into())
    }

    /// Whether the options of the spool are sound.
    pub(super) fn check_spool(&self) -> Result<(), Error> {
        let Some(SpoolOptions { folder, level, segment_bytes, max_bytes }) = &self.spool else { return Ok(()) };
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
        match level {
            SpoolLevel::Interval(Duration::ZERO) => {
                option("spool_level", "an interval of zero".to_owned(), "it takes a time above zero, or `Power`")
            }
            _ => Ok(()),
        }
    }
}

impl<T> IngestStream<T> {
    /// Waits until the row of this offset, and every row before it, has the promise of the spool's level.
    ///
    /// A row waits for that in memory for as long as the write before it takes, and for the
    /// [`linger`](StreamBuilder::linger); where rows come fast, for a millisecond more.
    ///
    /// # Errors
    /// If the stream has no spool, has not accepted a row of this offset, or ended before the row was on disk: the row is
    /// then among those that are returned.
    pub async fn spooled(&self, offset: Offset) -> Result<(), Error> {
        let shared = self.handle.shared();
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

impl<T> BlockingStream<T> {
    /// Waits until the row of this offset has the promise of the spool's level: see [`IngestStream::spooled`].
    ///
    /// # Errors
    /// As [`IngestStream::spooled`].
    pub fn spooled(&self, offset: Offset) -> Result<(), Error> {
        self.with(|stream| block_on(stream.spooled(offset)))
    }
}

//! Opening a stream: its state, its driver, and the result of the first attempt.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::opening::{Opened, Opening};
use super::{Handle, IngestStream, StreamBuilder};
use crate::dead_letters::SinkThread;
use crate::driver::{Driver, DriverGuard};
use crate::error::{Error, Fault};
use crate::letter::Origin;
use crate::meter::Meter;
use crate::shared::{LetterThread, Shared};

/// A stream whose driver is not running yet.
pub(super) struct Prepared<T> {
    pub(super) stream: IngestStream<T>,
    pub(super) driver: Driver,
    pub(super) first_open: FirstOpen,
}

/// The result of the first attempt to open the stream.
pub(super) type FirstOpen = oneshot::Receiver<Result<(), Error>>;

/// The result of the first attempt to open the stream.
pub(super) fn opened(first: Result<Result<(), Error>, oneshot::error::RecvError>) -> Result<(), Error> {
    first.unwrap_or_else(|_| Err(Fault::ShutDown.into()))
}

impl<T> StreamBuilder<T> {
    /// Opens the stream. On success the server has accepted the table, the token and the schema.
    ///
    /// # Errors
    /// If the table's name or an option is not valid, the descriptor is not self-contained, or the server is
    /// unreachable or refuses the stream. Transient failures are retried a few times first.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn open(self) -> Result<IngestStream<T>, Error> {
        let disk = Opening::new(&self)?.finish().await?;
        let Prepared { stream, driver, first_open } = Arc::new(self).prepare(disk, None);
        driver.spawn();
        opened(first_open.await)?;
        Ok(stream)
    }

    /// A stream, or one lane of several, and its driver.
    pub(super) fn prepare(self: Arc<Self>, opened: Opened, lane: Option<usize>) -> Prepared<T> {
        let Opened { table, settings, schemas, .. } = opened;
        if let Some(columns) = &self.columns {
            schemas.describe_own(columns.clone());
        }
        let (kind, is_spooled) = (settings.kind, settings.spool.is_some());
        // A spooled stream buffers on disk, so it does not share the client's budget.
        let budget = self.client.budget().filter(|_| !is_spooled).cloned();
        let desk = self.dead_letters.clone().map(|sink| {
            let origin = Origin { table: settings.table.clone(), kind, schemas: schemas.clone() };
            Arc::new(SinkThread { sink, hooks: self.hooks.clone(), origin, lane }) as Arc<dyn LetterThread>
        });
        let shared = Shared::with_desk(settings, budget, schemas.clone(), desk);
        #[cfg(feature = "spool")]
        if let Some(spool) = opened.spool {
            spool.start(&shared);
        }
        let (sender, first_open) = oneshot::channel();
        let driver = Driver {
            shared: Arc::clone(&shared),
            guard: DriverGuard::new(Arc::clone(&shared)),
            transport: self.client.transport().clone(),
            tokens: Arc::clone(self.client.tokens()),
            token: Arc::default(),
            schemas,
            is_spooled,
            kind,
            hooks: self.hooks.clone(),
            meter: Meter::new(&self.settings.table, lane),
            table,
            lane,
            delay: Duration::ZERO,
            first_open: Some(sender),
            open_error: None,
        };
        // If the caller is dropped, so is the handle, and the driver ends.
        Prepared { stream: IngestStream::new(Handle::new(shared), self), driver, first_open }
    }
}

#[cfg(all(test, feature = "spool"))]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::spool::SpoolFolder;

    #[tokio::test]
    async fn a_stream_whose_driver_never_runs_ends_and_leaves_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let client = Client::builder().endpoint("http://127.0.0.1:9").workspace_url("http://127.0.0.1:9");
        let client = client.workspace_id("1").credentials("id", "secret").build().unwrap();
        let options = Arc::new(client.json_stream("main.test.rows").spool(folder.path()));
        let opened = Opening::new(&*options).unwrap().finish_blocking().unwrap();
        let Prepared { stream, driver, first_open } = options.prepare(opened, None);
        drop(driver);
        tokio::time::timeout(Duration::from_secs(20), stream.handle.over()).await.unwrap();
        assert!(first_open.await.is_err() && stream.is_closed());
        SpoolFolder::open(folder.path()).unwrap();
    }
}

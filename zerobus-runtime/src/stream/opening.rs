//! What is done before a stream begins: its options are checked, and its spool is opened.

use bytes::Bytes;
use zerobus_codegen::TableName;

use super::StreamBuilder;
use super::builder::encoded;
use crate::core::Settings;
use crate::error::Error;
#[cfg(feature = "spool")]
use crate::error::Fault;
use crate::schemas::Schemas;
#[cfg(feature = "spool")]
use crate::spool::{Spool, SpoolOptions};
use crate::transport::create_request;

/// A stream with sound options, whose spool is not opened yet.
pub(super) struct Opening {
    table: TableName,
    request: Bytes,
    settings: Settings,
    #[cfg(feature = "spool")]
    spool: Option<SpoolOptions>,
}

/// A stream that can begin.
pub(super) struct Opened {
    pub(super) table: TableName,
    pub(super) settings: Settings,
    pub(super) schemas: Schemas,
    #[cfg(feature = "spool")]
    pub(super) spool: Option<Spool>,
}

impl Opening {
    pub(super) fn new<T>(options: &StreamBuilder<T>) -> Result<Self, Error> {
        let table = options.table_name()?;
        options.check()?;
        let descriptor = options.descriptor.as_deref().map(encoded).transpose()?;
        let settings = options.settings.clone();
        let request = create_request(settings.kind, &table.to_string(), descriptor);
        Ok(Self {
            table,
            request,
            settings,
            #[cfg(feature = "spool")]
            spool: options.spool.clone(),
        })
    }

    /// Opens the spool, which may take a while, off the runtime's threads.
    #[cfg_attr(not(feature = "spool"), expect(clippy::unused_async, reason = "the spool is a feature"))]
    pub(super) async fn finish(self) -> Result<Opened, Error> {
        #[cfg(feature = "spool")]
        if self.spool.is_some() {
            let opened = tokio::task::spawn_blocking(move || self.finish_blocking()).await;
            return opened.unwrap_or_else(|_| Err(Fault::ShutDown.into()));
        }
        self.finish_blocking()
    }

    /// Opens the spool, which may take a while.
    #[cfg_attr(not(feature = "spool"), expect(clippy::unnecessary_wraps, reason = "the spool is a feature"))]
    pub(super) fn finish_blocking(self) -> Result<Opened, Error> {
        #[cfg(feature = "spool")]
        if let Some(options) = &self.spool {
            return self.with_spool(options);
        }
        Ok(Opened {
            table: self.table,
            settings: self.settings,
            schemas: Schemas::new(self.request),
            #[cfg(feature = "spool")]
            spool: None,
        })
    }

    #[cfg(feature = "spool")]
    fn with_spool(&self, options: &SpoolOptions) -> Result<Opened, Error> {
        let (mut settings, table) = (self.settings.clone(), self.table.clone());
        let spool = Spool::open(options, &table.to_string(), settings.kind.name(), self.request.clone())?;
        settings.spool = Some(spool.found);
        // Half of the memory is for what is read back, so that a row always finds room.
        settings.max_row_bytes = settings.max_row_bytes.min(settings.max_unacked_bytes / 2);
        settings.max_batch_bytes = settings.max_batch_bytes.min(settings.max_unacked_bytes / 2);
        Ok(Opened { table, settings, schemas: spool.schemas(), spool: Some(spool) })
    }
}

//! Steps before a stream starts: checking its options and opening its spool.

#[cfg(feature = "spool")]
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use prost_types::DescriptorProto;
use zerobus_codegen::TableName;

use super::StreamBuilder;
#[cfg(feature = "spool")]
use super::stamps::Stamping;
#[cfg(feature = "spool")]
use crate::core::ExactlyOnce;
use crate::core::Settings;
use crate::error::{Error, Fault};
use crate::schemas::Schemas;
#[cfg(feature = "spool")]
use crate::spool::{Producer, Spool, SpoolOptions};
use crate::transport::create_request;

/// A stream with valid options whose spool is not open yet.
pub(super) struct Opening {
    table: TableName,
    request: Bytes,
    settings: Settings,
    #[cfg(feature = "spool")]
    spool: Option<SpoolOptions>,
    #[cfg(feature = "spool")]
    stamps: Stamping,
    #[cfg(feature = "spool")]
    descriptor: Option<Arc<DescriptorProto>>,
}

/// A stream that is ready to start.
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
            #[cfg(feature = "spool")]
            stamps: options.stamps.clone(),
            #[cfg(feature = "spool")]
            descriptor: options.descriptor.clone(),
        })
    }

    /// The same stream as one of many lanes, each with its own folder.
    #[cfg_attr(not(feature = "spool"), expect(unused_variables, unused_mut, reason = "the spool is a feature"))]
    pub(super) fn of_lane(mut self, lane: usize) -> Self {
        #[cfg(feature = "spool")]
        {
            self.stamps = self.stamps.of_lane(lane);
            if let Some(spool) = &mut self.spool {
                spool.folder = crate::spool::lanes::folder_of(&spool.folder, lane);
            }
        }
        self
    }

    /// Opens the spool, which can block, off the runtime's threads.
    #[cfg_attr(not(feature = "spool"), expect(clippy::unused_async, reason = "the spool is a feature"))]
    pub(super) async fn finish(self) -> Result<Opened, Error> {
        #[cfg(feature = "spool")]
        if self.spool.is_some() {
            return off_the_runtime(move || self.finish_blocking()).await;
        }
        self.finish_blocking()
    }

    /// Opens the spool, which can block.
    #[cfg_attr(not(feature = "spool"), expect(clippy::unnecessary_wraps, reason = "the spool is a feature"))]
    pub(super) fn finish_blocking(self) -> Result<Opened, Error> {
        #[cfg(feature = "spool")]
        if let Some(options) = &self.spool {
            return self.with_spool(options);
        }
        #[cfg_attr(not(feature = "spool"), expect(unused_mut, reason = "stamps are a part of that feature"))]
        let mut settings = self.settings;
        #[cfg(feature = "spool")]
        {
            let producer = Producer::new(self.stamps.producer());
            settings.stamper = self.stamps.stamper(self.descriptor.as_deref(), &producer)?;
        }
        Ok(Opened {
            table: self.table,
            settings,
            schemas: Schemas::new(self.request),
            #[cfg(feature = "spool")]
            spool: None,
        })
    }

    #[cfg(feature = "spool")]
    fn with_spool(&self, options: &SpoolOptions) -> Result<Opened, Error> {
        let (mut settings, table) = (self.settings.clone(), self.table.clone());
        // Checked before the folder is touched: an error here is a mistake in the program.
        self.stamps.stamper(self.descriptor.as_deref(), &Producer::new(None))?;
        let spool = Spool::open(options, &table.to_string(), settings.kind.name(), self.request.clone())?;
        settings.spool = Some(spool.found);
        if self.stamps.are_wanted() {
            let producer = spool.producer(&options.folder, self.stamps.producer())?;
            settings.stamper = self.stamps.stamper(self.descriptor.as_deref(), &producer)?;
        }
        let found = spool.note.clone();
        settings.exactly_once = options.exactly_once.map(|otherwise| ExactlyOnce { found, otherwise });
        // Half of the memory is for rows read back from disk, so that a new row always finds room.
        settings.max_row_bytes = settings.max_row_bytes.min(settings.max_unacked_bytes / 2);
        settings.max_batch_bytes = settings.max_batch_bytes.min(settings.max_unacked_bytes / 2);
        Ok(Opened { table, settings, schemas: spool.schemas(), spool: Some(spool) })
    }
}

/// Runs a function that opens spools, which can block, off the runtime's threads.
#[cfg(feature = "spool")]
pub(super) async fn off_the_runtime<T: Send + 'static>(
    open: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(open).await.unwrap_or_else(|_| Err(Fault::ShutDown.into()))
}

/// The bytes of a self-contained descriptor. The service refuses any other, but only after token and connection.
fn encoded(descriptor: &DescriptorProto) -> Result<Bytes, Error> {
    zerobus_codegen::self_contained_package(descriptor).map_err(Fault::Descriptor)?;
    Ok(descriptor.encode_to_vec().into())
}

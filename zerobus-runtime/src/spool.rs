//! The spool: requests on disk until their rows are settled, so that they outlive the process and an outage.
//!
//! | file | what it owns |
//! |---|---|
//! | `folder` | the folder's owner: lock, table, version |
//! | `writer` | the thread between session and log |
//! | `bell` | wakes the writer |
//! | `storage` | the file layer: one folder, with every operation that the log's promises depend on |
//! | `format` | the bytes of a segment |
//! | `segment` | one file of the log: its creation, its header, its end |
//! | `walk` | reading one record after the other, past damage |
//! | `position` | how far the log is acknowledged |
//! | `stream_note` | the note of a persistent stream |
//! | `producer` | the producer in the rows' stamps |
//! | `log` | appending, syncing, reading back, removing |
//! | `recovery` | opening the log that another process left |
//! | `lanes` | the folder of many lanes |
//! | `inspect` | a folder that no stream has open |

mod bell;
mod folder;
mod format;
mod inspect;
pub(crate) mod lanes;
mod log;
mod position;
mod producer;
mod recovery;
mod segment;
#[cfg(test)]
mod simulated;
mod storage;
mod stream_note;
#[cfg(test)]
mod tests;
mod walk;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use bell::Bell;
use bytes::Bytes;
use folder::Claim;
pub(crate) use folder::Refusal;
pub use inspect::{SpoolFile, SpoolFileCheck, SpoolFolder};
use log::{Durability, Log, Options};
pub(crate) use producer::Producer;
use recovery::{Recovery, SetAside};
use storage::Folder;
use writer::Writer;

use crate::core::{Found, Otherwise, StreamNote};
use crate::error::{Error, Fault};
use crate::event::StreamEvent;
use crate::schemas::Schemas;
use crate::shared::Shared;

/// What a spooled row survives; each level includes the ones before it.
///
/// | level | process killed | machine lost power | cost |
/// |---|---|---|---|
/// | [`Process`](Self::Process) | every spooled row is kept | rows may be lost | one write for many rows |
/// | [`Interval`](Self::Interval) | every row that was written is kept | every spooled row is kept; others may be lost | and a sync now and then |
/// | [`Power`](Self::Power) | every spooled row is kept | every spooled row is kept | and a sync for each write |
///
/// "Spooled" is what [`IngestStream::spooled`](crate::IngestStream::spooled) waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpoolLevel {
    /// The end of the process, `kill -9` included.
    #[default]
    Process,
    /// Also the loss of power, for rows that were written at least this long ago.
    Interval(Duration),
    /// Also the loss of power: a row is synced to disk before it is sent.
    Power,
}

/// The options of a spool.
#[derive(Debug, Clone)]
pub(crate) struct SpoolOptions {
    pub(crate) folder: PathBuf,
    pub(crate) level: SpoolLevel,
    pub(crate) segment_bytes: u64,
    pub(crate) max_bytes: u64,
    /// Delivers each row once, with the fallback where the service cannot do that.
    pub(crate) exactly_once: Option<Otherwise>,
}

/// A spool that was opened, before its thread starts.
pub(crate) struct Spool {
    writer: Writer<Folder>,
    pub(crate) found: Found,
    /// The persistent stream that another process wrote to.
    pub(crate) note: Option<StreamNote>,
    recovery: Recovery,
}

impl SpoolOptions {
    pub(crate) const fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            level: SpoolLevel::Process,
            segment_bytes: 64 * 1024 * 1024,
            max_bytes: 10 * 1024 * 1024 * 1024,
            exactly_once: None,
        }
    }
}

impl Spool {
    /// Opens a folder and finds the rows that another process left.
    pub(crate) fn open(options: &SpoolOptions, table: &str, encoding: &str, schema: Bytes) -> Result<Self, Error> {
        let refused = |refusal| {
            let folder = options.folder.display().to_string();
            Error::from(Fault::Spool { folder, refusal })
        };
        let claim = Claim::take(&options.folder, table, encoding).map_err(refused)?;
        let schemas = Schemas::new(schema.clone());
        let durability = match options.level {
            SpoolLevel::Process => Durability::Process,
            SpoolLevel::Interval(_) | SpoolLevel::Power => Durability::Power,
        };
        let segment_bytes = options.segment_bytes.min(options.max_bytes / 4);
        let log_options = Options { segment_bytes, max_bytes: options.max_bytes, durability, schema };
        let storage = claim.storage();
        let stream = match options.exactly_once {
            Some(_) => stream_note::read(&storage).map_err(|error| refused(error.into()))?,
            None => stream_note::Found::Nothing,
        };
        let (log, mut recovery) = Log::open(storage, log_options).map_err(|error| refused(error.into()))?;
        let schema = log.first_schema().map_or(0, |schema| schemas.number(schema));
        let found = Found { first: log.read_row(), end: log.next_row(), schema };
        let note = match stream {
            stream_note::Found::Whole(note) => Some(note.at_start(log.next_sequence())),
            stream_note::Found::Damaged(file) => {
                recovery.set_aside.push(SetAside { file: file.to_owned(), rows: 0..0 });
                None
            }
            stream_note::Found::Nothing => None,
        };
        Ok(Self { writer: Writer::new(log, options.level, schemas, Some(claim)), found, note, recovery })
    }

    /// Identifies this run of the producer that sends the folder's rows.
    #[expect(clippy::unused_self, reason = "the folder is ours as long as the spool is open")]
    pub(crate) fn producer(&self, folder: &Path, name: Option<&str>) -> Result<Producer, Error> {
        let folder_name = || folder.display().to_string();
        let producer = Producer::of_folder(folder, name);
        producer.map_err(|error| Fault::Spool { folder: folder_name(), refusal: error.into() }.into())
    }

    /// Removes the note of a persistent stream that was retired.
    pub(crate) fn forget_stream(folder: &Path, table: &str, encoding: &str) -> Result<(), Error> {
        let refused = |refusal| Error::from(Fault::Spool { folder: folder.display().to_string(), refusal });
        let _claim = Claim::take(folder, table, encoding).map_err(refused)?;
        stream_note::remove(&Folder::new(folder.to_owned())).map_err(|error| refused(error.into()))
    }

    pub(crate) fn schemas(&self) -> Schemas {
        self.writer.schemas()
    }

    /// Starts the thread that writes. Without it the stream has failed.
    pub(crate) fn start(self, shared: &Arc<Shared>) {
        let Self { writer, recovery, .. } = self;
        for event in events_of(&recovery) {
            shared.tell(event);
        }
        let of_thread = Arc::clone(shared);
        let thread = std::thread::Builder::new().name("zerobus-spool".to_owned());
        let run = move || {
            if let Some(bell) = of_thread.bell().cloned() {
                writer.run(&of_thread, &bell);
            }
        };
        if let Err(source) = thread.spawn(run) {
            shared.fail(Fault::Thread { source }.into());
            shared.disk_closed();
        }
    }
}

/// What `open` reports about the log that it found.
fn events_of(recovery: &Recovery) -> Vec<StreamEvent> {
    let mut events = Vec::new();
    for aside in &recovery.set_aside {
        let rows = (aside.rows.end != u64::MAX).then(|| aside.rows.end - aside.rows.start);
        events.push(StreamEvent::SpoolSetAside { file: aside.file.clone(), rows });
    }
    if recovery.rows > 0 || recovery.cut > 0 {
        let age = recovery.oldest.map(|oldest| Duration::from_millis(now_ms().saturating_sub(oldest)));
        let Recovery { rows, bytes, cut, .. } = *recovery;
        events.push(StreamEvent::Recovered { rows, bytes, age, cut });
    }
    events
}

/// The time of the system's clock, in milliseconds since 1970.
fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

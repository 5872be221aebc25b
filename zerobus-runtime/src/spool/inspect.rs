//! Inspects a spool's folder that no stream has open: its contents, whether they are whole, and its rows as text.
//!
//! Nothing in the folder is changed.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::folder::{Claim, Refusal};
use super::format::Request;
use super::position::{self, Position};
use super::segment::{MOST_READS, Segment, sequence_of};
use super::storage::{DiskFile, Folder, Storage};
use super::walk::Item;
use crate::core::{Batch, ReturnedBatch};
use crate::error::{Error, ErrorKind, Fault};
use crate::letter::Origin;
use crate::offset::Offset;
use crate::record_kind::RecordKind;
use crate::schemas::Schemas;
use crate::undelivered::Undelivered;

/// The folder of a spool that no stream has open.
///
/// While this value lives, no stream can open the folder.
///
/// ```no_run
/// # fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let spool = zerobus_runtime::SpoolFolder::open("/var/lib/sensors/spool")?;
/// for file in spool.verify()? {
///     println!("{}: {} of {} rows wait", file.name, file.waiting, file.rows);
/// }
/// spool.export(std::fs::File::create("rows.ndjson")?)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SpoolFolder {
    claim: Claim,
    table: String,
    kind: RecordKind,
    storage: Folder,
}

/// A file of a spool.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolFile {
    /// Its name in the folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// The offset of its first row; none if it cannot be read.
    pub first: Option<Offset>,
}

/// A file of a spool after it was read from start to end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolFileCheck {
    /// Its name in the folder.
    pub name: String,
    /// How many requests are whole.
    pub requests: u64,
    /// How many rows they hold.
    pub rows: u64,
    /// How many of them are not known to be in the table.
    pub waiting: u64,
    /// Part of it cannot be read. At the end of the last file that is a record which a killed process did not complete;
    /// its rows were not spooled.
    pub is_damaged: bool,
}

impl SpoolFolder {
    /// Opens a folder that no stream has open.
    ///
    /// # Errors
    /// If the folder is not a spool, cannot be read, is in use, or has a newer format.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let refused = |refusal| Fault::Spool { folder: folder.display().to_string(), refusal };
        let (claim, table, encoding) = Claim::look(folder).map_err(refused)?;
        let kind = match encoding {
            encoding if encoding == RecordKind::Json.name() => RecordKind::Json,
            encoding if encoding == RecordKind::Proto.name() => RecordKind::Proto,
            found => return Err(refused(Refusal::UnknownEncoding { found }).into()),
        };
        Ok(Self { claim, table, kind, storage: Folder::new(folder.to_owned()) })
    }

    /// The table that the rows are for, as `catalog.schema.table`.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The files that hold rows, oldest first.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn files(&self) -> Result<Vec<SpoolFile>, Error> {
        self.with_folder(self.list())
    }

    /// Reads every row and verifies the checksums.
    ///
    /// # Errors
    /// If the folder cannot be read. Damage is not an error.
    pub fn verify(&self) -> Result<Vec<SpoolFileCheck>, Error> {
        self.with_folder(self.check())
    }

    /// Writes every row that is not known to be in the table as a line of JSON, in order, and returns their number.
    ///
    /// [`Undelivered::read_from`] reads the lines, and [`IngestStream::send_undelivered`] sends them. The rows stay in
    /// the spool.
    ///
    /// [`IngestStream::send_undelivered`]: crate::IngestStream::send_undelivered
    ///
    /// # Errors
    /// If the folder cannot be read, or the output fails.
    pub fn export(&self, mut out: impl io::Write) -> Result<u64, Error> {
        let exported = self.write_rows(&mut out);
        self.with_folder(exported)
    }

    fn list(&self) -> io::Result<Vec<SpoolFile>> {
        let mut files = Vec::new();
        for (sequence, name) in self.names()? {
            let bytes = super::storage::File::len(&self.storage.open(&name)?)?;
            let first = Segment::open(&self.storage, sequence)?.map(|segment| Offset(segment.row));
            files.push(SpoolFile { name, bytes, first });
        }
        Ok(files)
    }

    fn check(&self) -> io::Result<Vec<SpoolFileCheck>> {
        let settled = self.settled()?;
        let mut checks = Vec::new();
        for (sequence, name) in self.names()? {
            let mut check = SpoolFileCheck { name, requests: 0, rows: 0, waiting: 0, is_damaged: false };
            match Segment::open(&self.storage, sequence)? {
                None => check.is_damaged = true,
                Some(segment) => {
                    check.is_damaged = self.read(&segment, |request| {
                        check.requests += 1;
                        check.rows += u64::from(request.rows);
                        check.waiting += request.end().saturating_sub(settled.max(request.row));
                        Ok(())
                    })?;
                }
            }
            checks.push(check);
        }
        Ok(checks)
    }

    fn write_rows(&self, out: &mut impl io::Write) -> io::Result<u64> {
        let settled = self.settled()?;
        let mut count = 0;
        for (sequence, _) in self.names()? {
            let Some(segment) = Segment::open(&self.storage, sequence)? else { continue };
            let schemas = Schemas::new(segment.schema.clone());
            let origin = Origin { table: self.table.clone(), kind: self.kind, schemas };
            self.read(&segment, |request| {
                let done = settled.saturating_sub(request.row).min(request.rows.into());
                if let Some(rows) = undelivered(&origin, request, done) {
                    count += rows.len();
                    rows.write_to(&mut *out)?;
                }
                Ok(())
            })?;
        }
        out.flush()?;
        Ok(count)
    }

    /// Reads every whole request of a segment; returns whether it holds anything else.
    fn read(&self, segment: &Segment, mut each: impl FnMut(Request) -> io::Result<()>) -> io::Result<bool> {
        let mut walk = segment.walk(&self.storage)?;
        let (mut is_damaged, mut failures) = (false, 0);
        loop {
            match walk.next(segment.len) {
                Ok(None) => return Ok(is_damaged),
                Ok(Some(Item::Damage)) => is_damaged = true,
                Ok(Some(Item::Record { request, .. })) => {
                    failures = 0;
                    each(request)?;
                }
                Err(_) if failures < MOST_READS => failures += 1,
                Err(_) => {
                    is_damaged = true;
                    while walk.skip_block(segment.len).is_err() {}
                }
            }
        }
    }

    /// The row below which all are settled.
    fn settled(&self) -> io::Result<u64> {
        let names = self.storage.names()?;
        let position: Position<DiskFile> = position::Position::read(&self.storage, &names);
        Ok(position.marks().acked)
    }

    fn names(&self) -> io::Result<Vec<(u64, String)>> {
        let names = self.storage.names()?;
        let mut files: Vec<_> =
            names.into_iter().filter_map(|name| sequence_of(&name).map(|sequence| (sequence, name))).collect();
        files.sort_unstable();
        Ok(files)
    }

    /// Names the folder in an error.
    fn with_folder<T>(&self, answer: io::Result<T>) -> Result<T, Error> {
        let folder = || self.claim.path().display().to_string();
        answer.map_err(|error| Fault::Spool { folder: folder(), refusal: error.into() }.into())
    }
}

/// The rows of a request after the first ones, if any are left.
fn undelivered(origin: &Origin, request: Request, done: u64) -> Option<Undelivered> {
    let Request { body, row: first, rows, .. } = request;
    let text = "the row was left in the spool".to_owned();
    let reason = Fault::Recorded { kind: ErrorKind::Storage, text, code: None }.into();
    let since = Duration::ZERO;
    // Whether it was sent before is unknown.
    let batch = Batch { body, first, rows, since, sent_at: since, attempts: 1, schema: 0, sequence: 0 };
    let mut rows = Undelivered::new(origin.clone(), vec![ReturnedBatch { batch, reason }])?;
    for _ in 0..done {
        rows.drop_first();
    }
    (!rows.is_empty()).then_some(rows)
}

//! A spool's folder: owned by one process, for one table, in a format that this version reads.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zerobus_codegen::Printable;

use super::format::VERSION;
use super::storage::{Folder, Marker, Storage as _};

const LOCK: &str = "lock";
const LABEL: &str = "spool.json";

/// A folder that this process owns until the value is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    path: PathBuf,
    marker: Marker,
    /// The lock goes with the file.
    _lock: File,
}

/// The folder's label.
#[derive(Debug, Serialize, Deserialize)]
struct Label {
    format: u32,
    table: String,
    encoding: String,
}

/// The part of the label that is the same in every version.
#[derive(Debug, Deserialize)]
struct Version {
    format: u32,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("cannot be used: {0}")]
    Io(#[from] io::Error),
    #[error("has the rows of lane {found} in the folder of lane {expected}")]
    OtherLane { found: usize, expected: usize },
    #[error("has the rows of {found} lanes, and {expected} are opened")]
    OtherLanes { found: NonZeroUsize, expected: NonZeroUsize },
    #[error("has a folder of lane {lane} that belongs to other lanes")]
    StrangeLane { lane: usize },
    #[error("is no spool: it has no file {LABEL}")]
    NoSpool,
    #[error("holds rows of an encoding that this version does not know: {}", Printable(.found))]
    UnknownEncoding { found: String },
    #[error("is in use by another stream or process")]
    Locked,
    #[error("has format {found}, and this version reads format {VERSION}")]
    Newer { found: u32 },
    #[error("holds {} rows, and the stream sends {expected}", .found)]
    OtherEncoding { found: String, expected: String },
    #[error("holds rows of the table {}, and the stream is for {}", Printable(.found), Printable(.expected))]
    OtherTable { found: String, expected: String },
}

impl Refusal {
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::Io(_) => "check the folder's permissions and the space on its disk",
            Self::Locked => "give each stream a folder of its own",
            Self::NoSpool => "name the folder that the stream was opened with; of lanes, that of one lane",
            Self::OtherLane { .. } | Self::StrangeLane { .. } => {
                "put each lane's folder back, or send its rows with a stream that is no lane"
            }
            Self::OtherLanes { .. } => "open as many lanes until their rows are delivered, or use another folder",
            Self::Newer { .. } | Self::UnknownEncoding { .. } => {
                "deliver its rows with the version that wrote them, or use another folder"
            }
            Self::OtherEncoding { .. } | Self::OtherTable { .. } => "use another folder for this stream",
        }
    }
}

impl Claim {
    /// Locks the folder, and creates it if it is missing.
    pub(crate) fn take(path: &Path, table: &str, encoding: &str) -> Result<Self, Refusal> {
        Folder::create_all(path)?;
        let claim = Self::lock(path)?;
        claim.check_label(Label { format: VERSION, table: table.to_owned(), encoding: encoding.to_owned() })?;
        Ok(claim)
    }

    /// Locks a folder that is a spool, for any table; returns the table and the encoding of its rows.
    pub(super) fn look(path: &Path) -> Result<(Self, String, String), Refusal> {
        if !path.join(LABEL).is_file() {
            return Err(Refusal::NoSpool);
        }
        let claim = Self::lock(path)?;
        let text = fs::read_to_string(path.join(LABEL))?;
        if let Ok(Version { format: found }) = serde_json::from_str(&text)
            && found > VERSION
        {
            return Err(Refusal::Newer { found });
        }
        let Label { table, encoding, .. } = serde_json::from_str(&text).map_err(io::Error::from)?;
        Ok((claim, table, encoding))
    }

    fn lock(path: &Path) -> Result<Self, Refusal> {
        let place = path.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&place)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Refusal::Locked,
            TryLockError::Error(error) => error.into(),
        })?;
        Ok(Self { path: path.to_owned(), marker: Marker::new(place, &lock)?, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's files, as long as the path leads to this folder.
    pub(crate) fn storage(&self) -> Folder {
        Folder::marked(self.path.clone(), self.marker.clone())
    }

    /// Checks that the folder is for these rows; labels a folder that has no label.
    fn check_label(&self, label: Label) -> Result<(), Refusal> {
        let text = match fs::read_to_string(self.path.join(LABEL)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(self.write_label(&label)?),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
            text => text?,
        };
        if let Ok(Version { format: found }) = serde_json::from_str(&text)
            && found > VERSION
        {
            return Err(Refusal::Newer { found });
        }
        match serde_json::from_str::<Label>(&text) {
            Ok(found) if !found.table.eq_ignore_ascii_case(&label.table) => {
                Err(Refusal::OtherTable { found: found.table, expected: label.table })
            }
            Ok(found) if found.encoding != label.encoding => {
                Err(Refusal::OtherEncoding { found: found.encoding, expected: label.encoding })
            }
            Ok(_) => Ok(()),
            // A damaged label blocks no row: each segment has the schema of its rows.
            Err(_) => Ok(self.write_label(&label)?),
        }
    }

    fn write_label(&self, label: &Label) -> io::Result<()> {
        Folder::new(self.path.clone()).replace(LABEL, &serde_json::to_vec(label)?)
    }
}

//! What can go wrong outside the model: files, environments, catalogs; each with the thing's name and a remedy.

use std::fmt::{self, Debug, Display};
use std::io;
use std::path::{Path, PathBuf};

use crate::{OptionsError, Printable, Report};

/// Why nothing, or not everything, could be generated.
///
/// `Debug` prints what `Display` prints: a build script that returns the error from `main` shows it by `Debug`, and its
/// user should read the message.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of options is not as it should be.
    #[error(transparent)]
    Config(OptionsError),
    /// Snapshots that cannot be read, or tables that Zerobus cannot write to: all of them, not only the first.
    #[error("{}", Listed(.0))]
    Failures(Vec<Failure>),
    /// There is no snapshot where one is looked for.
    #[error(
        "no snapshot (*.json) in {path}; write one with `zerobus-codegen fetch CATALOG.SCHEMA.TABLE --out {path}`",
        path = .path.display()
    )]
    NoSnapshot {
        /// The folder.
        path: PathBuf,
    },
    /// An option that makes no sense.
    #[error("option {name}: {reason}")]
    Option {
        /// The option's name.
        name: &'static str,
        /// What is wrong with it, and what to write instead.
        reason: String,
    },
    /// The environment variable `OUT_DIR` is not set, so this is no build script.
    #[error("OUT_DIR is not set; call `compile` from a build script, or name a folder with `out_dir`")]
    OutDir,
    /// A file or folder cannot be read.
    #[error(
        "cannot read {path}; if the snapshot is not there yet, write it with `zerobus-codegen fetch \
         CATALOG.SCHEMA.TABLE --out {folder}`",
        path = .path.display(),
        folder = folder(.path)
    )]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}; check the folder's permissions and the free space", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// One table that could not be generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Statements that cannot be read, or create no table.
    #[cfg(feature = "ddl")]
    #[error("{}: {source}; correct the statement", .path.display())]
    Ddl {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: crate::ddl::DdlError,
    },
    /// Two snapshots describe the same table.
    #[error("{second}: table {table} is also in {first}; remove one of the two", first = .first.display(), second = .second.display())]
    Duplicate {
        /// The table's full name.
        table: String,
        /// The file that comes first.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
    },
    /// A snapshot that is not the JSON of a table.
    #[error(
        "{path}: not the JSON of a table: {source}; fetch it again with `zerobus-codegen fetch {table} --out {folder}`",
        path = .path.display(),
        table = table(.path),
        folder = folder(.path)
    )]
    Json {
        /// The file.
        path: PathBuf,
        /// Where the JSON breaks.
        source: serde_json::Error,
    },
    /// A table that Zerobus cannot write to.
    #[error("{path}: {report}", path = .path.display())]
    Table {
        /// The file of its snapshot.
        path: PathBuf,
        /// Every problem of the table.
        report: Report,
    },
}

impl Failure {
    /// The file that it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            #[cfg(feature = "ddl")]
            Self::Ddl { path, .. } => path,
            Self::Duplicate { second: path, .. } | Self::Json { path, .. } | Self::Table { path, .. } => path,
        }
    }
}

impl Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, ": {}", Printable(&cause.to_string()))?;
            source = cause.source();
        }
        Ok(())
    }
}

struct Listed<'a>(&'a [Failure]);

impl Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, failure) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{failure}")?;
        }
        Ok(())
    }
}

/// The folder to which a fresh snapshot of this file would be written.
fn folder(path: &Path) -> String {
    let folder = if path.extension().is_some() { path.parent() } else { Some(path) };
    folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(".".as_ref()).display().to_string()
}

/// The table for which a snapshot's file is named.
fn table(path: &Path) -> String {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    match stem.and_then(|stem| stem.parse::<crate::TableName>().ok()) {
        Some(name) => name.to_string(),
        None => "CATALOG.SCHEMA.TABLE".to_owned(),
    }
}

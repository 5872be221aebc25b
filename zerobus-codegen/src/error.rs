//! Errors outside the model: files, options, environment. Each names the file or option and has a remedy.

use std::fmt::{self, Debug, Display};
use std::io;
use std::path::{Path, PathBuf};

use crate::{OptionsError, Printable, Report};

/// A failure to read tables or to generate code.
///
/// `Debug` prints the same text as `Display`, because a build script that returns the error from `main` prints it by
/// `Debug`.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An options file is invalid.
    #[error(transparent)]
    Config(OptionsError),
    /// All snapshots that cannot be read and all tables that Zerobus cannot write to.
    #[error("{}", Listed(.0))]
    Failures(Vec<Failure>),
    /// No table was found at a path.
    #[error("{}", no_table(.path))]
    NoSnapshot {
        /// The file or folder.
        path: PathBuf,
    },
    /// The list of paths is empty.
    #[error("no path to read tables from; name a folder of snapshots, such as `schemas`")]
    NoSource,
    /// An option has an invalid value.
    #[error("option {name}: {reason}")]
    Option {
        /// The option's name.
        name: &'static str,
        /// The cause and the remedy.
        reason: String,
    },
    /// The environment variable `OUT_DIR` is not set: the caller is not a build script.
    #[error("OUT_DIR is not set; call `compile` from a build script, or name a folder with `out_dir`")]
    OutDir,
    /// A file or folder could not be read.
    #[error("{}", unreadable(.path))]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// All paths of options that match nothing.
    #[error("{}", Lines(.0))]
    Unmatched(Vec<UnmatchedPath>),
    /// A file could not be written.
    #[error("cannot write {}; check the folder's permissions and the free space", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// An option's path that matches nothing in the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnmatchedPath {
    /// The option.
    pub option: &'static str,
    /// The path.
    pub path: String,
    /// The kind of items that the option's paths match.
    pub wanted: &'static str,
    /// A similar path that matches.
    pub likely: Option<String>,
}

impl Display for UnmatchedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { option, path, wanted, likely } = self;
        write!(f, "option {option}: `{}` matches no {wanted}; ", Printable(path))?;
        match likely {
            Some(likely) => write!(f, "did you mean `{likely}`?"),
            None => f.write_str("correct the path, or remove it"),
        }
    }
}

/// A source of tables that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Statements that cannot be read or create no table.
    #[cfg(feature = "ddl")]
    #[error("{}: {source}", .path.display())]
    Ddl {
        /// The file.
        path: PathBuf,
        /// The problems and their places.
        source: crate::ddl::DdlProblem,
    },
    /// Two snapshots describe the same table.
    #[error("{second}: table {table} is also in {first}; remove one of the two", first = .first.display(), second = .second.display())]
    Duplicate {
        /// The table's full name.
        table: String,
        /// The first file.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
    },
    /// A file or folder without a table.
    #[error("{}", no_table(.path))]
    Empty {
        /// The file or folder.
        path: PathBuf,
    },
    /// A file that is not valid text.
    #[error("{}: {source}", .path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The position of the invalid bytes.
        source: crate::FileTextError,
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
        /// The parser's error.
        source: serde_json::Error,
    },
    /// An SQL file, and this crate was built without the feature `ddl`.
    #[error("{}: reading SQL needs the feature `ddl` of zerobus-codegen; enable it, or move the file", .path.display())]
    NeedsDdl {
        /// The file.
        path: PathBuf,
    },
    /// A file or folder that cannot be read.
    #[error("{}", unreadable(.path))]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
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
    /// The file that failed.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            #[cfg(feature = "ddl")]
            Self::Ddl { path, .. } => path,
            Self::Duplicate { second: path, .. }
            | Self::Empty { path }
            | Self::Encoding { path, .. }
            | Self::Json { path, .. }
            | Self::NeedsDdl { path }
            | Self::Read { path, .. }
            | Self::Table { path, .. } => path,
        }
    }
}

impl Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self, ": "))
    }
}

/// The error's text followed by its causes, without repetitions.
pub(crate) fn with_causes(error: &dyn std::error::Error, apart: &str) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = Printable(&cause.to_string()).to_string();
        if !text.contains(&message) {
            text.push_str(apart);
            text.push_str(&message);
        }
        source = cause.source();
    }
    text
}

fn no_table(path: &Path) -> String {
    let shown = path.display();
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql")) {
        return format!("{shown} creates no table; write CREATE TABLE catalog.schema.table (…), or name another file");
    }
    format!(
        "no snapshot (*.json) in {shown}; write one with `zerobus-codegen fetch CATALOG.SCHEMA.TABLE --out {}`",
        folder(path)
    )
}

fn unreadable(path: &Path) -> String {
    format!(
        "cannot read {}; if the snapshot is not there yet, write it with `zerobus-codegen fetch CATALOG.SCHEMA.TABLE --out {}`",
        path.display(),
        folder(path)
    )
}

struct Listed<'a>(&'a [Failure]);

impl Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, failure) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&with_causes(failure, ": "))?;
        }
        Ok(())
    }
}

/// One line per item.
struct Lines<'a>(&'a [UnmatchedPath]);

impl Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, path) in self.0.iter().enumerate() {
            let before = if i > 0 { "\n" } else { "" };
            write!(f, "{before}{path}")?;
        }
        Ok(())
    }
}

/// The folder to fetch a new snapshot of this file to.
fn folder(path: &Path) -> String {
    let folder = if path.extension().is_some() { path.parent() } else { Some(path) };
    folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(".".as_ref()).display().to_string()
}

/// The table in the name of a snapshot's file.
fn table(path: &Path) -> String {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    match stem.and_then(|stem| stem.parse::<crate::TableName>().ok()) {
        Some(name) => name.to_string(),
        None => "CATALOG.SCHEMA.TABLE".to_owned(),
    }
}

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
    /// There is no table where one is looked for.
    #[error("{}", no_table(.path))]
    NoSnapshot {
        /// The file or folder.
        path: PathBuf,
    },
    /// No path was given to read tables from.
    #[error("no path to read tables from; name a folder of snapshots, such as `schemas`")]
    NoSource,
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
    #[error("{}", unreadable(.path))]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Paths of options that match nothing: all of them.
    #[error("{}", Lines(.0))]
    Unmatched(Vec<UnmatchedPath>),
    /// A file cannot be written.
    #[error("cannot write {}; check the folder's permissions and the free space", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// A path of an option that matches nothing in the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnmatchedPath {
    /// The option.
    pub option: &'static str,
    /// The path.
    pub path: String,
    /// What the option's paths match.
    pub wanted: &'static str,
    /// A path of a like name that matches something.
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

/// One table that could not be generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Statements that cannot be read, or create no table.
    #[cfg(feature = "ddl")]
    #[error("{}: {source}", .path.display())]
    Ddl {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        source: crate::ddl::DdlProblem,
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
    /// A file or folder without a table.
    #[error("{}", no_table(.path))]
    Empty {
        /// The file or folder.
        path: PathBuf,
    },
    /// A file that is not text.
    #[error("{}: {source}", .path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Where it is not.
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
        /// Where the JSON breaks.
        source: serde_json::Error,
    },
    /// SQL where this crate was built without the feature that reads it.
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
    /// The file that it is about.
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

/// An error's text, with everything that led to it and that it does not say itself.
pub(crate) fn with_causes(error: &dyn std::error::Error, apart: &str) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = Printable(&cause.to_string()).to_string();
        if !text.contains(&told) {
            text.push_str(apart);
            text.push_str(&told);
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

/// A line each.
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

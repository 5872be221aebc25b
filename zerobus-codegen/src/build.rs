//! The build.rs API: `configure()`, options, `compile`.

use std::env;
use std::path::{Path, PathBuf};

use crate::generate::rust::Typed;
use crate::output::replace;
use crate::{Error, Snapshots, Table};

/// The name of the file that a build script writes and `zerobus_runtime::include_tables!()` includes.
pub(crate) const FILE: &str = "zerobus_tables.rs";

/// The options of a build, all at their defaults.
///
/// ```no_run
/// // build.rs
/// fn main() -> Result<(), zerobus_codegen::Error> {
///     zerobus_codegen::configure().compile(["schemas"])
/// }
/// ```
#[must_use]
pub fn configure() -> Configuration {
    Configuration::default()
}

/// The options of a build; made by [`configure`].
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    out_dir: Option<PathBuf>,
    typed: Typed,
}

impl Configuration {
    /// The folder to write to, instead of cargo's `OUT_DIR`.
    #[must_use]
    pub fn out_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(folder.into());
        self
    }

    /// Where the generated code finds the runtime, if a program renames it: `::my_runtime`, `crate::runtime`.
    #[must_use]
    pub fn runtime(mut self, path: impl Into<String>) -> Self {
        self.typed.runtime = Some(path.into());
        self
    }

    /// Writes `zerobus_tables.rs` with the types of every table that has a snapshot at these paths: a file itself, a
    /// folder for each `*.json` in it.
    ///
    /// Reads only these paths, and leaves the file alone when it holds the right bytes. Tells cargo to run the build
    /// script again when one of the paths changes, and only then.
    ///
    /// # Errors
    /// If a path cannot be read, a snapshot is broken, or a table cannot be written through Zerobus. The error has
    /// every problem of every table; its `Debug`, which a build script prints, is the same text as its `Display`.
    pub fn compile<P: AsRef<Path>>(&self, paths: impl IntoIterator<Item = P>) -> Result<(), Error> {
        let paths: Vec<P> = paths.into_iter().collect();
        for path in &paths {
            // Cargo looks into a folder by itself.
            println!("cargo::rerun-if-changed={}", path.as_ref().display());
        }
        self.typed.check()?;
        let out_dir = match &self.out_dir {
            Some(folder) => folder.clone(),
            None => env::var_os("OUT_DIR").ok_or(Error::OutDir)?.into(),
        };
        let read = Snapshots::read(&paths)?;
        if !read.failures.is_empty() {
            return Err(Error::Failures(read.failures));
        }
        let tables: Vec<&Table> = read.tables.iter().map(|snapshot| &snapshot.table).collect();
        replace(&out_dir.join(FILE), self.typed.file(&tables).as_bytes())?;
        Ok(())
    }
}

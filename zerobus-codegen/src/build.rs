//! The build.rs API: `configure()`, its options, `compile`.

mod watch;

use std::env;
use std::path::{Path, PathBuf};

use crate::generate::rust;
use crate::options::files as options_files;
use crate::output::{Output as _, Replacing};
use crate::{Error, Files, Flavor, Options, Snapshots, StampedColumns, Table, Visibility};

/// Build options at their defaults.
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

/// Build options, created by [`configure`].
///
/// They extend and override the options of `zerobus.toml` beside the `Cargo.toml`, or of `[package.metadata.zerobus]`
/// in it. The command line program reads the same file. [`Options`] documents the options and their paths.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    out_dir: Option<PathBuf>,
    options: Options,
}

impl Configuration {
    /// Uses `BTreeMap` instead of `HashMap` for the maps at a path.
    #[must_use]
    pub fn btree_map(mut self, path: impl Into<String>) -> Self {
        self.options.btree_maps.push(path.into());
        self
    }

    /// Uses `::bytes::Bytes` instead of `Vec<u8>` for BINARY at a path.
    #[must_use]
    pub fn bytes(mut self, path: impl Into<String>) -> Self {
        self.options.bytes.push(path.into());
        self
    }

    /// Adds a derive to the structs at a path.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), zerobus_codegen::Error> {
    /// zerobus_codegen::configure().derive(".", "::serde::Serialize").compile(["schemas"])
    /// # }
    /// ```
    #[must_use]
    pub fn derive(mut self, path: impl Into<String>, derive: impl Into<String>) -> Self {
        self.options.derives.entry(path.into()).or_default().push(derive.into());
        self
    }

    /// Uses the type `own` for the column, element, key or value at exactly this path.
    #[must_use]
    pub fn extern_type(mut self, path: impl Into<String>, own: impl Into<String>) -> Self {
        self.options.extern_types.insert(path.into(), own.into());
        self
    }

    /// Sets the flavor of the generated types.
    #[must_use]
    pub fn flavor(mut self, flavor: Flavor) -> Self {
        self.options.flavor = Some(flavor);
        self
    }

    /// Adds an attribute to the fields at a path.
    #[must_use]
    pub fn field_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.field_attributes.entry(path.into()).or_default().push(attribute.into());
        self
    }

    /// Sets whether all types go to one file or each table has its own.
    #[must_use]
    pub fn files(mut self, files: Files) -> Self {
        self.options.files = Some(files);
        self
    }

    /// Wraps all generated code in a module: `tables`, `db::tables`.
    #[must_use]
    pub fn module(mut self, path: impl Into<String>) -> Self {
        self.options.module = Some(path.into());
        self
    }

    /// Sets the output folder, by default cargo's `OUT_DIR`.
    #[must_use]
    pub fn out_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(folder.into());
        self
    }

    /// Sets the path of the runtime for programs that rename it: `::my_runtime`, `crate::runtime`.
    #[must_use]
    pub fn runtime(mut self, path: impl Into<String>) -> Self {
        self.options.runtime = Some(path.into());
        self
    }

    /// Omits a table or a nullable column by path; see [`Skip`](crate::Skip).
    #[must_use]
    pub fn skip(mut self, path: impl Into<String>) -> Self {
        self.options.skip.extend(crate::Skip::new([path]));
        self
    }

    /// Derives serde's `Serialize` and `Deserialize` for every struct; see [`Options::serde`].
    #[must_use]
    pub fn serde(mut self) -> Self {
        self.options.serde = Some(true);
        self
    }

    /// Generates a method `with_<field>` for each field of the typed flavor; see [`Options::setters`].
    #[must_use]
    pub fn setters(mut self) -> Self {
        self.options.setters = Some(true);
        self
    }

    /// Has the stream fill in these columns of the tables at a path; see [`Options::stamps`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), zerobus_codegen::Error> {
    /// use zerobus_codegen::StampedColumns;
    ///
    /// zerobus_codegen::configure().stamp("main.iot.readings", StampedColumns::default()).compile(["schemas"])
    /// # }
    /// ```
    #[must_use]
    pub fn stamp(mut self, path: impl Into<String>, columns: StampedColumns) -> Self {
        self.options.stamps.insert(path.into(), columns);
        self
    }

    /// Adds an attribute to the structs at a path.
    #[must_use]
    pub fn type_attribute(mut self, path: impl Into<String>, attribute: impl Into<String>) -> Self {
        self.options.type_attributes.entry(path.into()).or_default().push(attribute.into());
        self
    }

    /// Sets the visibility of the generated items.
    #[must_use]
    pub fn visibility(mut self, visibility: Visibility) -> Self {
        self.options.visibility = Some(visibility);
        self
    }

    /// Writes `zerobus_tables.rs` with the types of every table at these paths. [`Snapshots::read`] documents the
    /// paths.
    ///
    /// Reads only these paths and the options, and does not touch a file that is up to date. Instructs cargo to run
    /// the build script again when one of these changes, and only then; on Unix also when `zerobus.toml` is created.
    ///
    /// # Errors
    /// If a path cannot be read or has no table, a snapshot is invalid, or Zerobus cannot write to a table. The error
    /// lists every problem of every table. Its `Debug`, which a build script prints, is the same text as its `Display`.
    pub fn compile<P: AsRef<Path>>(&self, paths: impl IntoIterator<Item = P>) -> Result<(), Error> {
        let paths: Vec<P> = paths.into_iter().collect();
        for path in &paths {
            // For a folder, cargo watches everything in it.
            println!("cargo::rerun-if-changed={}", path.as_ref().display());
        }
        let options = self.all_options()?;
        let out_dir = match &self.out_dir {
            Some(folder) => folder.clone(),
            None => env::var_os("OUT_DIR").ok_or(Error::OutDir)?.into(),
        };
        let read = Snapshots::read_without(&paths, &options.skip)?;
        for warning in &read.warnings {
            println!("cargo::warning={warning}");
        }
        if !read.failures.is_empty() {
            return Err(Error::Failures(read.failures));
        }
        let tables: Vec<&Table> = read.tables.iter().map(|snapshot| &snapshot.table).collect();
        let mut output = Replacing::default();
        rust::files(&tables, &options, &out_dir, &mut output).inspect_err(|_| output.abandon())?;
        output.finish()
    }

    /// The options of the package's file, overridden by these.
    fn all_options(&self) -> Result<Options, Error> {
        let Some(package) = env::var_os("CARGO_MANIFEST_DIR") else { return Ok(self.options.clone()) };
        let package = Path::new(&package);
        for file in options_files(package) {
            watch(&file);
        }
        let (options, _) = Options::read(package)?;
        Ok(options.merged(self.options.clone()))
    }
}

/// Instructs cargo to run the script again when the file is changed, removed or created.
fn watch(file: &Path) {
    if file.exists() {
        println!("cargo::rerun-if-changed={}", file.display());
    } else if let Some(out_dir) = env::var_os("OUT_DIR")
        // Without symbolic links the file cannot be watched: naming a missing file would run the script every time.
        && let Ok(folder) = watch::awaiting(file, Path::new(&out_dir))
    {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
}

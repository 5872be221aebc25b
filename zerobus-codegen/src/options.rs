//! Options for the generated Rust. Build scripts, the command line program and the derive read them from the same file.
//!
//! The file is `zerobus.toml` beside the `Cargo.toml`, or `[package.metadata.zerobus]` in it:
//!
//! ```toml
//! flavor = "typed"                                  # or "prost"
//! module = "tables"                               # a module around everything
//! visibility = "crate"                            # or "public"
//! runtime = "::zerobus_runtime"
//! schemas = "schemas"                             # where the derive looks for snapshots
//! files = "one"                                   # or "per-table"
//! serde = true                                    # derives serde's traits
//! setters = true                                  # a method with_<field> for each field
//! btree_maps = ["."]                              # by path; "." is everything
//! bytes = ["main.geo"]                            # ::bytes::Bytes for BINARY
//! skip = ["main.geo.shapes", "main.geo.a.shape"]  # tables and nullable columns to leave out
//!
//! [derives]
//! "main.geo.earthquakes" = ["::serde::Serialize"]
//! [type_attributes]
//! "." = ["#[non_exhaustive]"]
//! [field_attributes]
//! "main.geo.earthquakes.mag" = ["#[serde(rename = \"magnitude\")]"]
//! [extern_types]
//! "main.geo.earthquakes.time" = "::std::time::SystemTime"
//! [stamps]                                        # tables with columns that the stream fills in
//! "main.iot" = {}                                 # the columns producer, epoch and sequence
//! "main.iot.events" = { epoch = "run" }           # another one for the epoch
//!
//! [drift]                                         # which drift fails `check` and `diff`, see `Policy`
//! fail-on = "some-rows-refused"
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

#[cfg(feature = "generate")]
use crate::Error;
#[cfg(feature = "generate")]
use crate::TableName;
use crate::{Policy, Skip, StampedColumns};

/// The name of the options file.
const FILE: &str = "zerobus.toml";

/// An options file that cannot be read or has an invalid option.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", .path.display())]
#[non_exhaustive]
pub struct OptionsError {
    /// The file.
    pub path: PathBuf,
    /// The cause and the remedy.
    pub reason: String,
}

/// A parser of TOML.
///
/// The model does not include one, so programs that only send rows do not compile it. The generators and the derive
/// supply one.
#[doc(hidden)]
pub trait Toml {
    /// Parses a document.
    ///
    /// # Errors
    /// Returns the parser's message.
    fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String>;
}

/// The flavor of the generated types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Flavor {
    /// Structs by prost-build, each with a `ZerobusMessage` implementation. Needs the feature `prost` of this crate,
    /// and `prost` 0.14 in the crate that has the types.
    Prost,
    /// Structs with `#[derive(ZerobusMessage)]` and the runtime's value types.
    #[default]
    Typed,
}

/// How generated Rust is split into files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Files {
    /// One file, `zerobus_tables.rs`.
    #[default]
    One,
    /// One file per table in the folder `zerobus_tables`, and `zerobus_tables.rs`, which includes them.
    PerTable,
}

/// The visibility of the generated items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Visibility {
    /// `pub(crate)`.
    Crate,
    /// `pub`.
    #[default]
    Public,
}

/// Options for the generated Rust.
///
/// A path is `.` for everything, or a prefix of `catalog.schema.table.column` in whole names, compared without regard
/// to case. The segment `element` names an array's element, `key` and `value` a map's key and value. A path that
/// matches nothing in the tables of a run is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Options {
    /// Paths whose maps are `BTreeMap` instead of `HashMap`.
    pub btree_maps: Vec<String>,
    /// Paths whose BINARY is `::bytes::Bytes` instead of `Vec<u8>`.
    pub bytes: Vec<String>,
    /// Additional derives of structs, by path.
    pub derives: BTreeMap<String, Vec<String>>,
    /// Which drift fails a check.
    pub drift: Policy,
    /// Types to use instead of generated ones, by the path of a column, an element, a key or a value.
    ///
    /// The compiler checks each against its column. The type for an ARRAY or a MAP is the whole collection. A nullable
    /// column of any other type becomes an `Option` of the given type. Two types for one path are an error.
    #[serde(deserialize_with = "one_of_each_path")]
    pub extern_types: BTreeMap<String, String>,
    /// The flavor of the generated types.
    pub flavor: Option<Flavor>,
    /// Attributes of fields, by path.
    pub field_attributes: BTreeMap<String, Vec<String>>,
    /// How generated Rust is split into files.
    pub files: Option<Files>,
    /// The module around all generated code: `tables`, `db::tables`.
    pub module: Option<String>,
    /// The path of the runtime; `::zerobus_runtime` by default.
    pub runtime: Option<String>,
    /// The folder of snapshots for the derive, relative to the options file; `schemas` by default.
    pub schemas: Option<String>,
    /// Whether structs derive serde's `Serialize` and `Deserialize`. Keys are the column names, as the service's JSON
    /// path expects; `zerobus_runtime::json` lists the accepted forms. The crate needs `serde` with its feature
    /// `derive`.
    pub serde: Option<bool>,
    /// Whether structs of the typed flavor get a method `with_<field>` for each field.
    ///
    /// Calls still compile when a column is added or made nullable; `..Default::default()` only when one is added. The
    /// methods take about half as long to compile as the rest of a struct.
    pub setters: Option<bool>,
    /// Tables and nullable columns to omit.
    pub skip: Skip,
    /// The tables whose rows the stream stamps, by path, and the columns that it fills in. The longest path that covers
    /// a table counts.
    ///
    /// The runtime needs its feature `spool` for these rows. `zerobus-codegen ddl --dedup` prints the view that has
    /// each row once.
    pub stamps: BTreeMap<String, StampedColumns>,
    /// Attributes of structs, by path.
    pub type_attributes: BTreeMap<String, Vec<String>>,
    /// The visibility of the generated items.
    pub visibility: Option<Visibility>,
}

/// The part of a `Cargo.toml` that has options.
#[derive(Deserialize)]
struct Manifest {
    package: Option<Package>,
}

#[derive(Deserialize)]
struct Package {
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    zerobus: Option<Options>,
}

impl Options {
    /// Reads the options of this folder, and returns them with their file; without a file, the defaults.
    ///
    /// # Errors
    /// If the file cannot be read or has an invalid option, or if both files have options.
    #[cfg(feature = "generate")]
    pub fn read(folder: &Path) -> Result<(Self, Option<PathBuf>), Error> {
        Self::read_with::<crate::toml::Parser>(folder).map_err(Error::Config)
    }

    /// Reads the options of one file in the format of `zerobus.toml`, under any name.
    ///
    /// # Errors
    /// If the file cannot be read or has an invalid option.
    #[cfg(feature = "generate")]
    pub fn read_file(path: &Path) -> Result<Self, Error> {
        let missing = || OptionsError { path: path.to_owned(), reason: "there is no such file".to_owned() };
        parse::<crate::toml::Parser, _>(path).and_then(|found| found.ok_or_else(missing)).map_err(Error::Config)
    }

    /// [`read`](Self::read) with the caller's parser.
    ///
    /// # Errors
    /// As `read`.
    #[doc(hidden)]
    pub fn read_with<P: Toml>(folder: &Path) -> Result<(Self, Option<PathBuf>), OptionsError> {
        let [own, manifest] = files(folder);
        let in_manifest = parse::<P, Manifest>(&manifest)?.and_then(|manifest| manifest.package?.metadata?.zerobus);
        match (parse::<P, Self>(&own)?, in_manifest) {
            (Some(_), Some(_)) => Err(OptionsError {
                path: own,
                reason: "[package.metadata.zerobus] in Cargo.toml has options as well; keep one of the two".to_owned(),
            }),
            (Some(options), None) => Ok((options, Some(own))),
            (None, Some(options)) => Ok((options, Some(manifest))),
            (None, None) => Ok((Self::default(), None)),
        }
    }

    /// The folder of snapshots, relative to the options file.
    #[must_use]
    pub fn schemas_folder(&self) -> &str {
        self.schemas.as_deref().unwrap_or("schemas")
    }

    /// The columns of this table that the stream fills in, if there are any.
    #[cfg(feature = "generate")]
    #[must_use]
    pub fn stamps_of(&self, table: &TableName) -> Option<&StampedColumns> {
        innermost(&self.stamps, &table.to_string())
    }

    /// Merges these options with others; the others win where both are set.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        self.btree_maps.extend(other.btree_maps);
        self.bytes.extend(other.bytes);
        for (path, derives) in other.derives {
            self.derives.entry(path).or_default().extend(derives);
        }
        self.drift = self.drift.merged(other.drift);
        self.extern_types.retain(|path, _| !other.extern_types.keys().any(|known| known.eq_ignore_ascii_case(path)));
        self.extern_types.extend(other.extern_types);
        self.flavor = other.flavor.or(self.flavor);
        for (path, attributes) in other.field_attributes {
            self.field_attributes.entry(path).or_default().extend(attributes);
        }
        self.files = other.files.or(self.files);
        self.module = other.module.or(self.module);
        self.runtime = other.runtime.or(self.runtime);
        self.schemas = other.schemas.or(self.schemas);
        self.serde = other.serde.or(self.serde);
        self.setters = other.setters.or(self.setters);
        self.skip.extend(other.skip);
        self.stamps.extend(other.stamps);
        for (path, attributes) in other.type_attributes {
            self.type_attributes.entry(path).or_default().extend(attributes);
        }
        self.visibility = other.visibility.or(self.visibility);
        self
    }
}

/// The files of a package that can have options.
pub(crate) fn files(package: &Path) -> [PathBuf; 2] {
    [package.join(FILE), package.join("Cargo.toml")]
}

/// Whether an option's path covers a place: the place itself or one inside it.
#[cfg(feature = "generate")]
pub(crate) fn covers(path: &str, place: &str) -> bool {
    let is_inside = || matches!(place.as_bytes().get(path.len()), None | Some(b'.'));
    path == "." || place.get(..path.len()).is_some_and(|start| is_same(path, start)) && is_inside()
}

/// The entry of an option that applies to a place: the one with the longest path that covers it.
#[cfg(feature = "generate")]
pub(crate) fn innermost<'a, T>(entries: &'a BTreeMap<String, T>, place: &str) -> Option<&'a T> {
    let length = |path: &str| if path == "." { 0 } else { path.len() };
    let covering = entries.iter().filter(|(path, _)| covers(path, place));
    covering.max_by_key(|(path, _)| length(path)).map(|(_, entry)| entry)
}

/// Whether an option's path equals a place. Unity Catalog compares names without regard to case.
#[cfg(feature = "generate")]
pub(crate) fn is_same(path: &str, place: &str) -> bool {
    path.eq_ignore_ascii_case(place)
}

/// Reads types by path, and rejects two types for paths that differ only in case.
fn one_of_each_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let types = BTreeMap::<String, String>::deserialize(deserializer)?;
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for path in types.keys() {
        if let Some(first) = seen.insert(path.to_ascii_lowercase(), path) {
            let found =
                format!("`{path}` and `{first}` are one path, since names are compared without case; remove one");
            return Err(D::Error::custom(found));
        }
    }
    Ok(types)
}

/// The content of a file; `None` if it does not exist.
fn parse<P: Toml, T: DeserializeOwned>(path: &Path) -> Result<Option<T>, OptionsError> {
    let wrong = |reason| OptionsError { path: path.to_owned(), reason };
    match fs::read_to_string(path) {
        Ok(text) => P::parse(&text).map(Some).map_err(wrong),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(format!("cannot be read: {error}"))),
    }
}

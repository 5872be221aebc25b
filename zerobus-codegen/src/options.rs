//! What generated Rust looks like, where the default is not wanted: the same options for build.rs, for the program and in
//! a file, so that none of them can disagree.
//!
//! The file is `zerobus.toml` beside the `Cargo.toml`, or `[package.metadata.zerobus]` in it:
//!
//! ```toml
//! face = "typed"                                  # or "prost"
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
//!
//! [drift]                                         # what `check` and `diff` fail on, see `Policy`
//! fail-on = "some-rows-refused"
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

#[cfg(feature = "generate")]
use crate::Error;
use crate::{Policy, Skip};

/// The file's name.
const FILE: &str = "zerobus.toml";

/// A file of options that cannot be read, or says something that is no option.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", .path.display())]
#[non_exhaustive]
pub struct OptionsError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, and what to do.
    pub reason: String,
}

/// A parser of TOML.
///
/// The model has none, so that programs that only send rows compile none. The generators and the derive bring theirs.
#[doc(hidden)]
pub trait Toml {
    /// Parses a document.
    ///
    /// # Errors
    /// With the parser's own message.
    fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String>;
}

/// Which types are generated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Face {
    /// What prost-build makes of the descriptor, with a `ZerobusMessage` implementation beside each type; needs the
    /// feature `prost` here, and `prost` 0.14 beside the types.
    Prost,
    /// Structs with `#[derive(ZerobusMessage)]`, with the value types of the runtime.
    #[default]
    Typed,
}

/// Into how many files Rust is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Files {
    /// One, `zerobus_tables.rs`.
    #[default]
    One,
    /// One for each table in the folder `zerobus_tables`, and `zerobus_tables.rs`, which includes them.
    PerTable,
}

/// Who sees the generated items.
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

/// What generated Rust looks like.
///
/// A path is `.` for everything, or the beginning of `catalog.schema.table.column`, whole names only, without regard to case;
/// an array's element is the part `element`, a map's key and value are `key` and `value`. A path that matches nothing in the
/// tables of a run is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Options {
    /// Paths whose maps are `BTreeMap` instead of `HashMap`.
    pub btree_maps: Vec<String>,
    /// Paths whose BINARY is `::bytes::Bytes` instead of `Vec<u8>`.
    pub bytes: Vec<String>,
    /// Further derives of structs, by path.
    pub derives: BTreeMap<String, Vec<String>>,
    /// What a check makes of drift.
    pub drift: Policy,
    /// Types of your own instead of those that would be generated, by the path of a column, an element, a key or a value.
    ///
    /// The compiler holds each against the column that it stands for. The type of an ARRAY or a MAP is the whole collection; a
    /// nullable column of another type is an `Option` of yours.
    pub extern_types: BTreeMap<String, String>,
    /// Which types are generated.
    pub face: Option<Face>,
    /// Attributes of fields, by path.
    pub field_attributes: BTreeMap<String, Vec<String>>,
    /// Into how many files Rust is written.
    pub files: Option<Files>,
    /// A module around everything: `tables`, `db::tables`.
    pub module: Option<String>,
    /// Where the generated code finds the runtime; `::zerobus_runtime` if not said.
    pub runtime: Option<String>,
    /// The folder, from that of the file, in which the derive looks for the snapshots of tables; `schemas` if not said.
    pub schemas: Option<String>,
    /// Whether structs derive serde's `Serialize` and `Deserialize`: with the columns' own names, as the service's JSON path
    /// takes them, and reading what `zerobus_runtime::json` lists. The crate needs `serde` with its feature `derive`.
    pub serde: Option<bool>,
    /// Whether structs of the typed face have a method `with_<field>` for each field.
    ///
    /// A call of it stands when a column is added or made nullable; `..Default::default()` stands when one is added. The
    /// methods take about half as long to compile as the rest of a struct.
    pub setters: Option<bool>,
    /// Tables and nullable columns that are left out.
    pub skip: Skip,
    /// Attributes of structs, by path.
    pub type_attributes: BTreeMap<String, Vec<String>>,
    /// Who sees the generated items.
    pub visibility: Option<Visibility>,
}

/// The part of a `Cargo.toml` that matters here.
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
    /// The options that stand in a file of this folder, and that file; the defaults if there is none.
    ///
    /// # Errors
    /// If the file cannot be read, says something that is no option, or there are two of them.
    #[cfg(feature = "generate")]
    pub fn read(folder: &Path) -> Result<(Self, Option<PathBuf>), Error> {
        Self::read_with::<crate::toml::Parser>(folder).map_err(Error::Config)
    }

    /// The options of one file, which is a `zerobus.toml` whatever it is called.
    ///
    /// # Errors
    /// If the file cannot be read or says something that is no option.
    #[cfg(feature = "generate")]
    pub fn read_file(path: &Path) -> Result<Self, Error> {
        let missing = || OptionsError { path: path.to_owned(), reason: "there is no such file".to_owned() };
        parse::<crate::toml::Parser, _>(path).and_then(|found| found.ok_or_else(missing)).map_err(Error::Config)
    }

    /// [`read`](Self::read), with a parser of the caller's.
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

    /// The folder of snapshots, from that of the file.
    #[must_use]
    pub fn schemas_folder(&self) -> &str {
        self.schemas.as_deref().unwrap_or("schemas")
    }

    /// These options, with those of another added: where both say something, the other one wins.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        self.btree_maps.extend(other.btree_maps);
        self.bytes.extend(other.bytes);
        for (path, derives) in other.derives {
            self.derives.entry(path).or_default().extend(derives);
        }
        self.drift = self.drift.merged(other.drift);
        self.extern_types.extend(other.extern_types);
        self.face = other.face.or(self.face);
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
        for (path, attributes) in other.type_attributes {
            self.type_attributes.entry(path).or_default().extend(attributes);
        }
        self.visibility = other.visibility.or(self.visibility);
        self
    }
}

/// The files of a package in which options may stand.
pub(crate) fn files(package: &Path) -> [PathBuf; 2] {
    [package.join(FILE), package.join("Cargo.toml")]
}

/// Whether a path of the options covers a place: the place itself, or one inside.
#[cfg(feature = "generate")]
pub(crate) fn covers(path: &str, place: &str) -> bool {
    let is_inside = || matches!(place.as_bytes().get(path.len()), None | Some(b'.'));
    path == "." || place.get(..path.len()).is_some_and(|start| is_same(path, start)) && is_inside()
}

/// Whether a path of the options is that of a place: Unity Catalog compares names without regard to case.
#[cfg(feature = "generate")]
pub(crate) fn is_same(path: &str, place: &str) -> bool {
    path.eq_ignore_ascii_case(place)
}

/// What stands in a file; nothing if there is no such file.
fn parse<P: Toml, T: DeserializeOwned>(path: &Path) -> Result<Option<T>, OptionsError> {
    let wrong = |reason| OptionsError { path: path.to_owned(), reason };
    match fs::read_to_string(path) {
        Ok(text) => P::parse(&text).map(Some).map_err(wrong),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(format!("cannot be read: {error}"))),
    }
}

//! The snapshot that a struct is held against: where it lies, and the table that it describes.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zerobus_codegen::{Table, TableInfo, TableName, snapshot_json};

/// The folder of snapshots, where nothing else is said.
const FOLDER: &str = "schemas";
/// The file of options, shared with `zerobus_codegen::configure()`.
const OPTIONS: &str = "zerobus.toml";

/// A table as its snapshot describes it.
pub(crate) struct Snapshot {
    pub(crate) table: Table,
    /// Absolute paths of what was read: the compiler must look at them to know when to run the derive again.
    pub(crate) read: Vec<PathBuf>,
}

/// The one option of `zerobus.toml` that matters to the derive.
#[derive(Default, Deserialize)]
struct Options {
    schemas: Option<String>,
}

/// The same option in `[package.metadata.zerobus]`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Manifest {
    package: Package,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Package {
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    zerobus: Options,
}

/// Reads the snapshot of a table from the package that is being compiled.
///
/// # Errors
/// With what is wrong and what to do, for the person who wrote `table = "…"`.
pub(crate) fn load(name: &TableName) -> Result<Snapshot, String> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .ok_or("the snapshot's folder is not known: cargo sets CARGO_MANIFEST_DIR, this build does not")?;
    let (folder, mut read) = folder(&package)?;
    let file = package.join(&folder).join(format!("{name}.json"));
    let remedy = format!("run `zerobus-codegen fetch {name} --out {folder}`");
    let bytes = fs::read(&file).map_err(|error| {
        let file = file.display();
        format!(
            "no snapshot of {name} can be read at {file}: {error}; {remedy}, or add `unchecked` to hold the struct \
             against no table"
        )
    })?;
    let info: TableInfo = serde_json::from_slice(snapshot_json(&bytes))
        .map_err(|error| format!("the snapshot {} is broken: {error}; {remedy}", file.display()))?;
    let table = Table::try_from(&info).map_err(|report| report.to_string())?;
    if table.name != *name {
        return Err(format!("the snapshot {} is of {}; {remedy}", file.display(), table.name));
    }
    read.push(file);
    Ok(Snapshot { table, read })
}

/// The folder of snapshots, as the package's options name it, and the file that names it.
///
/// Cargo itself looks at `Cargo.toml`, so that file need not be watched.
fn folder(package: &Path) -> Result<(String, Vec<PathBuf>), String> {
    let own = package.join(OPTIONS);
    if own.exists() {
        let options: Options = read(&own)?;
        return Ok((options.schemas.unwrap_or_else(|| FOLDER.to_owned()), vec![own]));
    }
    let manifest: Manifest = read(&package.join("Cargo.toml"))?;
    Ok((manifest.package.metadata.zerobus.schemas.unwrap_or_else(|| FOLDER.to_owned()), Vec::new()))
}

fn read<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<T, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    toml::from_str(&text).map_err(|error| format!("{} cannot be read: {error}", file.display()))
}

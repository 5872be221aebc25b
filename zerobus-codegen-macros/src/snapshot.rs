//! Loads the snapshot of a struct's table from the package being compiled.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use zerobus_codegen::{Options, Table, TableInfo, TableName, Toml, likely, snapshot_json};

/// A table as its snapshot describes it.
pub(crate) struct Snapshot {
    pub(crate) table: Table,
    /// Absolute paths of the files that were read; the derive runs again when one of them changes.
    pub(crate) read: Vec<PathBuf>,
}

/// The parser of `zerobus.toml`.
struct Parser;

impl Toml for Parser {
    fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }
}

/// Reads the snapshot of a table from the package that is being compiled.
///
/// # Errors
/// Returns the cause and the remedy as one message, reported at `table = "…"`.
pub(crate) fn load(name: &TableName) -> Result<Snapshot, String> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .ok_or("cannot find the folder of snapshots: CARGO_MANIFEST_DIR is not set; cargo sets it")?;
    let (options, options_file) = Options::read_with::<Parser>(&package).map_err(|error| error.to_string())?;
    let folder = options.schemas_folder();
    let file = package.join(folder).join(format!("{name}.json"));
    let remedy = format!("run `zerobus-codegen fetch {name} --out {folder}`");
    let bytes = fs::read(&file).map_err(|error| {
        let likely = likely_table(name, &package.join(folder))
            .map_or_else(String::new, |table| format!("did you mean \"{table}\"? Otherwise "));
        format!(
            "cannot read the snapshot of {name} at {}: {error}; {likely}{remedy}, or add `unchecked` to skip the check",
            file.display()
        )
    })?;
    let info: TableInfo = serde_json::from_slice(&snapshot_json(&bytes))
        .map_err(|error| format!("cannot parse the snapshot {}: {error}; {remedy}", file.display()))?;
    let table = Table::check(&info, &options.skip).map_err(|report| report.to_string())?;
    if table.name != *name {
        return Err(format!("the snapshot {} describes {}; {remedy}", file.display(), table.name));
    }
    // Options can be added to `Cargo.toml` later.
    let manifest = Some(package.join("Cargo.toml")).filter(|manifest| manifest.exists());
    let options_file = options_file.filter(|file| Some(file) != manifest.as_ref());
    Ok(Snapshot { table, read: options_file.into_iter().chain(manifest).chain([file]).collect() })
}

/// A table with a similar name that has a snapshot.
fn likely_table(name: &TableName, folder: &Path) -> Option<String> {
    let files = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let snapshots = files.filter(|file| file.extension().is_some_and(|extension| extension == "json"));
    let mut tables: Vec<String> =
        snapshots.filter_map(|file| file.file_stem()?.to_str().map(ToOwned::to_owned)).collect();
    // `read_dir` returns entries in the order of the file system.
    tables.sort();
    likely(&name.to_string(), tables.iter().map(String::as_str)).map(ToOwned::to_owned)
}

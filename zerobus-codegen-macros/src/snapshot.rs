//! The snapshot that a struct is held against: where it lies, and the table that it describes.

use std::path::{Path, PathBuf};

use zerobus_codegen::{Table, TableInfo, TableName};

/// The folder of snapshots, where nothing else is said.
const FOLDER: &str = "schemas";

/// A table as its snapshot describes it.
pub(crate) struct Snapshot {
    pub(crate) table: Table,
    /// The absolute path: the compiler must look at the file to know when to run the derive again.
    pub(crate) file: PathBuf,
}

/// Reads the snapshot of a table from the package that is being compiled.
///
/// # Errors
/// With what is wrong and what to do, for the person who wrote `table = "…"`.
pub(crate) fn load(name: &TableName) -> Result<Snapshot, String> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .ok_or("the snapshot's folder is not known: cargo sets CARGO_MANIFEST_DIR, this build does not")?;
    let file = package.join(FOLDER).join(format!("{name}.json"));
    let text = std::fs::read_to_string(&file).map_err(|error| missing(name, &file, &error))?;
    let info: TableInfo = serde_json::from_str(&text)
        .map_err(|error| format!("the snapshot {} is broken: {error}; {}", file.display(), remedy(name)))?;
    let table = Table::try_from(&info).map_err(|report| report.to_string())?;
    if table.name != *name {
        return Err(format!("the snapshot {} is of {}; {}", file.display(), table.name, remedy(name)));
    }
    Ok(Snapshot { table, file })
}

fn missing(name: &TableName, file: &Path, error: &std::io::Error) -> String {
    format!(
        "no snapshot of {name} can be read at {}: {error}; {}, or add `unchecked` to hold the struct against no table",
        file.display(),
        remedy(name)
    )
}

fn remedy(name: &TableName) -> String {
    format!("run `zerobus-codegen fetch {name} --out {FOLDER}`")
}

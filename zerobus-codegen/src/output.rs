//! Files that are replaced whole, and only when their bytes change.

use std::fs;
use std::path::Path;

use crate::Error;

/// Whether a file had to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Changed,
    Unchanged,
}

/// Makes the file hold these bytes: leaves it alone if it does, else replaces it in one step.
///
/// A file that is left alone keeps its modification time, so nothing that depends on it is built again.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<Written, Error> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(Written::Unchanged);
    }
    let failed = |source| Error::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.tmp", std::process::id()));
    let replaced = fs::write(&aside, bytes).and_then(|()| fs::rename(&aside, path));
    replaced
        .inspect_err(|_| {
            // What is left of the failed attempt is of no use; that it may not go away is the lesser trouble.
            let _ = fs::remove_file(&aside);
        })
        .map_err(failed)?;
    Ok(Written::Changed)
}

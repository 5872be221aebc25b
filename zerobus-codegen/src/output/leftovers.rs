//! Temporary files that killed runs left behind.
//!
//! A file is written as a temporary file, which then replaces the old one. The temporary file is locked while it is
//! written, so leftovers of a killed run can be distinguished from a file that another run is writing.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::Error;

/// Marks a temporary file as being written.
pub(super) fn lock(aside: &File) {
    // On a file system without locks, leftovers are never removed.
    let _ = aside.try_lock();
}

/// Removes the leftovers of killed runs from a folder, if the folder exists.
pub(crate) fn sweep(folder: &Path) -> Result<(), Error> {
    let failed = |source| Error::Read { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.file_name().is_some_and(is_aside) && is_left_behind(&path) {
            // A leftover that cannot be removed does no harm.
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}

/// Whether it is a name such as `zerobus_tables.rs.4711.tmp`.
fn is_aside(name: &OsStr) -> bool {
    let parts = name.to_str().and_then(|name| name.strip_suffix(".tmp")?.rsplit_once('.'));
    parts.is_some_and(|(file, process)| {
        let extension = file.rsplit_once('.').map(|(_, extension)| extension);
        matches!(extension, Some("rs" | "json" | "proto" | "binpb"))
            && !process.is_empty()
            && process.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether no running process has locked the file.
fn is_left_behind(path: &Path) -> bool {
    path.is_file() && File::options().write(true).open(path).is_ok_and(|file| file.try_lock().is_ok())
}

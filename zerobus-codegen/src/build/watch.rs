//! A file for cargo to wait for.
//!
//! Cargo compares modification times of the watched files, and runs a build script every time if one of these is not
//! there. But a folder it looks through, and passes over links in it that lead nowhere. So a folder with a link to the
//! file is watched instead: once the file is there, the link leads to something new.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The folder's name, in that of the build's output.
const FOLDER: &str = "zerobus_awaited";

/// A folder in which cargo sees that this file comes into being.
///
/// # Errors
/// If the folder cannot be made, or the system or the file system has no such links.
pub(super) fn awaiting(file: &Path, out_dir: &Path) -> io::Result<PathBuf> {
    let folder = out_dir.join(FOLDER);
    let link = folder.join(file.file_name().unwrap_or_default());
    if fs::read_link(&link).is_ok_and(|found| found == file) {
        return Ok(folder);
    }
    // What is left of another place of the package is of no use.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    symlink(file, &link)?;
    // The folder itself is older than this run of the script, so that it is no reason for another one.
    File::open(&folder)?.set_modified(SystemTime::UNIX_EPOCH)?;
    Ok(folder)
}

#[cfg(unix)]
fn symlink(file: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(file, link)
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

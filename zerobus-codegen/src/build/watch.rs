//! Lets cargo watch for a file that does not exist yet.
//!
//! Cargo compares modification times of the watched files, and runs a build script every time if one of them does not
//! exist. In a watched folder, however, it ignores dangling links. So a folder with a link to the file is watched
//! instead: once the file exists, cargo follows the link and finds something new.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The folder's name in the build's output folder.
const FOLDER: &str = "zerobus_awaited";

/// Makes a folder in which cargo notices when the file is created.
///
/// # Errors
/// If the folder cannot be made, or the system or the file system has no symbolic links.
pub(super) fn awaiting(file: &Path, out_dir: &Path) -> io::Result<PathBuf> {
    let folder = out_dir.join(FOLDER);
    let link = folder.join(file.file_name().unwrap_or_default());
    if fs::read_link(&link).is_ok_and(|found| found == file) {
        return Ok(folder);
    }
    // The package has moved: the folder links to the old place.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    symlink(file, &link)?;
    // The folder has to be older than this run of the script, or it would trigger another run.
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

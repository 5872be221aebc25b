//! File trees that sources are read from: the disk, or a git commit.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Files and folders that tables are read from.
pub(crate) trait FileTree {
    /// Whether a path is a folder.
    fn is_folder(&self, path: &Path) -> io::Result<bool>;

    /// The paths of the entries of a folder.
    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;

    /// The content of a file.
    fn bytes(&self, file: &Path) -> io::Result<Vec<u8>>;
}

/// The disk.
pub(crate) struct Disk;

impl FileTree for Disk {
    fn is_folder(&self, path: &Path) -> io::Result<bool> {
        Ok(fs::metadata(path)?.is_dir())
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    }

    fn bytes(&self, file: &Path) -> io::Result<Vec<u8>> {
        fs::read(file)
    }
}

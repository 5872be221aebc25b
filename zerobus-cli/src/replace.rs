//! Atomic replacement of a file: readers, and a run after a crash, see either the old content or the new.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// How many links to links are followed, as Linux does.
const MOST_LINKS: usize = 40;

/// The new content of a file, in a temporary file beside it until it is complete.
pub(crate) struct Replacement {
    path: PathBuf,
    file: NamedTempFile,
}

impl Replacement {
    /// Starts with empty content.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let path = behind_links(path);
        // A killed process leaves it there, so its name says whose it is.
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".");
        let file = tempfile::Builder::new().prefix(&name).tempfile_in(folder_of(&path))?;
        Ok(Self { path, file })
    }

    /// The file to write the content to.
    pub(crate) fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Syncs the new content to disk and replaces the file with it. A file that exists keeps its permissions, and its
    /// owner where the system allows that.
    pub(crate) fn commit(self) -> io::Result<()> {
        if let Ok(found) = fs::metadata(&self.path) {
            #[cfg(unix)]
            {
                use std::os::unix::fs::{MetadataExt as _, fchown};
                // Only root may give a file away.
                let _ = fchown(self.file.as_file(), Some(found.uid()), Some(found.gid()));
            }
            self.file.as_file().set_permissions(found.permissions())?;
        }
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path)?;
        // Without this, the old content may be back after a loss of power.
        #[cfg(unix)]
        File::open(folder_of(&self.path))?.sync_all()?;
        Ok(())
    }
}

/// The file that a symbolic link leads to: a link that is replaced itself would leave that file as it was.
fn behind_links(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(next) = fs::read_link(&path) else { break };
        path = folder_of(&path).join(next);
    }
    path
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

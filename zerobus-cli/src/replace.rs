//! A file whose content is replaced at once: a reader, or a crash, finds the old content or the new.

use std::fs::File;
use std::io;
use std::path::Path;

/// Replaces a file by what `write` writes; on disk when it returns.
pub(crate) fn file(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

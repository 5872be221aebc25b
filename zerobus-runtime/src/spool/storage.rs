//! The file layer under the log: one folder of files, with every operation that the log's promises depend on.
//!
//! Written data is durable only after [`File::sync`], and a name only after [`Storage::sync_folder`]. Tests put a
//! layer below the log that forgets data that was not synced.

use std::fs::{self, OpenOptions};
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
#[cfg(unix)]
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::folder_sync::sync_folder;

/// A folder of files without subfolders.
pub(crate) trait Storage: Send {
    type File: File;

    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Creates an empty file for reading and writing; it replaces a file that has the name.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens a file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Renames a file, and replaces a file that has the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names of the folder durable.
    fn sync_folder(&self) -> io::Result<()>;

    /// Replaces a small file. It is durable when this returns; until then the previous one is valid.
    fn replace(&self, name: &str, text: &[u8]) -> io::Result<()> {
        let unfinished = format!("{name}.new");
        let mut file = self.create(&unfinished)?;
        if let Err(error) = file.write_at(0, &mut [IoSlice::new(text)]).and_then(|()| file.sync()) {
            // On a full disk it would keep its space.
            let _ = self.remove(&unfinished);
            return Err(error);
        }
        self.rename(&unfinished, name)?;
        self.sync_folder()
    }
}

/// A file of that folder.
///
/// A file whose name was removed by another program can be neither written nor synced: the error is
/// [`NotFound`](io::ErrorKind::NotFound).
pub(crate) trait File: Send {
    fn len(&self) -> io::Result<u64>;

    /// Reads at a position until the buffer is full or the file ends; returns the number of bytes.
    fn read_at(&mut self, place: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all parts in sequence, or fails and may have written some of them.
    fn write_at(&mut self, place: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()>;

    fn set_len(&mut self, len: u64) -> io::Result<()>;

    /// Makes the contents durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of the file system.
///
/// If it has a marker, the marker is checked before a name is used: it is missing when the folder was deleted or
/// moved, or its disk unmounted, and another file when another process recreated the folder.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    marker: Option<Marker>,
}

/// A file that identifies a folder.
#[derive(Debug, Clone)]
pub(crate) struct Marker {
    path: PathBuf,
    #[cfg(unix)]
    inode: (u64, u64),
}

/// A file of the file system.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: fs::File,
    /// The position of the file's own cursor; none after a failure.
    cursor: Option<u64>,
}

impl Marker {
    /// The marker for an open file and its path.
    pub(crate) fn new(path: PathBuf, file: &fs::File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            path,
            #[cfg(unix)]
            inode: inode(&metadata),
        })
    }

    fn is_there(&self) -> bool {
        // Windows does not delete or move an open file.
        #[cfg(unix)]
        return fs::metadata(&self.path).is_ok_and(|metadata| inode(&metadata) == self.inode);
        #[cfg(not(unix))]
        self.path.exists()
    }
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Folder {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, marker: None }
    }

    /// A folder that is valid only while its marker is there.
    pub(crate) const fn marked(path: PathBuf, marker: Marker) -> Self {
        Self { path, marker: Some(marker) }
    }

    /// The path of a file in the folder.
    fn place(&self, name: &str) -> io::Result<PathBuf> {
        if self.marker.as_ref().is_none_or(Marker::is_there) {
            return Ok(self.path.join(name));
        }
        let text =
            "the folder was deleted, moved or made anew under the open stream; put it back, or restart the program";
        Err(io::Error::other(text))
    }

    /// Creates a folder and its parents, each with a durable name.
    pub(crate) fn create_all(path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            Self::create_all(parent)?;
        }
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            created => created?,
        }
        sync_folder(parent.unwrap_or(Path::new(".")))
    }
}

impl Storage for Folder {
    type File = DiskFile;

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // The spool's names are ASCII; another name is not one of its files.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<DiskFile> {
        DiskFile::of(OpenOptions::new().read(true).write(true).create(true).truncate(true).open(self.place(name)?))
    }

    fn open(&self, name: &str) -> io::Result<DiskFile> {
        DiskFile::of(OpenOptions::new().read(true).write(true).open(self.place(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.place(from)?, self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.place(name)?)
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.place("")?;
        sync_folder(&self.path)
    }
}

impl DiskFile {
    fn of(file: io::Result<fs::File>) -> io::Result<Self> {
        file.map(|file| Self { file, cursor: Some(0) })
    }

    /// Fails if the file has no name: its contents are lost when it is closed.
    fn check_name(&self) -> io::Result<()> {
        #[cfg(unix)]
        if self.file.metadata()?.nlink() == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the file was deleted while it was written"));
        }
        Ok(())
    }

    fn seek(&mut self, place: u64) -> io::Result<()> {
        if self.cursor.take() != Some(place) {
            self.file.seek(SeekFrom::Start(place))?;
        }
        Ok(())
    }
}

impl File for DiskFile {
    fn len(&self) -> io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }

    fn read_at(&mut self, place: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.seek(place)?;
        let mut read = 0;
        while read < buffer.len() {
            match self.file.read(&mut buffer[read..]) {
                Ok(0) => break,
                Ok(bytes) => read += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.cursor = Some(place + read as u64);
        Ok(read)
    }

    fn write_at(&mut self, place: u64, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.check_name()?;
        self.seek(place)?;
        let mut written = 0;
        // If all parts are empty, none is left after this.
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match self.file.write_vectored(parts) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => {
                    written += bytes as u64;
                    IoSlice::advance_slices(&mut parts, bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.cursor = Some(place + written);
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.check_name()
    }
}

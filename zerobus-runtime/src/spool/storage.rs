//! The file layer under the log: one folder of files, with every operation that the log's promises rest on.
//!
//! What is written is durable only after [`File::sync`], and a name only after [`Storage::sync_folder`]. Tests put a layer
//! below the log that forgets what was not synced.

use std::fs::{self, OpenOptions};
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A folder of files without subfolders.
pub(crate) trait Storage: Send {
    type File: File;

    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Creates an empty file to be read and written, in place of one that has the name.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens a file to be read and written.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Renames a file, and replaces a file that has the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names of the folder durable.
    fn sync_folder(&self) -> io::Result<()>;
}

/// A file of that folder.
pub(crate) trait File: Send {
    fn len(&self) -> io::Result<u64>;

    /// Reads at a place until the buffer is full or the file ends; the number of bytes.
    fn read_at(&mut self, place: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all the parts behind each other, or fails and may have written some of it.
    fn write_at(&mut self, place: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()>;

    fn set_len(&mut self, len: u64) -> io::Result<()>;

    /// Makes the contents durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

/// A file of the file system.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: fs::File,
    /// Where the file's own cursor is; none after a failure.
    cursor: Option<u64>,
}

impl Folder {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Creates a folder and those above it, each with a durable name.
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
        for entry in fs::read_dir(&self.0)? {
            // Ours are ASCII; another name is not our file.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<DiskFile> {
        DiskFile::of(OpenOptions::new().read(true).write(true).create(true).truncate(true).open(self.0.join(name)))
    }

    fn open(&self, name: &str) -> io::Result<DiskFile> {
        DiskFile::of(OpenOptions::new().read(true).write(true).open(self.0.join(name)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        sync_folder(&self.0)
    }
}

impl DiskFile {
    fn of(file: io::Result<fs::File>) -> io::Result<Self> {
        file.map(|file| Self { file, cursor: Some(0) })
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
        self.seek(place)?;
        let mut written = 0;
        // Nothing is left when only empty parts are.
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
        self.file.sync_data()
    }
}

/// Makes the names of a folder durable, where the system can.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Windows keeps names durable by its own journal, and cannot sync a folder.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

//! A file of dead letters: appended to, locked, and left with whole lines after a full disk.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Fault};
use crate::folder_sync::sync_folder;
use crate::letter::DeadLetter;

/// How many bytes are read at a time to find the end of a line.
const STEP: u64 = 4096;

/// More than a letter takes: the service's limit of 10 MB a row, in base64 and as escaped JSON.
const LONGEST_LETTER: u64 = 128 * 1024 * 1024;

/// The start of every line.
const BEGIN: &[u8] = b"{\"table\":";

/// A file that dead letters are appended to. It is locked while it is open, so that no other process replaces it.
///
/// A stream uses one by [`DeadLetters::file`](crate::DeadLetters::file). This type is for programs that collect dead
/// letters themselves.
#[derive(Debug)]
pub struct DeadLetterFile {
    path: PathBuf,
    file: File,
    /// How many bytes are whole lines.
    len: u64,
    /// How many of them were on disk after the last sync.
    synced: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not a regular file.
    Device,
    /// More than `len` bytes may have been written.
    Torn,
    Whole,
}

impl DeadLetterFile {
    /// Opens a file to append to, and creates it if it is missing.
    ///
    /// A partial last line of a killed process is cut off: the row of that line was never settled. A last line that only
    /// lacks its line break is completed.
    ///
    /// # Errors
    /// If the file cannot be opened, another process has locked it, or it ends in something other than a dead letter.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let opened = Self::open_locked(&path);
        opened.map_err(|source| Fault::DeadLetterFile { path: path.display().to_string(), source }.into())
    }

    fn open_locked(path: &Path) -> io::Result<Self> {
        loop {
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
            if !file.metadata()?.is_file() {
                // A device or a pipe has no lines to check, no lock, and nothing to sync.
                return Ok(Self { path: path.to_owned(), file, len: 0, synced: 0, state: State::Device });
            }
            match file.try_lock() {
                Ok(()) if !is_at(&file, path)? => continue,
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::other("another process has it open; stop that, or name another file"));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            let (len, end) = (end_of_lines(&mut file)?, file.metadata()?.len());
            if end == 0 {
                // It may be new: its lines would be lost with its name.
                path.canonicalize()?.parent().map_or(Ok(()), sync_folder)?;
            }
            let state = if len < end { State::Torn } else { State::Whole };
            let mut opened = Self { path: path.to_owned(), file, len, synced: len, state };
            opened.mend()?;
            return Ok(opened);
        }
    }

    /// The path that it was opened with.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line. It is on disk after [`sync`](Self::sync).
    ///
    /// # Errors
    /// If the file cannot be written, as on a full disk. It then has the lines before this one and can be appended to.
    pub fn append(&mut self, letter: &DeadLetter) -> io::Result<()> {
        let line = letter.line()?;
        self.mend()?;
        if self.state == State::Device {
            return self.file.write_all(&line);
        }
        self.state = State::Torn;
        self.file.write_all(&line).inspect_err(|_| {
            // If this fails as well, the next call tries again.
            let _ = self.mend();
        })?;
        self.state = State::Whole;
        self.len += line.len() as u64;
        Ok(())
    }

    /// Waits until every line is on disk.
    ///
    /// # Errors
    /// If the disk fails. Lines since the last successful call are cut off then, since nobody can tell whether they are
    /// on disk: their rows are the caller's again.
    pub fn sync(&mut self) -> io::Result<()> {
        self.mend()?;
        if self.synced < self.len {
            sync_data(&self.file).inspect_err(|_| {
                (self.len, self.state) = (self.synced, State::Torn);
                // If this fails as well, the next call tries again.
                let _ = self.mend();
            })?;
            self.synced = self.len;
        }
        Ok(())
    }

    /// Cuts off what follows the lines.
    fn mend(&mut self) -> io::Result<()> {
        if self.state == State::Torn {
            self.file.set_len(self.len)?;
            self.state = State::Whole;
        }
        Ok(())
    }
}

/// Waits until the contents are on disk.
fn sync_data(file: &File) -> io::Result<()> {
    #[cfg(test)]
    if tests::DISK_FAILS.get() {
        return Err(io::Error::other("the disk fails"));
    }
    file.sync_data()
}

/// Whether the path still names this file: another process may have replaced it before the lock was taken.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;

    let (locked, found) = (file.metadata()?, std::fs::metadata(path)?);
    Ok((locked.dev(), locked.ino()) == (found.dev(), found.ino()))
}

/// A locked file cannot be replaced.
#[cfg(not(unix))]
const fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// How many bytes the whole lines of a file take. What follows them must be the start of a dead letter; a whole one is
/// given its line break.
fn end_of_lines(file: &mut File) -> io::Result<u64> {
    let end = file.seek(SeekFrom::End(0))?;
    let mut from = end;
    while from > 0 {
        let to = from;
        from = from.saturating_sub(STEP);
        let mut part = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        Read::by_ref(file).take(to - from).read_to_end(&mut part)?;
        if let Some(place) = part.iter().rposition(|byte| *byte == b'\n') {
            from += place as u64 + 1;
            break;
        }
    }
    if from == end {
        return Ok(end);
    }
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    Read::by_ref(file).take(LONGEST_LETTER).read_to_end(&mut rest)?;
    if DeadLetter::read_from(&rest[..]).next().is_some_and(|letter| letter.is_ok()) {
        file.write_all(b"\n")?;
        sync_data(file)?;
        return Ok(end + 1);
    }
    if BEGIN.starts_with(rest.get(..BEGIN.len()).unwrap_or(&rest)) {
        return Ok(from);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "it ends in a line that is no dead letter; name another file"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs;

    use super::*;

    thread_local! {
        /// Every sync on this thread fails.
        pub(super) static DISK_FAILS: Cell<bool> = const { Cell::new(false) };
    }

    fn letter(text: &str) -> DeadLetter {
        DeadLetter::unreadable("a.b.c", text.as_bytes(), "it is not a row")
    }

    /// The rows in the file.
    fn rows(file: &DeadLetterFile) -> Vec<String> {
        let text = fs::read(file.path()).unwrap();
        let letters = DeadLetter::read_from(&text[..]).map(Result::unwrap);
        letters.map(|letter| String::from_utf8(letter.bytes().to_vec()).unwrap()).collect()
    }

    #[cfg(unix)]
    #[test]
    fn the_name_of_a_new_file_is_durable_before_it_has_a_line() {
        use crate::folder_sync::tests::SYNCED;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refused.ndjson");
        let mut file = DeadLetterFile::open(&path).unwrap();
        assert_eq!(SYNCED.take(), [folder.path().canonicalize().unwrap()]);
        file.append(&letter("1")).unwrap();
        drop(file);
        DeadLetterFile::open(&path).unwrap();
        assert!(SYNCED.take().is_empty(), "it has lines, so its name is durable");
    }

    #[test]
    fn a_whole_letter_without_its_line_break_stays_and_part_of_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refused.ndjson");
        let mut text: Vec<u8> = ["1", "2"].iter().flat_map(|text| letter(text).line().unwrap()).collect();
        text.pop();
        fs::write(&path, &text).unwrap();
        let mut file = DeadLetterFile::open(&path).unwrap();
        file.append(&letter("3")).unwrap();
        assert_eq!(rows(&file), ["1", "2", "3"]);
        drop(file);
        text.pop();
        fs::write(&path, &text).unwrap();
        assert_eq!(rows(&DeadLetterFile::open(&path).unwrap()), ["1"]);
    }

    #[test]
    fn lines_that_could_not_be_synced_are_not_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = DeadLetterFile::open(folder.path().join("refused.ndjson")).unwrap();
        file.append(&letter("1")).unwrap();
        file.sync().unwrap();
        file.append(&letter("2")).unwrap();
        file.append(&letter("3")).unwrap();
        DISK_FAILS.set(true);
        assert_eq!(file.sync().unwrap_err().to_string(), "the disk fails");
        assert_eq!(rows(&file), ["1"]);
        DISK_FAILS.set(false);
        file.append(&letter("4")).unwrap();
        file.sync().unwrap();
        assert_eq!(rows(&file), ["1", "4"]);
    }
}

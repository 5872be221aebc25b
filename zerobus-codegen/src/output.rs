//! The output of generated files: writes them piece by piece and replaces a file atomically if its bytes changed, or
//! compares them with the existing files.
//!
//! Line endings are ignored, because git may convert them.

mod leftovers;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::Error;
use leftovers::lock;
pub(crate) use leftovers::sweep;

/// A destination of generated files.
pub(crate) trait Output: Send {
    /// Finishes the current file and begins another.
    ///
    /// # Errors
    /// If the current file cannot be finished or the new one begun.
    fn file(&mut self, path: &Path, content: Content) -> Result<(), Error>;

    /// Appends to the current file.
    ///
    /// # Errors
    /// If the file cannot be written.
    fn add(&mut self, bytes: &[u8]) -> Result<(), Error>;

    /// Discards the current file, which is incomplete.
    fn abandon(&mut self);
}

/// The kind of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    #[cfg(feature = "cli")]
    Binary,
    Text,
}

/// Whether a file had to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Changed,
    Unchanged,
}

/// Writes a file atomically, unless it already has these bytes.
///
/// An unchanged file keeps its modification time, so nothing that depends on it is rebuilt.
#[cfg(feature = "cli")]
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<Written, Error> {
    let mut replacement = Replacement::new(path, Content::Binary);
    replacement.add(bytes)?;
    replacement.end()
}

/// Replaces files.
#[derive(Default)]
pub(crate) struct Replacing {
    current: Option<Replacement>,
    /// The files that were written.
    pub(crate) changed: Vec<PathBuf>,
    /// The folders already cleared of leftovers of killed runs.
    swept: HashSet<PathBuf>,
}

impl Replacing {
    /// Finishes the last file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        let Some(file) = self.current.take() else { return Ok(()) };
        let path = file.path.clone();
        if file.end()? == Written::Changed {
            self.changed.push(path);
        }
        Ok(())
    }
}

impl Output for Replacing {
    fn file(&mut self, path: &Path, content: Content) -> Result<(), Error> {
        self.finish()?;
        if let Some(folder) = path.parent()
            && !self.swept.contains(folder)
        {
            sweep(folder)?;
            self.swept.insert(folder.to_owned());
        }
        self.current = Some(Replacement::new(path, content));
        Ok(())
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.current.as_mut().map_or(Ok(()), |file| file.add(bytes))
    }

    fn abandon(&mut self) {
        self.current = None;
    }
}

/// A file being compared and, if it differs, replaced.
struct Replacement {
    path: PathBuf,
    existing: Option<Existing>,
    aside: Option<Aside>,
}

/// A temporary file that will replace another.
struct Aside {
    path: PathBuf,
    file: BufWriter<File>,
    is_kept: bool,
}

impl Replacement {
    fn new(path: &Path, content: Content) -> Self {
        // A file that cannot be read is written again.
        Self { path: path.to_owned(), existing: Existing::open(path, content).ok(), aside: None }
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.aside.is_none() && self.existing.as_mut().is_some_and(|file| file.goes_on_with(bytes)) {
            return Ok(());
        }
        let added = self.diverge().and_then(|aside| aside.file.write_all(bytes));
        added.map_err(|source| self.failed(source))
    }

    fn end(mut self) -> Result<Written, Error> {
        if self.aside.is_none() && self.existing.as_mut().is_some_and(Existing::is_at_its_end) {
            return Ok(Written::Unchanged);
        }
        let begun = self.diverge().map(drop);
        let replaced = begun.and_then(|()| self.aside.take().map_or(Ok(()), |aside| aside.replace(&self.path)));
        replaced.map(|()| Written::Changed).map_err(|source| self.failed(source))
    }

    /// The temporary file; created on first use with the part of the existing file that matched so far.
    fn diverge(&mut self) -> io::Result<&mut Aside> {
        if self.aside.is_none() {
            let mut aside = Aside::beside(&self.path)?;
            if let Some(existing) = self.existing.take() {
                existing.copy_to(&self.path, &mut aside.file)?;
            }
            self.aside = Some(aside);
        }
        self.aside.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Write { path: self.path.clone(), source }
    }
}

impl Aside {
    fn beside(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".{}.tmp", std::process::id()));
        let file = File::create(&aside)?;
        lock(&file);
        Ok(Self { path: aside.into(), file: BufWriter::new(file), is_kept: false })
    }

    /// Replaces the other file.
    fn replace(mut self, path: &Path) -> io::Result<()> {
        self.file.flush()?;
        fs::rename(&self.path, path)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Aside {
    /// Removes the temporary file of a failed attempt; an error while removing it is ignored.
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// An existing file, compared with its expected content.
struct Existing {
    file: BufReader<File>,
    content: Content,
    /// The length of the part that matches.
    good: u64,
}

impl Existing {
    fn open(path: &Path, content: Content) -> io::Result<Self> {
        Ok(Self { file: BufReader::with_capacity(1 << 16, File::open(path)?), content, good: 0 })
    }

    /// Whether the file continues with these bytes.
    fn goes_on_with(&mut self, bytes: &[u8]) -> bool {
        match self.read_over(bytes) {
            Ok(Some(read)) => {
                self.good += read;
                true
            }
            // A file that cannot be read counts as different.
            Ok(None) | Err(_) => false,
        }
    }

    /// The length of these bytes in the file, if it continues with them.
    fn read_over(&mut self, mut bytes: &[u8]) -> io::Result<Option<u64>> {
        let mut read = 0;
        while !bytes.is_empty() {
            let found = self.file.fill_buf()?;
            let same = found.iter().zip(bytes).take_while(|(found, expected)| found == expected).count();
            let is_end_of_line =
                self.content == Content::Text && found.get(same) == Some(&b'\r') && bytes.get(same) == Some(&b'\n');
            if same == 0 && !is_end_of_line {
                return Ok(None);
            }
            bytes = bytes.get(same..).unwrap_or_default();
            let consumed = same + usize::from(is_end_of_line);
            read += consumed as u64;
            self.file.consume(consumed);
        }
        Ok(Some(read))
    }

    fn is_at_its_end(&mut self) -> bool {
        self.file.fill_buf().is_ok_and(<[u8]>::is_empty)
    }

    /// Copies the part that matches.
    fn copy_to(self, path: &Path, out: &mut impl io::Write) -> io::Result<()> {
        let mut good = BufReader::new(io::Read::take(File::open(path)?, self.good));
        let mut line = Vec::new();
        while good.read_until(b'\n', &mut line)? > 0 {
            if self.content == Content::Text && line.ends_with(b"\r\n") {
                line.truncate(line.len() - 2);
                line.push(b'\n');
            }
            out.write_all(&line)?;
            line.clear();
        }
        Ok(())
    }
}

/// Compares files with their expected content.
#[cfg(feature = "cli")]
#[derive(Default)]
pub(crate) struct Comparing {
    current: Option<(PathBuf, io::Result<Existing>, bool)>,
    /// Every expected file.
    pub(crate) expected: HashSet<PathBuf>,
    /// The files that differ, and how.
    pub(crate) wrong: Vec<(PathBuf, Wrong)>,
}

/// How a file differs from its expected content.
#[cfg(feature = "cli")]
pub(crate) enum Wrong {
    Different,
    Unreadable(io::Error),
}

#[cfg(feature = "cli")]
impl Comparing {
    /// Finishes the last file.
    pub(crate) fn finish(&mut self) {
        let Some((path, file, is_good)) = self.current.take() else { return };
        match file {
            Err(error) => self.wrong.push((path, Wrong::Unreadable(error))),
            Ok(mut file) => {
                if !is_good || !file.is_at_its_end() {
                    self.wrong.push((path, Wrong::Different));
                }
            }
        }
    }
}

#[cfg(feature = "cli")]
impl Output for Comparing {
    fn file(&mut self, path: &Path, content: Content) -> Result<(), Error> {
        self.finish();
        self.expected.insert(path.to_owned());
        self.current = Some((path.to_owned(), Existing::open(path, content), true));
        Ok(())
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Some((_, Ok(file), is_good)) = &mut self.current {
            *is_good = *is_good && file.goes_on_with(bytes);
        }
        Ok(())
    }

    fn abandon(&mut self) {
        self.current = None;
    }
}

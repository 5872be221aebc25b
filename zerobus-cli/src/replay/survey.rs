//! The survey of a file of dead letters: it locks the file and checks that every line can be read.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zerobus_runtime::{DeadLetter, DeadLetterFile};

use crate::failure::Failure;

/// A locked file whose lines can all be read.
pub(super) struct Survey<'a> {
    path: &'a Path,
    tables: BTreeSet<String>,
    rows: u64,
    /// Without the lock, rows that another process appends meanwhile would be lost.
    _lock: DeadLetterFile,
}

impl<'a> Survey<'a> {
    /// Locks the file, and reads it once.
    pub(super) fn of(path: &'a Path) -> Result<Self, Failure> {
        let found = path.metadata().map_err(|error| Failure::file("read", path, error))?;
        if !found.is_file() {
            return Err(Failure::text(format!(
                "{} is not a file, so it could not be replaced by the rows that are left",
                path.display()
            )));
        }
        let mut survey = Self { path, tables: BTreeSet::new(), rows: 0, _lock: DeadLetterFile::open(path)? };
        for letter in survey.letters()? {
            let letter = letter?;
            survey.rows += 1;
            if !survey.tables.contains(letter.table()) {
                survey.tables.insert(letter.table().to_owned());
            }
        }
        Ok(survey)
    }

    /// The rows, in the order of the file.
    pub(super) fn letters(&self) -> Result<impl Iterator<Item = Result<DeadLetter, Failure>> + use<'a>, Failure> {
        let path = self.path;
        let file = File::open(path).map_err(|error| Failure::file("read", path, error))?;
        let letters = DeadLetter::read_from(BufReader::new(file));
        Ok(letters.map(move |letter| letter.map_err(|error| Failure::file("read", path, error))))
    }

    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// The names of the tables, separated by spaces.
    pub(super) fn tables(&self) -> String {
        self.tables.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

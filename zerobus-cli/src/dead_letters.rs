//! The file of dead letters, to which refused rows are appended in the format of `zerobus_runtime::DeadLetter`.
//!
//! A row that was refused before it was sent is kept as JSON. A row that the server refused or that was returned is
//! kept as the message that was sent.

use std::path::Path;

use zerobus_runtime::{DeadLetter, DeadLetterFile};

use crate::failure::Failure;

/// The open file. Rows are on disk when `sync` returns.
pub(crate) struct DeadLetters(DeadLetterFile);

impl DeadLetters {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        Ok(Self(DeadLetterFile::open(path)?))
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, letter: &DeadLetter) -> Result<(), Failure> {
        self.0.append(letter).map_err(|error| self.failure(error))
    }

    /// Waits until every row is on disk.
    pub(crate) fn sync(&mut self) -> Result<(), Failure> {
        self.0.sync().map_err(|error| self.failure(error))
    }

    fn failure(&self, error: std::io::Error) -> Failure {
        Failure::file("write the dead letters to", self.0.path(), error)
    }
}

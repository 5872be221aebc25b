//! Refused rows as lines of a file: the format of `zerobus_runtime::Undelivered`, with the column that was refused.
//!
//! A row that was refused before it was sent is kept as JSON (`"encoding": "json"`), one that the server refused or that
//! was returned as the message that was sent (`"proto"`).

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use zerobus_runtime::{Error, Undelivered};

use crate::failure::Failure;

/// A row that was refused before it was sent.
#[derive(Serialize)]
struct Line<'a> {
    table: &'a str,
    encoding: &'static str,
    offset: u64,
    persisted: &'static str,
    kind: &'a str,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    /// The file and the line that it stands in.
    source: String,
    row: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<&'a RawValue>,
}

/// A file that refused rows are appended to; the rows are on disk when `sync` returns.
pub(crate) struct DeadLetters {
    path: PathBuf,
    file: BufWriter<File>,
    is_synced: bool,
}

impl DeadLetters {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let file = file.map_err(|error| Failure::file("write the dead letters to", path, error))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), is_synced: true })
    }

    /// Adds a row that was refused before it was sent.
    pub(crate) fn refused(&mut self, table: &str, source: String, row: &[u8], error: &Error) -> Result<(), Failure> {
        self.add(&Line {
            table,
            encoding: "json",
            offset: 0,
            persisted: "no",
            kind: error.kind().as_str(),
            reason: error.to_string(),
            column: error.column(),
            source,
            row: BASE64_STANDARD.encode(row),
            json: serde_json::from_slice(row).ok(),
        })
    }

    /// Adds what stands for a row that could not be read.
    pub(crate) fn unreadable(&mut self, table: &str, source: String, reason: String) -> Result<(), Failure> {
        let (encoding, persisted, kind) = ("json", "no", "rejected");
        let (column, row, json) = (None, String::new(), None);
        self.add(&Line { table, encoding, offset: 0, persisted, kind, reason, column, source, row, json })
    }

    fn add(&mut self, line: &Line<'_>) -> Result<(), Failure> {
        self.write(|file| {
            serde_json::to_writer(&mut *file, line)?;
            file.write_all(b"\n")
        })
    }

    /// Adds rows that the server refused, or that were returned.
    pub(crate) fn returned(&mut self, rows: &Undelivered) -> Result<(), Failure> {
        self.write(|file| rows.write_to(file))
    }

    fn write(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), Failure> {
        self.is_synced = false;
        write(&mut self.file).map_err(|error| Failure::file("write the dead letters to", &self.path, error))
    }

    /// Waits until every row is on disk.
    pub(crate) fn sync(&mut self) -> Result<(), Failure> {
        if self.is_synced {
            return Ok(());
        }
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_data());
        synced.map_err(|error| Failure::file("write the dead letters to", &self.path, error))?;
        self.is_synced = true;
        Ok(())
    }
}

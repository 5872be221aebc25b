//! Rows that are acked before they are in their table, as the service acks them: one file of lines for each table, synced before
//! the ack, and emptied by the commit.
//!
//! Each request is a line, `{"number", "rows", "stream", "offset"}`. The number of the last line that a commit has brought into
//! the table is in that commit (`txn`), so a line is stored exactly once, whenever the emulator is killed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zerobus_codegen::Table;

use super::budget::Share;
use super::disk;
use super::queue::Request;
use super::table::DeltaTable;
use super::watermark::{self, Txns};
use crate::decode::Decoder;
use crate::error_chain::ErrorChain;
use crate::row::Row;
use crate::rows;
use crate::sink::{StorageError, StreamState};

/// The application of the `txn` that says how far the log is in the table.
const APPLICATION: &str = "zerobus-emulator-log";
/// Memory of rows that is committed without further waiting.
const WEIGHT: usize = 16 << 20;

/// The log of one table, and what of it is not in the table.
pub(super) struct Wal {
    path: PathBuf,
    file: Option<File>,
    next: i64,
    interval: Duration,
    pending: Vec<Pending>,
    weight: usize,
    due: Option<Instant>,
}

/// A request that is acked and not yet in the table.
struct Pending {
    line: Line,
    rows: Vec<Row>,
    _share: Option<Share>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    number: i64,
    rows: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    offset: i64,
}

impl Wal {
    /// Opens the log of a table, and commits what an emulator that was killed has left in it.
    pub(super) fn open(path: &Path, interval: Duration, table: &mut DeltaTable) -> Result<Self, StorageError> {
        let failed = |error: io::Error| failed(path, error);
        let committed = table.txn(APPLICATION)?.unwrap_or(-1);
        let mut pending = Vec::new();
        if path.is_file() {
            let text = std::fs::read(path).map_err(failed)?;
            let decoder =
                Decoder::of_table(table.table()).map_err(|refusal| failed(io::Error::other(refusal.to_string())))?;
            for line in lines(&text).map_err(failed)? {
                if line.number > committed {
                    let rows = line.rows.iter().map(|row| decoder.json_value(row.clone()));
                    let rows =
                        rows.collect::<Result<_, _>>().map_err(|bad| failed(io::Error::other(bad.to_string())))?;
                    pending.push(Pending { line, rows, _share: None });
                }
            }
        }
        let next = pending.last().map_or(committed, |pending| pending.line.number) + 1;
        let mut log = Self { path: path.to_owned(), file: None, next, interval, pending, weight: 0, due: None };
        if !log.pending.is_empty() {
            tracing::info!(log = %path.display(), requests = log.pending.len(), "acked rows are brought into their table");
        }
        log.commit(table)?;
        Ok(log)
    }

    /// Makes requests durable, and acks them.
    pub(super) fn accept(&mut self, table: &Table, requests: Vec<Request>) {
        let lines: Vec<Line> = requests.iter().map(|request| self.line(table, request)).collect();
        match self.write(&lines) {
            Ok(()) => {
                for (line, request) in lines.into_iter().zip(requests) {
                    request.stored();
                    let Request { append, share } = request;
                    self.weight += append.weight;
                    self.pending.push(Pending { line, rows: append.rows, _share: Some(share) });
                }
                self.due = self.due.or_else(|| Some(Instant::now() + self.interval));
            }
            Err(error) => {
                let error = failed(&self.path, error);
                tracing::error!(error = %ErrorChain(&error), "rows could not be logged");
                for request in requests {
                    request.report(Err(error.clone()));
                }
            }
        }
    }

    /// When what is acked is to be committed.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) const fn is_large(&self) -> bool {
        self.weight >= WEIGHT
    }

    /// Brings everything that is acked into the table; if that fails, it is tried again later.
    pub(super) fn commit(&mut self, table: &mut DeltaTable) -> Result<(), StorageError> {
        let Some(last) = self.pending.last() else { return Ok(()) };
        let mut txns: Txns = self.pending.iter().filter_map(|pending| pending.line.txn()).collect();
        txns.insert(APPLICATION.to_owned(), last.line.number);
        let rows = self.pending.iter().flat_map(|pending| &pending.rows);
        if let Err(error) = table.append(&rows, &txns) {
            self.due = Some(Instant::now() + self.interval);
            tracing::error!(error = %ErrorChain(&error), "acked rows could not be committed; they stay in the log");
            return Err(error);
        }
        (self.pending, self.weight, self.due) = (Vec::new(), 0, None);
        // Lines that stay behind are known by their numbers.
        if let Err(error) = self.empty() {
            tracing::warn!(log = %self.path.display(), %error, "the log was not emptied");
        }
        Ok(())
    }

    /// Forgets what is not in the table.
    pub(super) fn clear(&mut self) -> Result<(), StorageError> {
        (self.pending, self.weight, self.due) = (Vec::new(), 0, None);
        self.empty().map_err(|error| failed(&self.path, error))
    }

    fn empty(&self) -> io::Result<()> {
        self.file.as_ref().map_or_else(|| disk::remove_file(&self.path), |file| file.set_len(0))
    }

    fn line(&mut self, table: &Table, request: &Request) -> Line {
        let number = self.next;
        self.next += 1;
        let append = &request.append;
        Line {
            number,
            rows: append.rows.iter().map(|row| rows::json(table, row)).collect(),
            stream: append.stream.as_ref().map(|stream| stream.id().to_owned()),
            offset: append.offset,
        }
    }

    /// The lines are on the disk when this returns.
    fn write(&mut self, lines: &[Line]) -> io::Result<()> {
        let mut text = Vec::new();
        if !self.path.is_file() {
            self.file = None;
        }
        let file = match &mut self.file {
            Some(file) => file,
            missing => {
                // Somebody may have removed the file with what is acked and not yet committed.
                for pending in &self.pending {
                    write_line(&mut text, &pending.line)?;
                }
                missing.insert(create(&self.path)?)
            }
        };
        for line in lines {
            write_line(&mut text, line)?;
        }
        let length = file.metadata()?.len();
        let written = file.write_all(&text).and_then(|()| file.sync_data());
        if written.is_err() {
            // Nothing of it was acked, and what follows must not stand behind half a line.
            file.set_len(length)?;
        }
        written
    }
}

impl Line {
    fn txn(&self) -> Option<(String, i64)> {
        watermark::txn(self.stream.as_deref()?, StreamState::Open(self.offset))
    }
}

fn create(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    file.set_len(0)?;
    for folder in folder.ancestors().take(4) {
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}

fn write_line(text: &mut Vec<u8>, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *text, line)?;
    text.push(b'\n');
    Ok(())
}

/// The last line may be torn, and then it was not acked.
fn lines(text: &[u8]) -> io::Result<Vec<Line>> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        match serde_json::from_slice(&rest[..end]) {
            Ok(line) => lines.push(line),
            Err(_) if rest[end + 1..].iter().all(|byte| *byte == 0) => break,
            Err(error) => return Err(error.into()),
        }
        rest = &rest[end + 1..];
    }
    Ok(lines)
}

fn failed(path: &Path, error: io::Error) -> StorageError {
    StorageError::Log { path: path.to_owned(), source: std::sync::Arc::new(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_last_line_is_left_out_and_one_in_the_middle_is_an_error() {
        let line = |number| Line { number, rows: Vec::new(), stream: None, offset: 0 };
        let mut text = Vec::new();
        write_line(&mut text, &line(1)).unwrap();
        write_line(&mut text, &line(2)).unwrap();
        let numbers = |text: &[u8]| lines(text).map(|lines| lines.iter().map(|line| line.number).collect::<Vec<_>>());
        assert_eq!(numbers(&text).unwrap(), [1, 2]);
        for end in text.len() / 2..text.len() {
            assert_eq!(numbers(&text[..end]).unwrap(), [1], "{end}");
        }
        let broken = [&text[..10], b"\n", &text].concat();
        assert!(numbers(&broken).is_err());
        assert!(numbers(b"").unwrap().is_empty());
    }
}

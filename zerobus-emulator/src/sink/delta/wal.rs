//! Rows that are acked before they are in their table, as the service does it: one file of lines for each table,
//! synced before the ack, and emptied by the commit.
//!
//! Each request is a line, `{"number", "rows", "stream", "offset"}`; before the first, and where it changes, comes the
//! table's definition at that time, `{"definition"}`. Rows are checked against the table as it is when they are
//! committed: those that do not fit, because it was altered in between, go to files beside it (`rejects`). The number
//! of the last line that a commit contains is part of that commit (`txn`), so a line is stored exactly
//! once, no matter when the emulator is killed.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zerobus_codegen::{Table, TableInfo};

use super::budget::Share;
use super::disk;
use super::health::Health;
use super::kernel::remedy;
use super::queue::Request;
use super::rejects::{self, Rejects};
use super::removal::Backoff;
use super::schema;
use super::table::DeltaTable;
use super::watermark::{self, Txns};
use crate::decode::Decoder;
use crate::error_chain::ErrorChain;
use crate::refit::{Dropped, Refit};
use crate::row::Row;
use crate::rows;
use crate::sink::{StorageError, StreamState};

/// The application of the `txn` that records how much of the log is in the table.
const APPLICATION: &str = "zerobus-emulator-log";
/// Rows of this size in memory are committed without further waiting.
const WEIGHT: usize = 16 << 20;
/// How soon new rows try a commit again that has failed.
const RETRY: Duration = Duration::from_secs(1);

/// The log of one table, and its requests that are not yet in the table.
pub(super) struct Wal {
    path: PathBuf,
    file: Option<File>,
    next: i64,
    interval: Duration,
    pending: Vec<Pending>,
    /// The definition that the next line in the file is of.
    written: Option<Arc<Table>>,
    weight: usize,
    due: Option<Instant>,
    /// Why the last commit failed, and when.
    failure: Option<(StorageError, Instant)>,
    health: Arc<Health>,
}

/// A request that is acked and not yet in the table.
struct Pending {
    line: Line,
    table: Arc<Table>,
    rows: Vec<Row>,
    _share: Option<Share>,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Entry {
    Definition { definition: TableInfo },
    Request(Line),
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
    /// Opens the log of a table, and commits what a killed emulator left in it.
    pub(super) fn open(
        path: &Path,
        interval: Duration,
        table: &mut DeltaTable,
        health: Arc<Health>,
    ) -> Result<Self, StorageError> {
        let failed = |error: io::Error| failed(path, error);
        let committed = table.txn(APPLICATION)?.unwrap_or(-1);
        let entries = read(path).map_err(failed)?;
        let pending = pending(entries, committed, table.table()).map_err(failed)?;
        let next = pending.last().map_or(committed, |pending| pending.line.number) + 1;
        let mut log = Self {
            path: path.to_owned(),
            file: None,
            next,
            interval,
            pending,
            written: None,
            weight: 0,
            due: None,
            failure: None,
            health,
        };
        if !log.pending.is_empty() {
            tracing::info!(log = %path.display(), requests = log.pending.len(), "acked rows are brought into their table");
        }
        log.commit(table)?;
        Ok(log)
    }

    /// Makes requests durable, and acks them.
    ///
    /// While the table cannot be written to they are refused: rows that were acked wait in the log, and no more are added.
    pub(super) fn accept(&mut self, requests: Vec<Request>, table: &mut DeltaTable) {
        if let Err(error) = self.retry(table) {
            for request in requests {
                request.report(Err(error.clone()));
            }
            return;
        }
        let lines: Vec<(Line, Arc<Table>)> = requests.iter().map(|request| self.line(request)).collect();
        match self.write_steadily(&lines) {
            Ok(()) => {
                for ((line, table), request) in lines.into_iter().zip(requests) {
                    request.stored();
                    let Request { append, share } = request;
                    self.weight += append.weight;
                    self.pending.push(Pending { line, table, rows: append.rows, _share: Some(share) });
                }
                self.due = self.due.or_else(|| Some(Instant::now() + self.interval));
                self.health.logged(Some(self.rows()));
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

    /// Tries a commit again that has failed; the failure if it is too early or fails again.
    fn retry(&mut self, table: &mut DeltaTable) -> Result<(), StorageError> {
        match &self.failure {
            None => Ok(()),
            Some((_, since)) if since.elapsed() >= RETRY => self.commit(table),
            Some((error, _)) => Err(error.clone()),
        }
    }

    /// How many rows are acked and not in the table.
    fn rows(&self) -> u64 {
        self.pending.iter().map(|pending| pending.rows.len() as u64).sum()
    }

    /// When what is acked is to be committed.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether every acked row is in the table.
    pub(super) const fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) const fn is_large(&self) -> bool {
        self.weight >= WEIGHT
    }

    /// Commits everything that is acked; a failure is retried later.
    pub(super) fn commit(&mut self, table: &mut DeltaTable) -> Result<(), StorageError> {
        if let Err(error) = self.drop_committed(table) {
            return Err(self.fail(error));
        }
        let Some(last) = self.pending.last() else {
            self.committed();
            return Ok(());
        };
        let mut txns: Txns = self.pending.iter().filter_map(|pending| pending.line.txn()).collect();
        txns.insert(APPLICATION.to_owned(), last.line.number);
        let stored = self.reject(table).and_then(|()| {
            let rows = self.pending.iter().flat_map(|pending| &pending.rows);
            table.append(&rows, &txns)
        });
        if let Err(error) = stored {
            return Err(self.fail(error));
        }
        self.committed();
        // Lines that remain are recognized by their numbers.
        if let Err(error) = self.empty() {
            tracing::warn!(log = %self.path.display(), %error, "the log was not emptied");
        }
        Ok(())
    }

    /// A commit may have failed behind its entry in the table's log: its rows are not committed again.
    fn drop_committed(&mut self, table: &mut DeltaTable) -> Result<(), StorageError> {
        if self.failure.is_some() {
            let committed = table.txn(APPLICATION)?.unwrap_or(-1);
            if self.pending.iter().any(|pending| pending.line.number <= committed) {
                table.sync()?;
                self.pending.retain(|pending| pending.line.number > committed);
            }
        }
        Ok(())
    }

    /// Converts the rows to the table as it is now; those that do not fit go to files beside it.
    fn reject(&mut self, table: &DeltaTable) -> Result<(), StorageError> {
        let to = table.table();
        let mut refits: Vec<(Refit, Rejects)> = Vec::new();
        let mut fitted = Vec::with_capacity(self.pending.len());
        for pending in &self.pending {
            // Definitions only change forward, so it is the last one or a new one.
            if !refits.last().is_some_and(|(refit, _)| refit.is_between(&pending.table, to)) {
                let rejects = Rejects { table: Arc::clone(&pending.table), rows: Vec::new(), number: 0 };
                refits.push((Refit::new(&pending.table, to, Dropped::Unfit)?, rejects));
            }
            let last = refits.last_mut().filter(|(refit, _)| !refit.is_trivial());
            fitted.push(last.map(|(refit, rejects)| fit(refit, rejects, pending)));
        }
        let rejected: Vec<Rejects> =
            refits.into_iter().map(|(_, rejects)| rejects).filter(|rejects| !rejects.rows.is_empty()).collect();
        if !rejected.is_empty() {
            rejects::store(table.kernel(), table.path(), &rejected)?;
            let rows: usize = rejected.iter().map(|rejects| rejects.rows.len()).sum();
            tracing::warn!(table = %to.name, rows, "acked rows do not fit the table, which was altered; they are kept beside it");
        }
        // Not earlier: after a failure the next attempt needs them unchanged.
        for (pending, rows) in self.pending.iter_mut().zip(fitted) {
            pending.rows = rows.unwrap_or_else(|| std::mem::take(&mut pending.rows));
            pending.table = Arc::clone(to);
        }
        Ok(())
    }

    /// The commit is tried again later.
    pub(super) fn fail(&mut self, error: StorageError) -> StorageError {
        if self.pending.is_empty() {
            self.due = None;
            return error;
        }
        tracing::error!(
            log = %self.path.display(), rows = self.rows(), error = %ErrorChain(&error),
            "acked rows could not be committed; they stay in the log"
        );
        self.due = Some(Instant::now() + self.interval);
        self.health.fails(&error);
        self.health.logged(Some(self.rows()));
        self.failure = Some((error.clone(), Instant::now()));
        error
    }

    /// Nothing is pending.
    fn committed(&mut self) {
        (self.pending, self.weight, self.due, self.failure) = (Vec::new(), 0, None, None);
        self.health.works();
        self.health.logged(Some(0));
    }

    /// Forgets what is not in the table.
    pub(super) fn clear(&mut self) -> Result<(), StorageError> {
        self.committed();
        self.empty().map_err(|error| failed(&self.path, error))
    }

    fn empty(&mut self) -> io::Result<()> {
        self.written = None;
        self.file.as_ref().map_or_else(|| disk::remove_file(&self.path), |file| file.set_len(0))
    }

    fn line(&mut self, request: &Request) -> (Line, Arc<Table>) {
        let number = self.next;
        self.next += 1;
        let append = &request.append;
        let line = Line {
            number,
            rows: append.rows.iter().map(|row| rows::json(&append.table, row)).collect(),
            stream: append.stream.as_ref().map(|stream| stream.id().to_owned()),
            offset: append.offset,
        };
        (line, Arc::clone(&append.table))
    }

    /// The same, retried while the folder is being removed.
    fn write_steadily(&mut self, lines: &[(Line, Arc<Table>)]) -> io::Result<()> {
        let mut backoff = Backoff::new(self.path.parent().unwrap_or(&self.path));
        loop {
            match self.write(lines) {
                Err(error) if error.kind() == ErrorKind::NotFound && backoff.wait() => self.file = None,
                done => return done,
            }
        }
    }

    /// The lines are on the disk when this returns.
    fn write(&mut self, lines: &[(Line, Arc<Table>)]) -> io::Result<()> {
        let mut text = Text { bytes: Vec::new(), definition: self.written.clone() };
        if !self.path.is_file() {
            self.file = None;
        }
        let file = match &mut self.file {
            Some(file) => file,
            missing => {
                // The file may have been removed, with rows that are acked but not committed.
                text.definition = None;
                for pending in &self.pending {
                    text.line(&pending.line, &pending.table)?;
                }
                missing.insert(create(&self.path)?)
            }
        };
        for (line, table) in lines {
            text.line(line, table)?;
        }
        let length = file.metadata()?.len();
        let written = file.write_all(&text.bytes).and_then(|()| file.sync_data());
        if written.is_err() {
            // Nothing of it was acked, and the next line must not follow half a line.
            file.set_len(length)?;
        } else {
            self.written = text.definition;
        }
        written
    }
}

impl Line {
    fn txn(&self) -> Option<(String, i64)> {
        watermark::txn(self.stream.as_deref()?, StreamState::Open(self.offset))
    }
}

/// What is to be written, and the definition of its last line.
struct Text {
    bytes: Vec<u8>,
    definition: Option<Arc<Table>>,
}

impl Text {
    fn line(&mut self, line: &Line, table: &Arc<Table>) -> io::Result<()> {
        if !self.definition.as_ref().is_some_and(|known| Arc::ptr_eq(known, table)) {
            let definition = schema::info(table).map_err(io::Error::other)?;
            write_line(&mut self.bytes, &Entry::Definition { definition })?;
            self.definition = Some(Arc::clone(table));
        }
        write_line(&mut self.bytes, line)
    }
}

/// The rows of a request that fit the table as it is now.
fn fit(refit: &Refit, rejects: &mut Rejects, pending: &Pending) -> Vec<Row> {
    let mut fitted = Vec::with_capacity(pending.rows.len());
    for row in &pending.rows {
        match refit.row(row) {
            Ok(row) => fitted.push(row),
            Err(bad) => {
                tracing::debug!(%bad, "an acked row does not fit its table any more");
                rejects.rows.push(row.clone());
                rejects.number = pending.line.number;
            }
        }
    }
    fitted
}

/// The requests that are not in the table, decoded by the definitions that they were written for.
fn pending(entries: Vec<Entry>, committed: i64, table: &Arc<Table>) -> io::Result<Vec<Pending>> {
    let of_table = |table: &Table| Decoder::of_table(table).map_err(|refusal| io::Error::other(refusal.to_string()));
    let (mut table, mut decoder) = (Arc::clone(table), of_table(table)?);
    let mut pending = Vec::new();
    for entry in entries {
        match entry {
            Entry::Definition { definition } => {
                table = Arc::new(Table::try_from(&definition).map_err(io::Error::other)?);
                decoder = of_table(&table)?;
            }
            Entry::Request(line) if line.number > committed => {
                let rows = line.rows.iter().map(|row| decoder.json_value(row.clone()));
                let rows = rows.collect::<Result<_, _>>().map_err(|bad| io::Error::other(bad.to_string()))?;
                pending.push(Pending { line, table: Arc::clone(&table), rows, _share: None });
            }
            Entry::Request(_) => {}
        }
    }
    Ok(pending)
}

/// How many rows are in a log; those that were committed just before a kill are counted too.
pub(super) fn count(path: &Path) -> io::Result<u64> {
    let rows = |entry: &Entry| if let Entry::Request(line) = entry { line.rows.len() as u64 } else { 0 };
    Ok(read(path)?.iter().map(rows).sum())
}

/// The entries of a log; a log that is missing has none.
fn read(path: &Path) -> io::Result<Vec<Entry>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        text => entries(&text?),
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

fn write_line(text: &mut Vec<u8>, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *text, line)?;
    text.push(b'\n');
    Ok(())
}

/// The last line may be torn, and then it was not acked.
fn entries(text: &[u8]) -> io::Result<Vec<Entry>> {
    let mut lines = Vec::new();
    let mut rest = text;
    // Counted as editors count.
    let mut number = 1;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        match serde_json::from_slice(&rest[..end]) {
            Ok(line) => lines.push(line),
            Err(_) if rest[end + 1..].iter().all(|byte| *byte == 0) => break,
            Err(error) => return Err(io::Error::new(ErrorKind::InvalidData, format!("line {number}: {error}"))),
        }
        rest = &rest[end + 1..];
        number += 1;
    }
    Ok(lines)
}

fn failed(path: &Path, error: io::Error) -> StorageError {
    let remedy = remedy(&error).unwrap_or("; mend the file, or move it away to give up the acked rows in it");
    StorageError::Log { path: path.to_owned(), remedy, source: Arc::new(error) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::History;
    use super::super::kernel::Kernel;
    use super::*;
    use crate::row::Cell;

    #[test]
    fn a_torn_last_line_is_left_out_and_one_in_the_middle_is_an_error() {
        let line = |number| Line { number, rows: Vec::new(), stream: None, offset: 0 };
        let mut text = Vec::new();
        write_line(&mut text, &line(1)).unwrap();
        write_line(&mut text, &line(2)).unwrap();
        let number = |entry: &Entry| if let Entry::Request(line) = entry { line.number } else { -1 };
        let numbers = |text: &[u8]| entries(text).map(|entries| entries.iter().map(number).collect::<Vec<_>>());
        assert_eq!(numbers(&text).unwrap(), [1, 2]);
        for end in text.len() / 2..text.len() {
            assert_eq!(numbers(&text[..end]).unwrap(), [1], "{end}");
        }
        let broken = [&text[..10], b"\n", &text].concat();
        assert!(numbers(&broken).is_err());
        assert!(numbers(b"").unwrap().is_empty());
    }

    #[test]
    fn a_commit_that_failed_behind_its_entry_in_the_table_is_not_made_again() {
        let data = tempfile::tempdir().unwrap();
        let kernel = Arc::new(Kernel::new().unwrap());
        let column =
            json!({ "name": "id", "type_text": "bigint", "type_name": "LONG", "position": 0, "nullable": true });
        let info = json!({ "catalog_name": "main", "schema_name": "a", "name": "t", "columns": [column] });
        let table = Arc::new(Table::try_from(&serde_json::from_value::<TableInfo>(info).unwrap()).unwrap());
        let mut open = DeltaTable::open(&kernel, &data.path().join("t"), &table, History::Short).unwrap();
        let hour = Duration::from_secs(3_600);
        let mut log = Wal::open(&data.path().join("log"), hour, &mut open, Arc::default()).unwrap();
        let rows = vec![Row::dense(vec![Cell::Long(7)])];
        open.append(&rows.iter(), &[(APPLICATION.to_owned(), 0)].into()).unwrap();
        for number in 0..2 {
            let line = Line { number, rows: Vec::new(), stream: None, offset: 0 };
            log.pending.push(Pending { line, table: Arc::clone(&table), rows: rows.clone(), _share: None });
        }
        log.fail(StorageError::Stopping);
        log.commit(&mut open).unwrap();
        let snapshot = super::super::read::snapshot(&kernel, &data.path().join("t")).unwrap();
        let files = super::super::read::data_files(&kernel, &snapshot).unwrap();
        assert_eq!(files.iter().map(|found| found.file().rows).sum::<u64>(), 2);
    }
}

//! Rows into the stream: what is refused goes aside, what is durable is noted.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use zerobus_runtime::dynamic::{CellColumns, RowPlan};
use zerobus_runtime::{CloseError, DeadLetter, Error, ErrorKind, Undelivered};

use super::checkpoint::Checkpoint;
use super::lanes::{Lanes, Sent};
use super::lines::Line;
use super::marks::Marks;
use super::piece::{Piece, Rows};
use super::progress::Progress;
use super::source::LONGEST;
use super::{Receipt, StreamIds, signal};
use crate::arguments::Send;
use crate::dead_letters::DeadLetters;
use crate::failure::Failure;
use crate::terminal;

/// How often what is durable is noted on disk.
const EVERY: Duration = Duration::from_millis(200);

/// How many rows may be sent without a look at the clock.
const UNTIMED: u32 = 256;

/// How the rows came to an end.
#[derive(Debug)]
pub(super) enum Ending {
    /// It cannot go on.
    Failed(Failure),
    /// Somebody asked it to stop.
    Stopped,
    /// Every row was read.
    Whole,
}

/// Sends rows and keeps count of them.
pub(super) struct Sender<'a> {
    plan: &'a RowPlan,
    lanes: Lanes,
    columns: Option<CellColumns<'a>>,
    /// A text that is NULL in a cell.
    null: Option<String>,
    names: Vec<String>,
    dead_letters: Option<DeadLetters>,
    max_rejected: u64,
    checkpoint: Checkpoint,
    marks: Marks,
    /// The input that is read, and how many of its rows were sent or refused.
    at: (usize, u64),
    /// How many rows may be sent before the clock is looked at.
    untimed: u32,
    progress: &'a Progress,
    started: Instant,
    next_note: Instant,
    read: u64,
    /// Whether the last of them is neither accepted nor refused.
    is_open: bool,
    /// Rows that were refused before they were sent, and by the server.
    refused: u64,
}

impl<'a> Sender<'a> {
    pub(super) fn new(
        plan: &'a RowPlan,
        lanes: Lanes,
        arguments: &Send,
        checkpoint: Checkpoint,
        progress: &'a Progress,
    ) -> Result<Self, Failure> {
        let now = Instant::now();
        Ok(Self {
            plan,
            lanes,
            columns: None,
            null: arguments.cells.null.clone(),
            names: checkpoint.names(),
            dead_letters: arguments.dead_letters.as_deref().map(DeadLetters::open).transpose()?,
            max_rejected: arguments.max_rejected,
            checkpoint,
            marks: Marks::default(),
            at: (0, 0),
            untimed: UNTIMED,
            progress,
            started: now,
            next_note: now + EVERY,
            read: 0,
            is_open: false,
            refused: 0,
        })
    }

    /// Sends what is received, until its end, a signal or a failure, and gives the buffers of sent rows back.
    pub(super) async fn run(
        &mut self,
        mut pieces: mpsc::Receiver<Result<Piece, Failure>>,
        sent_rows: &std::sync::mpsc::Sender<Rows>,
    ) -> Ending {
        let stop = signal::stop();
        tokio::pin!(stop);
        let mut tick = tokio::time::interval(EVERY);
        loop {
            let piece = tokio::select! {
                biased;
                stopped = &mut stop => return stopped.map_or_else(Ending::Failed, |()| Ending::Stopped),
                piece = pieces.recv() => piece,
                _ = tick.tick() => {
                    match self.note() {
                        Ok(()) => continue,
                        Err(failure) => return Ending::Failed(failure),
                    }
                }
            };
            let piece = match piece {
                None => return Ending::Whole,
                Some(Err(failure)) => return Ending::Failed(failure),
                Some(Ok(piece)) => piece,
            };
            let sent = tokio::select! {
                biased;
                stopped = &mut stop => {
                    // The row that waited for room was not sent.
                    self.read -= u64::from(std::mem::take(&mut self.is_open));
                    return stopped.map_or_else(Ending::Failed, |()| Ending::Stopped);
                }
                sent = self.piece(&piece) => sent,
            };
            if let Err(failure) = sent {
                return Ending::Failed(failure);
            }
            if piece.rows.has_buffers() {
                // At the end of the files nobody takes them.
                let _ = sent_rows.send(piece.rows);
            }
        }
    }

    async fn piece(&mut self, piece: &Piece) -> Result<(), Failure> {
        let Piece { input, ref rows, read } = *piece;
        self.at = (input, read - rows.len());
        self.lanes.advance();
        match rows {
            #[cfg(feature = "parquet")]
            Rows::Batch(batch) => self.batch(input, read, batch).await?,
            Rows::Header(header) => {
                let columns = self.plan.cells(header);
                let name = &self.names[input];
                self.columns = Some(columns.map_err(|error| Failure::new(format_args!("{name}, line 1"), error))?);
                return Ok(());
            }
            Rows::Lines(lines) => {
                for (number, line) in lines.iter() {
                    match line {
                        Line::Text(text) => self.line(Place::line(input, number), text).await?,
                        Line::TooLong(bytes) => {
                            let reason = format!("found a line of {bytes} bytes, expected at most {LONGEST}");
                            self.unreadable(Place::line(input, number), &reason)?;
                        }
                    }
                }
            }
            Rows::Cells(records) => {
                let mut texts = Vec::new();
                for record in records.iter() {
                    let place = Place::line(input, record.line);
                    match record.texts(self.null.as_deref(), &mut texts) {
                        Ok(()) => self.cells(place, &texts).await?,
                        Err(reason) => self.unreadable(place, &reason)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// A row is read.
    const fn begin(&mut self) {
        self.read += 1;
        self.is_open = true;
    }

    /// A row was sent, or refused for good.
    fn done(&mut self, sent: Sent) -> Result<(), Failure> {
        let (input, before) = self.at;
        let accepted = match sent {
            Sent::AfterAWait(place) | Sent::AtOnce(place) => Some(place),
            Sent::Not => None,
        };
        self.marks.push(input, before, accepted);
        self.at.1 += 1;
        self.is_open = false;
        self.untimed -= 1;
        if self.untimed == 0 || matches!(sent, Sent::AfterAWait(_)) {
            self.untimed = UNTIMED;
            if Instant::now() >= self.next_note {
                self.note()?;
            }
        }
        Ok(())
    }

    async fn line(&mut self, place: Place, text: &[u8]) -> Result<(), Failure> {
        self.begin();
        let row = self.plan.json(text);
        let sent = match self.lanes.send(&row).await {
            Ok(sent) => sent,
            Err(error) => self.refused(place, text, &error)?,
        };
        self.done(sent)
    }

    async fn cells(&mut self, place: Place, texts: &[Option<&str>]) -> Result<(), Failure> {
        self.begin();
        let Some(columns) = &self.columns else { return Ok(()) };
        let sent = match self.lanes.send(&columns.row(texts)).await {
            Ok(sent) => sent,
            Err(error) => {
                let row = columns.json(texts).to_string();
                self.refused(place, row.as_bytes(), &error)?
            }
        };
        self.done(sent)
    }

    /// The rows of a batch, of which `read` rows of the file were read with the last.
    #[cfg(feature = "parquet")]
    async fn batch(&mut self, input: usize, read: u64, batch: &arrow_array::RecordBatch) -> Result<(), Failure> {
        let plan = self.plan;
        let rows = plan.arrow(batch).map_err(|error| Failure::new(&self.names[input], error))?;
        let first = read - rows.len() as u64 + 1;
        for (place, row) in (0..).zip(rows.iter()) {
            self.begin();
            let sent = match self.lanes.send(&row).await {
                Ok(sent) => sent,
                Err(error) => {
                    let text = rows.json(place).to_string();
                    self.refused(Place::row(input, first + place as u64), text.as_bytes(), &error)?
                }
            };
            self.done(sent)?;
        }
        Ok(())
    }

    /// A row that the plan or the stream refuses; any other error ends the run.
    fn refused(&mut self, place: Place, row: &[u8], error: &Error) -> Result<Sent, Failure> {
        if error.kind() != ErrorKind::Rejected {
            return Err(Failure::new("the rows cannot be sent", error.clone()));
        }
        let source = place.source(&self.names);
        self.count_refused(&source, &error.to_string(), 1)?;
        if let Some(letters) = &mut self.dead_letters {
            letters.add(&DeadLetter::refused(self.plan.table(), row, error).with_source(source))?;
        }
        Ok(Sent::Not)
    }

    /// A row that could not be read.
    fn unreadable(&mut self, place: Place, reason: &str) -> Result<(), Failure> {
        self.begin();
        let source = place.source(&self.names);
        self.count_refused(&source, reason, 1)?;
        if let Some(letters) = &mut self.dead_letters {
            letters.add(&DeadLetter::unreadable(self.plan.table(), &[], reason).with_source(source))?;
        }
        self.done(Sent::Not)
    }

    fn count_refused(&mut self, place: &str, reason: &str, rows: u64) -> Result<(), Failure> {
        self.refused += rows;
        if self.dead_letters.is_none() || self.refused > self.max_rejected {
            terminal::remark(format_args!("refused: {place}: {reason}"));
        }
        if self.refused > self.max_rejected {
            let (most, refused) = (self.max_rejected, self.refused);
            let rows = if refused == 1 { "row was" } else { "rows were" };
            return Err(Failure::text(format!(
                "{refused} {rows} refused, and --max-rejected allows {most}; mend the rows, or allow more and keep them with --dead-letters"
            )));
        }
        Ok(())
    }

    /// Takes aside what the server refused, and notes on disk what is durable.
    fn note(&mut self) -> Result<(), Failure> {
        self.next_note = Instant::now() + EVERY;
        // In this order: what was refused below this offset is taken aside before it counts as done.
        let settled = self.lanes.settled();
        let rejected: Vec<Undelivered> = self.lanes.take_rejected().collect();
        let counted = rejected.iter().try_for_each(|rows| self.returned(rows));
        if let Some(letters) = &mut self.dead_letters {
            letters.sync()?;
        }
        self.marks.settle(&settled, |input, rows| self.checkpoint.reached(input, rows));
        self.checkpoint.save()?;
        self.progress.show(self.read, self.refused, self.lanes.totals());
        counted
    }

    /// Rows that the server refused.
    fn returned(&mut self, rows: &Undelivered) -> Result<(), Failure> {
        if let Some(letters) = &mut self.dead_letters {
            letters.returned(rows)?;
        }
        let reason = rows.rows().next().map_or_else(String::new, |row| row.reason.to_string());
        self.count_refused("the server", &reason, rows.len())
    }

    /// Lets what was accepted become durable, and counts.
    pub(super) async fn close(mut self, ending: Ending, grace: Duration, ids: &StreamIds) -> Receipt {
        let (failed, unnoted) = self.drain(&ending, grace).await;
        let is_whole = ending.is_whole();
        let mut errors: Vec<String> = match ending {
            Ending::Failed(failure) => vec![failure.to_string()],
            Ending::Stopped => vec!["it was stopped; the same command with the same --checkpoint goes on".to_owned()],
            Ending::Whole => Vec::new(),
        };
        errors.extend(unnoted.map(|failure| failure.to_string()));
        // What the server refused is counted before what was not delivered.
        let mut undelivered = 0;
        for error in failed {
            let rows = error.clone().into_undelivered();
            let refused = |rows: &Undelivered| rows.rows().all(|row| row.reason.kind() == ErrorKind::Rejected);
            if let Some(rows) = rows.as_ref().filter(|rows| error.kind() == ErrorKind::Rejected && refused(rows)) {
                errors.extend(self.returned(rows).err().map(|failure| failure.to_string()));
                continue;
            }
            let kept = self.keep(rows, &mut errors);
            undelivered += kept;
            if is_whole || kept > 0 {
                errors.push(error.to_string());
            }
        }
        let noted = self.note().err().map(|failure| failure.to_string());
        errors.extend(noted.filter(|failure| !errors.contains(failure)));
        let totals = self.lanes.totals();
        Receipt {
            table: self.plan.table().to_owned(),
            read: self.read,
            durable: totals.rows_durable,
            refused: self.refused,
            recovered: totals.rows_recovered,
            spooled: totals.rows_on_disk,
            undelivered: undelivered.max(
                (self.read + totals.rows_recovered)
                    .saturating_sub(totals.rows_durable + self.refused + totals.rows_on_disk),
            ),
            possibly_twice: totals.rows_replayed,
            time: self.started.elapsed(),
            streams: ids.all(),
            error: (!errors.is_empty()).then(|| errors.join("; ")),
        }
    }

    /// Closes the lanes, and notes meanwhile what becomes durable. A signal bounds the time of what was read whole, and
    /// a second one ends the wait.
    async fn drain(&mut self, ending: &Ending, grace: Duration) -> (Vec<CloseError>, Option<Failure>) {
        let lanes = self.lanes.clone();
        let closing = async {
            if ending.is_whole() {
                tokio::select! {
                    failed = lanes.close(None) => return failed,
                    _ = signal::stop() => {}
                }
            }
            tokio::select! {
                failed = lanes.close(Some(grace)) => failed,
                _ = signal::stop() => lanes.close(Some(Duration::ZERO)).await,
            }
        };
        tokio::pin!(closing);
        let mut tick = tokio::time::interval(EVERY);
        let mut unnoted = None;
        loop {
            tokio::select! {
                failed = &mut closing => return (failed, unnoted),
                _ = tick.tick() => {
                    let noted = self.note();
                    unnoted = unnoted.or(noted.err());
                }
            }
        }
    }

    /// Keeps rows that were not delivered; how many there are.
    fn keep(&mut self, rows: Option<Undelivered>, errors: &mut Vec<String>) -> u64 {
        let Some(rows) = rows else { return 0 };
        // With a checkpoint they are sent by the same command, and would come twice by `replay`.
        if let Some(letters) = self.dead_letters.as_mut().filter(|_| !self.checkpoint.is_on_disk()) {
            let kept = letters.returned(&rows).and_then(|()| letters.sync());
            errors.extend(kept.err().map(|failure| failure.to_string()));
        }
        rows.len()
    }
}

/// Where a row is in its file.
#[derive(Debug, Clone, Copy)]
struct Place {
    input: usize,
    /// What the number counts.
    unit: &'static str,
    number: u64,
}

impl Place {
    const fn line(input: usize, number: u64) -> Self {
        Self { input, unit: "line", number }
    }

    #[cfg(feature = "parquet")]
    const fn row(input: usize, number: u64) -> Self {
        Self { input, unit: "row", number }
    }

    /// As messages and dead letters have it.
    fn source(self, names: &[String]) -> String {
        format!("{}, {} {}", names[self.input], self.unit, self.number)
    }
}

//! Sends rows to the lanes, keeps refused rows as dead letters, and records progress in the checkpoint.

use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use zerobus_runtime::dynamic::{CellColumns, DynamicRow, RowPlan};
use zerobus_runtime::{CloseError, DeadLetter, Error, ErrorKind, Offset, Undelivered};

use super::checkpoint::Checkpoint;
use super::lanes::{Lanes, Sent};
use super::letters::Letters;
use super::lines::{Line, Lines};
use super::marks::Marks;
use super::piece::{Piece, Rows};
use super::progress::Progress;
use super::records::{Records, Texts};
use super::source::LONGEST;
use super::{Receipt, StreamIds};
use crate::arguments::Send;
use crate::failure::Failure;
use crate::{signal, terminal};

/// How often the checkpoint is saved.
const EVERY: Duration = Duration::from_millis(200);

/// How many rows may be accepted before the clock is checked and the tasks that send them get a turn.
const UNTIMED: usize = 1_024;

/// How many rows are passed to a lane in one call.
const AT_ONCE: usize = 16;

/// Why the run ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// The run cannot continue.
    Failed(Failure),
    /// A signal asked the program to stop.
    Stopped,
    /// Every input was read to its end.
    Whole,
}

/// Sends rows and counts them.
pub(super) struct Sender<'a> {
    plan: &'a RowPlan,
    lanes: Lanes,
    columns: Option<Rc<CellColumns<'a>>>,
    /// The text that means NULL in a cell.
    null: Option<String>,
    names: Vec<String>,
    dead_letters: Option<Letters>,
    max_rejected: u64,
    checkpoint: Checkpoint,
    marks: Marks,
    /// The input that is being read, and how many of its rows were sent or refused.
    at: (usize, u64),
    /// How many more rows may be sent before the clock is checked.
    untimed: usize,
    progress: &'a Progress,
    started: Instant,
    next_note: Instant,
    read: u64,
    /// Whether the last row that was read is neither accepted nor refused yet.
    is_open: bool,
    /// Rows that were refused, before they were sent or by the server.
    refused: u64,
    /// For each lane, the offset of the first row that was refused and is kept nowhere: the checkpoint stays before it.
    held: Vec<u64>,
    /// Whether a dead letter could not be written. The checkpoint stays where it is, since its row is kept nowhere.
    has_lost_letters: bool,
}

impl<'a> Sender<'a> {
    pub(super) fn new(
        plan: &'a RowPlan,
        lanes: Lanes,
        arguments: &Send,
        checkpoint: Checkpoint,
        progress: &'a Progress,
    ) -> Self {
        let now = Instant::now();
        let held = vec![u64::MAX; lanes.len()];
        Self {
            plan,
            lanes,
            columns: None,
            null: arguments.cells.null.clone(),
            names: checkpoint.names(),
            dead_letters: None,
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
            held,
            has_lost_letters: false,
        }
    }

    /// Keeps refused rows in this file.
    pub(super) fn with_dead_letters(self, dead_letters: Option<Letters>) -> Self {
        Self { dead_letters, ..self }
    }

    /// Sends all received rows until the input ends, a signal arrives or something fails. Buffers of sent rows go back
    /// to the reader for reuse.
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
                    // The row that was waiting for room was not sent.
                    self.read -= u64::from(std::mem::take(&mut self.is_open));
                    return stopped.map_or_else(Ending::Failed, |()| Ending::Stopped);
                }
                sent = self.piece(&piece) => sent,
            };
            if let Err(failure) = sent {
                return Ending::Failed(failure);
            }
            if piece.rows.has_buffers() {
                // The reader may have finished.
                let _ = sent_rows.send(piece.rows);
            }
        }
    }

    async fn piece(&mut self, piece: &Piece) -> Result<(), Failure> {
        let Piece { input, ref rows, read, open } = *piece;
        self.at = (input, read - rows.len());
        self.go_back(rows);
        if let Some(open) = open {
            self.checkpoint.ends_with(input, read, open);
        }
        self.lanes.advance();
        match rows {
            #[cfg(feature = "parquet")]
            Rows::Batch(batch) => self.batch(input, read, batch).await?,
            Rows::Header(header) => {
                let columns = self.plan.cells(header);
                let name = &self.names[input];
                let columns = columns.map_err(|error| Failure::new(format_args!("{name}, line 1"), error))?;
                self.columns = Some(Rc::new(columns));
                return Ok(());
            }
            Rows::Lines(lines) => self.lines(input, lines).await?,
            Rows::Cells(records) => self.cells(input, records).await?,
        }
        Ok(())
    }

    /// Takes the first of these rows out of the checkpoint, if a part of it was taken for a row.
    fn go_back(&mut self, rows: &Rows) {
        let (input, before) = self.at;
        if rows.len() > 0 && self.checkpoint.back_to(input, before) {
            let (name, row) = (&self.names[input], before + 1);
            terminal::remark(format_args!(
                "{name}: row {row} was incomplete when it was sent; all of it is sent now, so the table, or the dead letters, may have the incomplete one"
            ));
        }
    }

    /// Counts a row that was read.
    const fn begin(&mut self) {
        self.read += 1;
        self.is_open = true;
    }

    /// Marks a row as refused, or a row and those sent with it as accepted.
    fn done(&mut self, sent: Sent) -> Result<(), Failure> {
        let (input, before) = self.at;
        self.marks.push(input, before, sent);
        // `begin` has counted the first row.
        self.at.1 += sent.rows as u64;
        self.read += sent.rows as u64 - 1;
        self.is_open = false;
        self.untimed = self.untimed.saturating_sub(sent.rows);
        if self.untimed == 0 || sent.has_waited {
            self.untimed = UNTIMED;
            if Instant::now() >= self.next_note {
                self.note()?;
            }
        }
        Ok(())
    }

    async fn lines(&mut self, input: usize, lines: &Lines) -> Result<(), Failure> {
        let plan = self.plan;
        let (mut rows, mut places) = (Vec::with_capacity(AT_ONCE), Vec::with_capacity(AT_ONCE));
        for (number, line) in lines.iter() {
            let place = Place::line(input, number);
            if let Line::Text(text) = line {
                rows.push(plan.json(text));
                places.push(place);
                if rows.len() < AT_ONCE {
                    continue;
                }
            }
            self.rows(&rows, |row| places[row]).await?;
            rows.clear();
            places.clear();
            if let Line::TooLong(bytes) = line {
                self.unreadable(place, &[], &format!("found a line of {bytes} bytes, expected at most {LONGEST}"))?;
            }
        }
        self.rows(&rows, |row| places[row]).await
    }

    async fn cells(&mut self, input: usize, records: &Records) -> Result<(), Failure> {
        let Some(columns) = self.columns.clone() else { return Ok(()) };
        let (mut texts, mut places) = (Texts::default(), Vec::with_capacity(AT_ONCE));
        for record in records.iter() {
            let place = Place::line(input, record.line);
            let added = texts.add(record, self.null.as_deref());
            if added.is_ok() {
                places.push(place);
                if texts.len() < AT_ONCE {
                    continue;
                }
            }
            self.cells_at(&columns, &texts, &places).await?;
            texts.clear();
            places.clear();
            if let Err(reason) = added {
                self.unreadable(place, &record.joined(), &reason)?;
            }
        }
        self.cells_at(&columns, &texts, &places).await
    }

    async fn cells_at(
        &mut self,
        columns: &CellColumns<'_>,
        texts: &Texts<'_>,
        places: &[Place],
    ) -> Result<(), Failure> {
        let rows: Vec<_> = texts.rows().map(|cells| columns.row(cells)).collect();
        self.rows(&rows, |row| places[row]).await
    }

    /// Sends the rows of a batch; `read` counts the rows of the file up to the end of this batch.
    #[cfg(feature = "parquet")]
    async fn batch(&mut self, input: usize, read: u64, batch: &arrow_array::RecordBatch) -> Result<(), Failure> {
        let plan = self.plan;
        let rows = plan.arrow(batch).map_err(|error| Failure::new(&self.names[input], error))?;
        let first = read - rows.len() as u64 + 1;
        let mut at_once = Vec::with_capacity(AT_ONCE);
        for start in (0..rows.len()).step_by(AT_ONCE) {
            at_once.clear();
            at_once.extend((start..start + AT_ONCE).map_while(|number| rows.row(number)));
            self.rows(&at_once, |row| Place::row(input, first + (start + row) as u64)).await?;
        }
        Ok(())
    }

    /// Sends rows, and keeps refused ones as dead letters.
    async fn rows(&mut self, rows: &[DynamicRow<'_>], place: impl Fn(usize) -> Place) -> Result<(), Failure> {
        let mut at = 0;
        while let Some(row) = rows.get(at) {
            self.begin();
            let sent = match self.lanes.send(&rows[at..]).await {
                Ok(Some(sent)) => sent,
                Ok(None) => return Ok(()),
                Err(error) => self.refused(place(at), row, &error)?,
            };
            at += sent.rows;
            self.done(sent)?;
            if self.untimed == UNTIMED {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Handles a row that the plan or the stream refused; any other error ends the run.
    fn refused(&mut self, place: Place, row: &DynamicRow<'_>, error: &Error) -> Result<Sent, Failure> {
        if error.kind() != ErrorKind::Rejected {
            return Err(Failure::new("the rows cannot be sent", error.clone()));
        }
        let source = place.source(&self.names);
        self.count_refused(&source, &error.to_string(), 1)?;
        if let Some(letters) = &self.dead_letters {
            letters.add(&row.dead_letter(error).with_source(source))?;
        }
        Ok(Sent::REFUSED)
    }

    /// Handles a row that could not be read.
    fn unreadable(&mut self, place: Place, bytes: &[u8], reason: &str) -> Result<(), Failure> {
        self.begin();
        let source = place.source(&self.names);
        self.count_refused(&source, reason, 1)?;
        if let Some(letters) = &self.dead_letters {
            letters.add(&DeadLetter::unreadable(self.plan.table(), bytes, reason).with_source(source))?;
        }
        self.done(Sent::REFUSED)
    }

    fn count_refused(&mut self, place: &str, reason: &str, rows: u64) -> Result<(), Failure> {
        self.refused += rows;
        if self.dead_letters.is_none() || self.refused > self.max_rejected {
            terminal::remark(format_args!("refused: {place}: {reason}"));
        }
        if self.refused > self.max_rejected {
            let (most, refused) = (self.max_rejected, self.refused);
            let rows = if refused == 1 { "row was" } else { "rows were" };
            // The rows behind a refused one may be durable, and the file is known by its first bytes.
            let advice = if self.checkpoint.is_on_disk() && self.dead_letters.is_none() {
                "repeat the command with a higher --max-rejected and --dead-letters, since without them it sends the rows behind a refused one again"
            } else {
                "fix the rows, or allow more and keep them with --dead-letters"
            };
            return Err(Failure::text(format!("{refused} {rows} refused, and --max-rejected allows {most}; {advice}")));
        }
        Ok(())
    }

    /// Takes rows that the server refused aside, and saves the checkpoint.
    fn note(&mut self) -> Result<(), Failure> {
        self.next_note = Instant::now() + EVERY;
        // The offsets are read first: rows refused below them are taken aside before the checkpoint counts them.
        let settled = self.lanes.settled();
        let mut failure = None;
        for (lane, rows) in self.lanes.take_rejected().collect::<Vec<_>>() {
            let letters: Vec<DeadLetter> = rows.letters().collect();
            failure = failure.or(self.take_aside(lane, &letters).err());
        }
        failure = failure.or(self.count_taken().err());
        failure = failure.or(self.dead_letters.as_ref().and_then(Letters::failure));
        let synced = self.dead_letters.as_ref().map_or(Ok(()), Letters::sync);
        self.has_lost_letters |= synced.is_err();
        failure = failure.or(synced.err());
        if !self.has_lost_letters {
            let settled: Vec<u64> = settled.iter().zip(&self.held).map(|(settled, held)| *settled.min(held)).collect();
            self.marks.settle(&settled, |input, rows| self.checkpoint.reached(input, rows));
            self.checkpoint.save()?;
        }
        self.progress.show(self.read, self.refused, self.lanes.totals());
        failure.map_or(Ok(()), Err)
    }

    /// Counts the rows that the server refused and a lane wrote to the dead letters.
    fn count_taken(&mut self) -> Result<(), Failure> {
        let taken = self.dead_letters.as_ref().map(Letters::take_uncounted).unwrap_or_default();
        let Some(reason) = taken.first() else { return Ok(()) };
        self.count_refused("the server", reason, taken.len() as u64)
    }

    /// Keeps rows that the server refused as dead letters, and counts them.
    fn take_aside(&mut self, lane: usize, letters: &[DeadLetter]) -> Result<(), Failure> {
        let Some(first) = letters.first() else { return Ok(()) };
        if let Some(file) = &self.dead_letters {
            let kept = letters.iter().try_for_each(|letter| file.add(letter));
            self.has_lost_letters |= kept.is_err();
            kept?;
        }
        let counted = self.count_refused("the server", &first.reason().to_string(), letters.len() as u64);
        if counted.is_err() && self.dead_letters.is_none() {
            // They are read again once they are fixed.
            self.held[lane] = self.held[lane].min(first.offset().map_or(0, Offset::value));
        }
        counted
    }

    /// Waits until the accepted rows are durable, and returns the receipt.
    pub(super) async fn close(mut self, ending: Ending, grace: Duration, ids: &StreamIds) -> Receipt {
        let is_whole = ending.is_whole();
        let mut errors: Vec<String> = match ending {
            Ending::Failed(failure) => vec![failure.to_string()],
            Ending::Stopped if self.checkpoint.is_on_disk() => {
                vec!["it was stopped; the same command with the same --checkpoint continues".to_owned()]
            }
            Ending::Stopped => vec!["it was stopped".to_owned()],
            Ending::Whole => Vec::new(),
        };
        let undelivered = self.drain(is_whole, grace, &mut errors).await;
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
            // How often rows were sent again; some of them were refused.
            possibly_twice: totals.rows_replayed.min(totals.rows_durable),
            time: self.started.elapsed(),
            streams: ids.all(),
            error: (!errors.is_empty()).then(|| errors.join("; ")),
        }
    }

    /// Closes the lanes, and saves the checkpoint meanwhile. If all inputs were read, the wait has no limit until a
    /// signal arrives; then `grace` is the limit. One more signal ends the wait. Returns the number of rows that were
    /// given up.
    async fn drain(&mut self, is_whole: bool, grace: Duration, errors: &mut Vec<String>) -> u64 {
        let lanes = self.lanes.clone();
        let (mut is_limited, mut until) = (!is_whole, if is_whole { None } else { end_of(grace) });
        let mut stop = pin!(signal::stop());
        let mut tick = tokio::time::interval(EVERY);
        let mut unnoted = None;
        let mut undelivered = 0;
        // The streams deliver concurrently, so waiting for one after another takes only as long as the slowest.
        for lane in 0..lanes.len() {
            let mut closing = pin!(lanes.close(lane, until));
            let closed = loop {
                tokio::select! {
                    // What a lane returns is kept before the checkpoint may count it.
                    biased;
                    closed = &mut closing => break closed,
                    _ = &mut stop => {
                        until = if is_limited { end_of(Duration::ZERO) } else { end_of(grace) };
                        is_limited = true;
                        stop.set(signal::stop());
                        closing.set(lanes.close(lane, until));
                    }
                    _ = tick.tick() => {
                        unnoted = unnoted.or(self.note().err());
                        // The lane would wait for ever for a disk that takes no dead letters.
                        let waits = self.dead_letters.as_ref().is_some_and(|letters| letters.failure().is_some());
                        if waits && !is_limited {
                            (is_limited, until) = (true, end_of(grace));
                            closing.set(lanes.close(lane, until));
                        }
                    }
                }
            };
            if let Err(error) = closed {
                undelivered += self.closed(lane, error, is_whole, errors);
            }
        }
        errors.extend(unnoted.map(|failure| failure.to_string()));
        undelivered
    }

    /// Keeps the rows that a lane returned at its end. Returns the number of those that were given up.
    fn closed(&mut self, lane: usize, error: CloseError, is_whole: bool, errors: &mut Vec<String>) -> u64 {
        let text = error.to_string();
        let rows = error.into_undelivered();
        let given_up = rows.as_ref().map_or(0, |rows| self.returned(lane, rows, errors));
        if given_up > 0 || (rows.is_none() && is_whole) {
            errors.push(text);
        }
        given_up
    }

    /// Keeps the rows that a failed lane returned. Those that the server refused count as refused; the number of the
    /// others, which were given up, is returned.
    fn returned(&mut self, lane: usize, rows: &Undelivered, errors: &mut Vec<String>) -> u64 {
        let settled = self.lanes.settled()[lane];
        // A row that was given up has the reason of the failure, which may be the refusal of another row.
        let is_refused = |letter: &DeadLetter| {
            letter.reason().kind() == ErrorKind::Rejected
                && letter.offset().is_some_and(|offset| offset.value() < settled)
        };
        let refused: Vec<DeadLetter> = rows.letters().filter(is_refused).collect();
        errors.extend(self.take_aside(lane, &refused).err().map(|failure| failure.to_string()));
        let kept = self.keep(rows.letters().filter(|letter| !is_refused(letter)));
        errors.extend(kept.err().map(|failure| failure.to_string()));
        rows.len() - refused.len() as u64
    }

    /// Keeps rows that were given up as dead letters.
    fn keep(&mut self, mut letters: impl Iterator<Item = DeadLetter>) -> Result<(), Failure> {
        // With a checkpoint, running the same command again sends them, so `replay` would send them twice.
        match self.dead_letters.as_ref().filter(|_| !self.checkpoint.is_on_disk()) {
            Some(file) => letters.try_for_each(|letter| file.add(&letter)).and_then(|()| file.sync()),
            None => Ok(()),
        }
    }
}

/// The end of a time from now; none if it is too far away.
fn end_of(time: Duration) -> Option<tokio::time::Instant> {
    tokio::time::Instant::now().checked_add(time)
}

/// Where a row is in its file.
#[derive(Debug, Clone, Copy)]
struct Place {
    input: usize,
    /// What `number` counts.
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

    /// The place as messages and dead letters name it.
    fn source(self, names: &[String]) -> String {
        format!("{}, {} {}", names[self.input], self.unit, self.number)
    }
}

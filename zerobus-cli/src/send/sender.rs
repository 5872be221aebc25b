//! Rows into the stream: what is refused goes aside, what is durable is noted.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use zerobus_runtime::dynamic::{CellColumns, Dynamic, DynamicRow, RowPlan};
use zerobus_runtime::{Error, ErrorKind, IngestStream, Offset, Report, Undelivered};

use super::checkpoint::Checkpoint;
use super::lines::Line;
use super::marks::Marks;
use super::progress::Progress;
use super::reader::{LONGEST, Piece, Rows};
use super::{Receipt, StreamIds};
use crate::arguments::Send;
use crate::dead_letters::DeadLetters;
use crate::failure::Failure;

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
    stream: &'a IngestStream<Dynamic>,
    columns: Option<CellColumns<'a>>,
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
    /// Rows that were refused before they were sent, and by the server.
    refused: u64,
}

impl<'a> Sender<'a> {
    pub(super) fn new(
        plan: &'a RowPlan,
        stream: &'a IngestStream<Dynamic>,
        arguments: &Send,
        checkpoint: Checkpoint,
        progress: &'a Progress,
    ) -> Result<Self, Failure> {
        let now = Instant::now();
        Ok(Self {
            plan,
            stream,
            columns: None,
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
            refused: 0,
        })
    }

    /// Sends what is received, until its end, a signal or a failure.
    pub(super) async fn run(&mut self, mut pieces: mpsc::Receiver<Result<Piece, Failure>>) -> Ending {
        let stop = stop_signal();
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
                stopped = &mut stop => return stopped.map_or_else(Ending::Failed, |()| Ending::Stopped),
                sent = self.piece(piece) => sent,
            };
            if let Err(failure) = sent {
                return Ending::Failed(failure);
            }
        }
    }

    async fn piece(&mut self, piece: Piece) -> Result<(), Failure> {
        let Piece { input, rows, read } = piece;
        self.at = (input, read - rows.len());
        match rows {
            Rows::Header(header) => {
                let columns = self.plan.cells(&header);
                let name = &self.names[input];
                self.columns = Some(columns.map_err(|error| Failure::new(format_args!("{name}, line 1"), error))?);
                return Ok(());
            }
            Rows::Lines(lines) => {
                for (number, line) in lines.iter() {
                    match line {
                        Line::Text(text) => self.line((input, number), text).await?,
                        Line::TooLong(bytes) => {
                            let reason = format!("found a line of {bytes} bytes, expected at most {LONGEST}");
                            self.unreadable((input, number), &reason)?;
                        }
                    }
                }
            }
            Rows::Cells(records) => {
                for record in &records {
                    match &record.cells {
                        Ok(cells) => self.cells((input, record.line), cells).await?,
                        Err(reason) => self.unreadable((input, record.line), reason)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// A row was sent, or refused for good.
    fn done(&mut self, sent: Sent) -> Result<(), Failure> {
        let (input, before) = self.at;
        let offset = match sent {
            Sent::AtOnce(offset) | Sent::AfterAWait(offset) => Some(offset.value()),
            Sent::Not => None,
        };
        self.marks.push(input, before, offset);
        self.at.1 += 1;
        self.untimed -= 1;
        if self.untimed == 0 || matches!(sent, Sent::AfterAWait(_)) {
            self.untimed = UNTIMED;
            if Instant::now() >= self.next_note {
                self.note()?;
            }
        }
        Ok(())
    }

    async fn line(&mut self, place: (usize, u64), text: &[u8]) -> Result<(), Failure> {
        self.read += 1;
        let row = self.plan.json(text);
        let sent = match send(self.stream, &row).await {
            Ok(sent) => sent,
            Err(error) => self.refused(place, text, &error)?,
        };
        self.done(sent)
    }

    async fn cells(&mut self, place: (usize, u64), cells: &[Option<String>]) -> Result<(), Failure> {
        self.read += 1;
        let Some(columns) = &self.columns else { return Ok(()) };
        let texts: Vec<Option<&str>> = cells.iter().map(Option::as_deref).collect();
        let sent = match send(self.stream, &columns.row(&texts)).await {
            Ok(sent) => sent,
            Err(error) => {
                let row = columns.json(&texts).to_string();
                self.refused(place, row.as_bytes(), &error)?
            }
        };
        self.done(sent)
    }

    /// A row that the plan or the stream refuses; any other error ends the run.
    fn refused(&mut self, (input, line): (usize, u64), row: &[u8], error: &Error) -> Result<Sent, Failure> {
        if error.kind() != ErrorKind::Rejected {
            return Err(Failure::new("the rows cannot be sent", error.clone()));
        }
        let source = format!("{}, line {line}", self.names[input]);
        self.count_refused(&source, &error.to_string(), 1)?;
        if let Some(letters) = &mut self.dead_letters {
            letters.refused(self.plan.table(), source, row, error)?;
        }
        Ok(Sent::Not)
    }

    /// A row that could not be read.
    fn unreadable(&mut self, (input, line): (usize, u64), reason: &str) -> Result<(), Failure> {
        self.read += 1;
        let source = format!("{}, line {line}", self.names[input]);
        self.count_refused(&source, reason, 1)?;
        if let Some(letters) = &mut self.dead_letters {
            letters.unreadable(self.plan.table(), source, reason.to_owned())?;
        }
        self.done(Sent::Not)
    }

    fn count_refused(&mut self, place: &str, reason: &str, rows: u64) -> Result<(), Failure> {
        self.refused += rows;
        if self.dead_letters.is_none() || self.refused > self.max_rejected {
            eprintln!("refused: {place}: {reason}");
        }
        if self.refused > self.max_rejected {
            let most = self.max_rejected;
            return Err(Failure::text(format!(
                "{} rows were refused, and --max-rejected allows {most}; mend the rows, or allow more and keep them with --dead-letters",
                self.refused
            )));
        }
        Ok(())
    }

    /// Takes aside what the server refused, and notes on disk what is durable.
    fn note(&mut self) -> Result<(), Failure> {
        self.next_note = Instant::now() + EVERY;
        // In this order: what was refused below this offset is taken aside before it counts as done.
        let acked = self.stream.acked();
        let rejected = self.stream.take_rejected();
        let counted = rejected.map_or(Ok(()), |rows| self.returned(&rows));
        if let Some(letters) = &mut self.dead_letters {
            letters.sync()?;
        }
        let settled = acked.map_or(0, |offset| offset.value() + 1);
        self.marks.settle(settled, |input, rows| self.checkpoint.reached(input, rows));
        self.checkpoint.save()?;
        self.progress.show(self.read, self.refused, &self.stream.stats());
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
        let (closed, unnoted) = self.drain(&ending, grace).await;
        let is_whole = ending.is_whole();
        let mut errors: Vec<String> = match ending {
            Ending::Failed(failure) => vec![failure.to_string()],
            Ending::Stopped => vec!["it was stopped; the same command with the same --checkpoint goes on".to_owned()],
            Ending::Whole => Vec::new(),
        };
        errors.extend(unnoted.map(|failure| failure.to_string()));
        // What the server refused is counted before what was not delivered.
        let mut undelivered = 0;
        if let Err(error) = closed {
            let (gave_up, rows) = (error.kind(), error.clone().into_undelivered());
            let refused =
                rows.as_ref().is_some_and(|rows| rows.rows().all(|row| row.reason.kind() == ErrorKind::Rejected));
            if let Some(rows) = rows.filter(|_| gave_up == ErrorKind::Rejected && refused) {
                errors.extend(self.returned(&rows).err().map(|failure| failure.to_string()));
            } else {
                undelivered = self.keep(error.clone().into_undelivered(), &mut errors);
                if is_whole || undelivered > 0 {
                    errors.push(error.to_string());
                }
            }
        }
        let noted = self.note().err().map(|failure| failure.to_string());
        errors.extend(noted.filter(|failure| !errors.contains(failure)));
        let stats = self.stream.stats();
        Receipt {
            table: self.plan.table().to_owned(),
            read: self.read,
            durable: stats.rows_durable,
            refused: self.refused,
            undelivered: undelivered.max(self.read.saturating_sub(stats.rows_durable + self.refused)),
            possibly_twice: stats.rows_replayed,
            time: self.started.elapsed(),
            streams: ids.all(),
            error: (!errors.is_empty()).then(|| errors.join("; ")),
        }
    }

    /// Closes the stream, and notes meanwhile what becomes durable. A signal bounds the time of what was read whole, and a
    /// second one ends the wait.
    async fn drain(&mut self, ending: &Ending, grace: Duration) -> (Result<Report, Error>, Option<Failure>) {
        let stream = self.stream;
        let closing = async {
            if ending.is_whole() {
                tokio::select! {
                    closed = stream.close() => return closed,
                    _ = stop_signal() => {}
                }
            }
            tokio::select! {
                closed = stream.close_within(grace) => closed,
                _ = stop_signal() => stream.close_within(Duration::ZERO).await,
            }
        };
        tokio::pin!(closing);
        let mut tick = tokio::time::interval(EVERY);
        let mut unnoted = None;
        loop {
            tokio::select! {
                closed = &mut closing => return (closed, unnoted),
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
        if let Some(letters) = &mut self.dead_letters {
            let kept = letters.returned(&rows).and_then(|()| letters.sync());
            errors.extend(kept.err().map(|failure| failure.to_string()));
        }
        rows.len()
    }
}

/// What became of a row.
#[derive(Debug, Clone, Copy)]
enum Sent {
    AfterAWait(Offset),
    AtOnce(Offset),
    /// It was refused.
    Not,
}

/// Sends a row, without a wait where there is room.
async fn send(stream: &IngestStream<Dynamic>, row: &DynamicRow<'_>) -> Result<Sent, Error> {
    match stream.try_send(row) {
        Err(error) if error.kind() == ErrorKind::Full => stream.send(row).await.map(Sent::AfterAWait),
        sent => sent.map(Sent::AtOnce),
    }
}

/// Waits for Ctrl-C or SIGTERM.
async fn stop_signal() -> Result<(), Failure> {
    let failed = |error| Failure::new("signals cannot be heard", error);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => stopped.map_err(failed),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(failed)
}

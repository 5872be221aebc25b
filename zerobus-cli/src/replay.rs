//! `replay`: sends rows again that were refused or returned. Rows that become durable are removed from the file; the
//! others stay, with their new reason.
//!
//! The file is never held in memory. It is read twice: first to check that every line can be read, then to send the
//! rows. Rows that stay are written to a file beside it, which replaces it at the end. A killed run leaves the file as
//! it was; a run that is stopped by a signal settles what it sent, and replaces the file.
//!
//! | file | what it owns |
//! |---|---|
//! | `survey` | the file: its lock, and the check of its lines |
//! | `target` | the stream of one table, and what became of its rows |
//! | `under_way` | rows that are not settled yet, and the file of those that stay |

mod survey;
mod target;
mod under_way;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use zerobus_runtime::DeadLetter;

use crate::arguments::Replay;
use crate::failure::Failure;
use crate::send::{Receipt, StreamIds};
use crate::{Outcome, signal, terminal};
use survey::Survey;
use target::Target;
use under_way::UnderWay;

/// Sends the rows and prints a receipt.
pub(crate) async fn run(arguments: Replay) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let survey = Survey::of(&arguments.file)?;
    let mut replaying = Replaying::new(&arguments)?;
    let sent = replaying.rows(&survey).await;
    let receipt = replaying.finish(sent, &survey).await;
    let receipt = Receipt { time: started.elapsed(), ..receipt };
    receipt.print(arguments.json);
    Ok(receipt.outcome())
}

/// The state of a replay.
struct Replaying<'a> {
    arguments: &'a Replay,
    ids: StreamIds,
    /// The stream of each table; `None` if it could not be opened.
    targets: BTreeMap<String, Option<Rc<Target>>>,
    under_way: UnderWay,
    /// Whether a signal asked the program to stop: no more rows are sent.
    is_stopped: bool,
    /// The first failure other than a refused row.
    failure: Option<Failure>,
}

impl<'a> Replaying<'a> {
    fn new(arguments: &'a Replay) -> Result<Self, Failure> {
        Ok(Self {
            arguments,
            ids: StreamIds::default(),
            targets: BTreeMap::new(),
            under_way: UnderWay::new(&arguments.file)?,
            is_stopped: false,
            failure: None,
        })
    }

    /// Sends the rows until the file ends or fails. After a signal the remaining rows stay in the file.
    async fn rows(&mut self, survey: &Survey<'_>) -> Result<(), Failure> {
        let mut letters = survey.letters()?;
        tokio::select! {
            biased;
            stopped = signal::stop() => stopped?,
            sent = self.take_in(&mut letters) => return sent,
        }
        self.note_stop();
        // What is under way must be settled before the rows behind it are kept.
        self.close().await;
        self.take_in(&mut letters).await
    }

    /// Takes in the rows, and sends them unless the program was asked to stop. A future that is dropped loses none.
    async fn take_in(
        &mut self,
        letters: &mut impl Iterator<Item = Result<DeadLetter, Failure>>,
    ) -> Result<(), Failure> {
        for letter in letters {
            let letter = letter?;
            let table = letter.table().to_owned();
            // A partial letter lacks some values, so sending it would store a different row.
            let is_sent = !self.is_stopped && !letter.is_partial();
            self.under_way.push(letter);
            if is_sent && let Some(target) = self.target(&table).await {
                self.under_way.send_last(target).await;
            }
            while self.under_way.is_full() {
                self.under_way.settle_first().await?;
            }
        }
        Ok(())
    }

    /// Notes that no more rows are sent.
    fn note_stop(&mut self) {
        self.is_stopped = true;
        let failure = || Failure::text("it was stopped; the same command sends the rows that are left");
        self.failure.get_or_insert_with(failure);
    }

    /// The stream of a table, opened at its first row.
    async fn target(&mut self, table: &str) -> Option<Rc<Target>> {
        if let Some(target) = self.targets.get(table) {
            return target.clone();
        }
        let opened = Target::open(self.arguments, table, &self.ids).await;
        let target = opened.map_err(|failure| self.failure.get_or_insert(failure)).ok().map(Rc::new);
        self.targets.insert(table.to_owned(), target.clone());
        target
    }

    /// Waits until the rows under way are settled. The wait has no limit until a signal arrives; then `--grace` is the
    /// limit, and one more signal ends it.
    async fn close(&mut self) {
        if !self.is_stopped {
            tokio::select! {
                () = self.close_within(None) => return,
                _ = signal::stop() => self.note_stop(),
            }
        }
        tokio::select! {
            () = self.close_within(Some(self.arguments.grace)) => {}
            _ = signal::stop() => self.close_within(Some(Duration::ZERO)).await,
        }
    }

    async fn close_within(&self, within: Option<Duration>) {
        // The streams deliver concurrently, so waiting for one after another takes only as long as the slowest.
        let until = within.and_then(|within| tokio::time::Instant::now().checked_add(within));
        for target in self.targets.values().flatten() {
            target.close(until).await;
        }
    }

    /// Waits until every row is settled, replaces the file with the rows that stay, and returns the receipt.
    async fn finish(mut self, sent: Result<(), Failure>, survey: &Survey<'_>) -> Receipt {
        if let Err(failure) = sent {
            // The rows behind it were not read.
            self.is_stopped = true;
            self.under_way.keep_the_file();
            self.failure.get_or_insert(failure);
        }
        self.close().await;
        let mut possibly_twice = 0;
        // Sent again does not tell which rows: some may be refused, and are then not in the table at all.
        for target in self.targets.values().flatten() {
            if let Some(error) = target.error() {
                self.failure.get_or_insert(Failure::new("the rows were not delivered", error));
            }
            possibly_twice += target.rows_replayed();
        }
        let (settled, replaced) = self.under_way.finish().await;
        if settled.partial > 0 {
            terminal::remark(format_args!(
                "{} of the rows that stay are `partial`: the file has only a part of them, so send them from their source",
                settled.partial
            ));
        }
        if let Err(failure) = replaced {
            self.failure.get_or_insert(failure);
        }
        if settled.durable > 0 && !settled.is_replaced {
            let failure = self.failure.take().map(|failure| format!("{failure}; ")).unwrap_or_default();
            self.failure = Some(Failure::text(format!(
                "{failure}{} was not replaced: the rows that are durable now are still in it, and a replay sends them again",
                self.arguments.file.display()
            )));
        }
        Receipt {
            table: survey.tables(),
            read: survey.rows(),
            durable: settled.durable,
            refused: settled.refused,
            undelivered: survey.rows() - settled.durable - settled.refused,
            possibly_twice: (possibly_twice + settled.possibly_twice).min(settled.durable),
            streams: self.ids.all(),
            error: self.failure.map(|failure| failure.to_string()),
            ..Receipt::default()
        }
    }
}

//! `replay`: sends rows again that were refused or returned. Rows that become durable are removed from the file; the
//! others stay, with their new reason.
//!
//! The file is never held in memory. It is read twice: first to check that every line can be read, then to send the
//! rows. Rows that stay are written to a file beside it, which replaces it at the end, so that a killed run loses
//! nothing.

mod survey;
mod under_way;

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use zerobus_codegen::TableName;
use zerobus_runtime::dynamic::{RowPlan, TimeUnit};
use zerobus_runtime::{DeadLetter, EncodedStream, Encoder, Error, ErrorKind, Offset};

use crate::Outcome;
use crate::arguments::Replay;
use crate::failure::Failure;
use crate::send::{Receipt, StreamIds};
use survey::Survey;
use under_way::{Fate, UnderWay};

/// Sends the rows and prints a receipt.
pub(crate) async fn run(arguments: Replay) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let survey = Survey::of(&arguments.file)?;
    let mut replaying = Replaying::new(&arguments)?;
    for letter in survey.letters()? {
        replaying.send(letter?).await?;
    }
    let mut receipt = replaying.close().await?;
    receipt.table = survey.tables();
    receipt.read = survey.rows();
    let left = receipt.refused + receipt.undelivered;
    receipt.durable = receipt.read - left;
    receipt.time = started.elapsed();
    receipt.print(arguments.json);
    Ok(receipt.outcome())
}

/// The state of a replay.
struct Replaying<'a> {
    arguments: &'a Replay,
    ids: StreamIds,
    /// The stream of each table; `None` if it could not be opened.
    targets: BTreeMap<String, Option<Target>>,
    under_way: UnderWay,
    /// The first failure other than a refused row.
    failure: Option<Failure>,
}

/// The stream of one table.
struct Target {
    /// For each unit of integer times that a letter may name.
    plans: HashMap<Option<TimeUnit>, RowPlan>,
    stream: EncodedStream,
}

impl<'a> Replaying<'a> {
    fn new(arguments: &'a Replay) -> Result<Self, Failure> {
        Ok(Self {
            arguments,
            ids: StreamIds::default(),
            targets: BTreeMap::new(),
            under_way: UnderWay::new(&arguments.file)?,
            failure: None,
        })
    }

    /// Sends a row, and settles rows before it if too many are under way.
    async fn send(&mut self, letter: DeadLetter) -> Result<(), Failure> {
        self.open(letter.table()).await;
        let fate = match self.targets.get(letter.table()) {
            // A partial letter lacks some values, so sending it would store a different row.
            Some(Some(target)) if !letter.is_partial() => match target.send(&letter).await {
                Ok(offset) => Fate::Sent(target.stream.clone(), offset),
                Err(error) => Fate::Refused(error),
            },
            _ => Fate::Kept,
        };
        self.under_way.push(letter, fate).await
    }

    /// Opens the stream of a table at its first row.
    async fn open(&mut self, table: &str) {
        if self.targets.contains_key(table) {
            return;
        }
        let opened = Target::open(self.arguments, table, &self.ids).await;
        let target = opened.map_err(|failure| self.failure.get_or_insert(failure)).ok();
        self.targets.insert(table.to_owned(), target);
    }

    /// Waits until every row is settled, and replaces the file with the rows that stay.
    async fn close(mut self) -> Result<Receipt, Failure> {
        let mut receipt = Receipt::default();
        for target in self.targets.values().flatten() {
            let closed = target.stream.close().await;
            if let Some(error) = closed.err().filter(|error| error.kind() != ErrorKind::Rejected) {
                self.failure.get_or_insert(Failure::new("the rows were not delivered", error));
            }
            receipt.possibly_twice += target.stream.stats().rows_replayed;
        }
        let left = self.under_way.finish().await?;
        (receipt.refused, receipt.undelivered) = (left.refused, left.undelivered);
        receipt.error = self.failure.map(|failure| failure.to_string());
        receipt.streams = self.ids.all();
        Ok(receipt)
    }
}

impl Target {
    async fn open(arguments: &Replay, table: &str, ids: &StreamIds) -> Result<Self, Failure> {
        let name: TableName = table.parse().map_err(|error| Failure::new("a row has no table", error))?;
        let plan = arguments.rows.plan(&name, &arguments.login).await?;
        let stream = arguments.login.client()?.encoded_stream(plan.table(), plan.descriptor()).on_event(ids.hook());
        // Every row may be refused again, and each needs its own reason.
        let stream = stream.max_rejected_rows(usize::MAX).open().await?;
        let units = [TimeUnit::Micros, TimeUnit::Millis, TimeUnit::Nanos, TimeUnit::Secs];
        let plans = units.into_iter().map(|unit| (Some(unit), plan.clone().integer_times(unit)));
        // A letter that names none has the unit of the arguments, if any.
        let plans = plans.chain([(None, plan.clone())]).collect();
        Ok(Self { plans, stream })
    }

    async fn send(&self, letter: &DeadLetter) -> Result<Offset, Error> {
        if !letter.is_json() {
            return self.stream.send(letter.bytes()).await;
        }
        let mut out = Encoder::new();
        let plan = &self.plans[&letter.integer_times()];
        plan.encode(&plan.json(letter.bytes()), &mut out)?;
        self.stream.send(out.as_slice()).await
    }
}

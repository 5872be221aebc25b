//! What a client is to do, and the pace at which it does it.

use std::future::Future;
use std::ops::Range;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::Failure;
use crate::measure::{Report, Usage};

/// The table that a client writes to, and the form of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// Ten columns of 120 bytes.
    Flat,
    /// The same as JSON.
    Json,
    /// Structs three deep and an array of structs.
    Nested,
    /// Ten columns of 1 KB.
    Wide,
}

/// How many rows a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Calls {
    /// One by one.
    Single,
    /// A thousand; our client has no such call, and sends one by one.
    Thousand,
}

/// The tokio runtime that a client runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Threads {
    /// As `#[tokio::main]` has it: a worker for each core.
    Many,
    /// One thread for all.
    One,
}

/// What a client is to do.
#[derive(Debug, Clone, Parser)]
pub struct Plan {
    /// The server's address.
    #[arg(long)]
    pub url: String,
    /// The form of the rows.
    #[arg(long, default_value = "flat")]
    pub shape: Shape,
    /// How many rows are sent.
    #[arg(long, default_value_t = 1_000_000)]
    pub rows: u64,
    /// Opens this many streams instead, which send a row each and then wait.
    #[arg(long)]
    pub idle: Option<u64>,
    /// How many rows a call takes.
    #[arg(long, default_value = "single")]
    pub calls: Calls,
    /// Rows per second; as many as possible if none is given.
    #[arg(long)]
    pub rate: Option<u32>,
    /// The bytes that our client may hold; its default if none is given. The official client counts requests instead.
    #[arg(long)]
    pub budget: Option<usize>,
    /// How long the first row of a batch may wait in our client, in microseconds.
    #[arg(long, default_value_t = 0)]
    pub linger_us: u64,
    /// The tokio runtime.
    #[arg(long, default_value = "many")]
    pub threads: Threads,
}

/// A client with an open stream.
pub trait Sender {
    /// What the client returns for a row that it has accepted.
    type Offset: Send + 'static;

    /// Sends the rows of these numbers, of which there is at least one; the offset of the last.
    fn send(&mut self, rows: Range<u64>) -> impl Future<Output = Result<Self::Offset, Failure>>;

    /// Waits until the row of this offset is durable, on a task of its own.
    fn wait(&self, offset: Self::Offset) -> impl Future<Output = Result<(), Failure>> + Send + 'static;

    /// Waits until every row is durable.
    fn flush(&mut self) -> impl Future<Output = Result<(), Failure>>;
}

impl Plan {
    /// Runs a client on the runtime that the plan asks for, and prints its report.
    ///
    /// # Errors
    /// If the client fails.
    pub fn run<F: Future<Output = Result<Report, Failure>>>(client: impl FnOnce(Self) -> F) -> Result<(), Failure> {
        let plan = Self::parse();
        let mut builder = match plan.threads {
            Threads::Many => tokio::runtime::Builder::new_multi_thread(),
            Threads::One => tokio::runtime::Builder::new_current_thread(),
        };
        let report = builder.enable_all().build()?.block_on(client(plan))?;
        println!("{}", serde_json::to_string(&report)?);
        Ok(())
    }

    /// Sends all rows through an open stream.
    ///
    /// # Errors
    /// If the client fails.
    pub async fn drive(&self, mut sender: impl Sender) -> Result<Report, Failure> {
        let before = Usage::now()?;
        let mut latencies = match self.rate {
            None => {
                sender.send(0..self.rows).await?;
                Vec::new()
            }
            Some(rate) => self.paced(&mut sender, rate).await?,
        };
        sender.flush().await?;
        before.report(self.rows, &mut latencies)
    }

    /// Sends rows in bursts of a millisecond, or one by one where that is slower, and times the last row of a burst.
    ///
    /// At most five hundred bursts a second are timed, so that the timing of a row costs little beside the row.
    async fn paced(&self, sender: &mut impl Sender, rate: u32) -> Result<Vec<Duration>, Failure> {
        let burst = u64::from(rate.div_ceil(1000));
        let mut ticks = interval(Duration::from_secs(1).mul_f64(burst_share(burst, rate)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (timed, mut latencies) = mpsc::unbounded_channel();
        let every = u64::from(rate.min(1000) / 500).max(1);
        for (tick, first) in (0..self.rows).step_by(usize::try_from(burst)?).enumerate() {
            ticks.tick().await;
            let last = (first + burst).min(self.rows) - 1;
            if last > first {
                sender.send(first..last).await?;
            }
            let start = Instant::now();
            let offset = sender.send(last..last + 1).await?;
            if (tick as u64).is_multiple_of(every) {
                let (durable, timed) = (sender.wait(offset), timed.clone());
                tokio::spawn(async move {
                    if durable.await.is_ok() {
                        // The receiver outlives every sender.
                        let _ = timed.send(start.elapsed());
                    }
                });
            }
        }
        drop(timed);
        sender.flush().await?;
        let mut all = Vec::new();
        while let Some(latency) = latencies.recv().await {
            all.push(latency);
        }
        Ok(all)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a burst is small")]
fn burst_share(burst: u64, rate: u32) -> f64 {
    burst as f64 / f64::from(rate)
}

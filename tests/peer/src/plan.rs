//! The plan of a client: what it sends, and at which rate.

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
    /// The rows of `Flat` as JSON.
    Json,
    /// Structs three deep and an array of structs.
    Nested,
    /// Ten columns of 1 KB.
    Wide,
}

/// How many rows each call sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Calls {
    /// One by one.
    Single,
    /// A thousand; our client has no such call and sends them one by one.
    Thousand,
}

/// The tokio runtime that a client runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Threads {
    /// The runtime of `#[tokio::main]`: a worker per core.
    Many,
    /// One thread for everything.
    One,
}

/// The plan of a client.
#[derive(Debug, Clone, Parser)]
pub struct Plan {
    /// The server's address.
    #[arg(long)]
    pub url: String,
    /// The form of the rows.
    #[arg(long, default_value = "flat")]
    pub shape: Shape,
    /// How many rows to send.
    #[arg(long, default_value_t = 1_000_000)]
    pub rows: u64,
    /// Open this many streams instead; each sends one row and then waits.
    #[arg(long)]
    pub idle: Option<u64>,
    /// How many rows each call sends.
    #[arg(long, default_value = "single")]
    pub calls: Calls,
    /// Rows per second; by default as many as possible.
    #[arg(long)]
    pub rate: Option<u32>,
    /// The byte budget of our client, instead of its default. The official client counts requests instead.
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
    /// What the client returns for an accepted row.
    type Offset: Send + 'static;

    /// Sends the rows with these numbers, at least one, and returns the offset of the last.
    fn send(&mut self, rows: Range<u64>) -> impl Future<Output = Result<Self::Offset, Failure>>;

    /// Waits until the row with this offset is durable; runs on its own task.
    fn wait(&self, offset: Self::Offset) -> impl Future<Output = Result<(), Failure>> + Send + 'static;

    /// Waits until every row is durable.
    fn flush(&mut self) -> impl Future<Output = Result<(), Failure>>;
}

impl Plan {
    /// Runs a client on the plan's runtime, and prints its report.
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

    /// Sends rows in one burst per millisecond, or one by one at lower rates, and times the last row of a burst.
    ///
    /// At most five hundred bursts per second are timed, so that timing costs little compared with sending.
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

//! What the program does with its stream, and what the stream reported.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use zerobus_runtime::{
    Client, Error, ErrorKind, IngestStream, Offset, Persisted, Stats, StreamBuilder, StreamEvent, Undelivered,
};

use crate::faults::Poison;
use crate::lanes::LanesProducer;
use crate::network::SimulatedDial;
use crate::scripted::{Records, Row, number};
use crate::tokens::FlakyTokens;

const BUDGET: usize = 4000;

/// What the stream reported to the program.
#[derive(Debug, Default)]
pub struct Reports {
    pub trace: Mutex<Vec<(Duration, String)>>,
    /// How the stream ended that was opened last, or each of its lanes; one that failed to open may still be ending.
    ends: Mutex<Ends>,
}

type Ends = Arc<Mutex<Vec<Result<(), Error>>>>;

/// What the program does, by seed.
#[derive(Debug, Clone)]
pub struct Program {
    pub seed: u64,
    pub actions: u32,
    pub closes: bool,
    pub linger: Duration,
    /// How many lanes; none of 0.
    pub lanes: usize,
    pub poison: Poison,
    /// How likely it is that the token endpoint fails.
    pub token_faults: f64,
}

/// One stream of the program, and the number of each row that it accepted.
struct Producer {
    stream: IngestStream<Row>,
    random: Rng,
    next: u64,
    accepted: BTreeMap<Offset, u64>,
    records: Arc<Records>,
    poison: Poison,
}

impl Reports {
    pub fn note(&self, what: &str) {
        let at = turmoil::sim_elapsed().unwrap_or_default();
        self.trace.lock().unwrap().push((at, what.to_owned()));
    }
}

impl Program {
    pub async fn run(self, reports: Arc<Reports>, records: Arc<Records>) -> turmoil::Result {
        let client = Client::builder()
            .endpoint("http://server")
            .allow_plain_http()
            .token_provider(FlakyTokens::new(self.seed, self.token_faults))
            .dial(SimulatedDial)
            .build()?;
        match NonZeroUsize::new(self.lanes) {
            None => self.run_stream(&client, &reports, &records).await,
            Some(lanes) => self.run_lanes(&client, &reports, &records, lanes).await,
        }
        // What the server reads to its end has come to it by then.
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok(())
    }

    async fn run_stream(&self, client: &Client, reports: &Arc<Reports>, records: &Arc<Records>) {
        let Some(stream) = self.open(client, reports).await else { return };
        let (random, poison) = (Rng::with_seed(self.seed), self.poison);
        let records = Arc::clone(records);
        let mut producer = Producer { stream, random, next: 0, accepted: BTreeMap::new(), records, poison };
        for _ in 0..self.actions {
            if !producer.act().await {
                break;
            }
        }
        let records = Arc::clone(&producer.records);
        if !self.closes {
            producer.drop_and_wait(reports).await;
        } else if let Some(undelivered) = producer.close(reports).await {
            self.send_again(client, reports, undelivered, &records).await;
        }
    }

    async fn run_lanes(&self, client: &Client, reports: &Arc<Reports>, records: &Arc<Records>, lanes: NonZeroUsize) {
        let mut opened = None;
        for _ in 0..5 {
            match self.builder(client, reports).lanes(lanes).open().await {
                Ok(lanes) => opened = Some(lanes),
                Err(error) => reports.note(&format!("open failed: {error}")),
            }
            if opened.is_some() {
                break;
            }
        }
        let Some(opened) = opened else { return };
        let mut producer = LanesProducer::new(opened, self.seed, Arc::clone(records), self.poison);
        for _ in 0..self.actions {
            if !producer.act().await {
                break;
            }
        }
        if self.closes { producer.close(reports).await } else { producer.drop_and_wait(reports, lanes.get()).await }
    }

    fn builder(&self, client: &Client, reports: &Arc<Reports>) -> StreamBuilder<Row> {
        let (hook, ends) = (Arc::clone(reports), Ends::default());
        *reports.ends.lock().unwrap() = Arc::clone(&ends);
        client
            .stream::<Row>()
            .max_unacked_bytes(BUDGET)
            .max_batch_bytes(600)
            .linger(self.linger)
            .ack_timeout(Duration::from_secs(2))
            .open_timeout(Duration::from_secs(3))
            .delivery_timeout(Duration::from_secs(12))
            .backoff(Duration::from_millis(50), Duration::from_secs(1))
            .on_event(move |event| hook.event(&ends, event))
    }

    /// A stream, or nothing if the server refuses for good.
    async fn open(&self, client: &Client, reports: &Arc<Reports>) -> Option<IngestStream<Row>> {
        for _ in 0..5 {
            match self.builder(client, reports).open().await {
                Ok(stream) => return Some(stream),
                Err(error) => reports.note(&format!("open failed: {error}")),
            }
        }
        None
    }

    /// Sends the returned rows on a new stream, once.
    async fn send_again(&self, client: &Client, reports: &Arc<Reports>, undelivered: Undelivered, records: &Records) {
        let Some(stream) = self.open(client, reports).await else { return };
        let mut left = undelivered.clone();
        if stream.send_undelivered(&mut left).await.is_err() {
            return;
        }
        if stream.close().await.is_ok() {
            let durable = records.durable();
            for row in undelivered.rows() {
                assert!(durable.contains(&number(&row.bytes)), "a row that was sent again is durable");
            }
        }
    }
}

impl Reports {
    /// Waits until this many streams have ended; how each did.
    pub async fn wait_for_ends(&self, streams: usize) -> Vec<Result<(), Error>> {
        let ends = Arc::clone(&self.ends.lock().unwrap());
        for _ in 0..600 {
            let ended = ends.lock().unwrap().clone();
            if ended.len() >= streams {
                return ended;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("a dropped stream comes to an end");
    }

    fn event(&self, ends: &Ends, event: &StreamEvent) {
        self.note(&format!("{event:?}"));
        match event {
            StreamEvent::Closed { .. } => ends.lock().unwrap().push(Ok(())),
            StreamEvent::Failed { error, .. } => ends.lock().unwrap().push(Err(error.clone())),
            _ => {}
        }
    }
}

impl Producer {
    /// One action; whether the stream goes on.
    async fn act(&mut self) -> bool {
        let goes_on = match self.random.u32(0..13) {
            0..5 => self.send_some().await,
            5 => self.try_send_until_full(),
            6 => self.send_and_cancel().await,
            7 => self.wait_for_one().await,
            8 => self.flush().await,
            9 => {
                stand_still(&mut self.random).await;
                true
            }
            10 => {
                tokio::time::sleep(Duration::from_millis(self.random.u64(0..2000))).await;
                true
            }
            _ => {
                tokio::task::yield_now().await;
                true
            }
        };
        check(&self.stream.stats());
        goes_on
    }

    fn row(&mut self) -> Row {
        let n = self.next;
        self.next += 1;
        Row::padded(n, self.random.usize(0..200))
    }

    async fn send_some(&mut self) -> bool {
        for _ in 0..self.random.u32(1..40) {
            let row = self.row();
            match self.stream.send(&row).await {
                Ok(offset) => self.accept(offset, row.n),
                Err(_) => return false,
            }
        }
        true
    }

    fn try_send_until_full(&mut self) -> bool {
        for _ in 0..100 {
            let row = self.row();
            match self.stream.try_send(&row) {
                Ok(offset) => self.accept(offset, row.n),
                Err(error) => return error.kind() == ErrorKind::Full,
            }
        }
        true
    }

    /// A send that is dropped has not accepted its row, or gave its offset.
    async fn send_and_cancel(&mut self) -> bool {
        let patience = Duration::from_millis(self.random.u64(0..50));
        let row = self.row();
        let before = self.stream.stats().rows_accepted;
        match tokio::time::timeout(patience, self.stream.send(&row)).await {
            Ok(Ok(offset)) => self.accept(offset, row.n),
            Ok(Err(_)) => return false,
            Err(_) => assert_eq!(self.stream.stats().rows_accepted, before, "a dropped send accepts nothing"),
        }
        true
    }

    async fn wait_for_one(&mut self) -> bool {
        let Some((offset, _)) = self.random.choice(&self.accepted).map(|(offset, n)| (*offset, *n)) else {
            return true;
        };
        let patience = Duration::from_millis(self.random.u64(0..5000));
        match tokio::time::timeout(patience, self.stream.wait(offset)).await {
            Ok(Ok(())) => self.expect_durable(Some(offset)),
            Ok(Err(error)) => return self.is_of_a_row(&error),
            Err(_) => {}
        }
        true
    }

    async fn flush(&mut self) -> bool {
        let last = self.accepted.last_key_value().map(|(offset, _)| *offset);
        let flushed = self.stream.flush().await;
        if flushed.is_ok() {
            self.expect_durable(last);
        }
        self.expect_durable(self.stream.acked());
        flushed.map_or_else(|error| self.is_of_a_row(&error), |()| true)
    }

    /// Whether an error is that of a row that the server refused, after which the stream goes on.
    fn is_of_a_row(&self, error: &Error) -> bool {
        let is = error.kind() == ErrorKind::Rejected && !self.stream.is_closed();
        assert!(!is || self.poison.one_of > 0, "no row was refused: {error}");
        is
    }

    fn accept(&mut self, offset: Offset, n: u64) {
        assert_eq!(offset.value(), self.accepted.len() as u64, "offsets have no gap");
        self.accepted.insert(offset, n);
    }

    /// What is said to be durable is.
    fn expect_durable(&self, up_to: Option<Offset>) {
        let Some(up_to) = up_to else { return };
        let durable = self.records.durable();
        for (offset, n) in self.accepted.range(..=up_to).filter(|(_, n)| !self.poison.is(**n)) {
            assert!(durable.contains(n), "{offset} is said to be durable, and the server does not have it");
        }
    }

    /// Closes the stream; the rows that it returns.
    async fn close(self, reports: &Reports) -> Option<Undelivered> {
        let Self { stream, accepted, records, .. } = self;
        let closed = stream.close().await;
        let durable = records.durable();
        reports.note(&format!("closed: {:?}", closed.as_ref().map(|report| report.rows)));
        let undelivered = match closed {
            Ok(report) => {
                assert_eq!(report.rows, accepted.len() as u64);
                assert_eq!(report.stats.rows_durable, report.rows);
                None
            }
            Err(error) => Some(error.into_undelivered().expect("an error of close holds the rows")),
        };
        let mut returned = BTreeMap::new();
        for row in undelivered.iter().flat_map(Undelivered::rows) {
            let n = number(&row.bytes);
            assert_eq!(accepted.get(&row.offset), Some(&n), "a returned row was accepted");
            assert!(
                row.persisted == Persisted::Possibly || !durable.contains(&n),
                "said not to have left, and is there"
            );
            returned.insert(row.offset, n);
        }
        for (offset, n) in &accepted {
            assert!(returned.contains_key(offset) || durable.contains(n), "{offset} is neither durable nor returned");
        }
        undelivered
    }

    /// Drops the stream; it goes on in the background, and comes to an end.
    async fn drop_and_wait(self, reports: &Reports) {
        let Self { stream, accepted, records, poison, .. } = self;
        drop(stream);
        let ended = reports.wait_for_ends(1).await;
        reports.note(&format!("dropped: {:?}", ended[0]));
        if ended[0].is_ok() {
            let durable = records.durable();
            let kept = |n: &u64| durable.contains(n) || poison.is(*n);
            assert!(accepted.values().all(kept), "a dropped stream delivers its rows");
        }
    }
}

/// Pauses the process: its clock jumps.
pub async fn stand_still(random: &mut Rng) {
    tokio::time::advance(Duration::from_millis(random.u64(500..30_000))).await;
}

fn check(stats: &Stats) {
    assert_eq!(stats.rows_accepted, stats.rows_durable + stats.rows_returned + stats.rows_in_flight);
    assert!(stats.bytes_in_flight <= BUDGET, "memory is bounded");
}

//! What a program does with many lanes, and what must hold for its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use zerobus_runtime::{Error, ErrorKind, LaneOffset, Lanes, Persisted, Undelivered};

use crate::faults::Poison;
use crate::program::{Reports, stand_still};
use crate::scripted::{Records, Row, number};

/// The number of keys; rows of one key keep their order.
const KEYS: u64 = 5;

/// The lanes of a program, and the rows that they accepted.
pub struct LanesProducer {
    lanes: Lanes<Row>,
    random: Rng,
    next: u64,
    accepted: BTreeMap<u64, LaneOffset>,
    keyed: BTreeSet<u64>,
    records: Arc<Records>,
    poison: Poison,
}

impl LanesProducer {
    pub fn new(lanes: Lanes<Row>, seed: u64, records: Arc<Records>, poison: Poison) -> Self {
        let (accepted, keyed) = (BTreeMap::new(), BTreeSet::new());
        Self { lanes, random: Rng::with_seed(seed), next: 0, accepted, keyed, records, poison }
    }

    /// One action; whether the lanes go on.
    pub async fn act(&mut self) -> bool {
        match self.random.u32(0..12) {
            0..4 => self.send_keyed().await,
            4 => self.send_unkeyed().await,
            5 => self.try_send_until_full(),
            6 => self.send_and_cancel().await,
            7 => self.wait_for_one().await,
            8 => {
                let flushed = self.lanes.flush().await;
                self.goes_on(flushed.map(drop))
            }
            9 => {
                stand_still(&mut self.random).await;
                true
            }
            _ => {
                tokio::time::sleep(Duration::from_millis(self.random.u64(0..2000))).await;
                true
            }
        }
    }

    fn row(&mut self) -> Row {
        let n = self.next;
        self.next += 1;
        Row::padded(n, self.random.usize(0..200))
    }

    async fn send_keyed(&mut self) -> bool {
        for _ in 0..self.random.u32(1..40) {
            let row = self.row();
            match self.lanes.send(&(row.n % KEYS), &row).await {
                Ok(offset) => {
                    self.accepted.insert(row.n, offset);
                    self.keyed.insert(row.n);
                }
                Err(_) => return false,
            }
        }
        true
    }

    async fn send_unkeyed(&mut self) -> bool {
        for _ in 0..self.random.u32(1..20) {
            let row = self.row();
            match self.lanes.send_unkeyed(&row).await {
                Ok(offset) => _ = self.accepted.insert(row.n, offset),
                Err(_) => return false,
            }
        }
        true
    }

    fn try_send_until_full(&mut self) -> bool {
        for _ in 0..200 {
            let row = self.row();
            match self.lanes.try_send(&(row.n % KEYS), &row) {
                Ok(offset) => {
                    self.accepted.insert(row.n, offset);
                    self.keyed.insert(row.n);
                }
                Err(error) => return error.kind() == ErrorKind::Full,
            }
        }
        true
    }

    /// A send that is dropped has not accepted its row.
    async fn send_and_cancel(&mut self) -> bool {
        let patience = Duration::from_millis(self.random.u64(0..50));
        let row = self.row();
        match tokio::time::timeout(patience, self.lanes.send(&(row.n % KEYS), &row)).await {
            Ok(Ok(offset)) => {
                self.accepted.insert(row.n, offset);
                self.keyed.insert(row.n);
                true
            }
            Ok(Err(_)) => false,
            Err(_) => true,
        }
    }

    async fn wait_for_one(&mut self) -> bool {
        let Some((n, offset)) = self.random.choice(&self.accepted).map(|(n, offset)| (*n, *offset)) else {
            return true;
        };
        let patience = Duration::from_millis(self.random.u64(0..5000));
        match tokio::time::timeout(patience, self.lanes.wait(offset)).await {
            Ok(Ok(())) => {
                assert!(self.records.durable().contains(&n), "row {n} is said to be durable, and is not");
                true
            }
            Ok(Err(error)) => self.goes_on(Err(error)),
            Err(_) => true,
        }
    }

    /// Whether lanes go on: where an error is that of a row, they do.
    fn goes_on(&self, result: Result<(), Error>) -> bool {
        result.map_or_else(|error| error.kind() == ErrorKind::Rejected && !self.lanes.is_closed(), |()| true)
    }

    /// Closes the lanes: every row is durable or returned.
    pub async fn close(self, reports: &Reports) {
        let closed = self.lanes.close().await;
        let durable = self.records.durable();
        reports.note(&format!("closed lanes: {:?}", closed.as_ref().map(Vec::len)));
        let undelivered = closed.err().map(|error| error.into_undelivered().expect("an error of close holds the rows"));
        let mut returned = BTreeSet::new();
        for row in undelivered.iter().flat_map(Undelivered::rows) {
            let n = number(&row.bytes);
            assert!(self.accepted.contains_key(&n), "row {n} is returned and was not accepted");
            assert!(returned.insert(n), "row {n} is returned twice");
            let is_there = durable.contains(&n);
            assert!(
                row.persisted == Persisted::Possibly || !is_there,
                "row {n} is said not to have left, and is there"
            );
        }
        for n in self.accepted.keys() {
            assert!(returned.contains(n) || durable.contains(n), "row {n} is neither durable nor returned");
        }
        self.check_keys(&durable);
    }

    /// Drops the lanes; they go on in the background, and come to an end.
    pub async fn drop_and_wait(self, reports: &Reports, lanes: usize) {
        let Self { lanes: handle, accepted, records, poison, .. } = self;
        drop(handle);
        let ended = reports.wait_for_ends(lanes).await;
        reports.note(&format!("dropped lanes: {ended:?}"));
        if ended.iter().all(Result::is_ok) {
            let durable = records.durable();
            let is_kept = |n: &u64| durable.contains(n) || poison.is(*n);
            assert!(accepted.keys().all(is_kept), "dropped lanes deliver their rows");
        }
    }

    /// The rows of a key became durable for the first time in their order.
    fn check_keys(&self, durable: &[u64]) {
        let mut last = BTreeMap::<u64, u64>::new();
        let mut seen = BTreeSet::new();
        for n in durable.iter().filter(|n| self.keyed.contains(n)).filter(|n| seen.insert(**n)) {
            if let Some(before) = last.insert(n % KEYS, *n) {
                assert!(before < *n, "row {n} of a key became durable after row {before}");
            }
        }
    }
}

//! The armed faults, and those that struck.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use zerobus_codegen::Printable;

use super::{Fault, Kind, Point};

/// How many strikes are kept.
const STRUCK: usize = 1_000;

/// All faults of an emulator.
#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    /// Each stream has its own random numbers, so that they do not depend on how streams interleave.
    streams: AtomicU64,
    armed: Mutex<Vec<Armed>>,
    struck: Mutex<VecDeque<String>>,
    /// How many faults struck, including those that are no longer kept.
    strikes: AtomicU64,
}

/// One ack of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AckStep {
    pub(crate) offset: i64,
    /// The delay after the offset is stored.
    pub(crate) delay: Duration,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    /// How many more times it may strike.
    left: Option<u64>,
    /// The calls or token requests that it could have struck: what is counted while there is no stream.
    occasions: u64,
}

/// The random numbers of one stream.
#[derive(Debug)]
pub(crate) struct StreamFaults {
    number: u64,
    table: String,
    rng: Rng,
}

impl Faults {
    pub(crate) fn new(seed: u64, faults: Vec<Fault>) -> Self {
        let armed = faults.into_iter().map(Armed::new).collect();
        Self {
            seed,
            streams: AtomicU64::new(0),
            armed: Mutex::new(armed),
            struck: Mutex::default(),
            strikes: AtomicU64::new(0),
        }
    }

    pub(crate) fn arm(&self, fault: Fault) {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).push(Armed::new(fault));
    }

    pub(crate) fn disarm_all(&self) {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The faults that can still strike.
    pub(crate) fn armed(&self) -> Vec<String> {
        let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        armed.iter().filter(|armed| armed.left != Some(0)).map(|armed| armed.fault.to_string()).collect()
    }

    /// The last strikes in order, each with its stream and the position there.
    pub(crate) fn struck(&self) -> Vec<String> {
        self.struck.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// How many faults struck.
    pub(crate) fn strikes(&self) -> u64 {
        self.strikes.load(Ordering::Relaxed)
    }

    /// The seed, the armed faults, and those that struck.
    pub(crate) fn json(&self) -> Value {
        json!({ "seed": self.seed, "armed": self.armed(), "struck": self.struck(), "strikes": self.strikes() })
    }

    /// The random numbers of a new stream, or of a token request, whose table is empty.
    pub(crate) fn stream(&self, table: &str) -> StreamFaults {
        let number = self.streams.fetch_add(1, Ordering::Relaxed);
        StreamFaults { number, table: table.to_owned(), rng: Rng::with_seed(mixed(mixed(self.seed) ^ number)) }
    }

    /// The faults that strike at this point, after this number of the stream's requests or acks.
    pub(crate) fn strike(&self, stream: &mut StreamFaults, point: Point, handled: u64) -> Vec<Kind> {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kinds = Vec::new();
        for armed in armed.iter_mut().filter(|armed| armed.fault.point() == point && armed.left != Some(0)) {
            if !armed.fault.concerns(&stream.table) {
                continue;
            }
            let handled = armed.place(point, handled);
            if !armed.fault.is_due(stream, handled) {
                continue;
            }
            armed.left = armed.left.map(|left| left - 1);
            self.log(&armed.fault, stream, handled);
            kinds.push(armed.fault.kind.clone());
            if armed.fault.is_final() {
                // The target is gone, so other faults keep their turns.
                break;
            }
        }
        kinds
    }

    fn log(&self, fault: &Fault, stream: &StreamFaults, handled: u64) {
        let (seed, number, table) = (self.seed, stream.number, Printable(&stream.table));
        tracing::info!(seed, %fault, stream = number, %table, handled, "fault injected");
        let line = format!("seed {seed}: {fault}: stream {number}, table {table}, after {handled}");
        self.strikes.fetch_add(1, Ordering::Relaxed);
        let mut struck = self.struck.lock().unwrap_or_else(PoisonError::into_inner);
        if struck.len() == STRUCK {
            struck.pop_front();
        }
        struck.push_back(line);
    }
}

impl Armed {
    const fn new(fault: Fault) -> Self {
        Self { left: fault.times, fault, occasions: 0 }
    }

    /// The number of earlier opportunities: requests or acks of the stream, or calls or token requests.
    const fn place(&mut self, point: Point, handled: u64) -> u64 {
        match point {
            Point::Ack | Point::Request => handled,
            Point::Call | Point::Token => {
                self.occasions += 1;
                self.occasions - 1
            }
        }
    }
}

impl StreamFaults {
    /// Random numbers for another part of the same stream.
    pub(crate) fn fork(&mut self) -> Self {
        Self { number: self.number, table: self.table.clone(), rng: self.rng.fork() }
    }
}

impl Fault {
    fn concerns(&self, table: &str) -> bool {
        self.table.as_ref().is_none_or(|own| own.eq_ignore_ascii_case(table))
    }

    fn is_due(&self, stream: &mut StreamFaults, handled: u64) -> bool {
        let time = if self.goes_on() { handled >= self.after } else { handled == self.after };
        time && self.chance.is_none_or(|chance| stream.rng.f64() < chance)
    }
}

/// Spreads adjacent seeds over all numbers (the finalizer of `SplitMix64`), so that adjacent seeds do not produce the
/// same streams, shifted by one.
const fn mixed(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_that_differ_by_one_do_not_replay_each_other() {
        let draws = |seed: u64| {
            let faults = Faults::new(seed, Vec::new());
            (0..50).map(|_| faults.stream("t").rng.u64(..)).collect::<Vec<_>>()
        };
        let (one, other) = (draws(7), draws(8));
        assert_eq!(one, draws(7));
        assert!(one.iter().all(|draw| !other.contains(draw)));
    }

    #[test]
    fn the_last_strikes_are_remembered_and_all_are_counted() {
        let faults = Faults::new(1, vec![Fault::ack_repeat()]);
        let mut stream = faults.stream("t");
        for ack in 0..3_000 {
            faults.strike(&mut stream, Point::Ack, ack);
        }
        assert_eq!((faults.struck().len(), faults.strikes()), (STRUCK, 3_000));
        assert!(faults.struck().last().is_some_and(|line| line.ends_with("after 2999")));
    }
}
